# regent: build, test and check. `make` alone lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Everything is built without cgo, so that one binary runs on any distribution; only the race detector needs it.
export CGO_ENABLED := 0

# How much of each kind of test. A night run raises them: make sim SEEDS=100000; FIRST=50001 goes on after so many.
SEEDS    ?= 500
FIRST    ?= 1
FUZZTIME ?= 10000x
INTEGRATION_TIMEOUT ?= 30m

# Tools live in the user's cache, one directory per exact version, so that clones share them and two versions never mix.
TOOLS     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/regent/tools
GOLANGCI  := $(TOOLS)/golangci-lint-v2.15.0/golangci-lint
GOFUMPT   := $(TOOLS)/gofumpt-v0.12.0/gofumpt
VULNCHECK := $(TOOLS)/govulncheck-v1.9.0/govulncheck

# Packages with goroutines of their own, where the race detector earns its time.
RACE_PACKAGES := ./api/... ./app/... ./controller/... ./executor/... ./guard/... ./observer/... ./raftnode/...

# Packages without clock, I/O, goroutine, global or randomness.
PURE := gtid topology policy failover raftnode/fsm

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/regent, with the version in it
	@mkdir -p bin
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/regent ./cmd/regent

.PHONY: demo
demo: build ## the October 2018 incident on real servers, told and checked
	bin/regent demo

.PHONY: test
test: unit race sim fuzz integration ## every kind of test, the real MySQL included
	@$(MAKE) --no-print-directory mutants MUTANTS=3

.PHONY: verify
verify: fmt-check lint test ## what CI runs: format, lint and every test

.PHONY: unit
unit: ## unit tests, transcripts and tables; seconds
	go vet -tags integration ./...
	go test ./...

.PHONY: race
race: ## the race detector on the packages that have goroutines
	@scripts/need-cc.sh
	CGO_ENABLED=1 go test -race $(RACE_PACKAGES)

.PHONY: sim
sim: ## seeded runs of the simulator; SEEDS=500 FIRST=1
	GOGC=400 go test ./sim -run 'Seeds$$' -count=1 -timeout 3h -seeds=$(SEEDS) -first=$(FIRST)

# Each variant is broken in one place (sim/mutants). All of them take long: the list keeps its results in RESULTS, goes on where
# it stopped, and writes docs/mutants.md in the end. FROM plays the one of that name and those after it.
RESULTS ?= $(CURDIR)/bin/results
MUTANTS ?= 0
MUTANT  ?=
FROM    ?=
.PHONY: mutants
mutants: ## broken variants that a world of the simulator must catch; MUTANTS=3 runs three, MUTANT=name one, FROM=name the rest
	@GOGC=400 go run ./sim/mutants -mutants '$(MUTANTS)' -only '$(MUTANT)' -from '$(FROM)' -results '$(RESULTS)' -page docs/mutants.md

.PHONY: fuzz
fuzz: ## every fuzz target for a while; FUZZTIME=10000x runs each
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

.PHONY: integration
integration: ## end to end on real MySQL servers, in network namespaces, and pages in a real browser
	go test -tags integration ./integration/... -count=1 -timeout $(INTEGRATION_TIMEOUT) -args -slack 5s
	go test -tags integration -p 2 -parallel 3 ./mysql ./binlog ./binlog/decode ./executor ./cmd/regent -count=1 -timeout $(INTEGRATION_TIMEOUT)
	go test -tags integration ./guard -count=1 -timeout $(INTEGRATION_TIMEOUT)
	@$(MAKE) --no-print-directory pages

.PHONY: pages
pages: ## the page of a report in a real browser; PICTURES=dir keeps what it looks like
	REGENT_BROWSER="$$(scripts/browser.sh)" go test -tags integration ./binlog/report -count=1 -v -run Browser -timeout $(INTEGRATION_TIMEOUT) \
		$(if $(PICTURES),-args -results '$(abspath $(PICTURES))')

# The long series, each on demand: how often is RUNS, and CUT is how long a region is cut off.
RUNS ?= 20
CUT  ?= 43s
SERIES = go test -tags integration ./integration -count=1 -v -timeout 3h -runs $(RUNS) -cut $(CUT) -run

.PHONY: series-kill series-pause series-cut series-split series-isolation
series-kill: ## RUNS kills of the primary under load, the leader in each region in turn
	$(SERIES) 'TestKillPrimary$$'
series-pause: ## RUNS hung primaries under load
	$(SERIES) 'TestPausePrimary$$'
series-cut: ## RUNS cuts of the home region, and of its servers alone, for CUT each
	$(SERIES) 'TestCutRegion$$|TestCutServers$$'
series-isolation: ## a guarded home region cut off for CUT, serving on and fencing itself; a severed primary; RUNS=1 CUT=10m
	$(SERIES) 'TestIsolationServe$$|TestIsolationFence$$|TestSeverPrimary$$'
series-split: ## RUNS forced splits, each judged against the ledger and settled
	$(SERIES) 'TestSplit$$'

