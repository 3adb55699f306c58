#include "report/script.h"

#include "base/command.h"
#include "report/svg.h"

enum { WIDTH = 480, SVG_LIMIT = 64 << 20 };
static const double seconds_at_most = 60;

void attn_script_begin(FILE *script, int height) {
    fprintf(script, "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,13' linewidth 1.3\n", WIDTH, height);
    fputs("set encoding utf8\nset border 3 lc rgb '" ATTN_SVG_INK "'\nset tics nomirror textcolor rgb '" ATTN_SVG_INK "'\n"
          "set grid lc rgb '#808080' lw 0.4 dt (1, 4)\nset bars 0.6\n",
          script);
}

void attn_script_text(FILE *script, const char *shown) {
    fputc('\'', script);
    for (const char *c = shown; *c; c++) {
        if (*c == '\'') fputc('\'', script);
        fputc(*c, script);
    }
    fputc('\'', script);
}

attn_status attn_script_run(attn_ctx *ctx, const char *script, size_t size, char **svg, size_t *bytes) {
    static const char *const argv[] = {"gnuplot", "-d", "-", NULL}; /* -d: without anybody's settings */
    const struct attn_command command = {argv, script, size, SVG_LIMIT, seconds_at_most};
    return attn_command_run(ctx, &command, svg, bytes);
}
