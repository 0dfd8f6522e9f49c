package app

import (
	"errors"
	"testing"

	"github.com/regentdb/regent/binlog/classify"
	"github.com/regentdb/regent/failover"
	"github.com/regentdb/regent/gtid"
)

func TestSelectionOfAnOrder(t *testing.T) {
	const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	s, err := selectionOf(&failover.Settling{
		Classes: []string{"SAFE", "FOREIGN_KEY"}, Transactions: []string{uuid + ":1-3", uuid + ":blue:7"}, Tables: []string{"shop.orders"},
	})
	if err != nil || len(s.Classes) != 2 || s.Classes[1] != classify.ForeignKey || len(s.Tables) != 1 ||
		!s.Transactions.Equal(gtid.MustParse(uuid+":1-3:blue:7")) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []failover.Settling{{Classes: []string{"safe"}}, {Transactions: []string{"7"}}} {
		if _, err := selectionOf(&bad); !errors.Is(err, errSelection) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
