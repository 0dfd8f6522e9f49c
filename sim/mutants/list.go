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
	lists := [][]mutant{
		ofTheRule(), ofTheAckers(), ofTheRecord(), ofTheServers(), ofQuarantine(), ofTheLeader(), ofThePromise(), ofTheFiles(), ofTheReturn(),
		ofLostAcknowledgements(), ofPeople(), ofTheFleet(), ofRenewals(), ofTheRow(), ofTheLapse(),
	}
	for _, list := range lists {
		out = append(out, list...)
	}
	return out
}
