package decode_test

import (
	"encoding/binary"
	"math"
)

func prefixed(size int, content []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(content)))[:size], content...)
}

func randomString(r draw) typed {
	length := 1 + r.IntN(1020)
	if r.IntN(2) == 0 {
		length = 1 + r.IntN(255)
	}
	prefix := 1
	if length > 255 {
		prefix = 2
	}
	c := fixed(15, func() []byte { return prefixed(prefix, randomBytes(r, r.IntN(min(length, 40)+1))) })
	c.Meta = binary.LittleEndian.AppendUint16(nil, uint16(length))
	if r.IntN(2) == 0 {
		// Two bits of the length are inverted in the type.
		c.Type, c.Meta = 254, []byte{0xfe ^ byte(length>>4&0x30), byte(length)}
	}
	c.String, c.Collation = true, []uint64{63, 255, 8}[r.IntN(3)]
	if c.Type == 254 && c.Collation == 63 {
		c.pad = length
	}
	return c
}

func randomBlob(r draw) typed {
	prefix := 1 + r.IntN(4)
	c := fixed([]byte{252, 252, 255, 242}[r.IntN(4)], nil, byte(prefix))
	if r.all && c.Type != 252 {
		return randomVector(r)
	}
	c.String = c.Type != 255 // The server counts VECTOR among the strings.
	c.Collation = []uint64{63, 255}[r.IntN(2)]
	c.value = func() []byte {
		n := r.IntN(60)
		if prefix > 1 && r.IntN(4) == 0 {
			n = r.IntN(1000)
		}
		return prefixed(prefix, randomBytes(r, n))
	}
	return c
}

// randomVector draws vectors of numbers.
func randomVector(r draw) typed {
	c := fixed(242, func() []byte {
		var out []byte
		for range 1 + r.IntN(4) { // By an empty one, which cannot be stored, mysqlbinlog 9.7 is killed.
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(r.NormFloat64()*math.Pow10(r.IntN(60)-30))))
		}
		return prefixed(4, out)
	}, 4)
	c.String, c.Collation = true, 63
	return c
}
