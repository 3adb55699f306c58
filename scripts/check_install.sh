#!/usr/bin/env bash
# check_install.sh BUILD: installs into a temporary DESTDIR, then builds and runs a consumer five ways, as users do: pkg-config
# (shared and static), find_package (shared and static), FetchContent; and, where the training library was built, a program that trains, by the first three;
# where MPI was found, a program over ranks.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
quiet() { "$@" >"$temp/log" 2>&1 || { cat "$temp/log"; echo "failed: $*"; exit 1; }; }

prefix=$temp/root/usr/local
quiet env DESTDIR="$temp/root" cmake --install "$build" --prefix /usr/local
for file in $(cd "$root" && ls include/*.h | grep -vE "attn_(train|model_stream|mpi).h") lib/libattn.a lib/libattn.so bin/attn lib/pkgconfig/attn.pc lib/cmake/attn/attnConfig.cmake \
    share/man/man1/attn.1 share/man/man7/attn-mask.7 share/man/man3/libattn.3 share/bash-completion/completions/attn share/zsh/site-functions/_attn; do
    [ -e "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
unset DESTDIR

cp examples/01_forward.c "$temp/consumer.c"
cd "$temp"
quiet cc consumer.c $(pkg-config --cflags --libs attn) -lm -o by_pkgconfig
quiet ./by_pkgconfig
quiet cc consumer.c $(pkg-config --cflags attn) "$prefix/lib/libattn.a" $(pkg-config --static --libs-only-other --libs-only-l attn | sed 's/-lattn//') -o by_static
quiet ./by_static

mkdir package subproject
for name in shared static; do
    target=attn::attn
    [ $name = shared ] || target=attn::static
    mkdir -p package/$name
    cat >package/$name/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(consumer C)
find_package(attn 0.1 REQUIRED $([ $name = shared ] || echo "COMPONENTS static"))
add_executable(consumer ../../consumer.c)
target_link_libraries(consumer PRIVATE $target m)
END
    quiet cmake -S package/$name -B package/$name/build -DCMAKE_PREFIX_PATH="$prefix"
    quiet cmake --build package/$name/build
    quiet package/$name/build/consumer
done

if [ -f "$build/libattn_train.a" ]; then
    for file in include/attn_train.h include/attn_model_stream.h lib/libattn_train.a lib/libattn_io.a lib/libattn_train.so lib/pkgconfig/attn_train.pc; do
        [ -e "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
    done
    cat >trainer.c <<'END'
#include <attn_train.h>
#include <stdio.h>

int main(void) { /* y = 3 x - 1 */
    const float x[] = {-1, 0, 1, 2}, y[] = {-4, -1, 2, 5};
    attn_ctx *ctx;
    attn_model *model;
    attn_optimizer *optimizer;
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    if (attn_ctx_create(NULL, &ctx, NULL, 0) || attn_model_create(ctx, 1, &model)) return 1;
    attn_tape *tape = attn_model_tape(model);
    const attn_projection line = attn_projection_make(model, "line", 1, 1, true, 0.1);
    if (attn_model_optimizer(model, &config, 0, &optimizer)) return 1;
    for (int step = 0; step < 2000; step++) {
        attn_tensor *in = attn_tensor_input(tape, 2, (const int64_t[]){4, 1}, x), *out = attn_tensor_input(tape, 2, (const int64_t[]){4, 1}, y);
        if (attn_tape_backward(attn_mean_all(attn_square(attn_sub(attn_project(&line, in), out))))) return 1;
        attn_optimizer_step(optimizer, 0.05);
        attn_tape_reset(tape);
    }
    printf("%.2f %.2f\n", (double)attn_data(line.weight)[0], (double)attn_data(line.bias)[0]);
    attn_optimizer_destroy(optimizer);
    attn_model_destroy(model);
    attn_ctx_destroy(ctx);
    return 0;
}
END
    trains() { [ "$("$@")" = "3.00 -1.00" ] || { echo "$*: a line is not learned"; exit 1; }; }
    quiet cc trainer.c $(pkg-config --cflags --libs attn_train) -o train_shared
    trains ./train_shared
    quiet cc trainer.c $(pkg-config --cflags attn_train) "$prefix"/lib/lib{attn_train,attn_io,attn}.a \
        $(pkg-config --static --libs attn_train | sed 's/-lattn[a-z_]*//g') -o train_static
    trains ./train_static
    mkdir package/train
    cat >package/train/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(trainer C)
find_package(attn 0.1 REQUIRED COMPONENTS train)
add_executable(trainer ../../trainer.c)
target_link_libraries(trainer PRIVATE attn::train)
END
    quiet cmake -S package/train -B package/train/build -DCMAKE_PREFIX_PATH="$prefix"
    quiet cmake --build package/train/build
    trains package/train/build/trainer
fi

if [ -f "$build/libattn_mpi.a" ]; then
    for file in include/attn_mpi.h lib/libattn_mpi.a lib/libattn_mpi.so lib/pkgconfig/attn_mpi.pc; do
        [ -e "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
    done
    cp "$root/examples/prefix_over_ranks.c" over_ranks.c
    cp "$root/examples/ring_attention.c" ring.c
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,vader,tcp OMPI_MCA_plm_rsh_agent=false
    runs() { # PROGRAM [EXAMPLE]
        [ "$(mpirun --oversubscribe -n 2 "$1")" = "$(cat "$root/examples/${2:-prefix_over_ranks}.expected")" ] || { echo "$1: not what is expected"; exit 1; }
    }
    quiet cc over_ranks.c $(pkg-config --cflags --libs attn_mpi) -lm -o ranks_shared
    runs ./ranks_shared
    quiet cc ring.c $(pkg-config --cflags --libs attn_mpi) -lm -o ring_shared
    runs ./ring_shared ring_attention
    quiet cc over_ranks.c $(pkg-config --cflags attn_mpi) "$prefix"/lib/lib{attn_mpi,attn}.a $(pkg-config --static --libs attn_mpi | sed 's/-lattn[a-z_]*//g') -o ranks_static
    runs ./ranks_static
    mkdir package/mpi
    cat >package/mpi/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(ranks C)
find_package(attn 0.1 REQUIRED COMPONENTS mpi)
add_executable(ranks ../../over_ranks.c)
target_link_libraries(ranks PRIVATE attn::mpi m)
END
    quiet cmake -S package/mpi -B package/mpi/build -DCMAKE_PREFIX_PATH="$prefix"
    quiet cmake --build package/mpi/build
    runs package/mpi/build/ranks
fi

# As a subproject: libattn alone is built, and nothing but the executor is probed.
cat >subproject/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(consumer C)
include(FetchContent)
FetchContent_Declare(attn SOURCE_DIR $root)
FetchContent_MakeAvailable(attn)
add_executable(consumer ../consumer.c)
target_link_libraries(consumer PRIVATE attn::attn m)
END
quiet cmake -S subproject -B subproject/build
grep -rq --include=flags.make -e '-O3' subproject/build/_deps || { echo "a subproject of no build type is not optimised"; exit 1; }
[ -n "${ATTN_TEST_LONG:-}" ] || quiet cmake -DCMAKE_BUILD_TYPE=Plain subproject/build # sooner compiled
quiet cmake --build subproject/build --parallel 2
quiet subproject/build/consumer
if grep -iE 'PNG|CBLAS|cmocka|MPI_C' subproject/build/CMakeCache.txt; then
    echo "a subproject probes more than it needs"
    exit 1
fi
