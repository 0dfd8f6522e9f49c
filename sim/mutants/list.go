package main

// mutant is a deliberately broken variant of the code.
type mutant struct {
	name   string
	breaks string // in one line
	edits  []edit
}

// edit replaces a text that is found exactly once in a file.
type edit struct {
	file, old, new string
}

// mutants are all of them.
func mutants() []mutant {
	var out []mutant
	for _, list := range [][]mutant{ofTheRule(), ofTheAckers(), ofTheRecord(), ofTheServers(), ofQuarantine(), ofTheLeader(), ofRenewals(), ofTheRow(), ofTheLapse()} {
		out = append(out, list...)
	}
	return out
}
