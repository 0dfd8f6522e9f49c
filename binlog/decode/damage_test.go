package decode_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/regentdb/regent/binlog/decode"
	"github.com/regentdb/regent/binlog/decode/decodetest"
)

// inUseFlag is the bit of the format description that the server sets after it computed the checksum.
const (
	inUseAt   = len(decode.Magic) + 17
	inUseFlag = 1
)

// FuzzDamage flips bits of random logs and cuts them: what was read before the place is as it was, and nothing is
// read of the transaction that it is in, but the error that names it.
func FuzzDamage(f *testing.F) {
	f.Add(uint64(1), uint32(0), byte(1), false)
	f.Add(uint64(2), uint32(600), byte(0x80), false)
	f.Add(uint64(3), uint32(1200), byte(0), true)
	f.Add(uint64(4), uint32(inUseAt), byte(inUseFlag), false)
	var logs []damageable
	for seed := range uint64(50) {
		logs = append(logs, newDamageable(f, seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, place uint32, mask byte, cut bool) {
		chosen := logs[seed%uint64(len(logs))]
		log, whole := chosen.log, chosen.whole
		at := int(place) % len(log)
		changed := bytes.Clone(log[:at])
		if !cut {
			changed = append(append(changed, log[at]^mask), log[at+1:]...)
		}
		got, err := readAll(changed)
		inUse := !cut && at == inUseAt && mask&^inUseFlag == 0
		switch untouched := !cut && mask == 0 || inUse; {
		case untouched && (err != nil || len(got) != len(whole)):
			t.Errorf("%d of %d transactions, %v", len(got), len(whole), err)
		case !untouched && !cut && !errors.Is(err, decode.ErrCorrupt):
			t.Errorf("bits %#x flipped at %d: %v", mask, at, err)
		case cut && (err == nil) != chosen.ends[at]:
			t.Errorf("cut at %d: %v", at, err)
		}
		for i, tx := range got {
			if tx.text != whole[i].text {
				t.Errorf("transaction %d is another", i)
			}
			if !inUse && (cut || mask != 0) && tx.end > at {
				t.Errorf("transaction %d, which ends at %d, was read with a damage at %d", i, tx.end, at)
			}
		}
	})
}

// damageable is a log of a few transactions, compressed and not, with what is in it and where it may end.
type damageable struct {
	log   []byte
	whole []readTransaction
	ends  map[int]bool
}

func newDamageable(t testing.TB, seed uint64) damageable {
	t.Helper()
	r := draw{Rand: rand.New(rand.NewPCG(seed, 3)), all: true}
	log := decodetest.Head()
	for seq := range uint64(1 + r.IntN(3)) {
		table, columns := randomTable(r)
		image := func() decodetest.Image { return randomImage(r, columns) }
		events := []decodetest.Event{table.Map(), table.Insert(image()), table.Map(), table.Delete(image())}
		id := decodetest.Named(seq + 1)
		if r.IntN(2) == 0 {
			id.Tag = "tag"
		}
		if r.IntN(2) == 0 {
			log = append(log, id.Compressed(events...)...)
		} else {
			log = append(log, id.Transaction(events...)...)
		}
	}
	whole, err := readAll(log)
	if err != nil {
		t.Fatal(err)
	}
	return damageable{log, whole, transactionEnds(t, log)}
}

// readTransaction is a transaction as text, and where it ends.
type readTransaction struct {
	text string
	end  int
}

func readAll(log []byte) (out []readTransaction, err error) {
	for tx, err := range decode.Transactions(bytes.NewReader(log)) {
		if err != nil {
			return out, err
		}
		text := tx.GTID.String()
		for _, row := range tx.Rows {
			text += valuesText(row.Before) + valuesText(row.After)
		}
		out = append(out, readTransaction{text, int(tx.Offset) + int(tx.Size)})
	}
	return out, nil
}

func valuesText(image []decode.Value) string {
	out := "|"
	for i := range image {
		out += shown(image, i)
	}
	return out
}
