#!/usr/bin/env bash
# Each public header alone compiles as C11 and as C++17, with gcc and with clang (where installed), without a warning, and is included
# by attn.h unless it belongs to a library of its own (attn_train.h, which includes attn_model_stream.h; attn_mpi.h); every internal header compiles
# alone. What needs mpi.h is left out where there is no mpicc.
set -euo pipefail
cd "$(dirname "$0")/.."
strict=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude)
no_mpi=^$
if command -v mpicc >/dev/null; then
    for word in $(mpicc -show); do
        case $word in -I*) strict+=(-isystem "${word#-I}") ;; esac
    done
else
    no_mpi='attn_mpi\.h$|src/dist/(mpi|mpi_plan|start|transport_mpi|link|exscan|scan)\.h$'
fi
for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    for header in $(ls include/*.h | grep -vE "$no_mpi"); do
        $compiler "${strict[@]}" -std=c11 -Wstrict-prototypes -Wundef -x c "$header"
        $compiler "${strict[@]}" -std=c++17 -Wno-pragma-once-outside-header -x c++ "$header"
    done
done
for header in $(ls include/attn_*.h | grep -vE "attn_(train|model_stream|mpi).h"); do
    grep -q "^#include \"${header#include/}\"" include/attn.h || { echo "attn.h does not include ${header#include/}"; exit 1; }
done
for header in $(find src bench -name '*.h' 2>/dev/null | grep -vE "$no_mpi" | LC_ALL=C sort); do
    case $header in
    *__avx2.h | *__avx512.h | *__avx512_bf16.h)
        [ "$(uname -m)" = x86_64 ] || continue
        isa=(-mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16) ;;
    *__neon.h)
        [ "$(uname -m)" = aarch64 ] || continue
        isa=() ;;
    *_template.h) continue ;; # included after the names it is made from
    *) isa=() ;;
    esac
    echo "#include \"$header\"" | gcc "${strict[@]}" -std=gnu11 -Isrc -I. "${isa[@]}" -Wno-unused-function -x c - ||
        { echo "$header does not compile alone"; exit 1; }
done
