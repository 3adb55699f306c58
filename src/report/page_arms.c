/* Figures of the arms that claims compare: one for each experiment, with what the claims ask of them. */
#include "report/bars.h"
#include "report/html.h"
#include "report/page_claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One experiment of the scale. */
struct experiment {
    const struct attn_page_scale *scale;
    int number;
};

static void ask(struct attn_bar *bar, double threshold) {
    if (!isfinite(threshold) || bar->asked_count == ATTN_BAR_ASKED) return;
    for (int i = 0; i < bar->asked_count; i++)
        if (bar->asked[i] == threshold) return;
    bar->asked[bar->asked_count++] = threshold;
}

/* Thresholds of the claims, at the arms that they bind: a bound itself, and of a claim that one arm lies above others where those must stay below. */
static void ask_all(const struct experiment *e, struct attn_bar *bars) {
    const struct attn_reproduction *r = e->scale->r;
    const struct attn_experiment *about = r->experiment[e->number];
    int experiment, arm, first = 0;
    for (int c = 0; c < r->system->claim_count; c++) {
        const struct attn_claim *claim = &r->system->claims[c];
        if (claim->figure) continue; /* the bars are of the task's */
        for (int i = 0; attn_reproduction_arm(r, claim, i, &experiment, &arm) && experiment == e->number; i++) {
            if (i == 0) first = arm;
            if (claim->kind == ATTN_CLAIM_AT_LEAST) ask(&bars[arm], claim->threshold);
            if (claim->kind == ATTN_CLAIM_AT_MOST) ask(&bars[arm], -claim->threshold);
            if (claim->kind == ATTN_CLAIM_ABOVE && i > 0)
                ask(&bars[arm], bars[first].value - (about->task->lower ? -1 : 1) * claim->threshold);
        }
    }
}

static void fill_bars(const struct experiment *e, struct attn_bar *bars) {
    const struct attn_experiment *about = e->scale->r->experiment[e->number];
    for (int i = 0; i < about->arm_count; i++) {
        const struct attn_interval *figure = &e->scale->r->result[e->number][i].interval;
        bars[i] = (struct attn_bar){.label = about->arms[i].name, .value = figure->mean, .low = figure->low, .high = figure->high};
    }
    ask_all(e, bars);
}

static void arms_csv(FILE *file, const void *what) {
    const struct experiment *e = what;
    for (int i = 0; i < e->scale->r->experiment[e->number]->arm_count; i++) {
        struct attn_record record;
        attn_reproduction_arm_record(e->scale->r, e->number, i, &record);
        if (i == 0) attn_csv_line(file, &record, true);
        attn_csv_line(file, &record, false);
    }
}

static void put_arm(FILE *f, const char *name, const struct attn_arm_result *a) {
    fputs("<tr><th scope=\"row\">", f);
    attn_html_text(f, name);
    fputs("</th><td class=\"n\">", f);
    attn_html_real(f, a->interval.mean, ATTN_PAGE_DIGITS);
    fputs("</td><td class=\"n\">", f);
    attn_html_real(f, a->interval.low, ATTN_PAGE_DIGITS);
    fputs("</td><td class=\"n\">", f);
    attn_html_real(f, a->interval.high, ATTN_PAGE_DIGITS);
    fputs("</td><td class=\"n\">", f);
    attn_html_whole(f, a->parameters);
    fprintf(f, "</td><td class=\"n\">%lld of %lld</td>", (long long)a->done, (long long)a->runs);
    attn_page_cell(f, a->best, false);
    fputs("</tr>\n", f);
}

static void put_values(FILE *f, const struct experiment *e) {
    const struct attn_experiment *about = e->scale->r->experiment[e->number];
    fputs("<details><summary>Values</summary>\n", f);
    attn_page_table_begin(f, about->title);
    fputs("<thead><tr><th scope=\"col\">arm</th><th scope=\"col\" class=\"n\">mean</th><th scope=\"col\" class=\"n\">95% from</th><th "
          "scope=\"col\" class=\"n\">to</th><th scope=\"col\" class=\"n\">parameters</th><th scope=\"col\" class=\"n\">runs done</th><th "
          "scope=\"col\">best of seed 1</th></tr></thead>\n<tbody>\n",
          f);
    for (int i = 0; i < about->arm_count; i++) put_arm(f, about->arms[i].name, &e->scale->r->result[e->number][i]);
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
    fputs("</details>\n", f);
}

