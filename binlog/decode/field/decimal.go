package field

import "strconv"

// Decimals are stored in groups of nine digits of four bytes, with the incomplete groups outside.
const (
	groupDigits = 9
	groupBytes  = 4
	// maxPrecision and maxScale are the limits of DECIMAL, in digits.
	maxPrecision = 65
	maxScale     = 30
)

// partBytes is how many bytes the digits of an incomplete group take.
func partBytes(digits int) int { return (digits + 1) / 2 }

// DecimalSize returns the length in bytes of a stored decimal, false where there is no such type.
func DecimalSize(precision, scale int) (int, bool) {
	integral := precision - scale
	if integral < 0 || precision < 1 || precision > maxPrecision || scale > maxScale {
		return 0, false
	}
	return integral/groupDigits*groupBytes + partBytes(integral%groupDigits) +
		scale/groupDigits*groupBytes + partBytes(scale%groupDigits), true
}

// AppendDecimal appends a decimal with all the digits of its scale; false where raw is not one.
func AppendDecimal(dst, raw []byte, precision, scale int) ([]byte, bool) {
	size, ok := DecimalSize(precision, scale)
	if !ok || len(raw) != size {
		return dst, false
	}
	var copied [64]byte
	raw = copied[:copy(copied[:], raw)]
	sign := len(dst)
	if raw[0]&0x80 == 0 { // Negative numbers have all bits inverted, and the first bit is inverted in all.
		dst = append(dst, '-')
		for i := range raw {
			raw[i] = ^raw[i]
		}
	}
	raw[0] ^= 0x80
	begin := len(dst)
	integral := precision - scale
	raw, dst = appendGroup(dst, raw, integral%groupDigits)
	for range integral / groupDigits {
		raw, dst = appendGroup(dst, raw, groupDigits)
	}
	dst = withoutLeadingZeros(dst, begin)
	if scale == 0 {
		if string(dst[sign:]) == "-0" { // The server knows no such zero, but where digits follow.
			dst = append(dst[:sign], '0')
		}
		return dst, true
	}
	dst = append(dst, '.')
	for range scale / groupDigits {
		raw, dst = appendGroup(dst, raw, groupDigits)
	}
	_, dst = appendGroup(dst, raw, scale%groupDigits)
	return dst, true
}

// appendGroup appends one group with leading zeros, and returns what follows it.
func appendGroup(dst, raw []byte, digits int) (rest, out []byte) {
	size := partBytes(digits)
	if digits == groupDigits {
		size = groupBytes
	}
	var n uint64
	for _, b := range raw[:size] {
		n = n<<8 | uint64(b)
	}
	return raw[size:], appendPadded(dst, n, digits)
}

// withoutLeadingZeros removes the leading zeros of the number that begins there, but for the last digit.
func withoutLeadingZeros(dst []byte, begin int) []byte {
	zeros := begin
	for zeros < len(dst)-1 && dst[zeros] == '0' {
		zeros++
	}
	if len(dst) == begin {
		return append(dst, '0')
	}
	return append(dst[:begin], dst[zeros:]...)
}

// appendPadded appends a number with at least the given number of digits.
func appendPadded(dst []byte, n uint64, digits int) []byte {
	var text [20]byte
	number := strconv.AppendUint(text[:0], n, 10)
	if digits == 0 {
		return dst
	}
	for range digits - len(number) {
		dst = append(dst, '0')
	}
	return append(dst, number...)
}
