#!/usr/bin/env bash
# check_reproducible.sh BUILD: the sources, copied to another folder and built there without cmake, make a working program; the
# library built there by cmake has the same bytes as BUILD's. The program is not optimised, without ATTN_TEST_LONG=1.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir "$temp/elsewhere"
cp -r CMakeLists.txt cmake include src docs completions scripts CHANGELOG.md "$temp/elsewhere"
[ ! -d bench ] || cp -r bench "$temp/elsewhere"
cd "$temp/elsewhere"
quiet() { "$@" >"$temp/log" 2>&1 || { cat "$temp/log"; echo "failed: $*"; exit 1; }; }
quiet cmake -B again -DATTN_BUILD_TESTS=OFF -DATTN_BUILD_TOOLS=OFF
quiet cmake --build again --parallel 2
for file in libattn.a libattn.so; do
    cmp "$build/$file" "again/$file" || { echo "$file differs from build to build"; exit 1; }
done
[ -n "${ATTN_TEST_LONG:-}" ] || export CFLAGS=-O0
quiet scripts/build_plain.sh
quiet build/attn --version
