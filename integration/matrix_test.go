//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/regentdb/regent/lab/trial"
)

// matrixPage is where the table of the matrix belongs.
const matrixPage = "../docs/matrix.md"

// healWithin is how long the cluster may take to be ok again after a cell; a rebuild is part of it.
const healWithin = 90 * time.Second

// TestMatrix runs cells of the partition matrix: six drawn by the seed, or with -results all that have no
// result yet, after which the page in docs is written.
func TestMatrix(t *testing.T) {
	done := openResults(t, "matrix.ndjson")
	cells := trial.Cells()
	for i, cell := range drawn(cells, 6) {
		if done.has(cell.Name()) {
			continue
		}
		t.Run(cell.Name(), func(t *testing.T) { runCell(t, cell, *seed+uint64(i), done) })
		if !recovers(t) {
			t.FailNow()
		}
	}
	if *results != "" {
		writeMatrix(t, cells)
	}
}

func runCell(t *testing.T, cell trial.Cell, seed uint64, done *ledger) {
	r, err := world.RunCell(t.Context(), cell, trial.CellOptions{Length: *faultFor, Heal: healWithin, Seed: seed})
	if err != nil {
		t.Fatalf("%v: %v", r.Hits, err)
	}
	t.Logf("%v: %s; outage %s, available %t %s; ok %s after the heal; %d writes", r.Hits, r.Outcome, r.Outage, r.Available, r.Why, r.OKAfter, r.Writes)
	done.add(t, r.Cell, r)
	for _, b := range r.Broken {
		t.Errorf("UNSAFE: %s", b)
	}
	if !r.Safe() {
		if err := world.Forget(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// recovers tells whether the cluster is ok, or becomes so with what a person would do.
func recovers(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), healWithin)
	defer cancel()
	_, err := world.Heal(ctx)
	if err != nil {
		t.Errorf("the cluster does not become ok: %v", err)
	}
	return err == nil
}

// writeMatrix writes the page once every cell has a result.
func writeMatrix(t *testing.T, cells []trial.Cell) {
	t.Helper()
	done := openResults(t, "matrix.ndjson")
	var all []trial.CellResult
	for _, cell := range cells {
		if !done.has(cell.Name()) {
			t.Logf("%s has no result yet; %s stays as it is", cell.Name(), matrixPage)
			return
		}
		var r trial.CellResult
		if err := json.Unmarshal(done.seen[cell.Name()], &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := os.WriteFile(matrixPage, []byte(trial.MatrixTable(all, world.Version(), world.Storage())), 0o644); err != nil {
		t.Fatal(err)
	}
}
