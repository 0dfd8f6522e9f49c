package diff

import "github.com/regentdb/regent/binlog/decode"

// AddNew adds the next transaction of the new side as a whole: it is what [NewSide] is held against, which reads no
// more of the rows than matters. Shared ones are passed over.
func (d *Divergence) AddNew(tx *decode.Transaction) {
	if d.Shared(tx.GTID) {
		return
	}
	for _, statement := range tx.Statements {
		d.alter(tx, statement)
	}
	d.obscure(tx)
	for _, row := range tx.Rows {
		d.touch(tx, row)
	}
}
