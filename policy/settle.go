package policy

// Settle are the rules of settling reports.
type Settle struct {
	// ApproveAboveRows is how many row changes one person may order to be replayed; above it another person has to
	// approve. 0 asks nobody.
	ApproveAboveRows int `json:"approve_above_rows" yaml:"approve_above_rows"`
}

// NeedsApproval tells whether a replay of so many row changes waits for another person.
func (s Settle) NeedsApproval(rows int) bool {
	return s.ApproveAboveRows > 0 && rows > s.ApproveAboveRows
}

func (v *validation) settle(path string, s Settle) {
	v.check(s.ApproveAboveRows >= 0, path+".settle.approve_above_rows",
		"settle.approve_above_rows is %d; it must not be negative, and 0 asks nobody for an approval", s.ApproveAboveRows)
}
