#!/usr/bin/env bash
# Proves that the linter still guards the layers: in a copy of the tree, one violation at a time is
# planted in each pure package, and each must be reported by the linter that owns the rule. A rule
# whose path or pattern has rotted would otherwise pass silently for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
linter=${GOLANGCI:?path of golangci-lint: run this through make lint}
module=github.com/regentdb/regent
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

tar --exclude=./.git --exclude=./bin --exclude=./.lab -cf - . | tar -xf - -C "$copy"

failures=0
passed=0

# plant FILE: writes the violation read from standard input, in a directory of its own below the
# package, so that importing upwards is no import cycle.
plant() {
  mkdir -p "$copy/$(dirname "$1")"
  cat >"$copy/$1"
}

# expect LINTER TEXT DIRECTORY: the linter must fail there and say TEXT.
expect() {
  local owner=$1 text=$2 directory=$3 output status=0
  output=$(cd "$copy" && "$linter" run --enable-only depguard,forbidigo "./$directory/..." 2>&1) || status=$?
  rm -rf "${copy:?}/$directory"
  if ((status == 1)) && grep -q "($owner)" <<<"$output" && grep -qF "$text" <<<"$output"; then
    passed=$((passed + 1))
    return
  fi
  failures=$((failures + 1))
  printf 'lint-selftest: %s accepted a violation (wanted %s: %s), the linter said:\n%s\n' \
    "$directory" "$owner" "$text" "$output" >&2
}

for package in gtid topology policy failover raftnode/fsm; do
  probe=$package/lintprobe
  plant "$probe/probe.go" <<'GO'
// Package lintprobe reads a clock where none may be read.
package lintprobe

import "time"

// Now breaks the rule.
func Now() time.Time { return time.Now() }
GO
  expect forbidigo "reads no clock" "$probe"

  for import in database/sql "$module/config" context math/rand/v2; do
    plant "$probe/probe.go" <<GO
// Package lintprobe imports what a pure package may not see.
package lintprobe

import _ "$import"
GO
    expect depguard "'$import' is not allowed" "$probe"
  done
done

# The order among the layers, and the fence around the configuration.
while read -r package import; do
  plant "$package/lintprobe/probe.go" <<GO
// Package lintprobe imports upwards.
package lintprobe

import _ "$module/$import"
GO
  expect depguard "'$module/$import' is not allowed" "$package/lintprobe"
done <<'PAIRS'
gtid topology
topology policy
policy failover
failover raftnode/fsm
controller config
controller observer
controller mysql
executor mysql
observer mysql
sim mysql
sim app
truth binlog
truth binlog/decode
truth gtid
binlog truth
binlog/decode truth/verbose
binlog/diff binlog/spill
binlog/classify binlog/spill
app truth
PAIRS

# Not even the tests of the ground truth may see what it judges.
plant truth/lintprobe/probe.go <<'GO'
// Package lintprobe has a test.
package lintprobe
GO
plant truth/lintprobe/probe_test.go <<GO
package lintprobe

import _ "$module/binlog"
GO
expect depguard "'$module/binlog' is not allowed" truth/lintprobe

plant controller/lintprobe/probe.go <<'GO'
// Package lintprobe sleeps.
package lintprobe

import "time"

// Wait breaks the rule.
func Wait() { time.Sleep(time.Second) }
GO
expect forbidigo "wait on a ticker" controller/lintprobe

echo "lint-selftest: $passed violations planted and reported, $failures missed"
((failures == 0))
