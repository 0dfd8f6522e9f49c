package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// kind is a column type with a few values each, so that both sides come to the same ones.
type kind struct {
	name, sql string
	literals  []string
}

// literal draws a value; one of eight is NULL.
func (k kind) literal(random *rand.Rand) string {
	if random.IntN(8) == 0 {
		return "NULL"
	}
	return k.literals[random.IntN(len(k.literals))]
}

// kinds are the column types that mysqlbinlog prints exactly.
func kinds() []kind {
	return append(append(append(numbers(), times()...), texts()...), blobs()...)
}

func numbers() []kind {
	return []kind{
		{"ti", "TINYINT", []string{"-128", "-1", "0", "127"}},
		{"tu", "TINYINT UNSIGNED", []string{"0", "127", "128", "255"}},
		{"si", "SMALLINT", []string{"-32768", "7", "32767"}},
		{"su", "SMALLINT UNSIGNED", []string{"32768", "65535"}},
		{"mi", "MEDIUMINT", []string{"-8388608", "-1", "8388607"}},
		{"mu", "MEDIUMINT UNSIGNED", []string{"8388608", "16777215", "1"}},
		{"ii", "INT", []string{"-2147483648", "0", "2147483647"}},
		{"iu", "INT UNSIGNED", []string{"2147483648", "4294967295"}},
		{"bi", "BIGINT", []string{"-9223372036854775808", "-1", "9223372036854775807"}},
		{"bu", "BIGINT UNSIGNED", []string{"9223372036854775808", "18446744073709551615", "1"}},
		{"de", "DECIMAL(20,5)", []string{"-0.10000", "123456789012345.12345", "0"}},
		{"dl", "DECIMAL(65,30)", []string{"-12345678901234567890.123456789012345678901234567890", "1"}},
		{"dz", "DECIMAL(5,0) UNSIGNED", []string{"0", "99999"}},
		{"db", "DOUBLE", []string{"0.1", "-1.5e-300", "1.7976931348623157e308", "3.141592653589793", "0"}},
		{"ye", "YEAR", []string{"0", "1901", "2026", "2155"}},
		{"b1", "BIT(1)", []string{"b'0'", "b'1'"}},
		{"bt", "BIT(10)", []string{"b'1000000001'", "b'0'"}},
		{"bb", "BIT(64)", []string{"18446744073709551615", "1", "9223372036854775808"}},
		{"en", "ENUM('x','y','é') CHARACTER SET utf8mb4", []string{"'x'", "'y'", "'é'"}},
		{"e2", "ENUM(" + members("m", 300) + ")", []string{"'m1'", "'m299'"}},
		{"se", "SET('a','b','c')", []string{"''", "'a,c'", "'b'"}},
		{"s8", "SET(" + members("s", 64) + ")", []string{"'s0,s63'", "'s40'", "''"}},
	}
}

func members(prefix string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("'%s%d'", prefix, i)
	}
	return strings.Join(all, ",")
}

func times() []kind {
	return []kind{
		{"da", "DATE", []string{"'2018-10-21'", "'0000-00-00'", "'9999-12-31'", "'2018-10-00'"}},
		{"t0", "TIME", []string{"'-838:59:59'", "'00:00:00'", "'22:52:10'"}},
		{"t3", "TIME(3)", []string{"'12:34:56.100'", "'-00:00:00.001'"}},
		{"t6", "TIME(6)", []string{"'-12:34:56.000001'", "'838:59:59'"}},
		{"d0", "DATETIME", []string{"'2018-10-21 22:52:10'", "'0000-00-00 00:00:00'"}},
		{"d1", "DATETIME(1)", []string{"'2018-10-21 22:52:10.5'", "'1000-01-01 00:00:00'"}},
		{"d6", "DATETIME(6)", []string{"'2018-10-21 22:52:10.120000'", "'9999-12-31 23:59:59.999999'"}},
		{"s0", "TIMESTAMP NULL", []string{"'2018-10-21 22:52:10'", "'1970-01-01 00:00:01'"}},
		{"s4", "TIMESTAMP(4) NULL", []string{"'2018-10-21 22:52:10.1200'", "'2038-01-19 03:14:07.9999'"}},
		{"s6", "TIMESTAMP(6) NULL", []string{"'2018-10-21 22:52:10.000001'", "'0000-00-00 00:00:00'"}},
	}
}

