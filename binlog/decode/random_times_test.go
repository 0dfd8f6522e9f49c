package decode_test

import (
	"encoding/binary"
	"math"
)

// randomFraction draws the fraction of a time with so many digits, in the unit that it is stored in.
func randomFraction(r draw, digits int) (n uint64, size int) {
	size = (digits + 1) / 2
	n = r.Uint64N(uint64(math.Pow10(2 * size)))
	if digits%2 == 1 {
		n -= n % 10
	}
	if r.IntN(3) == 0 {
		n = 0
	}
	return n, size
}

func randomTemporal(r draw) typed {
	digits := r.IntN(7)
	clock := func(hours int) uint64 {
		return uint64(r.IntN(hours)<<12 | r.IntN(60)<<6 | r.IntN(60))
	}
	date := func() uint64 { // Zero and incomplete dates too.
		return uint64(r.IntN(3)/2*r.IntN(10000)*13+r.IntN(13))<<22 | uint64(r.IntN(32))<<17
	}
	tail := func(n uint64, size int) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
	switch r.IntN(4) {
	case 0:
		return fixed(19, func() []byte {
			fraction, size := randomFraction(r, digits)
			n := clock(839)<<(8*size) | fraction
			offset := uint64(0x800000) << (8 * size)
			if r.IntN(2) == 0 {
				return tail(offset-n, 3+size)
			}
			return tail(offset+n, 3+size)
		}, byte(digits))
	case 1:
		return fixed(18, func() []byte {
			fraction, size := randomFraction(r, digits)
			return append(tail(0x8000000000|date()|clock(24), 5), tail(fraction, size)...)
		}, byte(digits))
	case 2:
		return fixed(17, func() []byte {
			fraction, size := randomFraction(r, digits)
			return append(randomBytes(r, 4), tail(fraction, size)...)
		}, byte(digits))
	}
	return fixed(10, func() []byte {
		if r.all {
			return binary.LittleEndian.AppendUint32(nil, r.Uint32N(10000)<<9|r.Uint32N(13)<<5|r.Uint32N(32))[:3]
		}
		return randomBytes(r, 3)
	})
}

func randomOldTemporal(r draw) typed {
	clock := func() uint64 { return r.Uint64N(24)*10000 + r.Uint64N(60)*100 + r.Uint64N(60) }
	switch r.IntN(3) {
	case 0:
		return fixed(11, func() []byte { return binary.LittleEndian.AppendUint32(nil, uint32(clock()))[:3] })
	case 1:
		return fixed(12, func() []byte {
			date := r.Uint64N(10000)*10000 + r.Uint64N(13)*100 + r.Uint64N(32)
			return binary.LittleEndian.AppendUint64(nil, date*1000000+clock())
		})
	}
	return fixed(7, func() []byte { return randomBytes(r, 4) })
}
