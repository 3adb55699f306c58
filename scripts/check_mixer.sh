#!/usr/bin/env bash
# check_mixer.sh BUILD: docs/add-a-mixer.md shows pieces of examples/my_mixer.c; its commands, run outside the tree, build a plugin that the program
# BUILD/attn has all symbols for, and that trains and runs token by token in a program that loads it.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
page=$PWD/docs/add-a-mixer.md
example=$(cat examples/my_mixer.c)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
status=0
complain() { echo "$*"; status=1; }

# Fenced blocks of a language, without their indentation, a form feed behind each.
blocks() {
    awk -v fence="\`\`\`$1" '{ line = $0; sub(/^ */, "", line) }
        line == fence { on = 1; indent = length($0) - length(line); next }
        line == "```" { if (on) printf "\f"; on = 0 }
        on { print substr($0, indent + 1) }' "$page"
}
pieces=0
while IFS= read -r -d $'\f' piece; do
    pieces=$((pieces + 1))
    [[ "$example" == *"${piece%$'\n'}"* ]] || complain "docs/add-a-mixer.md shows what is not in examples/my_mixer.c: $piece"
done < <(blocks c)
[ $pieces -ge 5 ] || complain "docs/add-a-mixer.md shows only $pieces pieces of the example"
[ "$(wc -l <examples/my_mixer.c)" -eq "$(sed -n 's/.*in \([0-9]*\) lines of C.*/\1/p' "$page")" ] || complain "the example has another number of lines than docs/add-a-mixer.md says"

blocks sh | tr -d '\f' >"$temp/commands"
(export ATTN=$PWD && cd "$temp" && bash -euo pipefail ./commands)
# Another build of it has a mixer of the same name.
cp "$temp/my_mixer.so" "$temp/twin.so"
if "$build/attn" train stacked mixer=my_mixer steps=1 --plugin "$temp/my_mixer.so" --plugin "$temp/twin.so" --store "$temp/twins" 2>"$temp/log" ||
    ! grep -q "found a mixer 'my_mixer', which plugin .*my_mixer.so has too" "$temp/log"; then
    complain "two plugins with a mixer of one name: $(cat "$temp/log")"
fi
exported=$(nm -D --defined-only "$build/attn" | awk '{ print $NF }')
for symbol in $(nm -D --undefined-only "$temp/my_mixer.so" | awk '$NF ~ /^attn_/ { print $NF }'); do
    grep -qx "$symbol" <<<"$exported" || complain "the plugin calls $symbol, which $build/attn does not export"
done
ATTN_TEST_PLUGINS=$build/tests/train/plugins ATTN_PLUGIN=$temp/my_mixer.so "$build/tests/train/test_nn_plugin" >"$temp/log" 2>&1 || { cat "$temp/log"; status=1; }
exit $status
