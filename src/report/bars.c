#include "report/bars.h"

#include "report/script.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>

enum { ROW = 26 /* pixels of a bar */, FRAME = 74 /* of what is around them */, NAME = 26, AXIS = 50 /* characters that fit */ };

void attn_bars_labels(const struct attn_bars *b, struct attn_label *out) {
    for (int i = 0; i < b->count; i++) out[i].text = b->bar[i].label;
    attn_labels_show(out, b->count, NAME);
    out[b->count].text = b->x_label;
    attn_labels_show(out + b->count, 1, AXIS);
}

/* The axis: from 0 on over all values and thresholds, and of intervals that reach further at most a fifth more. */
static void range_of(const struct attn_bars *b, double *low, double *high) {
    double least = 0, greatest = 0, from = 0, to = 0;
    for (int i = 0; i < b->count; i++) {
        const struct attn_bar *bar = &b->bar[i];
        for (int k = 0; k < bar->asked_count; k++) {
            least = fmin(least, bar->asked[k]);
            greatest = fmax(greatest, bar->asked[k]);
        }
        if (!isfinite(bar->value)) continue;
        least = fmin(least, bar->value);
        greatest = fmax(greatest, bar->value);
        if (isfinite(bar->low)) from = fmin(from, bar->low);
        if (isfinite(bar->high)) to = fmax(to, bar->high);
    }
    const double span = greatest > least ? greatest - least : 1;
    *low = least < 0 || from < 0 ? fmax(fmin(least, from), least - 0.2 * span) - 0.02 * span : 0;
    *high = fmin(fmax(greatest, to), greatest + 0.2 * span) + 0.02 * span;
}

static void put_rows(FILE *file, const struct attn_bars *b) {
    fputs("$bars << END\n", file);
    for (int i = 0; i < b->count; i++) {
        const struct attn_bar *bar = &b->bar[i];
        const double low = isfinite(bar->low) ? bar->low : bar->value, high = isfinite(bar->high) ? bar->high : bar->value;
        if (isfinite(bar->value)) fprintf(file, "%.10g %d %.10g %.10g\n", bar->value, i, low, high);
    }
    fputs("END\n", file);
}

static void put_script(FILE *file, const struct attn_bars *b, const struct attn_label *labels) {
    double low, high;
    bool any = false;
    range_of(b, &low, &high);
    attn_script_begin(file, FRAME + ROW * b->count);
    fputs("unset key\nset border 1\nset ytics scale 0 (", file);
    for (int i = 0; i < b->count; i++) {
        fputs(i > 0 ? ", " : "", file);
        attn_script_text(file, labels[i].shown);
        fprintf(file, " %d", i);
    }
    fputs(")\nunset grid\nset grid xtics lc rgb '#808080' lw 0.4 dt (1, 4)\nset xlabel ", file);
    attn_script_text(file, labels[b->count].shown);
    fprintf(file, " offset 0,0.5 textcolor rgb '" ATTN_SVG_INK "'\nset xrange [%.10g:%.10g]\nset yrange [%d.6:-0.6]\n", low, high,
            b->count - 1);
    for (int i = 0; i < b->count; i++) {
        any = any || isfinite(b->bar[i].value);
        for (int k = 0; k < b->bar[i].asked_count; k++)
            fprintf(file, "set arrow from %.10g,%g to %.10g,%g nohead front lc rgb '#d95f02' lw 2 dt 2\n", b->bar[i].asked[k], i - 0.45,
                    b->bar[i].asked[k], i + 0.45);
    }
    put_rows(file, b);
    fputs(any ? "plot $bars using 1:2:(0):1:($2-0.28):($2+0.28) with boxxyerror fill transparent solid 0.45 noborder lc rgb '#1f77c4', "
                "$bars using 1:2:3:4 with xerrorbars pt 7 ps 0.5 lc rgb '" ATTN_SVG_INK "'\n"
              : "plot NaN notitle\n",
          file);
}

attn_status attn_bars_svg(attn_ctx *ctx, const struct attn_bars *b, char **svg, size_t *bytes) {
    char *script = NULL;
    size_t size = 0;
    const size_t room = ((size_t)b->count + 1) * sizeof(struct attn_label);
    struct attn_label *labels = attn_alloc(ctx, room);
    FILE *file = labels ? open_memstream(&script, &size) : NULL;
    attn_status status = file ? ATTN_OK : attn_no_memory(ctx, "a plot", room);
    if (file) {
        attn_bars_labels(b, labels);
        put_script(file, b, labels);
        status = fclose(file) == 0 ? attn_script_run(ctx, script, size, svg, bytes) : attn_no_memory(ctx, "a plot", size);
    }
    free(script);
    attn_free(ctx, labels);
    return status;
}
