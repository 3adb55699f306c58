/* Figures of a task: plots of its runs, and what its system shows; each into the page and, where a folder is wanted, into files of its own. */
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

/* What both kinds of figures are to the page. */
struct figure {
    const char *name, *title, *caption, *desc, *svg;
    size_t svg_bytes;
};

/* ------------------------------------------------------------------------------------------------------------ files */

static attn_status write_file(struct attn_page *page, const char *name, const char *ending, const char *kind, const char *title,
                              const char *text) {
    char path[ATTN_FILE_PATH] = "";
    attn_append(path, sizeof path, "%s/%.*s.%s", page->options->figures, FILE_NAME, name, ending);
    const attn_status status = attn_run_write_text(page->ctx, NULL, path, text);
    if (!status && page->options->written) page->options->written(page->options->user, path, kind, title);
    return status;
}

/* The picture, alone or within the page; freed by free. */
static attn_status copy_svg(struct attn_page *page, const struct figure *figure, bool alone, char **out) {
    char prefix[32];
    size_t bytes = 0;
    FILE *file = open_memstream(out, &bytes);
    if (!file) return attn_no_memory(page->ctx, "a figure", 0);
    snprintf(prefix, sizeof prefix, "figure-%d-", page->figures);
    const struct attn_svg_use use = {prefix, figure->title, figure->desc, alone};
    const char *wrong = attn_svg_copy(file, figure->svg, figure->svg_bytes, &use);
    const bool whole = fclose(file) == 0;
    if (!wrong && whole) return ATTN_OK;
    free(*out);
    *out = NULL;
    return wrong
               ? attn_fail(page->ctx, ATTN_EINVAL, "the picture '%s': found %s, expected an SVG of shapes and texts", figure->title, wrong)
               : attn_no_memory(page->ctx, "a figure", bytes);
}

static attn_status write_svg(struct attn_page *page, const struct figure *figure) {
    char *text;
    attn_status status = copy_svg(page, figure, true, &text);
    if (status) return status;
    status = write_file(page, figure->name, "svg", "figure", figure->title, text);
    free(text);
    return status;
}

/* Writes what `put` prints as a CSV file. */
static attn_status write_csv(struct attn_page *page, const struct figure *figure, void (*put)(FILE *file, const void *what),
                             const void *what) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) return attn_no_memory(page->ctx, "a figure", 0);
    put(file, what);
    const bool whole = fclose(file) == 0;
    const attn_status status =
        whole ? write_file(page, figure->name, "csv", "data", figure->title, text) : attn_no_memory(page->ctx, "a figure", bytes);
    free(text);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- page */

/* <figure>, its title and its picture, if it has one; the caller closes it. */
static attn_status begin_figure(struct attn_page *page, const struct figure *figure) {
    char *svg = NULL;
    page->figures++;
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
    attn_html_text(f, d->x_label);
    fputs("</th><th scope=\"col\" class=\"n\">", f);
    attn_html_text(f, d->y_label);
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

static attn_status put_drawing(struct attn_page *page, const struct attn_drawing *d) {
    char *svg = NULL;
    size_t bytes = 0;
    attn_status status = page->no_plots ? ATTN_EUNSUPPORTED : attn_plot_svg(page->ctx, &d->plot, &svg, &bytes);
    const bool failed = status == ATTN_ESYSTEM; /* of one plot: the others, and the data, are there all the same */
    if (status == ATTN_EUNSUPPORTED) page->no_plots = true;
    if (status == ATTN_EUNSUPPORTED || failed) status = ATTN_OK;
    const struct figure figure = {d->name, d->title, failed ? "gnuplot failed to draw this plot." : d->caption, d->desc, svg, bytes};
    if (!status) status = begin_figure(page, &figure);
    attn_free(page->ctx, svg);
    if (status) return status;
    put_values(page->file, d);
    fputs("</figure>\n", page->file);
    return page->options->figures ? write_csv(page, &figure, plot_csv, &d->plot) : ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- exhibits */

struct show {
    struct attn_page *page;
    const struct attn_page_task *task;
};

static const char *cell_of(const struct attn_exhibit *e, int row, int column) {
    const char *text = e->cell[(int64_t)row * e->columns + column];
    return text ? text : "";
}

static bool reads_as_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

static void put_table(FILE *f, const struct attn_exhibit *e) {
    attn_page_table_begin(f, e->title);
    fputs("<thead><tr>", f);
    for (int c = 0; c < e->columns; c++) {
        fputs("<th scope=\"col\">", f);
        attn_html_text(f, e->head[c]);
        fputs("</th>", f);
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (int r = 0; r < e->rows; r++) {
        fputs("<tr>", f);
        for (int c = 0; c < e->columns; c++) attn_page_cell(f, cell_of(e, r, c), reads_as_number(cell_of(e, r, c)));
        fputs("</tr>\n", f);
    }
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
}

static void table_csv(FILE *file, const void *what) {
    const struct attn_exhibit *e = what;
    for (int r = -1; r < e->rows; r++) {
        struct attn_record record = {.count = 0};
        for (int c = 0; c < e->columns && c < ATTN_RECORD_FIELDS; c++) attn_record_text(&record, e->head[c], r < 0 ? "" : cell_of(e, r, c));
        attn_csv_line(file, &record, r < 0);
    }
}

static attn_status show_exhibit(void *user, const struct attn_exhibit *e) {
    const struct show *s = user;
    struct attn_page *page = s->page;
    char name[FILE_NAME] = "";
    attn_append(name, sizeof name, "%s-%s", s->task->name, e->name);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '-';
    const struct figure figure = {name, e->title, e->caption, e->desc ? e->desc : e->title, e->svg, e->svg ? strlen(e->svg) : 0};
    const attn_status status = begin_figure(page, &figure);
    if (status) return status;
    if (e->columns > 0) put_table(page->file, e);
    fputs("</figure>\n", page->file);
    return e->columns > 0 && page->options->figures ? write_csv(page, &figure, table_csv, e) : ATTN_OK;
}

static attn_status put_exhibits(struct attn_page *page, const struct attn_page_task *t) {
    struct show show = {page, t};
    if (!t->system || !t->system->exhibits) return ATTN_OK;
    const struct attn_run_summary **runs = attn_alloc(page->ctx, (size_t)t->runs.count * sizeof *runs);
    if (!runs) return attn_no_memory(page->ctx, "the report", (size_t)t->runs.count * sizeof *runs);
    for (int64_t i = 0; i < t->runs.count; i++) runs[i] = t->runs.at[i].summary;
    const attn_status status = t->system->exhibits(page->ctx, t->name, runs, t->runs.count, show_exhibit, &show);
    attn_free(page->ctx, runs);
    return status;
}

attn_status attn_page_figures(struct attn_page *page, const struct attn_page_task *t) {
    struct attn_drawings drawings;
    const bool had_plots = !page->no_plots;
    attn_status status = attn_drawings_make(&t->runs, t->task ? t->task->figure : NULL, t->task && t->task->lower, &drawings);
    if (status) return status;
    fputs("<h3>Figures</h3>\n<div class=\"figures\">\n", page->file);
    for (int i = 0; i < drawings.count && !status; i++) status = put_drawing(page, &drawings.at[i]);
    if (!status) status = put_exhibits(page, t);
    fputs("</div>\n", page->file);
    if (page->no_plots && had_plots)
        fputs("<p class=\"warning\">There are no plots on this page: gnuplot was not found when it was written. Install it (Debian: "
              "<code>apt-get install gnuplot-nox</code>) and run <code>attn report</code> again.</p>\n",
              page->file);
    attn_drawings_free(&drawings);
    return status;
}
