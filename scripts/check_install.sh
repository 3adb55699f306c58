#!/usr/bin/env bash
# check_install.sh BUILD: installs into a temporary DESTDIR, then builds and runs a consumer five ways, as users do: pkg-config
# (shared and static), find_package (shared and static), FetchContent.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
quiet() { "$@" >"$temp/log" 2>&1 || { cat "$temp/log"; echo "failed: $*"; exit 1; }; }

prefix=$temp/root/usr/local
quiet env DESTDIR="$temp/root" cmake --install "$build" --prefix /usr/local
for file in $(cd "$root" && ls include/*.h | grep -v attn_train.h) lib/libattn.a lib/libattn.so bin/attn lib/pkgconfig/attn.pc lib/cmake/attn/attnConfig.cmake \
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
quiet cmake --build subproject/build --parallel 2
quiet subproject/build/consumer
if grep -iE 'PNG|CBLAS|cmocka' subproject/build/CMakeCache.txt; then
    echo "a subproject probes more than it needs"
    exit 1
fi
