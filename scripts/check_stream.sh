#!/usr/bin/env bash
# check_stream.sh BUILD: trains a small model, and compares what `attn stream` answers, in one go, in two with a saved state, and through tail -f, with
# what examples/stream_model.c does with the same rows from C. Exit 77: this program has no task that is a stream.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
export OMP_WAIT_POLICY=passive ATTN_RUNS=$temp/runs
attn=$build/attn
fail() { echo "check_stream: $*"; exit 1; }

"$attn" systems aaren/forecast >/dev/null 2>&1 || exit 77
awk 'BEGIN { print "x,y"; for (i = 0; i < 400; i++) printf "%.6f,%.6f\n", sin(i / 7), cos(i / 5) + i / 400 }' >"$temp/series.csv"
"$attn" train aaren/forecast data="$temp/series.csv" length=24 horizon=4 width=16 ffn=16 layers=1 steps=3 eval_every=3 --quiet --threads 1 >"$temp/train" 2>&1 ||
    fail "training: $(tail -n 2 "$temp/train")"
model=$(ls -d "$ATTN_RUNS"/*/)
rows=$temp/rows.csv
sed -n 2,41p "$temp/series.csv" >"$rows"

"$attn" stream "$model" --quiet <"$rows" >"$temp/whole"
[ "$(wc -l <"$temp/whole")" = 40 ] || fail "found $(wc -l <"$temp/whole") answers to 40 rows"
head -n 17 "$rows" | "$attn" stream "$model" --quiet --save "$temp/state" >"$temp/parts"
tail -n +18 "$rows" | "$attn" stream "$model" --quiet --restore "$temp/state" >>"$temp/parts"
cmp "$temp/whole" "$temp/parts" || fail "a state that was saved goes on otherwise"

head -n 5 "$rows" >"$temp/growing"
mkfifo "$temp/pipe"
: >"$temp/live" # looked at before the stream has opened it
tail -n +1 -f "$temp/growing" >"$temp/pipe" 2>/dev/null &
tail_process=$!
"$attn" stream "$model" --quiet <"$temp/pipe" >"$temp/live" 2>&1 &
stream_process=$!
sed -n 6,40p "$rows" >>"$temp/growing"
for ((wait = 0; wait < 300; wait++)); do
    [ "$(wc -l <"$temp/live")" -lt 40 ] || break
    sleep 0.1
done
kill "$tail_process"
wait "$stream_process" || fail "the stream behind tail -f ended with $?"
cmp "$temp/whole" "$temp/live" || fail "answers behind tail -f are others"

cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
"$cc" -std=c11 -O2 -Wall -Wextra -Werror -Iinclude examples/stream_model.c -L"$build" -lattn_train -lm -Wl,-rpath,"$build" -o "$temp/stream_model"
"$temp/stream_model" "$model/model.safetensors" <"$rows" >"$temp/both"
numbers() { awk -F, '{ for (i = 1; i <= NF; i++) printf "%.12g\n", $i }'; }
sed -n 's/^all,//p' "$temp/both" | numbers >"$temp/from_c"
numbers <"$temp/whole" | cmp - "$temp/from_c" || fail "the example answers otherwise"
awk 'NR % 2 == 1' "$rows" | "$attn" stream "$model" --quiet | numbers >"$temp/half"
sed -n 's/^half,//p' "$temp/both" | numbers | cmp - "$temp/half" || fail "a stream beside another answers otherwise"
