#!/usr/bin/env bash
# check.sh check|check-fast|check-long: builds the configurations, then runs all their tests as one ctest run, whose closing line
# is the last line. The checks that are not unit tests (layers, symbols, headers, manuals, examples, installation, ...) are
# registered as tests too, in tests/checks.cmake.
set -euo pipefail
cd "$(dirname "$0")/.."
level=$1
configs=(release sanitize tsan portable)
select=(-LE long)
seconds=900 # a test may take, on a busy machine too; with the full counts a sanitizer takes an hour over some
case $level in
check-fast) configs=(release); select=(-L fast -LE long) ;;
check-long) select=() seconds=14400; export ATTN_TEST_LONG=1 ;;
esac

if [ $level != check-fast ]; then
    if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
        configs+=(arm64)
    else
        echo "arm64: skipped, no cross compiler (gcc-aarch64-linux-gnu) or no emulator (qemu-user)"
    fi
fi

start=$SECONDS
for config in "${configs[@]}"; do
    scripts/build.sh "$config" -DATTN_WERROR=ON
done
echo "built ${configs[*]} in $((SECONDS - start)) s"

# One test tree over all build trees: ctest reads CTestTestfile.cmake and nothing else.
mkdir -p build/all
for config in "${configs[@]}"; do
    dir=build
    [ "$config" = release ] || dir=build/$config
    echo "subdirs(\"$PWD/$dir\")"
done >build/all/CTestTestfile.cmake
cd build/all
status=0
ctest --parallel "$(nproc)" --timeout $seconds --output-on-failure "${select[@]}" >ctest.txt 2>&1 || status=$?
if [ $status -ne 0 ]; then
    awk '/\*\*\*/ { show = 1 } / Passed / { show = 0 } /tests passed/ { show = 0 } /FAILED:/ { show = 1 } show' ctest.txt
fi
grep 'Total Test time' ctest.txt
grep -E '[0-9]+% tests passed' ctest.txt
exit $status
