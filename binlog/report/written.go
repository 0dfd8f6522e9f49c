package report

import "errors"

// Written is how far the writing of a part of a report is.
type Written struct {
	// Part is the name of its file.
	Part string
	// Transactions of so many are in it, or left out of it, with so many row changes.
	Transactions, Of, Rows int
}

// followedRows is how many rows pass between two calls of whoever follows.
const followedRows = 1 << 12

// follower tells how far a part is.
type follower struct {
	tell func(Written)
	at   Written
}

// follow returns a follower of a part; tell is nil where nobody asks.
func follow(tell func(Written), part string, s Summary) *follower {
	return &follower{tell: tell, at: Written{Part: part, Of: s.Listed + s.Unreadable}}
}

// on follows a visitor. Other says that what the visitor skips is in the part by another one.
func (f *follower) on(v visitor, other bool) visitor {
	if f.tell == nil {
		return v
	}
	return &followed{visitor: v, follower: f, other: other}
}

// followed counts what passes on the way to a visitor.
type followed struct {
	visitor
	*follower

	other, skipped bool
}

func (f *followed) begin(tx Transaction) error {
	err := f.visitor.begin(tx)
	f.skipped = f.other && errors.Is(err, errSkip)
	return err
}

func (f *followed) row(tx Transaction, row Row) error {
	if f.at.Rows++; f.at.Rows%followedRows == 0 {
		f.tell(f.at)
	}
	return f.visitor.row(tx, row)
}

func (f *followed) end(tx Transaction, passed int) error {
	if !f.skipped {
		f.at.Transactions++
		f.at.Rows += passed
		f.tell(f.at)
	}
	return f.visitor.end(tx, passed)
}