/* What the figure says, for those who do not see it; freed by free. */
static char *describe(const struct attn_bars *bars) {
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return NULL;
    fprintf(f, "Bars of %s for %d arms. ", bars->x_label, bars->count);
    for (int i = 0; i < bars->count; i++)
        if (isfinite(bars->bar[i].value))
            fprintf(f, "%s%s: %.4g", i > 0 ? "; " : "", bars->bar[i].label, bars->bar[i].value);
        else
            fprintf(f, "%s%s: none", i > 0 ? "; " : "", bars->bar[i].label);
    if (fclose(f) == 0) return text;
    free(text);
    return NULL;
}

static attn_status draw_bars(struct attn_page *page, const struct experiment *e, const struct attn_bars *bars, struct attn_label *labels) {
    const struct attn_reproduction *r = e->scale->r;
    const struct attn_experiment *about = r->experiment[e->number];
    char name[128] = "", title[512] = "", *svg = NULL, *desc = describe(bars);
    if (!desc) return attn_no_memory(page->ctx, "a figure", 0);
    attn_append(name, sizeof name, "%s-%s-%s", r->system->name, attn_scale_names[r->scale], about->name);
    attn_append(title, sizeof title, "%s", about->title);
    attn_bars_labels(bars, labels);
    struct attn_page_figure figure = {
        .name = name,
        .title = title,
        .caption =
            "Means over the seeds with their 95% intervals. Dashed: what claims ask of these arms, at least or at most, or what they must "
            "not reach beside a better one. An arm without a bar has a seed with runs that are missing or failed.",
        .desc = desc,
        .labels = labels,
        .label_count = bars->count + 1};
    const attn_status drawn = page->no_plots ? ATTN_EUNSUPPORTED : attn_bars_svg(page->ctx, bars, &svg, &figure.svg_bytes);
    attn_status status = attn_page_plotted(page, drawn, &figure);
    figure.svg = svg;
    if (!status) status = attn_page_figure_begin(page, &figure);
    if (!status) {
        put_values(page->file, e);
        fputs("</figure>\n", page->file);
        status = attn_page_csv(page, title, arms_csv, e);
    }
    attn_free(page->ctx, svg);
    free(desc);
    return status;
}

/* Whether a run of the experiment is at its end. */
static bool begun(const struct experiment *e) {
    const struct attn_reproduction *r = e->scale->r;
    for (int i = 0; i < r->experiment[e->number]->arm_count; i++)
        if (r->result[e->number][i].done + r->result[e->number][i].failed > 0) return true;
    return false;
}

static attn_status put_experiment(struct attn_page *page, const struct experiment *e) {
    const struct attn_experiment *about = e->scale->r->experiment[e->number];
    const size_t count = (size_t)about->arm_count;
    if (!begun(e)) return ATTN_OK;
    struct attn_bar *bars = attn_alloc(page->ctx, count * sizeof *bars);
    struct attn_label *labels = attn_alloc(page->ctx, (count + 1) * sizeof *labels);
    attn_status status = bars && labels ? ATTN_OK : attn_no_memory(page->ctx, "a figure", count * (sizeof *bars + sizeof *labels));
    if (!status) fill_bars(e, bars);
    if (!status) status = draw_bars(page, e, &(struct attn_bars){about->task->figure, bars, about->arm_count}, labels);
    if (!status) status = attn_page_arm_pictures(page, e->scale->r, e->number);
    attn_free(page->ctx, bars);
    attn_free(page->ctx, labels);
    return status;
}

attn_status attn_page_arms(struct attn_page *page, const struct attn_page_scale *scale) {
    attn_status status = ATTN_OK;
    fputs("<div class=\"figures\">\n", page->file);
    for (int i = 0; i < scale->r->count && !status; i++) status = put_experiment(page, &(struct experiment){scale, i});
    fputs("</div>\n", page->file);
    return status;
}
