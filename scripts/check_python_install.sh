#!/usr/bin/env bash
# check_python_install.sh: `pip install ./python` in a fresh virtual environment, with no package index to ask, and the README's program there,
# which must print what it says; then without isolation and with an option of cmake. Exit 77 (skipped) where python3 cannot make such environments.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
quiet() { "$@" >"$temp/log" 2>&1 || { cat "$temp/log"; echo "failed: $*"; exit 1; }; }

python3=python3
$python3 -c 'import numpy' 2>/dev/null || python3=/usr/bin/python3
if ! $python3 -c 'import numpy' 2>/dev/null || ! $python3 -m venv --system-site-packages "$temp/venv" >"$temp/log" 2>&1; then
    echo "skipped: $python3 has no numpy, or cannot make a virtual environment (Debian: python3-numpy, python3-venv)"
    exit 77
fi
[ -n "${ATTN_TEST_LONG:-}" ] || export CMAKE_BUILD_TYPE=Plain # of no options, sooner compiled
export PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1
quiet "$temp/venv/bin/pip" install ./python
[ -z "$(git status --porcelain --ignored python 2>/dev/null | grep -v __pycache__)" ] || { git status --short --ignored python; echo "the installation left files in python/"; exit 1; }
shown() { awk -v fence="$1" '$0 == fence { on = 1; next } /^```$/ { on = 0 } on' python/README.md; }
shown '```python' >"$temp/program.py"
shown '```text' >"$temp/expected"
cd "$temp"
unset ATTN_LIBRARY PYTHONPATH
"$temp/venv/bin/python" program.py >printed
diff -u expected printed
quiet "$temp/venv/bin/pip" uninstall -y attn
quiet "$temp/venv/bin/pip" install --no-build-isolation --config-settings cmake=-DATTN_PORTABLE=ON "$root/python"
"$temp/venv/bin/python" -c 'import attn; assert attn.version().endswith("kernels: portable"), attn.version()'
