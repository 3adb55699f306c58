#!/usr/bin/env bash
# check_man.sh BUILD: every manual page, the one made from the header too, is clean for mandoc; the pages and the completions know
# every command of the program.
set -euo pipefail
cd "$(dirname "$0")/.."
mandoc -Tlint -Wwarning docs/*.[1-9] "$1"/libattn.3
status=0
for command in apply mask bench doctor; do
    for file in docs/attn.1 completions/attn.bash completions/_attn; do
        grep -qw -- "$command" "$file" || { echo "$file does not know \`attn $command\`"; status=1; }
    done
done
exit $status
