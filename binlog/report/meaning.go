package report

import "github.com/regentdb/regent/binlog/classify"

// meaning says what a class means and what is done about it by default.
func meaning(c classify.Class) (text, action string) {
	switch c {
	case classify.Noop:
		return "the row ended as it was before the divergence", "none"
	case classify.Already:
		return "the new primary holds what the old side left", "none"
	case classify.Safe:
		return "untouched on the new primary, and nothing stands against it", "replay"
	case classify.LikelyRepeated:
		return "somebody seems to have done it again on the new primary", "confirm"
	case classify.Mergeable:
		return "both sides changed the row, in different columns", "merge, where the policy says so"
	case classify.AutoIncrement:
		return "the same generated key for unrelated rows", "a person: another id"
	case classify.UniqueCollision:
		return "another row holds a unique value of it", "a person"
	case classify.ForeignKey:
		return "a parent is missing, or children exist", "order, else a person"
	case classify.Drift:
		return "differs on the new primary, which never touched it", "a person"
	case classify.Conflict:
		return "both sides changed the row, to different ends", "a person"
	case classify.Opaque:
		return "cannot be compared row by row", "a person"
	}
	return "", "a person"
}
