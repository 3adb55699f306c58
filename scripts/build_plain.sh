#!/usr/bin/env bash
# A C compiler alone: compiles libattn.a and the program into build/. Same sources and flags per instruction set as
# CMakeLists.txt; no libpng, no CBLAS, OpenMP if the compiler has it, else POSIX threads. CFLAGS take the place of -O3 -DNDEBUG.
set -euo pipefail
cd "$(dirname "$0")/.."
cc=${CC:-cc}
objects=build/plain
mkdir -p "$objects"
flags=(-std=gnu11 ${CFLAGS:--O3 -DNDEBUG} -fvisibility=hidden -ffp-contract=off -Iinclude -Isrc -I.)
if echo 'int main(void){return 0;}' | $cc -fopenmp -x c - -o "$objects/probe" 2>/dev/null; then
    threads=(-fopenmp)
else
    threads=(-pthread)
    flags+=(-DATTN_EXECUTOR_PTHREADS)
fi
declare -A isa
case $($cc -dumpmachine) in
x86_64*) isa=([avx2]="-mavx2 -mfma -mf16c" [avx512]="-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mtune=znver3"
    [avx512_bf16]="-mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mtune=znver3 -mavx512bf16 -mavx512vnni") ;;
aarch64*) isa=([neon]="") ;;
esac
for name in "${!isa[@]}"; do
    [ -z "$(find src -name "*__$name.c" -print -quit)" ] || flags+=("-DATTN_HAVE_${name^^}")
done

# Prints the compiler's command for one source; nothing for a file of another processor.
command_of() {
    local name=${1##*__} own=""
    if [ "$name" != "$1" ]; then
        name=${name%.c}
        case $name in avx2 | avx512 | avx512_bf16 | neon)
            [ -n "${isa[$name]+set}" ] || return 0
            own=${isa[$name]} ;;
        esac
    fi
    echo "$cc ${flags[*]} ${threads[*]} $own -c $1 -o $objects/$(echo "$1" | tr / _).o"
}
run() { # sources...: compiles them on all processors
    for source in "$@"; do command_of "$source"; done | xargs -P "$(nproc)" -I{} sh -c '{}'
}
list() { { find "$@" -name '*.c' 2>/dev/null || true; } | LC_ALL=C sort; }
objects_of() { for source in "$@"; do ls "$objects/$(echo "$source" | tr / _).o" 2>/dev/null || true; done; }

library=$(list src/base src/mask src/kernel src/plan src/cache src/dist/cp)
# Without the training engine, whose commands say so, and without MPI.
program=$(list src/io src/metric src/cli bench | grep -v -e '^src/cli/training/' -e '^src/cli/bench_\(train\|tour\|answer\|stream\)' -e '^src/cli/[a-z_]*_mpi' -e '^bench/\(train\|tour\|answer\)')
program+=" src/cli/training/missing.c"
rm -f "$objects"/*.o build/libattn.a
run $library
ar rcs build/libattn.a $(objects_of $library)
run $program
$cc "${threads[@]}" $(objects_of $program) build/libattn.a -lm -o build/attn
