package classify

import "fmt"

// Class says what may be done about a row change or a transaction. Classes are ordered by how much they ask of a
// person.
type Class int

const (
	// Noop leaves the row as it was before the divergence.
	Noop Class = iota + 1
	// Already is on the new primary: it touched the row and holds what the old side left.
	Already
	// Safe can be replayed.
	Safe
	// LikelyRepeated is on the new primary under another generated key or with other volatile columns.
	LikelyRepeated
	// Mergeable changed other columns than the new side did.
	Mergeable
	// AutoIncrement is an unrelated row under the same generated key.
	AutoIncrement
	// UniqueCollision cannot be stored: another row holds a unique tuple of it.
	UniqueCollision
	// ForeignKey depends on parents or children that replay alone does not settle.
	ForeignKey
	// Drift differs on the new primary although the new side never touched it.
	Drift
	// Conflict was changed on both sides, to different ends.
	Conflict
	// Opaque cannot be compared row by row.
	Opaque
)

// Classes returns all classes in order.
func Classes() []Class {
	var out []Class
	for c := Noop; c <= Opaque; c++ {
		out = append(out, c)
	}
	return out
}

// String returns the name of the class in reports.
func (c Class) String() string {
	switch c {
	case Noop:
		return "NOOP"
	case Already:
		return "ALREADY"
	case Safe:
		return "SAFE"
	case LikelyRepeated:
		return "LIKELY_REPEATED"
	case Mergeable:
		return "MERGEABLE"
	case AutoIncrement:
		return "AUTO_INCREMENT"
	case UniqueCollision:
		return "UNIQUE_COLLISION"
	case ForeignKey:
		return "FOREIGN_KEY"
	case Drift:
		return "DRIFT"
	case Conflict:
		return "CONFLICT"
	case Opaque:
		return "OPAQUE"
	}
	return "UNKNOWN"
}

// MarshalText returns the name; it returns an error for a value that is no class.
func (c Class) MarshalText() ([]byte, error) {
	if c < Noop || c > Opaque {
		return nil, fmt.Errorf("classify: %d is no class", int(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText is the inverse of MarshalText; it returns an error for any other text.
func (c *Class) UnmarshalText(text []byte) error {
	for _, known := range Classes() {
		if known.String() == string(text) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("classify: %q is no class", text)
}

// Settled says that nothing is left to do: the class does not keep later transactions from being safe.
func (c Class) Settled() bool { return c == Noop || c == Already }

// NeedsPerson says that the class is neither settled nor safe.
func (c Class) NeedsPerson() bool { return !c.Settled() && c != Safe }
