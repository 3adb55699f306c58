#!/usr/bin/env bash
# A file includes only from its own floor or a floor below; two systems never include each other; only src/base/parallel.c knows
# a threading runtime; libattn's floors include no header of another library. bench/ stands on the floor of cli; tests include what they test.
# check_layers.sh [TREE]: prints each offence as file:line, exit 1 if there is one.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
find $(ls -d src bench 2>/dev/null) -name '*.[ch]' | LC_ALL=C sort | xargs awk '
BEGIN {
    order = "base mask kernel plan cache dist tape nn,io,metric train system report cli,bench"
    n = split(order, level, " ")
    for (i = 1; i <= n; i++) {
        m = split(level[i], folder, ",")
        for (j = 1; j <= m; j++) floor[folder[j]] = i
    }
    last_of_library = floor["cache"]
}
function offence(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
FNR == 1 {
    m = split(FILENAME, part, "/")
    own = part[1] == "bench" ? "bench" : part[2]
    room = own == "system" && m > 3 ? part[3] : "" # the list of systems names them all
    if (!(own in floor)) offence("folder " own " is on no floor of the design")
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    name = $0; sub(/^[^<]*</, "", name); sub(/>.*$/, "", name)
    if ((name == "pthread.h" || name == "omp.h" || name == "threads.h") && part[1] == "src" && FILENAME != "src/base/parallel.c")
        offence("<" name "> outside src/base/parallel.c")
    if (floor[own] <= last_of_library && name ~ /^(cblas|png|cmocka|mpi|zlib|kiss_fft|fftw|jansson|pcre2|sqlite3|libqhull)/) offence("libattn needs no <" name ">")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0; sub(/^[^"]*"/, "", name); sub(/".*$/, "", name)
    if (name !~ /\//) next # the public headers and a file of the same folder
    m = split(name, to, "/")
    if (!(to[1] in floor)) { offence("\"" name "\": " to[1] " is no floor"); next }
    if (floor[to[1]] > floor[own]) offence("\"" name "\": " to[1] " is above " own)
    if (room != "" && to[1] == "system" && to[2] != room) offence("\"" name "\": two systems share nothing but what is below")
}
END { exit bad }'
