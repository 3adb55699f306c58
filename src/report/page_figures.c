/* Figures: each into the page and, where a folder is wanted, into files of its own; and those of a task, plots of its runs. */
#include "report/drawings.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/svg.h"
#include "train/run.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_NAME = 200, POINTS_SHOWN = 200 /* values of a plot that stand in its fold */ };

/* ------------------------------------------------------------------------------------------------------------ files */

static bool taken(struct attn_page *page) {
    char key[sizeof page->stem + 2];
    snprintf(key, sizeof key, "\n%s\n", page->stem);
    fflush(page->stems);
    return strstr(page->stems_text, key) != NULL;
}

void attn_page_name(struct attn_page *page, const char *name) {
    snprintf(page->stem, sizeof page->stem, "%.*s", FILE_NAME, name);
    const size_t length = strlen(page->stem);
    for (char *c = page->stem; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '-';
    for (int n = 2; taken(page); n++) snprintf(page->stem + length, sizeof page->stem - length, "-%d", n);
    fprintf(page->stems, "\n%s\n", page->stem);
}

static attn_status write_file(struct attn_page *page, const char *ending, const char *kind, const char *title, const char *text) {
    char path[ATTN_FILE_PATH] = "";
    attn_append(path, sizeof path, "%s/%s.%s", page->options->figures, page->stem, ending);
    const attn_status status = attn_run_write_text(page->ctx, NULL, path, text);
    if (!status && page->options->written) page->options->written(page->options->user, path, kind, title);
    return status;
}

/* The picture, alone or within the page; freed by free. */
static attn_status copy_svg(struct attn_page *page, const struct attn_page_figure *figure, bool alone, char **out) {
    char prefix[32];
    size_t bytes = 0;
    FILE *file = open_memstream(out, &bytes);
    if (!file) return attn_no_memory(page->ctx, "a figure", 0);
    snprintf(prefix, sizeof prefix, "figure-%d-", page->figures);
    const struct attn_svg_use use = {prefix, figure->title, figure->desc, alone, figure->labels, figure->label_count};
    const char *wrong = attn_svg_copy(file, figure->svg, figure->svg_bytes, &use);
    const bool whole = fclose(file) == 0;
    if (!wrong && whole) return ATTN_OK;
    free(*out);
    *out = NULL;
    return wrong
               ? attn_fail(page->ctx, ATTN_EINVAL, "the picture '%s': found %s, expected an SVG of shapes and texts", figure->title, wrong)
               : attn_no_memory(page->ctx, "a figure", bytes);
}

static attn_status write_svg(struct attn_page *page, const struct attn_page_figure *figure) {
    char *text;
    attn_status status = copy_svg(page, figure, true, &text);
    if (status) return status;
    status = write_file(page, "svg", "figure", figure->title, text);
    free(text);
    return status;
}

attn_status attn_page_csv(struct attn_page *page, const char *title, void (*put)(FILE *file, const void *what), const void *what) {
    char *text = NULL;
    size_t bytes = 0;
    if (!page->options->figures) return ATTN_OK;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) return attn_no_memory(page->ctx, "a figure", 0);
    put(file, what);
    const bool whole = fclose(file) == 0;
    const attn_status status = whole ? write_file(page, "csv", "data", title, text) : attn_no_memory(page->ctx, "a figure", bytes);
    free(text);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- page */

attn_status attn_page_figure_begin(struct attn_page *page, const struct attn_page_figure *figure) {
    char *svg = NULL;
    page->figures++;
    attn_page_name(page, figure->name);
    if (figure->svg) {
        const attn_status status = copy_svg(page, figure, false, &svg);
        if (status) return status;
    }
    fputs("<figure>\n<h4>", page->file);
    attn_html_text(page->file, figure->title);
    fputs("</h4>\n", page->file);
    if (svg) fputs(svg, page->file);
    free(svg);
    if (figure->caption && figure->caption[0]) {
        fputs("<figcaption>", page->file);
        attn_html_text(page->file, figure->caption);
        fputs("</figcaption>\n", page->file);
    }
    return figure->svg && page->options->figures ? write_svg(page, figure) : ATTN_OK;
}

/* The values of a plot with few points, for those who read rather than look. */
static void put_values(FILE *f, const struct attn_drawing *d) {
    int64_t points = 0;
    bool bars = false;
    for (int n = 0; n < d->plot.line_count; n++) {
        points += d->plot.line[n].count;
        bars = bars || d->plot.line[n].low;
    }
    if (!d->plot.points || points > POINTS_SHOWN) return;
    fputs("<details><summary>Values</summary>\n", f);
    attn_page_table_begin(f, d->title);
    fputs("<thead><tr><th scope=\"col\">line</th><th scope=\"col\" class=\"n\">", f);
    attn_html_text(f, d->plot.x_label);
    fputs("</th><th scope=\"col\" class=\"n\">", f);
    attn_html_text(f, d->plot.y_label);
    fprintf(f, "</th>%s</tr></thead>\n<tbody>\n",
            bars ? "<th scope=\"col\" class=\"n\">least</th><th scope=\"col\" class=\"n\">greatest</th>" : "");
    for (int n = 0; n < d->plot.line_count; n++)
        for (int64_t i = 0; i < d->plot.line[n].count; i++) {
            const struct attn_plot_line *l = &d->plot.line[n];
            fputs("<tr><th scope=\"row\">", f);
            attn_html_text(f, l->label);
            fprintf(f, "</th><td class=\"n\">%g</td><td class=\"n\">%.5g</td>", l->x[i], l->y[i]);
            if (bars)
                fprintf(f, "<td class=\"n\">%.5g</td><td class=\"n\">%.5g</td>", l->low ? l->low[i] : l->y[i],
                        l->high ? l->high[i] : l->y[i]);
            fputs("</tr>\n", f);
        }
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
    fputs("</details>\n", f);
}

static void plot_csv(FILE *file, const void *plot) {
    attn_plot_csv(file, plot);
}

attn_status attn_page_plotted(struct attn_page *page, attn_status status, struct attn_page_figure *figure) {
    if (status == ATTN_EUNSUPPORTED) page->no_plots = true;
    if (status == ATTN_ESYSTEM) figure->caption = "gnuplot failed to draw this plot.";
    return status == ATTN_EUNSUPPORTED || status == ATTN_ESYSTEM ? ATTN_OK : status;
}

attn_status attn_page_drawing(struct attn_page *page, const struct attn_drawing *d) {
    char *svg = NULL;
    struct attn_label labels[ATTN_PLOT_LABELS];
    struct attn_page_figure figure = {.name = d->name, .title = d->title, .caption = d->caption, .desc = d->desc, .labels = labels};
    figure.label_count = attn_plot_labels(&d->plot, labels);
    const attn_status drawn = page->no_plots ? ATTN_EUNSUPPORTED : attn_plot_svg(page->ctx, &d->plot, &svg, &figure.svg_bytes);
    attn_status status = attn_page_plotted(page, drawn, &figure);
    figure.svg = svg;
    if (!status) status = attn_page_figure_begin(page, &figure);
    attn_free(page->ctx, svg);
    if (status) return status;
    put_values(page->file, d);
    fputs("</figure>\n", page->file);
    return attn_page_csv(page, d->title, plot_csv, &d->plot);
}

void attn_page_warn(struct attn_page *page) {
    if (page->no_plots && !page->warned)
        fputs("<p class=\"warning\">There are no plots on this page: gnuplot was not found when it was written. Install it (Debian: "
              "<code>apt-get install gnuplot-nox</code>) and run <code>attn report</code> again.</p>\n",
              page->file);
    page->warned = page->no_plots;
}

attn_status attn_page_figures(struct attn_page *page, const struct attn_page_task *t) {
    struct attn_drawings drawings;
    attn_status status = attn_drawings_make(&t->runs, t->task, &drawings);
    if (status) return status;
    fputs("<h3>Figures</h3>\n<div class=\"figures\">\n", page->file);
    for (int i = 0; i < drawings.count && !status; i++) status = attn_page_drawing(page, &drawings.at[i]);
    fputs("</div>\n", page->file);
    attn_page_warn(page);
    attn_drawings_free(&drawings);
    return status;
}
