package decodetest

// optional is the metadata that depends on binlog_row_metadata.
func (t Table) optional() []byte {
	out := field(nil, 1, t.bitmap(func(c Column) (bool, bool) { return c.Unsigned, c.Number }))
	text := func(c Column) bool { return c.String }
	if t.Common != 0 {
		out = field(out, 2, t.exceptions(text))
	} else {
		out = field(out, 3, t.collations(text))
	}
	if t.Minimal {
		return out
	}
	var names []byte
	for _, c := range t.Columns {
		names = packedText(names, c.Name)
	}
	out = field(out, 4, names)
	const enum, set = 247, 248
	out = field(field(out, 5, t.members(set)), 6, t.members(enum))
	out = t.key(field(out, 7, t.each(255, 1)))
	if t.Common != 0 {
		out = field(out, 10, t.exceptions(Column.chosen))
	} else {
		out = field(out, 11, t.collations(Column.chosen))
	}
	out = field(out, 12, t.bitmap(func(c Column) (bool, bool) { return !c.Invisible, true }))
	return field(out, 13, t.each(242, 3))
}

// chosen says that values are members of a list.
func (c Column) chosen() bool { return len(c.Members) > 0 }

// key is the primary key, with or without prefixes.
func (t Table) key(dst []byte) []byte {
	var key []byte
	for i, column := range t.PrimaryKey {
		key = Packed(key, uint64(column))
		if t.Prefix != nil {
			key = Packed(key, t.Prefix[i])
		}
	}
	if t.Prefix != nil {
		return field(dst, 9, key)
	}
	return field(dst, 8, key)
}

// bitmap has a bit for each column that counts, from the highest on.
func (t Table) bitmap(of func(Column) (set, counts bool)) []byte {
	var out []byte
	n := 0
	for _, c := range t.Columns {
		set, counts := of(c)
		if !counts {
			continue
		}
		if n%8 == 0 {
			out = append(out, 0)
		}
		if set {
			out[n/8] |= 0x80 >> (n % 8)
		}
		n++
	}
	return out
}

func (t Table) collations(counts func(Column) bool) []byte {
	var out []byte
	for _, c := range t.Columns {
		if counts(c) {
			out = Packed(out, c.Collation)
		}
	}
	return out
}

// exceptions are the common collation, and the columns that have another, by their number among those that count.
func (t Table) exceptions(counts func(Column) bool) []byte {
	out := Packed(nil, t.Common)
	n := uint64(0)
	for _, c := range t.Columns {
		if !counts(c) {
			continue
		}
		if c.Collation != t.Common {
			out = Packed(Packed(out, n), c.Collation)
		}
		n++
	}
	if n == 0 {
		return nil
	}
	return out
}

// members are the lists of the columns of a kind, which is the first byte that describes their type.
func (t Table) members(kind byte) []byte {
	var out []byte
	for _, c := range t.Columns {
		if !c.chosen() || c.Meta[0] != kind {
			continue
		}
		out = Packed(out, uint64(len(c.Members)))
		for _, m := range c.Members {
			out = packedText(out, m)
		}
	}
	return out
}

// each has a number for each column of the type.
func (t Table) each(code byte, number uint64) []byte {
	var out []byte
	for _, c := range t.Columns {
		if c.Type == code {
			out = Packed(out, number)
		}
	}
	return out
}

func packedText(dst []byte, text string) []byte {
	return append(Packed(dst, uint64(len(text))), text...)
}
