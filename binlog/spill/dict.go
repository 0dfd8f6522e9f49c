package spill

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
)

const (
	// slotSize is a hash of 32 bits and the number of an entry, from 1; 0 where the slot is free.
	slotSize = 8
	hashBits = 32
	// mostKeys is how many keys a slot can tell apart.
	mostKeys = 1<<32 - 2
	// entrySize is the size of an entry.
	entrySize = 32
	// fewestBits give the slots of an empty dictionary.
	fewestBits = 6
)

var errTooMany = errors.New("too many keys in one dictionary")

// Dict is a dictionary. Its slots are in the order of the hashes, so that it grows by reading and writing in order.
type Dict struct {
	space               *Space
	slots, entries, log *area
	bits                uint
	n                   int
	// end is the length of the log.
	end int64
}

// Len is how many keys there are.
func (d *Dict) Len() int { return d.n }

// Find returns the number of a key; false where it is not there.
func (d *Dict) Find(key string) (n int, ok bool) {
	if d.n == 0 {
		return 0, false
	}
	n, _ = d.find(key, d.hash(key))
	return n, n >= 0
}

func (d *Dict) hash(key string) uint32 {
	return uint32(maphash.String(d.space.seed, key) >> hashBits)
}

// find returns the number of the key, or -1 and the free slot where it belongs.
func (d *Dict) find(key string, hash uint32) (n int, slot int64) {
	mask := int64(1)<<d.bits - 1
	slot = int64(hash >> (hashBits - d.bits))
	for range mask + 1 {
		of, entry := d.slots.slot(slot)
		if entry == 0 {
			break
		}
		if n := int(entry - 1); of == hash && d.hasKey(n, key) {
			return n, slot
		}
		slot = (slot + 1) & mask
	}
	return -1, slot
}

func (d *Dict) hasKey(n int, key string) bool {
	e := d.entries.entry(n)
	return lowHalf(e[1]) == len(key) && d.log.holds(int64(e[0]), key)
}

// Add returns the number of a key, which it adds where it is not there. Keys are numbered from 0 as they are added.
func (d *Dict) Add(key string) (n int, added bool) {
	if int64(d.n+1)*4 > 3<<d.bits {
		d.grow()
	}
	hash := d.hash(key)
	n, slot := d.find(key, hash)
	if n >= 0 {
		return n, false
	}
	if int64(d.n) >= mostKeys {
		d.space.fail(errTooMany)
	}
	n = d.n
	d.n++
	d.slots.putSlot(slot, hash, uint32(n)+1)
	d.entries.putEntry(n, entry{uint64(d.end), uint64(len(key)), uint64(d.end), 0})
	d.log.putText(d.end, key)
	d.end += int64(len(key))
	return n, true
}

// grow doubles the slots.
func (d *Dict) grow() {
	bits := d.bits + 1
	wider, mask := d.space.area(), int64(1)<<bits-1
	for i := range int64(1) << d.bits {
		hash, entry := d.slots.slot(i)
		if entry == 0 {
			continue
		}
		slot := int64(hash >> (hashBits - bits))
		for range mask + 1 {
			if _, taken := wider.slot(slot); taken == 0 {
				break
			}
			slot = (slot + 1) & mask
		}
		wider.putSlot(slot, hash, entry)
	}
	d.slots.drop()
	d.slots, d.bits = wider, bits
}

// Key returns the key with the number.
func (d *Dict) Key(n int) string {
	e := d.entries.entry(n)
	return d.log.text(int64(e[0]), lowHalf(e[1]))
}

// Value returns what was set for the key with the number; empty where nothing was.
func (d *Dict) Value(n int) string {
	e := d.entries.entry(n)
	return d.log.text(int64(e[2]), highHalf(e[1]))
}

// Pair returns the key with the number and its value.
func (d *Dict) Pair(n int) (key, value string) {
	e := d.entries.entry(n)
	first, second := lowHalf(e[1]), highHalf(e[1])
	if e[2] != e[0]+uint64(first) {
		return d.log.text(int64(e[0]), first), d.log.text(int64(e[2]), second)
	}
	both := d.log.text(int64(e[0]), first+second)
	return both[:first], both[first:]
}

// First returns the first byte of the value for the key with the number; 0 where there is none.
func (d *Dict) First(n int) byte {
	e := d.entries.entry(n)
	if highHalf(e[1]) == 0 {
		return 0
	}
	return d.log.page(int(e[2] / pageSize)).data[e[2]%pageSize]
}

// Set sets the value of the key with the number. A value that does not fit into the place of the last gets a new one.
func (d *Dict) Set(n int, value []byte) {
	e := d.entries.entry(n)
	e[1] = uint64(lowHalf(e[1])) | uint64(len(value))<<32
	if uint64(len(value)) > e[3] {
		e[2], e[3] = uint64(d.end), uint64(len(value))
		d.end += int64(len(value))
	}
	d.entries.putEntry(n, e)
	d.log.put(int64(e[2]), value)
}

// entry is the place of a key, the lengths of key and value, the place of the value and the room that it has.
type entry [4]uint64

func (a *area) entry(n int) (e entry) {
	at := int64(n) * entrySize
	data := a.page(int(at / pageSize)).data[at%pageSize:]
	for i := range e {
		e[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	return e
}

func (a *area) putEntry(n int, e entry) {
	at := int64(n) * entrySize
	f := a.page(int(at / pageSize))
	f.dirty = true
	for i, word := range e {
		binary.LittleEndian.PutUint64(f.data[int(at%pageSize)+8*i:], word)
	}
}

func (a *area) slot(n int64) (hash, entry uint32) {
	word := binary.LittleEndian.Uint64(a.page(int(n * slotSize / pageSize)).data[n*slotSize%pageSize:])
	return uint32(word >> hashBits), uint32(word)
}

func (a *area) putSlot(n int64, hash, entry uint32) {
	f := a.page(int(n * slotSize / pageSize))
	f.dirty = true
	binary.LittleEndian.PutUint64(f.data[n*slotSize%pageSize:], uint64(hash)<<hashBits|uint64(entry))
}

func lowHalf(n uint64) int  { return int(n & (1<<32 - 1)) }
func highHalf(n uint64) int { return int(n >> 32) }
