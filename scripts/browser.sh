#!/usr/bin/env bash
# Prints the browser that tests of pages use: REGENT_BROWSER, or chromium. As root on Debian one is installed if
# missing; elsewhere this says what to do.
set -euo pipefail
browser=${REGENT_BROWSER:-chromium}
if ! command -v "$browser" >/dev/null 2>&1; then
  if [[ -n ${REGENT_BROWSER:-} || $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null 2>&1; then
    echo "browser: $browser is missing: install the package chromium, or set REGENT_BROWSER" >&2
    exit 1
  fi
  echo "browser: no chromium found, installing it" >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
command -v "$browser"