func texts() []kind {
	return []kind{
		{"ch", "CHAR(10)", []string{"'héllo'", "''", "'ab  '"}},
		{"cw", "CHAR(255)", []string{"REPEAT('é',255)", "'x'"}},
		{"cl", "CHAR(10) CHARACTER SET latin1", []string{"'é'", "'Ab'"}},
		{"vc", "VARCHAR(30)", []string{`'v€''"\\;--'`, "'a '", "'A'", "'a'"}},
		{"vl", "VARCHAR(300)", []string{"REPEAT('long ',60)", "'short'", `'tab\there\nnew\rline\Z\0'`}},
		{"vb", "VARCHAR(20) COLLATE utf8mb4_bin", []string{"'Bin'", "'bin'"}},
		{"vg", "VARCHAR(20) COLLATE utf8mb4_general_ci", []string{"'Straße'", "'𝄞'"}},
		{"v1", "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german1_ci", []string{"'Österreich'", "'ö'"}},
		{"vu", "VARCHAR(10) CHARACTER SET utf16", []string{"'é𝄞'", "'a'"}},
		{"vk", "VARCHAR(10) CHARACTER SET gbk", []string{"'中文'", "'a'"}},
		{"vj", "VARCHAR(10) CHARACTER SET sjis", []string{"'ア'", "'a'"}},
		{"vr", "VARCHAR(10) CHARACTER SET cp1251", []string{"'Жук'", "'a'"}},
		{"va", "VARCHAR(10) CHARACTER SET ascii", []string{"'a'", "'Z'"}},
		{"tt", "TINYTEXT", []string{"'tiny'", "''"}},
		{"tx", "TEXT", []string{"'line\\ntwo'", "REPEAT('t',1000)"}},
		{"tm", "MEDIUMTEXT", []string{"'medium'", "REPEAT('m',70000)"}},
		{"tl", "LONGTEXT CHARACTER SET latin1", []string{"'lóng'", "'x'"}},
		{"js", "JSON", []string{
			`'{"b": 1, "a": [1.0, 2.5e30, true, null, "<x>"], "z": 12345678901234567890}'`,
			`'{"k": "x\\"y", "n": -1.5, "u": "é€", "list": [[], {}]}'`, `'"text"'`, `'[]'`, `'{"a": {"b": {"c": 0.1}}}'`,
		}},
	}
}

func blobs() []kind {
	return []kind{
		{"bn", "BINARY(8)", []string{"X'0102030000000000'", "X'00'", "X'FFFFFFFFFFFFFFFF'"}},
		{"bv", "VARBINARY(20)", []string{"X'00FF00'", "X''", "'text'"}},
		{"bw", "VARBINARY(300)", []string{"REPEAT(X'00FF',150)", "X'0A'"}},
		{"lt", "TINYBLOB", []string{"X'DEADBEEF'", "X'00'"}},
		{"lo", "BLOB", []string{"X'DEADBEEF'", "REPEAT(X'5C27',500)"}},
		{"lm", "MEDIUMBLOB", []string{"X'27'", "REPEAT(X'FE',70000)"}},
		{"ll", "LONGBLOB", []string{"X'1A0D0A'", "X'C3A9'"}},
	}
}

// inexact are the types that mysqlbinlog does not print exactly, or not at all. The ledger reads rows that have them.
// The geometry stands last, as mysqlbinlog prints nothing of a row behind one.
func inexact() []kind {
	return []kind{
		{"fl", "FLOAT", []string{"0.1", "16777216", "3.14159274", "-1e-38", "3.4028235e38"}},
		{"ve", "VECTOR(3)", []string{"TO_VECTOR('[1,2,3]')", "TO_VECTOR('[0.1,-1e-20,16777217]')"}},
		{"ge", "GEOMETRY", []string{
			"ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')", "ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')",
		}},
	}
}
