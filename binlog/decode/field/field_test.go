package field_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/regentdb/regent/binlog/decode/field"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	out, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		stored           string
		precision, scale int
		want             string
	}{
		{"810dfb38d204d2", 14, 4, "1234567890.1234"}, // The example of the server's own comment, and its negative.
		{"7ef204c72dfb2d", 14, 4, "-1234567890.1234"},
		{"80", 1, 0, "0"},
		{"7f", 1, 0, "0"}, // As mysqlbinlog has it.
		{"7fff", 4, 2, "-0.00"},
		{"89", 1, 0, "9"},
		{"800001", 5, 5, "0.00001"},
		{"7ffffe", 5, 5, "-0.00001"},
		{"800000000000000000", 20, 2, "0.00"},
		{"bb9ac9ff", 9, 0, "999999999"},
		{"813b9ac9ff", 10, 0, "1999999999"},
	} {
		got, ok := field.AppendDecimal([]byte("=-"), raw(t, c.stored), c.precision, c.scale)
		if !ok || string(got) != "=-"+c.want {
			t.Errorf("%s as DECIMAL(%d,%d) is %s, %v, want =-%s", c.stored, c.precision, c.scale, got, ok, c.want)
		}
	}
	for _, size := range [][2]int{{0, 0}, {66, 0}, {40, 31}, {2, 3}} {
		if _, ok := field.DecimalSize(size[0], size[1]); ok {
			t.Errorf("DECIMAL(%d,%d) has a size", size[0], size[1])
		}
	}
	if _, ok := field.AppendDecimal(nil, raw(t, "8000"), 1, 0); ok {
		t.Error("a decimal of another length is read")
	}
}

func TestTimes(t *testing.T) {
	type reader = func(dst, raw []byte) ([]byte, bool)
	for _, c := range []struct {
		name   string
		read   reader
		stored string
		want   string // Empty where the bytes are no such value.
	}{
		{"time", field.AppendTime, "800000", "00:00:00"},
		{"time", field.AppendTime, "7fffffff", "-00:00:00.01"}, // Negative fractions, as the server's comment lists them.
		{"time", field.AppendTime, "7fffff9d", "-00:00:00.99"},
		{"time", field.AppendTime, "7fffff00", "-00:00:01"},
		{"time", field.AppendTime, "7ffffeff", "-00:00:01.01"},
		{"time", field.AppendTime, "7ffffef6", "-00:00:01.1"},
		{"time", field.AppendTime, "b46efb", "838:59:59"},
		{"time", field.AppendTime, "800000000001", "00:00:00.000001"},
		{"time", field.AppendTime, "8000", ""},
		{"datetime", field.AppendDatetime, "8000000000", "0000-00-00 00:00:00"},
		{"datetime", field.AppendDatetime, "99a12b6d0a", "2018-10-21 22:52:10"},
		{"datetime", field.AppendDatetime, "99a12b6d0a04b0", "2018-10-21 22:52:10.12"},
		{"datetime", field.AppendDatetime, "99a12b6d0a000005", "2018-10-21 22:52:10.000005"},
		{"datetime", field.AppendDatetime, "7fffffffff", ""},
		{"datetime", field.AppendDatetime, "80000000", ""},
		{"timestamp", field.AppendTimestamp, "00000000", "0000-00-00 00:00:00"},
		{"timestamp", field.AppendTimestamp, "5bcd031a", "2018-10-21 22:52:10"},
		{"timestamp", field.AppendTimestamp, "ffffffff0186a0", "2106-02-07 06:28:15.1"},
		{"timestamp", field.AppendTimestamp, "5bcd02", ""},
		{"date", field.AppendDate, "000000", "0000-00-00"},
		{"date", field.AppendDate, "55c50f", "2018-10-21"},
		{"date", field.AppendDate, "55c5", ""},
		{"old time", field.AppendOldTime, "ffffff", "-00:00:01"},
		{"old time", field.AppendOldTime, "40e201", "12:34:56"},
		{"old time", field.AppendOldTime, "40", ""},
		{"old datetime", field.AppendOldDatetime, "0000000000000000", "0000-00-00 00:00:00"},
		{"old datetime", field.AppendOldDatetime, "00", ""},
		{"old timestamp", field.AppendOldTimestamp, "1a03cd5b", "2018-10-21 22:52:10"},
		{"old timestamp", field.AppendOldTimestamp, "00", ""},
	} {
		got, ok := c.read(nil, raw(t, c.stored))
		if ok != (c.want != "") || ok && string(got) != c.want {
			t.Errorf("%s %s is %s, %v, want %q", c.name, c.stored, got, ok, c.want)
		}
	}
	old := binary.LittleEndian.AppendUint64(nil, 20181021225210)
	if got, ok := field.AppendOldDatetime(nil, old); !ok || string(got) != "2018-10-21 22:52:10" {
		t.Errorf("%s, %v", got, ok)
	}
}
