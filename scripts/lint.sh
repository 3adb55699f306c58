#!/usr/bin/env bash
# lint.sh [clang|tidy|cppcheck]...: clang's warnings, clang-tidy and cppcheck over every file of build/compile_commands.json (which
# `make` writes); all three without an argument. Silent where clean. With ATTN_TEST_LONG=1 the analysers look longer: clang-tidy at four times as
# many states of a function, cppcheck at every combination of #if instead of the one that the release build has on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build/compile_commands.json ] || scripts/build.sh release
jobs=${ATTN_LINT_JOBS:-$(nproc)}

# One line a file of the database: its path, then its compiler flags.
commands() {
    awk -F'"' '$2 == "command" { line = $4; sub(/^[^ ]+ /, "", line); sub(/ -o .*/, "", line) }
               $2 == "file" { print $4, line }' build/compile_commands.json | LC_ALL=C sort -u
}
states=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=50000)
defined=($({ grep -oE -e '-DATTN_(HAVE|EXECUTOR|TORCH)_[A-Z0-9_]+' build/compile_commands.json || true; } | LC_ALL=C sort -u) "-D__$(uname -m)__" -D__linux__ -D__GNUC__)
! grep -q -e -fopenmp build/compile_commands.json || defined+=(-D_OPENMP) # what compilers define by their options
! grep -q -e -mavx512f build/compile_commands.json || defined+=(-D__AVX512F__)
[ -z "${ATTN_TEST_LONG:-}" ] || states=() defined=()
for what in "${@:-clang}" $([ $# -gt 0 ] || echo tidy cppcheck); do
    case $what in
    clang)
        commands | while read -r file flags; do echo "clang $flags -Wno-unknown-warning-option -Werror -fsyntax-only $file"; done |
            xargs -P "$jobs" -I{} sh -c '{}' ;;
    tidy) # once a file: what is built for float and for double is read as float
        mkdir -p build/tidy
        awk '/^\[/ { print; next } /^{/ { entry = ""; } { entry = entry $0 "\n" } /"file":/ { file = $0 }
             /^}/ { if (!seen[file]++) { sub(/},?\n$/, "}", entry); printf "%s%s", between, entry; between = ",\n" } }
             END { print "\n]" }' build/compile_commands.json >build/tidy/compile_commands.json
        commands | cut -d' ' -f1 | uniq | grep -v -e src/base/context.c -e /tests/ | xargs -P "$jobs" -n 2 clang-tidy --quiet -p build/tidy \
            --extra-arg=-UNDEBUG --extra-arg=-include --extra-arg="$PWD/scripts/analyzer_model.h" --extra-arg=-I"$PWD"/{src,include} "${states[@]}" 2>/dev/null
        clang-tidy --quiet -p build/tidy src/base/context.c 2>/dev/null ;;
    cppcheck)
        cppcheck -j "$jobs" --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
            --suppress=missingIncludeSystem --suppress=invalidPointerCast "${defined[@]}" -Iinclude -Isrc -I. $(ls -d src bench 2>/dev/null) ;;
    *) echo "lint.sh: clang, tidy or cppcheck, not $what" >&2; exit 2 ;;
    esac
done
