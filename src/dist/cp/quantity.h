/* Numbers with units, and lines of small text files: topologies, measured rates, options of the command line. */
#ifndef ATTN_DIST_CP_QUANTITY_H
#define ATTN_DIST_CP_QUANTITY_H

#include "base/context.h"

enum attn_quantity {
    ATTN_QUANTITY_SECONDS, /* ns, us, ms, s */
    ATTN_QUANTITY_BYTES,   /* B, KiB, MiB, GiB, TiB of powers of 1024; KB, MB, GB, TB of powers of 1000 */
    ATTN_QUANTITY_RATE,    /* bytes a second: MB/s, GB/s, TB/s, MiB/s, GiB/s; Mbit/s, Gbit/s, Tbit/s */
    ATTN_QUANTITY_FLOPS    /* MFLOP/s, GFLOP/s, TFLOP/s */
};

/* A number of at least 0 and its unit, with or without a blank between: "2.5 us", "80GiB", "25 GB/s". 0 needs no unit. False: it is none. */
bool attn_quantity_parse(enum attn_quantity quantity, const char *text, double *out);
const char *attn_quantity_units(enum attn_quantity quantity); /* "ns, us, ms or s", for complaints */

/* Lines of a text, one after the other, without blanks around them, comments (# and all behind it) and empty ones. */
struct attn_noted_lines {
    const char *at, *end;
    int64_t number; /* of the line that was read last, from 1 */
    char text[512];
    bool too_long; /* the line did not fit; text is its beginning */
};
bool attn_noted_line(struct attn_noted_lines *lines);

/* Cuts blanks off both ends of `text`, in place; its new beginning. */
char *attn_text_trim(char *text);
/* A whole decimal number, nothing behind it. */
bool attn_plain_number(const char *text, double *out);

#endif
