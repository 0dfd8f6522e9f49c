package classes

// Class is a class by its name in reports.
type Class string

// The classes, from what asks least of a person.
const (
	Noop            Class = "NOOP"
	Already         Class = "ALREADY"
	Safe            Class = "SAFE"
	LikelyRepeated  Class = "LIKELY_REPEATED"
	Mergeable       Class = "MERGEABLE"
	AutoIncrement   Class = "AUTO_INCREMENT"
	UniqueCollision Class = "UNIQUE_COLLISION"
	ForeignKey      Class = "FOREIGN_KEY"
	Drift           Class = "DRIFT"
	Conflict        Class = "CONFLICT"
	Opaque          Class = "OPAQUE"
)

// Order lists the classes from what asks least of a person.
func Order() []Class {
	return []Class{
		Noop, Already, Safe, LikelyRepeated, Mergeable, AutoIncrement, UniqueCollision, ForeignKey, Drift, Conflict, Opaque,
	}
}

func (c Class) rank() int {
	for i, known := range Order() {
		if known == c {
			return i
		}
	}
	return -1
}

func greater(a, b Class) Class {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

func (c Class) settled() bool { return c == Noop || c == Already }
