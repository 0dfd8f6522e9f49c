#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME (default 10000x: so many inputs) each. A number of inputs, not a
# time: at the end of a time the fuzzer may report its own deadline as a failure. Targets are found by asking
# the test binaries, so that a new one needs no registration. A finding is left under testdata/fuzz
# of its package: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-10000x}

# Only packages that mention a target are asked: asking compiles the test binary.
mapfile -t packages < <(
  go list -f '{{$d := .Dir}}{{$p := .ImportPath}}{{range .TestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p}} {{$d}}/{{.}}{{"\n"}}{{end}}' ./... |
    while read -r package file; do
      [[ -n "$package" ]] || continue
      if grep -q '^func Fuzz' "$file"; then echo "$package"; fi
    done | sort -u
)

ran=0
for package in "${packages[@]}"; do
  mapfile -t targets < <(go test -list '^Fuzz' "$package" | grep '^Fuzz')
  for target in "${targets[@]}"; do
    echo "fuzz: $package $target for $fuzztime"
    go test -run '^$' -fuzz "^${target}\$" -fuzztime "$fuzztime" "$package"
    ran=$((ran + 1))
  done
done

if ((ran == 0)); then
  echo "fuzz: no target found: scripts/fuzz.sh looks for 'func Fuzz' in test files" >&2
  exit 1
fi
echo "fuzz: $ran targets, no finding"
