/* Scripts for gnuplot: what all plots of the report have in common. */
#ifndef ATTN_REPORT_SCRIPT_H
#define ATTN_REPORT_SCRIPT_H

#include "base/context.h"

#include <stdio.h>

/* A terminal of the report's width and this height; colours of the text around for axes and texts. */
void attn_script_begin(FILE *script, int height);
/* What is shown of a label, between single quotes, in which gnuplot reads nothing but two of them as one. */
void attn_script_text(FILE *script, const char *shown);
/* Runs a script. The picture is as gnuplot writes it, to be copied by attn_svg_copy; freed by attn_free. ATTN_EUNSUPPORTED: there is no gnuplot. ATTN_ESYSTEM: it
 * failed. */
attn_status attn_script_run(attn_ctx *ctx, const char *script, size_t size, char **svg, size_t *bytes);

#endif
