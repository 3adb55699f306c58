#!/usr/bin/env bash
# build.sh PRESET [cmake options]: configures and builds quietly. The log is build/log.txt (build/PRESET/log.txt for the other
# presets), shown only on failure. Without cmake the release preset falls back to the compiler alone.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
dir=build
[ "$preset" = release ] || dir=build/$preset
mkdir -p "$dir"
log=$dir/log.txt

if ! command -v cmake >/dev/null; then
    [ "$preset" = release ] || { echo "build.sh: preset $preset needs cmake" >&2; exit 3; }
    exec scripts/build_plain.sh
fi
if ! { cmake --preset "$preset" "$@" && cmake --build "$dir" --parallel "$(nproc)"; } >"$log" 2>&1; then
    grep -nE -A6 'error|Error|warning:' "$log" | head -n 60 || tail -n 40 "$log"
    echo "build.sh: preset $preset failed; the whole log is $log" >&2
    exit 1
fi
grep -E -A4 'warning:' "$log" || true
