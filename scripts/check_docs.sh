#!/usr/bin/env bash
# check_docs.sh BUILD: every manual page, the one made from the header too, is clean for mandoc; manual and completions know every
# command and option of the program; every path that a document names exists; the README's program is examples/01_forward.c and prints what it says.
set -euo pipefail
cd "$(dirname "$0")/.."
mandoc -Tlint -Wwarning docs/*.[1-9] "$1"/libattn.3
status=0
complain() { echo "$*"; status=1; }
for command in apply "metric accuracy" "metric auc" "metric mae" "metric mse" "metric perplexity" systems train eval predict stream export data reproduce runs report mask doctor "bench peak" "bench kernels" "bench masks" "bench sparse" "bench planner" "bench decode" "bench scan" "bench cp" "bench search" "bench pointer" "bench train" "bench tour" "bench stream" "bench answer"; do
    for word in $command $("$1"/attn $command --help | sed -n 's/^  --\([a-z-]*\).*/\1/p'); do
        for file in docs/attn.1 completions/attn.bash completions/_attn; do
            grep -qE "(^|[^a-z])$word([^a-z]|\$)" "$file" || complain "$file does not know \`$word\` of \`attn $command\`"
        done
    done
done
for path in $(git ls-files 2>/dev/null | grep '\.md$' | grep -v -e '^docs/adding' -e '^CHANGELOG' |
    xargs grep -ohE '\b(python|src|bench|tests|docs|examples|scripts|cmake|include|fuzz|completions)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' | sort -u); do
    [ -e "$path" ] || complain "a document names $path, which is not there"
done
shown() { awk -v fence="$1" '$0 == fence { on = 1; next } /^```$/ { on = 0 } on' README.md; }
[ "$(shown '```c')" = "$(cat examples/01_forward.c)" ] || complain "the C program in README.md is not examples/01_forward.c"
[ "$(shown '```text')" = "$(cat examples/01_forward.expected)" ] || complain "README.md shows another output of examples/01_forward.c"
exit $status
