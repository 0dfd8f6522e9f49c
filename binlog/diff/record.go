package diff

import (
	"encoding/binary"
	"math"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/gtid"
)

// Record is values one after the other, as a store keeps them.
type Record []byte

// Int adds a number.
func (r Record) Int(n int) Record { return binary.AppendVarint(r, int64(n)) }

// Text adds a text.
func (r Record) Text(text string) Record {
	return append(binary.AppendUvarint(r, uint64(len(text))), text...)
}

// GTID adds the name of a transaction.
func (r Record) GTID(id gtid.GTID) Record {
	return binary.AppendUvarint(r.Text(id.UUID).Text(id.Tag), id.Seq)
}

// Image adds a row, or that there is none.
func (r Record) Image(image []decode.Value) Record {
	if image == nil {
		return r.Int(-1)
	}
	r = r.Int(len(image))
	for _, v := range image {
		r = append(r, byte(v.Kind)).Text(v.Text)
	}
	return r
}

// Reader reads a record. What is missing reads as empty.
type Reader struct {
	rest string
	// images is memory for rows.
	images []decode.Value
}

// NewReader returns a reader at the beginning of a record.
func NewReader(record string) *Reader { return &Reader{rest: record} }

func (r *Reader) uvarint() uint64 {
	var n uint64
	for shift := 0; len(r.rest) > 0 && shift < 64; shift += 7 {
		c := r.rest[0]
		r.rest = r.rest[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	return 0
}

// Int reads a number.
func (r *Reader) Int() int {
	n := r.uvarint()
	return int(int64(n>>1) ^ -int64(n&1))
}

// Text reads a text.
func (r *Reader) Text() string {
	n := min(r.uvarint(), uint64(len(r.rest)))
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

// GTID reads the name of a transaction.
func (r *Reader) GTID() gtid.GTID {
	return gtid.GTID{UUID: r.Text(), Tag: r.Text(), Seq: r.uvarint()}
}

// image is memory for a row.
func (r *Reader) image(n int) []decode.Value {
	used := len(r.images)
	if cap(r.images)-used < n {
		return make([]decode.Value, n)
	}
	r.images = r.images[:used+n]
	return r.images[used : used+n : used+n]
}

// Image reads a row.
func (r *Reader) Image() []decode.Value {
	n := r.Int()
	if n < 0 || n > len(r.rest) || n > math.MaxUint16 {
		return nil
	}
	image := r.image(n)
	for i := range image {
		if len(r.rest) == 0 {
			return nil
		}
		kind := decode.Kind(r.rest[0])
		r.rest = r.rest[1:]
		image[i] = decode.Value{Kind: kind, Text: r.Text()}
	}
	return image
}
