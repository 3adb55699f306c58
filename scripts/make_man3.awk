# libattn.3 from CHANGELOG.md (the date) and the public headers, attn.h first, in mdoc. The headers' form is the input language:
#   /* attn_NAME.h - TITLE: in the first line opens a subsection (attn.h: the page)
#   /* ---- name */        opens a subsection
#   /* ... */ at column 0  is text; lines indented inside it are shown as they are, an empty line ends a paragraph
#   declarations           are shown as they are, without attributes, before the text of the comment above them
# A group ends at an empty line or at the next comment.
function escape(s) {
    gsub(/\\/, "\\e", s)
    if (s ~ /^[.']/) s = "\\\\&" s
    return s
}
function sentences(s,   done) { # mdoc wants each sentence on a line of its own
    while (match(s, /[.!?] +[A-Z"*]/)) {
        done = done escape(substr(s, 1, RSTART)) "\n"
        s = substr(s, RSTART + 1)
        sub(/^ +/, "", s)
    }
    return done escape(s)
}
function display(on) {
    if (on && !displayed) print ".Bd -literal -offset indent"
    if (!on && displayed) print ".Ed"
    displayed = on
}
function flush(   i, line, paragraph) {
    if (!codes && !texts) return
    if (codes) {
        print ".Bd -literal"
        for (i = 1; i <= codes; i++) print escape(code[i])
        print ".Ed"
    }
    paragraph = codes || !heading
    heading = 0
    for (i = 1; i <= texts; i++) {
        line = text[i]
        if (line == "") { display(0); paragraph = 1; continue }
        if (line ~ /^  /) { display(1); print escape(line); paragraph = 0; continue }
        if (displayed) { display(0); paragraph = 1 }
        if (paragraph) print ".Pp"
        paragraph = 0
        print sentences(line)
    }
    display(0)
    codes = texts = 0
}
FNR == NR { # the change log
    if (!date && match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]/)) date = substr($0, RSTART, RLENGTH)
    next
}
FNR == 1 && opened {
    flush()
    title = $0; sub(/^\/\* attn_[a-z]*\.h - /, "", title); sub(/\.$/, "", title)
    print ".Ss " toupper(substr(title, 1, 1)) substr(title, 2)
    heading = 1
    sub(/^\/\* attn_[a-z]*\.h - .*/, "/*")
}
FNR == 1 && !opened {
    opened = 1
    split("January February March April May June July August September October November December", month, " ")
    split(date, part, "-")
    printf ".\\\" Made from the headers by scripts/make_man3.awk.\n.Dd %s %d, %s\n", month[part[2] + 0], part[3], part[1]
    print ".Dt LIBATTN 3\n.Os\n.Sh NAME\n.Nm libattn\n.Nd exact attention on CPUs, forward and backward, under any mask"
    print ".Sh SYNOPSIS\n.In attn.h\n.Pp\ncc program.c $(pkg-config --cflags --libs attn)\n.Sh DESCRIPTION"
    heading = 1
    sub(/^\/\* attn.h - .*/, "/*")
}
/^#ifdef __cplusplus/ || /^#if defined\(__GNUC__\)/ { skipping = 1 }
skipping { if (/^#endif/) skipping = 0; next }
/^#(ifndef|include|endif|define ATTN_([A-Z]+_)?H$)/ { next }
/^ \* SPDX/ { next }
!comment && /^\/\* ---+ / {
    flush()
    sub(/^\/\* -+ /, ""); sub(/ *\*\/$/, "")
    heading = 1
    print ".Ss " toupper(substr($0, 1, 1)) substr($0, 2)
    next
}
!comment && /^\/\*/ {
    if (codes || texts) flush()
    comment = 1
    sub(/^\/\*/, " *")
}
comment {
    if (/\*\/ *$/) { comment = 0; sub(/ *\*\/ *$/, "") }
    sub(/^ \*/, "")
    sub(/^ /, "")
    if (texts || $0 != "") text[++texts] = $0
    next
}
/^$/ && !depth { flush(); next }
{
    gsub(/ATTN_API /, ""); gsub(/ ATTN_CHECKED/, "")
    depth += gsub(/{/, "{") - gsub(/}/, "}")
    code[++codes] = $0
}
END {
    flush()
    print ".Sh ENVIRONMENT\n.Bl -tag -width ATTN_THREADS"
    print ".It Ev ATTN_ISA\nForces an instruction set:\n.Cm portable ,\n.Cm neon ,\n.Cm avx2 ,\n.Cm avx512 ,\n.Cm avx512_bf16 ."
    print ".It Ev ATTN_THREADS\nGreatest number of workers where a context asks for the default.\n.El"
    print ".Sh SEE ALSO\n.Xr attn 1 ,\n.Xr attn-mask 7"
}
