#!/usr/bin/env bash
# check_examples.sh BUILD [RUNNER...]: builds each example against the static library, runs it, compares what it prints with
# examples/NAME.expected (examples/NAME.expected is rewritten with ATTN_UPDATE=1).
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
out=$build/examples
mkdir -p "$out"
cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
cc=$(cache CMAKE_C_COMPILER)
cxx=${cc%gcc}; [ "$cxx" = "$cc" ] && cxx=c++ || cxx=${cxx}g++
status=0
for source in examples/[0-9]*.c examples/[0-9]*.cpp; do
    name=$(basename "$source")
    name=${name%.*}
    case $source in
    *.cpp)
        command -v "$cxx" >/dev/null || { echo "$name: skipped, no $cxx"; continue; }
        compile=("$cxx" -std=c++17) ;;
    *) compile=("$cc" -std=c11) ;;
    esac
    "${compile[@]}" -O2 -Wall -Wextra -Werror $(cache CMAKE_C_FLAGS) -Iinclude "$source" "$build/libattn.a" -fopenmp -pthread -lm -o "$out/$name"
    "$@" "$out/$name" >"$out/$name.txt" || { echo "$name: exit $?"; status=1; continue; }
    [ -z "${ATTN_UPDATE:-}" ] || cp "$out/$name.txt" "examples/$name.expected"
    diff "examples/$name.expected" "$out/$name.txt" || { echo "$name prints something else (< expected, > printed)"; status=1; }
done
exit $status