# These keep their results, and go on where they stopped: a case that has a result is not run again.
FAULT   ?= 15s
GONE    ?= 2m
SERIES_KEPT = go test -tags integration ./integration -count=1 -v -timeout 6h -results $(RESULTS) -stall 30s -fault $(FAULT) -gone $(GONE) -run

.PHONY: series-steps series-stall series-blocked series-nodeless matrix
series-steps: ## the leader dies before and after every step of a recovery; results in RESULTS
	$(SERIES_KEPT) 'TestKillLeaderAtEveryStep$$'
series-stall: ## the leader is stopped for 30 s before steps of a recovery; results in RESULTS
	$(SERIES_KEPT) 'TestLeaderStalledMidRecovery$$'
series-blocked: ## a primary with blocked commits, locks, a full disk or 2,000 connections, then ordered away, killed, hung or cut off
	$(SERIES_KEPT) 'TestBlockedPrimary$$'
series-nodeless: ## no node at all for GONE=2m, with the guard off and on; results in RESULTS
	$(SERIES_KEPT) 'TestNodeless$$'
matrix: ## every cell of the partition matrix, then docs/matrix.md; results in RESULTS
	$(SERIES_KEPT) 'TestMatrix$$'

.PHONY: bench-memory
bench-memory: ## resident memory for one transaction of 2 GB and a tail of 10 GB: some hours, 30 GB of disk while it runs; RESULTS=dir keeps the figures
	@mkdir -p $(RESULTS)
	go test ./binlog -count=1 -v -timeout 12h -run TestMemoryDoesNotGrow -memory > $(RESULTS)/memory.txt || (cat $(RESULTS)/memory.txt; exit 1)
	@grep resident $(RESULTS)/memory.txt

# Random binary logs of every column type, read by regent and by mysqlbinlog -v -v: SEEDS of them from FIRST on.
.PHONY: series-decode
series-decode: ## SEEDS=500 random binary logs, each value of which must be what mysqlbinlog prints
	go test -tags integration ./binlog/decode -count=1 -v -timeout 6h -run 'RandomLogs' -seeds $(SEEDS) -first $(FIRST)

# Splits with random writes against the ground truth of truth/: SEEDS of them from FIRST on, but for those that passed before.
.PHONY: series-exact
series-exact: ## SEEDS=200 random splits, each write classified and replayed as the ground truth says; results in RESULTS
	go test -tags integration ./binlog -count=1 -v -timeout 6h -run 'TestExact$$' -seeds $(SEEDS) -first $(FIRST) -results $(RESULTS)

# The files are made by a real server and kept in bin/bench for the next time, but for a copy of 10 GiB; about 10 minutes.
.PHONY: bench-reconcile
bench-reconcile: ## how fast the logs of both sides are compared, beside mysqlbinlog -v; writes docs/benchmarks.md
	@mkdir -p bin
	go build -o bin/reconcile-bench ./lab/bench
	bin/reconcile-bench -dir bin/bench -page docs/benchmarks.md

.PHONY: lab
lab: build ## a lab that stays up: two regions, five servers, three nodes
	bin/regent lab up

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint, and a proof that breaking a layer fails it
	$(GOLANGCI) run --allow-parallel-runners ./...
	@if grep -rnE --include='*.go' --exclude='*_test.go' '^\s*go (func\b|[[:alnum:]_.]+\()' $(PURE); then \
		echo 'a pure package starts a goroutine: its caller does that' >&2; exit 1; fi
	GOLANGCI=$(GOLANGCI) scripts/lint-selftest.sh

.PHONY: fmt
fmt: $(GOFUMPT) ## rewrite the Go files in the project's format
	$(GOFUMPT) -w -modpath github.com/regentdb/regent .

.PHONY: fmt-check
fmt-check: $(GOFUMPT)
	@unformatted="$$($(GOFUMPT) -l -modpath github.com/regentdb/regent .)"; \
	if [[ -n "$$unformatted" ]]; then printf 'not formatted, run make fmt:\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: vuln
vuln: $(VULNCHECK) ## known vulnerabilities in what is linked; needs the vulnerability database
	$(VULNCHECK) ./...

.PHONY: clean
clean: ## remove what make built here; the caches stay
	rm -rf bin

# GOFLAGS is cleared: a -mod or -tags meant for this module means nothing for a tool.
$(GOLANGCI):
	@echo "installing golangci-lint v2.15.0 (once, about a minute)"
	GOBIN=$(@D) GOFLAGS= GOWORK=off go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

$(GOFUMPT):
	@echo "installing gofumpt v0.12.0 (once)"
	GOBIN=$(@D) GOFLAGS= GOWORK=off go install mvdan.cc/gofumpt@v0.12.0

$(VULNCHECK):
	@echo "installing govulncheck v1.9.0 (once)"
	GOBIN=$(@D) GOFLAGS= GOWORK=off go install golang.org/x/vuln/cmd/govulncheck@v1.9.0
