package field

import (
	"encoding/binary"
	"time"
)

// Offsets that make stored times unsigned.
const (
	timeOffset     = 0x800000
	datetimeOffset = 0x8000000000
)

// FractionSize is how many bytes store a fraction of so many digits, false above six.
func FractionSize(digits int) (int, bool) { return (digits + 1) / 2, digits <= 6 }

// bigEndian reads a number of up to 8 bytes.
func bigEndian(raw []byte) uint64 {
	var n uint64
	for _, b := range raw {
		n = n<<8 | uint64(b)
	}
	return n
}

// micros makes microseconds of a fraction that is stored in so many bytes.
func micros(fraction uint64, size int) uint64 {
	switch size {
	case 1:
		return fraction * 10000
	case 2:
		return fraction * 100
	}
	return fraction
}

// AppendTime appends a TIME; raw is 3 bytes and those of the fraction.
func AppendTime(dst, raw []byte) ([]byte, bool) {
	if len(raw) < 3 || len(raw) > 6 {
		return dst, false
	}
	fractionSize := len(raw) - 3
	shift := 8 * fractionSize
	packed := int64(bigEndian(raw)) - timeOffset<<shift
	if packed < 0 {
		dst = append(dst, '-')
		packed = -packed
	}
	dst = appendClock(dst, uint64(packed)>>shift&(1<<22-1))
	return appendFraction(dst, micros(uint64(packed)&(1<<shift-1), fractionSize)), true
}

// AppendDatetime appends a DATETIME, which may be zero or incomplete; raw is 5 bytes and those of the fraction.
func AppendDatetime(dst, raw []byte) ([]byte, bool) {
	if len(raw) < 5 || len(raw) > 8 {
		return dst, false
	}
	packed := bigEndian(raw[:5]) - datetimeOffset
	if packed >= datetimeOffset { // Dates have no sign.
		return dst, false
	}
	dst = appendPackedDatetime(dst, packed)
	return appendFraction(dst, micros(bigEndian(raw[5:]), len(raw)-5)), true
}

// appendPackedDatetime appends a date and a time that are packed as years of 13 months, days and a clock.
func appendPackedDatetime(dst []byte, packed uint64) []byte {
	dst = appendPackedDate(dst, packed)
	dst = append(dst, ' ')
	return appendClock(dst, packed&(1<<17-1))
}

func appendPackedDate(dst []byte, packed uint64) []byte {
	months := packed >> 22
	return appendDate(dst, months/13, months%13, packed>>17&31)
}

// AppendTimestamp appends a TIMESTAMP in UTC; raw is 4 bytes and those of the fraction.
func AppendTimestamp(dst, raw []byte) ([]byte, bool) {
	if len(raw) < 4 || len(raw) > 7 {
		return dst, false
	}
	dst = appendUnix(dst, binary.BigEndian.Uint32(raw))
	return appendFraction(dst, micros(bigEndian(raw[4:]), len(raw)-4)), true
}

func appendUnix(dst []byte, seconds uint32) []byte {
	if seconds == 0 {
		return append(dst, "0000-00-00 00:00:00"...)
	}
	t := time.Unix(int64(seconds), 0).UTC()
	year, month, day := t.Date()
	dst = appendDate(dst, uint64(year), uint64(month), uint64(day))
	dst = append(dst, ' ')
	hour, minute, second := t.Clock()
	return appendClock(dst, uint64(hour<<12|minute<<6|second))
}

// AppendDate appends a DATE, which may be zero or incomplete.
func AppendDate(dst, raw []byte) ([]byte, bool) {
	if len(raw) != 3 {
		return dst, false
	}
	packed := uint64(raw[0]) | uint64(raw[1])<<8 | uint64(raw[2])<<16
	return appendDate(dst, packed>>9, packed>>5&15, packed&31), true
}

// The types of tables that were made before MySQL 5.6.4.

// AppendOldTime appends a TIME that is stored as the decimal number HHMMSS.
func AppendOldTime(dst, raw []byte) ([]byte, bool) {
	if len(raw) != 3 {
		return dst, false
	}
	n := int64(int32(uint32(raw[0])<<8|uint32(raw[1])<<16|uint32(raw[2])<<24) >> 8)
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	return appendDecimalClock(dst, uint64(n)), true
}

// AppendOldDatetime appends a DATETIME that is stored as the decimal number YYYYMMDDHHMMSS.
func AppendOldDatetime(dst, raw []byte) ([]byte, bool) {
	if len(raw) != 8 {
		return dst, false
	}
	n := binary.LittleEndian.Uint64(raw)
	date := n / 1000000
	dst = appendDate(dst, date/10000, date/100%100, date%100)
	return appendDecimalClock(append(dst, ' '), n%1000000), true
}

// AppendOldTimestamp appends a TIMESTAMP without a fraction, in UTC.
func AppendOldTimestamp(dst, raw []byte) ([]byte, bool) {
	if len(raw) != 4 {
		return dst, false
	}
	return appendUnix(dst, binary.LittleEndian.Uint32(raw)), true
}

func appendDecimalClock(dst []byte, n uint64) []byte {
	return appendClock(dst, n/10000<<12|n/100%100<<6|n%100)
}

func appendDate(dst []byte, year, month, day uint64) []byte {
	dst = appendTwo(appendPadded(dst, year/100, 2), year%100)
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), day)
}

// appendClock appends hours, minutes of 6 bits and seconds of 6 bits.
func appendClock(dst []byte, packed uint64) []byte {
	if hours := packed >> 12; hours < 100 {
		dst = appendTwo(dst, hours)
	} else {
		dst = appendPadded(dst, hours, 3)
	}
	dst = appendTwo(append(dst, ':'), packed>>6&63)
	return appendTwo(append(dst, ':'), packed&63)
}

func appendTwo(dst []byte, n uint64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendFraction appends microseconds without trailing zeros.
func appendFraction(dst []byte, micros uint64) []byte {
	if micros == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), micros, 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// The times of JSON documents: a packed number with 24 bits of microseconds, whose text has all six digits.

// AppendJSONDate appends a DATE of a document.
func AppendJSONDate(dst []byte, packed int64) []byte {
	return appendPackedDate(dst, magnitude(packed)>>24)
}

// AppendJSONDatetime appends a DATETIME or a TIMESTAMP of a document.
func AppendJSONDatetime(dst []byte, packed int64) []byte {
	return appendMicros(appendPackedDatetime(dst, magnitude(packed)>>24), packed)
}

// AppendJSONTime appends a TIME of a document.
func AppendJSONTime(dst []byte, packed int64) []byte {
	if packed < 0 {
		dst = append(dst, '-')
	}
	return appendMicros(appendClock(dst, magnitude(packed)>>24&(1<<22-1)), packed)
}

func appendMicros(dst []byte, packed int64) []byte {
	return appendPadded(append(dst, '.'), magnitude(packed)&(1<<24-1), 6)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
