package policy

// Settle are the rules of settling reports.
type Settle struct {
	// ApproveAboveRows is how many row changes one person may order to be replayed; above it another person has to
	// approve. 0 asks nobody.
	ApproveAboveRows int `json:"approve_above_rows" yaml:"approve_above_rows"`
	// KeepFor is how long the files of a report are kept once it is settled. 0 keeps them for ever.
	KeepFor Duration `json:"keep_for" yaml:"keep_for"`
}

// NeedsApproval tells whether a replay of so many row changes waits for another person.
func (s Settle) NeedsApproval(rows int) bool {
	return s.ApproveAboveRows > 0 && rows > s.ApproveAboveRows
}

func (v *validation) settle(path string, s Settle) {
	v.check(s.KeepFor >= 0, path+".settle.keep_for", "settle.keep_for must not be negative; 0 keeps the files of settled reports for ever")
	v.check(s.ApproveAboveRows >= 0, path+".settle.approve_above_rows",
		"settle.approve_above_rows is %d; it must not be negative, and 0 asks nobody for an approval", s.ApproveAboveRows)
}
