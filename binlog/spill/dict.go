package spill

import "hash/maphash"

const (
	// slotSize is a hash and the number of an entry, from 1; 0 where the slot is free.
	slotSize = 16
	// entrySize is: place of the key, length of key and value, place of the value, room for the value.
	entrySize = 32
	// fewestBits give the slots of an empty dictionary.
	fewestBits = 6
)

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
	n, _ = d.find(key, maphash.String(d.space.seed, key))
	return n, n >= 0
}

// find returns the number of the key, or -1 and the free slot where it belongs.
func (d *Dict) find(key string, hash uint64) (n int, slot int64) {
	mask := int64(1)<<d.bits - 1
	slot = int64(hash >> (64 - d.bits))
	for range mask + 1 {
		at := slot * slotSize
		entry := d.slots.word(at + slotSize/2)
		if entry == 0 {
			break
		}
		n := int(entry - 1)
		if d.slots.word(at) == hash && d.hasKey(n, key) {
			return n, slot
		}
		slot = (slot + 1) & mask
	}
	return -1, slot
}

func (d *Dict) hasKey(n int, key string) bool {
	at := int64(n) * entrySize
	return lowHalf(d.entries.word(at+8)) == len(key) && d.log.holds(int64(d.entries.word(at)), key)
}

// Add returns the number of a key, which it adds where it is not there. Keys are numbered from 0 as they are added.
func (d *Dict) Add(key string) (n int, added bool) {
	if int64(d.n+1)*4 > 3<<d.bits {
		d.grow()
	}
	hash := maphash.String(d.space.seed, key)
	n, slot := d.find(key, hash)
	if n >= 0 {
		return n, false
	}
	n = d.n
	d.n++
	d.take(d.slots, slot, hash, uint64(n)+1)
	at := int64(n) * entrySize
	d.entries.putWord(at, uint64(d.end))
	d.entries.putWord(at+8, uint64(len(key)))
	d.entries.putWord(at+16, uint64(d.end))
	d.entries.putWord(at+24, 0)
	d.log.putText(d.end, key)
	d.end += int64(len(key))
	return n, true
}

func (d *Dict) take(slots *area, slot int64, hash, entry uint64) {
	slots.putWord(slot*slotSize, hash)
	slots.putWord(slot*slotSize+slotSize/2, entry)
}

// grow doubles the slots.
func (d *Dict) grow() {
	bits := d.bits + 1
	wider, mask := d.space.area(), int64(1)<<bits-1
	for i := range int64(1) << d.bits {
		entry := d.slots.word(i*slotSize + slotSize/2)
		if entry == 0 {
			continue
		}
		hash := d.slots.word(i * slotSize)
		slot := int64(hash >> (64 - bits))
		for range mask + 1 {
			if wider.word(slot*slotSize+slotSize/2) == 0 {
				break
			}
			slot = (slot + 1) & mask
		}
		d.take(wider, slot, hash, entry)
	}
	d.slots.drop()
	d.slots, d.bits = wider, bits
}

// Key returns the key with the number.
func (d *Dict) Key(n int) string {
	at := int64(n) * entrySize
	return d.log.text(int64(d.entries.word(at)), lowHalf(d.entries.word(at+8)))
}

// Value returns what was set for the key with the number; empty where nothing was.
func (d *Dict) Value(n int) string {
	at := int64(n) * entrySize
	return d.log.text(int64(d.entries.word(at+16)), highHalf(d.entries.word(at+8)))
}

// Set sets the value of the key with the number. A value that does not fit into the place of the last gets a new one.
func (d *Dict) Set(n int, value []byte) {
	at := int64(n) * entrySize
	lengths := uint64(lowHalf(d.entries.word(at+8))) | uint64(len(value))<<32
	d.entries.putWord(at+8, lengths)
	if room := d.entries.word(at + 24); uint64(len(value)) > room {
		d.entries.putWord(at+16, uint64(d.end))
		d.entries.putWord(at+24, uint64(len(value)))
		d.end += int64(len(value))
	}
	d.log.put(int64(d.entries.word(at+16)), value)
}

func lowHalf(n uint64) int  { return int(n & (1<<32 - 1)) }
func highHalf(n uint64) int { return int(n >> 32) }
