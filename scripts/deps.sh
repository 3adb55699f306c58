#!/usr/bin/env bash
# deps.sh [demo]: what `make check` (`make demo`) needs, as Debian packages; docs/dependencies.md says why. Where something is
# missing, prints the line that installs it and runs it: as root, or by sudo if that asks no password. Silent otherwise.
set -euo pipefail
packages=(gcc libc6-dev make cmake pkg-config libpng-dev libopenblas-dev libkissfft-dev libjansson-dev zlib1g-dev
    libpcre2-dev libsqlite3-dev gnuplot-nox)
[ "${1:-}" = demo ] || packages+=(libcmocka-dev libqhull-dev libopenmpi-dev openmpi-bin iproute2 libfftw3-dev g++ clang clang-tidy libomp-dev cppcheck valgrind mandoc binutils
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm python3 python3-numpy python3-venv chromium)
command -v dpkg-query >/dev/null || { echo "deps: not a Debian system; what is wanted has these names there: ${packages[*]}"; exit 0; }
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

line="apt-get install -y --no-install-recommends ${missing[*]}"
echo "$line"
if [ "$(id -u)" = 0 ]; then
    root=()
elif sudo -n true 2>/dev/null; then
    root=(sudo)
else
    echo "deps: run this line as root, then try again" >&2
    exit 3
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { "${root[@]}" apt-get update && "${root[@]}" env DEBIAN_FRONTEND=noninteractive $line; } >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "deps: apt-get failed; the whole log is $log" >&2
    exit 3
fi
rm -f "$log"
