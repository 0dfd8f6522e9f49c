package gtid

import (
	"slices"
	"strings"
)

// Without returns the set less every transaction of one uuid, whatever its tag.
func (s Set) Without(uuid string) Set {
	return Set{blocks: slices.DeleteFunc(slices.Clone(s.blocks), func(b block) bool { return strings.EqualFold(b.uuid, uuid) })}
}
