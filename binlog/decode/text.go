package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/regentdb/regent/binlog/decode/field"
	"github.com/regentdb/regent/binlog/decode/jsonb"
)

// appendText appends the text of a stored value; false where the bytes are no value of the type.
func (c *cell) appendText(dst, raw []byte) ([]byte, bool) {
	switch c.code {
	case typeTiny, typeShort, typeInt24, typeLong, typeLongLong:
		if !c.unsigned {
			return strconv.AppendInt(dst, int64(c.integer(raw)), 10), true
		}
		return strconv.AppendUint(dst, c.integer(raw), 10), true
	case typeEnum, typeSet, typeBit, typeYear:
		return strconv.AppendUint(dst, c.integer(raw), 10), true
	case typeFloat:
		return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))), true
	case typeDouble:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(raw))), true
	case typeNewDecimal:
		return field.AppendDecimal(dst, raw, int(c.meta>>8), int(c.meta&0xff))
	case typeJSON:
		dst, err := jsonb.Append(dst, raw)
		return dst, err == nil
	case typeString:
		dst = append(dst, raw...)
		for n := len(raw); n < int(c.pad); n++ {
			dst = append(dst, 0)
		}
		return dst, true
	case typeVarchar, typeVarString, typeBlob, typeGeometry, typeVector:
		return append(dst, raw...), true
	}
	return c.appendTemporal(dst, raw)
}

func (c *cell) appendTemporal(dst, raw []byte) ([]byte, bool) {
	switch c.code {
	case typeDate, typeNewDate:
		return field.AppendDate(dst, raw)
	case typeTime2:
		return field.AppendTime(dst, raw)
	case typeDatetime2:
		return field.AppendDatetime(dst, raw)
	case typeTimestamp2:
		return field.AppendTimestamp(dst, raw)
	case typeTime:
		return field.AppendOldTime(dst, raw)
	case typeDatetime:
		return field.AppendOldDatetime(dst, raw)
	case typeTimestamp:
		return field.AppendOldTimestamp(dst, raw)
	}
	return dst, false
}

// integer is a value of a column of kind Integer; a negative one is its two's complement.
func (c *cell) integer(raw []byte) uint64 {
	switch c.code {
	case typeBit:
		var n uint64
		for _, b := range raw {
			n = n<<8 | uint64(b)
		}
		return n
	case typeYear:
		if raw[0] == 0 {
			return 0
		}
		return 1900 + uint64(raw[0])
	case typeTiny, typeShort, typeInt24, typeLong, typeLongLong:
		if !c.unsigned {
			unused := 64 - 8*len(raw)
			return uint64(int64(littleEndian(raw)<<unused) >> unused)
		}
	}
	return littleEndian(raw)
}

func littleEndian(raw []byte) uint64 {
	switch len(raw) {
	case 8:
		return binary.LittleEndian.Uint64(raw)
	case 4:
		return uint64(binary.LittleEndian.Uint32(raw))
	}
	var n uint64
	for i, b := range raw {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func appendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendChanged appends the document that the changes make of the one in the before image.
func (m *Image) appendChanged(column int, changes []byte) ([]byte, error) {
	kind, document := m.before.Raw(column)
	if kind != JSON {
		return m.text, fmt.Errorf("decode: a JSON document: %w", ErrPartial)
	}
	text, err := jsonb.AppendChanged(m.text, document, changes)
	switch {
	case errors.Is(err, jsonb.ErrElsewhere):
		return m.text, fmt.Errorf("decode: a JSON document: %w", ErrPartial)
	case err != nil:
		return m.text, fmt.Errorf("decode: a JSON document: %w", ErrCorrupt)
	}
	return text, nil
}
