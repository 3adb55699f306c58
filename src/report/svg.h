/* Pictures as SVG, taken over into a page or a file of their own: gnuplot's, whose texts come from recipes. Only known elements and attributes pass,
 * nothing that runs or is loaded; ids get a prefix, as many pictures share a page; rgb(1, 2, 3) becomes the colour of the text around, so that a
 * picture is read on light and on dark ground. */
#ifndef ATTN_REPORT_SVG_H
#define ATTN_REPORT_SVG_H

#include "report/label.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The colour of axes and texts, in a picture that is to be copied. */
#define ATTN_SVG_INK "#010203"

struct attn_svg_use {
    const char *prefix;              /* of ids: letters, digits and '-' */
    const char *title, *desc;        /* read aloud in the picture's place */
    bool alone;                      /* a file of its own, which brings its colours for light and dark */
    const struct attn_label *labels; /* a text that is what one of them shows gets the whole one for its <title> */
    int label_count;
};

/* Writes the picture. NULL, or what is wrong with it; what was written then is to be thrown away. */
const char *attn_svg_copy(FILE *out, const char *svg, size_t bytes, const struct attn_svg_use *use);

#endif
