package spill

import (
	"encoding/binary"
	"strings"
)

// span visits the pieces of a range of an area, each within one page.
func (a *area) span(at int64, n int, visit func(f *frame, piece []byte, done int)) {
	for done := 0; done < n; {
		f := a.page(int((at + int64(done)) / pageSize))
		from := int((at + int64(done)) % pageSize)
		to := min(pageSize, from+n-done)
		visit(f, f.data[from:to], done)
		done += to - from
	}
}

// put writes bytes.
func (a *area) put(at int64, p []byte) {
	if from := int(at % pageSize); from+len(p) <= pageSize && len(p) > 0 {
		f := a.page(int(at / pageSize))
		f.dirty = true
		copy(f.data[from:], p)
		return
	}
	a.span(at, len(p), func(f *frame, piece []byte, done int) {
		f.dirty = true
		copy(piece, p[done:])
	})
}

// putText writes a text.
func (a *area) putText(at int64, p string) {
	if from := int(at % pageSize); from+len(p) <= pageSize && len(p) > 0 {
		f := a.page(int(at / pageSize))
		f.dirty = true
		copy(f.data[from:], p)
		return
	}
	a.span(at, len(p), func(f *frame, piece []byte, done int) {
		f.dirty = true
		copy(piece, p[done:])
	})
}

// text reads n bytes.
func (a *area) text(at int64, n int) string {
	if n == 0 {
		return ""
	}
	if from := int(at % pageSize); from+n <= pageSize {
		return string(a.page(int(at / pageSize)).data[from : from+n])
	}
	var out strings.Builder
	out.Grow(n)
	a.span(at, n, func(_ *frame, piece []byte, _ int) { out.Write(piece) })
	return out.String()
}

// holds says whether the area has the text there.
func (a *area) holds(at int64, p string) bool {
	if from := int(at % pageSize); from+len(p) <= pageSize {
		return string(a.page(int(at / pageSize)).data[from:from+len(p)]) == p
	}
	same := true
	a.span(at, len(p), func(_ *frame, piece []byte, done int) {
		same = same && string(piece) == p[done:done+len(piece)]
	})
	return same
}

// number reads a length that may cross a page.
func (a *area) number(at int64) int {
	if from := int(at % pageSize); from+lengthSize <= pageSize {
		return int(binary.LittleEndian.Uint32(a.page(int(at / pageSize)).data[from:]))
	}
	text := a.text(at, lengthSize)
	return int(text[0]) | int(text[1])<<8 | int(text[2])<<16 | int(text[3])<<24
}
