#!/usr/bin/env bash
# check_symbols.sh BUILD: the shared library exports exactly the functions that the public headers declare ATTN_API, its soname is that
# of the major version, and every symbol with external linkage in the static library begins with attn_.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
declared=$(cat include/*.h | grep -v '^#' | tr '\n' ' ' | grep -oE 'ATTN_API [^;(]*\(' | grep -oE '[a-z_0-9]+\($' | tr -d '(' | LC_ALL=C sort)
exported=$(nm -D --defined-only "$build/libattn.so" | awk '{ print $NF }' | grep -v '^__' | LC_ALL=C sort)
status=0
if [ "$declared" != "$exported" ]; then
    echo "the shared library and include/*.h differ (< declared, > exported):"
    diff <(echo "$declared") <(echo "$exported") || true
    status=1
fi
foreign=$(nm -g --defined-only "$build/libattn.a" 2>/dev/null | awk 'NF == 3 && $3 !~ /^attn_/ && $3 !~ /^(__odr_asan|__x86\.get_pc)/ { print $3 }')
if [ -n "$foreign" ]; then
    echo "external symbols without the prefix attn_: $foreign"
    status=1
fi
major=$(awk '$2 == "ATTN_VERSION_MAJOR" { print $3 }' include/attn.h)
objdump -p "$build/libattn.so" | grep -q "SONAME *libattn.so.$major\$" || { echo "the soname is not libattn.so.$major"; status=1; }
exit $status
