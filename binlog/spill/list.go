package spill

import (
	"encoding/binary"
	"iter"
)

// lengthSize is the size of the length that stands before and after each part of a list.
const lengthSize = 4

// List is parts in order, which can be read both ways.
type List struct {
	log *area
	end int64
	n   int
}

// Len is how many parts there are.
func (l *List) Len() int { return l.n }

// Append adds a part.
func (l *List) Append(part []byte) {
	size := len(part) + 2*lengthSize
	if from := int(l.end % pageSize); from+size <= pageSize {
		f := l.log.page(int(l.end / pageSize))
		f.dirty = true
		room := f.data[from : from+size]
		binary.LittleEndian.PutUint32(room, uint32(len(part)))
		copy(room[lengthSize:], part)
		binary.LittleEndian.PutUint32(room[size-lengthSize:], uint32(len(part)))
	} else {
		length := binary.LittleEndian.AppendUint32(nil, uint32(len(part)))
		l.log.put(l.end, length)
		l.log.put(l.end+lengthSize, part)
		l.log.put(l.end+int64(size-lengthSize), length)
	}
	l.end += int64(size)
	l.n++
}

// All iterates from the first part to the last.
func (l *List) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		at := int64(0)
		for range l.n {
			length := l.log.number(at)
			if !yield(l.log.text(at+lengthSize, length)) {
				return
			}
			at += int64(length) + 2*lengthSize
		}
	}
}

// Backward iterates from the last part to the first.
func (l *List) Backward() iter.Seq[string] {
	return func(yield func(string) bool) {
		at := l.end
		for range l.n {
			length := l.log.number(at - lengthSize)
			at = max(at-int64(length)-2*lengthSize, 0)
			if !yield(l.log.text(at+lengthSize, length)) {
				return
			}
		}
	}
}

// Reset empties the list.
func (l *List) Reset() { l.end, l.n = 0, 0 }
