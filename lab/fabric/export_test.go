package fabric

import "fmt"

// WithMedium makes a fabric join its hosts by the medium of a name, so that
// tests reach those that this machine would not choose.
func WithMedium(name string) Option {
	return func(f *Fabric) {
		for _, m := range media() {
			if m.name == name {
				f.medium = m
				return
			}
		}
		panic(fmt.Sprintf("no medium %q", name))
	}
}
