#!/usr/bin/env bash
# check_export.sh BUILD: trains a small model, writes it by `attn export`, and compares what the program built of it answers with `attn stream`; then what the command refuses.
# Exit 77: this program has no task that can be written.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
export OMP_WAIT_POLICY=passive ATTN_RUNS=$temp/runs
attn=$build/attn
fail() { echo "check_export: $*" >&2; exit 1; }
refused() { # PIECE WORDS...: exit status 2 and a sentence with the piece
    local piece=$1 status=0
    shift
    "$attn" export "$@" >"$temp/refused" 2>&1 || status=$?
    [ $status = 2 ] && grep -qF -e "$piece" "$temp/refused" || fail "attn export $*: exit $status, expected 2 and '$piece': $(cat "$temp/refused")"
}

"$attn" systems aaren/forecast >/dev/null 2>&1 || exit 77
awk 'BEGIN { print "x,y"; for (i = 0; i < 400; i++) printf "%.6f,%.6f\n", sin(i / 7), 20 + cos(i / 5) + i / 400 }' >"$temp/series.csv"
train() { # WORDS...: prints the run's folder
    "$attn" train aaren/forecast data="$temp/series.csv" length=24 horizon=4 width=16 ffn=16 layers=2 steps=3 eval_every=3 "$@" --quiet --threads 1 >"$temp/train" 2>&1 ||
        fail "training: $(tail -n 2 "$temp/train")"
    ls -td "$ATTN_RUNS"/*/ | head -n 1
}
model=$(train mixer=aaren:heads=4)
cat >"$temp/main.c" <<'END'
#include "MODEL.h"
#include <stdio.h>

int main(void) {
    static MODEL_state s;
    float in[2], out[2];
    MODEL_init(&s);
    while (scanf("%f,%f", &in[0], &in[1]) == 2) {
        MODEL_push(&s, in, out);
        printf("%.9g,%.9g\n", (double)out[0], (double)out[1]);
    }
    return 0;
}
END
sed -n 2,61p "$temp/series.csv" >"$temp/rows.csv"
"$attn" stream "$model" --quiet <"$temp/rows.csv" >"$temp/stream"
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
compare() { # NAME MOST OPTIONS...: the greatest difference between the program's answers and the stream's is at most MOST
    local name=$1 most=$2
    shift 2
    "$attn" export "$model" --c "$temp/firmware" --name "$name" "$@" >"$temp/export" || fail "attn export $*: $(cat "$temp/export")"
    grep -q "bytes of weights" "$temp/export" || fail "no bytes of weights in $(cat "$temp/export")"
    sed "s/MODEL/$name/g" "$temp/main.c" >"$temp/$name.c"
    "$cc" -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$temp/firmware" "$temp/$name.c" "$temp/firmware/$name.c" -lm -o "$temp/$name"
    "$temp/$name" <"$temp/rows.csv" >"$temp/answers"
    paste -d, "$temp/stream" "$temp/answers" | awk -F, -v most="$most" '
        { for (i = 1; i <= 2; i++) { off = $i - $(i + 2); if (off < 0) off = -off; if (!(off <= worst)) worst = off } }
        END { if (NR != 60 || !(worst <= most)) { print NR " answers, off by " worst; exit 1 } }' || fail "$name answers otherwise than the stream"
}
compare forecast 2e-5 # numbers around 20 are floats
compare small 0.05 --int8 --no-libm --data "$temp/series.csv"
grep -q "test_mse" "$temp/export" || fail "--int8 does not say what it costs: $(cat "$temp/export")"

refused "it is there already; --force" "$model" --c "$temp/firmware"
refused "expected a C identifier" "$model" --c "$temp/firmware" --name 2nd
refused "expected --c DIR" "$model"
refused "expected --int8 beside it" "$model" --c "$temp/firmware" --data "$temp/series.csv"
refused "cannot be made" "$model" --c "$temp/series.csv/folder"
attention=$(train mixer=attention:heads=4)
refused "block 0 has the mixer 'attention'" "$attention" --c "$temp/firmware" --name other
decoder=$(train form=encoder-decoder supervise=last normalize=window cross_heads=4 label=8)
refused "expected form=encoder" "$decoder" --c "$temp/firmware" --name other
[ ! -e "$temp/firmware/other.c" ] || fail "a refused model has left a file"
