#!/usr/bin/env bash
# check_symbols.sh BUILD: the shared library exports exactly the functions that its public headers declare ATTN_API, its soname is that
# of the major version, libattn_train (where it is built) defines exactly those of attn_train.h and attn_model_stream.h for others to use, shared those of libattn too, the program exports
# all of these to plugins, libattn_mpi has those of attn_mpi.h, shared libattn's too, and every symbol with external linkage in the static libraries begins with attn_.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
declared_in() { # headers...
    cat "$@" | grep -v '^#' | tr '\n' ' ' | grep -oE 'ATTN_API [^;(]*\(' | grep -oE '[a-z_0-9]+\($' | tr -d '(' | LC_ALL=C sort
}
status=0
compare() { # library, declared names, names that it has
    [ "$2" != "$3" ] || return 0
    echo "$1 and its headers differ (< declared, > exported):"
    diff <(echo "$2") <(echo "$3") || true
    status=1
}
of_libattn=$(ls include/*.h | grep -vE "attn_(train|model_stream|mpi).h")
of_program="$of_libattn include/attn_train.h include/attn_model_stream.h"
static_symbols() { # library
    readelf -sW "$1" 2>/dev/null | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" { print $8 }' | grep -v '^__' | LC_ALL=C sort -u
}
compare "the shared library" "$(declared_in $of_libattn)" \
    "$(nm -D --defined-only "$build/libattn.so" | awk '{ print $NF }' | grep -v '^__' | LC_ALL=C sort)"
libraries=("$build/libattn.a")
if [ -f "$build/libattn_train.a" ]; then
    libraries+=("$build/libattn_train.a")
    compare libattn_train.a "$(declared_in include/attn_train.h include/attn_model_stream.h)" "$(static_symbols "$build/libattn_train.a")"
fi
if [ -f "$build/libattn_train.so" ]; then
    compare libattn_train.so "$(declared_in $of_program)" \
        "$(nm -D --defined-only "$build/libattn_train.so" | awk '{ print $NF }' | grep -v '^__' | LC_ALL=C sort)"
fi
if [ -f "$build/libattn_mpi.a" ]; then
    libraries+=("$build/libattn_mpi.a")
    compare libattn_mpi.a "$(declared_in include/attn_mpi.h)" "$(static_symbols "$build/libattn_mpi.a")"
    compare libattn_mpi.so "$(declared_in $of_libattn include/attn_mpi.h)" \
        "$(nm -D --defined-only "$build/libattn_mpi.so" | awk '{ print $NF }' | grep -v '^__' | LC_ALL=C sort)"
fi
if [ -x "$build/attn" ] && [ -f "$build/libattn_train.a" ]; then
    missing=$(LC_ALL=C comm -23 <(declared_in $of_program) <(nm -D --defined-only "$build/attn" | awk '{ print $NF }' | LC_ALL=C sort))
    if [ -n "$missing" ]; then
        echo "the program does not export to plugins: $missing"
        status=1
    fi
fi
foreign=$(nm -g --defined-only "${libraries[@]}" 2>/dev/null | awk 'NF == 3 && $3 !~ /^attn_/ && $3 !~ /^(__odr_asan|__x86\.get_pc)/ { print $3 }')
if [ -n "$foreign" ]; then
    echo "external symbols without the prefix attn_: $foreign"
    status=1
fi
major=$(awk '$2 == "ATTN_VERSION_MAJOR" { print $3 }' include/attn.h)
objdump -p "$build/libattn.so" | grep -q "SONAME *libattn.so.$major\$" || { echo "the soname is not libattn.so.$major"; status=1; }
exit $status
