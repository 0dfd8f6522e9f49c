package decode_test

import (
	"encoding/binary"
	"fmt"
	"math"
)

func randomNumber(r draw) typed {
	sizes := map[byte]int{1: 1, 2: 2, 9: 3, 3: 4, 8: 8, 13: 1}
	code := []byte{1, 2, 9, 3, 8, 13}[r.IntN(6)]
	c := fixed(code, func() []byte { return randomBytes(r, sizes[code]) })
	c.Number, c.Unsigned = true, code == 13 || r.IntN(2) == 0
	return c
}

func randomDecimal(r draw) typed {
	precision := 1 + r.IntN(65)
	scale := r.IntN(min(precision, 30) + 1)
	c := fixed(246, func() []byte { return randomDecimalBytes(r, precision, scale) }, byte(precision), byte(scale))
	c.Number = true
	return c
}

// randomDecimalBytes draws digits: the incomplete groups of nine stand outside.
func randomDecimalBytes(r draw, precision, scale int) []byte {
	var out []byte
	group := func(digits int) {
		size := []int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}[digits]
		n := uint64(0)
		if r.IntN(3) > 0 {
			n = r.Uint64N(uint64(math.Pow10(digits)))
		}
		out = append(out, binary.BigEndian.AppendUint64(nil, n)[8-size:]...)
	}
	integral := precision - scale
	group(integral % 9)
	for range integral / 9 {
		group(9)
	}
	for range scale / 9 {
		group(9)
	}
	group(scale % 9)
	out[0] |= 0x80
	if r.IntN(2) == 0 {
		for i := range out {
			out[i] = ^out[i]
		}
	}
	return out
}

func randomFloat(r draw) typed {
	if r.IntN(2) == 0 {
		c := fixed(4, func() []byte {
			for {
				if raw := randomBytes(r, 4); raw[3]&0x7f != 0x7f {
					return raw
				}
			}
		}, 4)
		c.Number = true
		return c
	}
	c := fixed(5, func() []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(randomDouble(r))) }, 8)
	c.Number = true
	return c
}

func randomDouble(r draw) float64 {
	switch r.IntN(4) {
	case 0:
		return float64(r.IntN(2000) - 1000)
	case 1:
		return float64(r.IntN(2000000)-1000000) / 1000
	case 2:
		return 0
	}
	for { // The library writes all digits of numbers above that, which the server never does.
		if f := math.Float64frombits(r.Uint64()); math.Abs(f) < 1e17 || r.all && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
}

func randomBits(r draw) typed {
	switch r.IntN(3) {
	case 0:
		bits := 1 + r.IntN(64)
		return fixed(16, func() []byte {
			out := randomBytes(r, (bits+7)/8)
			if bits%8 > 0 {
				out[0] &= 1<<(bits%8) - 1
			}
			return out
		}, byte(bits%8), byte(bits/8))
	case 1:
		size := byte(1 + r.IntN(2))
		return listed(r, fixed(254, func() []byte { return randomBytes(r, int(size)) }, 247, size))
	}
	size := byte(1 + r.IntN(8))
	return listed(r, fixed(254, func() []byte { return randomBytes(r, int(size)) }, 248, size))
}

// listed gives an ENUM or SET its members, which the log names with all of its metadata.
func listed(r draw, c typed) typed {
	for i := range 1 + r.IntN(3) {
		c.Members = append(c.Members, fmt.Sprintf("m%d'", i))
	}
	c.Collation = 255
	return c
}
