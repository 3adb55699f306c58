#include "report/axes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DISTINCT = 64 /* values of a field that are told apart; a field with more of them follows from none */, FIELDS = 160 };

/* ----------------------------------------------------------------------------------------------------------- choice */

/* Fields that vary, with the number of each run's value. */
struct varying {
    const struct attn_report_runs *runs;
    const char **name; /* FIELDS at most */
    int count;
    uint8_t *id; /* [field][run]: below values, or DISTINCT */
    int values[FIELDS];
    bool number[FIELDS], out[FIELDS];
};

static bool same(const struct attn_entry *a, const struct attn_entry *b) {
    return a == b || (a && b && strcmp(a->text, b->text) == 0);
}

static void number_values(struct varying *v, int f) {
    const struct attn_entry *seen[DISTINCT] = {NULL};
    uint8_t *id = v->id + (int64_t)f * v->runs->count;
    v->number[f] = true;
    for (int64_t i = 0; i < v->runs->count; i++) {
        const struct attn_entry *e = attn_entries_get(&v->runs->at[i].fields, v->name[f]);
        int k = 0;
        while (k < v->values[f] && !same(seen[k], e)) k++;
        if (k == v->values[f] && k < DISTINCT) seen[v->values[f]++] = e;
        id[i] = (uint8_t)k;
        v->number[f] = v->number[f] && e && !isnan(e->number);
    }
}

static attn_status open_varying(const struct attn_report_runs *runs, struct varying *v) {
    *v = (struct varying){.runs = runs};
    const attn_status status = attn_report_differences(runs, &v->name, &v->count);
    if (status) return status;
    v->id = attn_alloc(runs->ctx, (size_t)v->count * (size_t)runs->count);
    if (!v->id) {
        attn_free(runs->ctx, v->name);
        return attn_no_memory(runs->ctx, "the axes of a figure", (size_t)v->count * (size_t)runs->count);
    }
    for (int f = 0; f < v->count; f++) number_values(v, f);
    return ATTN_OK;
}

/* Whether runs with the same `a` always have the same `b`. Where every run has its own `a`, that says nothing. */
static bool follows(const struct varying *v, int b, int a) {
    int16_t of[DISTINCT];
    const uint8_t *from = v->id + (int64_t)a * v->runs->count, *to = v->id + (int64_t)b * v->runs->count;
    if (v->values[a] == v->runs->count) return false;
    memset(of, 0xFF, sizeof of);
    for (int64_t i = 0; i < v->runs->count; i++) {
        if (from[i] == DISTINCT || to[i] == DISTINCT) return false;
        if (of[from[i]] < 0) of[from[i]] = to[i];
        if (of[from[i]] != to[i]) return false;
    }
    return true;
}

static bool is(const struct varying *v, int f, const char *word) {
    return strcmp(v->name[f], word) == 0;
}

/* Leaves out what follows from another; of two that follow from each other the first stays. */
static void leave_out(struct varying *v) {
    for (int b = 0; b < v->count; b++)
        for (int a = 0; a < v->count && !v->out[b] && !is(v, b, "seed"); a++) {
            if (a == b || v->out[a] || is(v, a, "seed") || is(v, a, "lr") || !follows(v, b, a)) continue;
            v->out[b] = a < b || is(v, b, "lr") || !follows(v, a, b);
        }
}

/* The number with most values; -1: none. */
static int widest(const struct varying *v) {
    int best = -1;
    for (int f = 0; f < v->count; f++)
        if (v->number[f] && !v->out[f] && !is(v, f, "seed") && !is(v, f, "lr") && (best < 0 || v->values[f] > v->values[best])) best = f;
    return best;
}

static void choose(struct varying *v, struct attn_axes *out) {
    int rate = -1;
    leave_out(v);
    for (int f = 0; f < v->count; f++) {
        out->seeds = out->seeds || is(v, f, "seed");
        if (is(v, f, "lr") && !v->out[f]) rate = f;
    }
    int x = widest(v);
    out->tuned = x >= 0 && rate >= 0;
    if (x < 0) x = rate;
    if (x < 0) return;
    out->x = v->name[x];
    v->out[x] = true;
    const int panel = widest(v);
    if (panel >= 0) {
        out->panel = v->name[panel];
        v->out[panel] = true;
    }
    for (int f = 0; f < v->count && out->line_count < ATTN_AXES_LINES; f++)
        if (!v->out[f] && f != rate && !is(v, f, "seed")) out->line[out->line_count++] = v->name[f];
}

attn_status attn_axes_choose(const struct attn_report_runs *runs, struct attn_axes *out) {
    struct varying v;
    *out = (struct attn_axes){.x = NULL};
    const attn_status status = open_varying(runs, &v);
    if (status) return status;
    choose(&v, out);
    attn_free(runs->ctx, v.id);
    attn_free(runs->ctx, v.name);
    return ATTN_OK;
}

void attn_axes_label(const struct attn_report_run *run, const char *const *names, int count, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        const struct attn_entry *e = attn_entries_get(&run->fields, names[i]);
        if (e) attn_append(text, size, "%s%s=%s", text[0] ? " " : "", names[i], e->text);
    }
}

/* ----------------------------------------------------------------------------------------------------------- points */

/* A run's place in the figure. */
struct sample {
    const struct attn_report_run *run;
    double panel, x, rate, value;
    char label[160];
};

static int in_order(const void *a, const void *b) {
    const struct sample *p = a, *q = b;
    const int label = strcmp(p->label, q->label);
    if (p->panel != q->panel) return p->panel < q->panel ? -1 : 1;
    if (label != 0) return label;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    return p->rate < q->rate ? -1 : p->rate > q->rate;
}

static double number(const struct attn_report_run *run, const char *name) {
    const struct attn_entry *e = name ? attn_entries_get(&run->fields, name) : NULL;
    return e && !isnan(e->number) ? e->number : 0;
}

static int64_t take_samples(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure, struct sample *samples) {
    int64_t count = 0;
    for (int64_t i = 0; i < runs->count; i++) {
        struct sample *s = &samples[count];
        s->run = &runs->at[i];
        s->value = attn_figures_get(&s->run->summary->figures, figure);
        if (!isfinite(s->value)) continue;
        s->panel = number(s->run, axes->panel);
        s->x = number(s->run, axes->x);
        s->rate = axes->tuned ? number(s->run, "lr") : 0;
        attn_axes_label(s->run, axes->line, axes->line_count, s->label, sizeof s->label);
        count++;
    }
    if (count > 0) qsort(samples, (size_t)count, sizeof *samples, in_order);
    return count;
}

static bool same_line(const struct sample *a, const struct sample *b) {
    return a->panel == b->panel && strcmp(a->label, b->label) == 0;
}

/* Samples from s[begin] on with its rate. */
static int64_t alike(const struct sample *s, int64_t begin, int64_t count) {
    int64_t end = begin;
    while (end < count && s[end].rate == s[begin].rate) end++;
    return end - begin;
}

/* The point of samples with one x: of the rate with the best mean, of those with most runs, so that one lucky seed does not pass for a rate. */
static void add_point(const struct sample *s, int64_t count, bool lower, struct attn_plot_line *line) {
    double best = (double)NAN;
    int64_t most = 0;
    for (int64_t begin = 0; begin < count; begin += alike(s, begin, count)) most = attn_max64(most, alike(s, begin, count));
    for (int64_t begin = 0, end; begin < count; begin = end) {
        double sum = 0, low = (double)INFINITY, high = -(double)INFINITY;
        end = begin + alike(s, begin, count);
        if (end - begin < most) continue;
        for (int64_t i = begin; i < end; i++) {
            sum += s[i].value;
            low = fmin(low, s[i].value);
            high = fmax(high, s[i].value);
        }
        const double mean = sum / (double)most;
        if (!isnan(best) && (lower ? mean >= best : mean <= best)) continue;
        best = mean;
        line->y[line->count] = mean;
        line->low[line->count] = low;
        line->high[line->count] = high;
    }
    line->x[line->count++] = s->x;
}

static attn_status add_line(attn_ctx *ctx, const struct sample *s, int64_t count, bool lower, struct attn_panel *panel) {
    struct attn_plot_line *line = &panel->line[panel->line_count];
    double *memory = attn_alloc(ctx, 4 * (size_t)count * sizeof *memory);
    if (!memory) return attn_no_memory(ctx, "a figure", 4 * (size_t)count * sizeof *memory);
    *line = (struct attn_plot_line){.x = memory, .y = memory + count, .low = memory + 2 * count, .high = memory + 3 * count};
    attn_append(line->label, sizeof line->label, "%s", s->label[0] ? s->label : "all runs");
    panel->line_count++;
    for (int64_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && s[end].x == s[begin].x; end++) {
        }
        add_point(s + begin, end - begin, lower, line);
    }
    return ATTN_OK;
}

static void see_range(struct attn_panels *p) {
    p->low = (double)INFINITY;
    p->high = -(double)INFINITY;
    for (int i = 0; i < p->count; i++)
        for (int n = 0; n < p->at[i].line_count; n++)
            for (int64_t k = 0; k < p->at[i].line[n].count; k++) {
                p->low = fmin(p->low, p->at[i].line[n].low[k]);
                p->high = fmax(p->high, p->at[i].line[n].high[k]);
            }
}

static attn_status add_samples(attn_ctx *ctx, const struct sample *s, int64_t count, const struct attn_axes *axes, bool lower,
                               struct attn_panels *out) {
    attn_status status = ATTN_OK;
    for (int64_t begin = 0, end; begin < count && !status; begin = end) {
        const bool fresh = begin == 0 || s[begin - 1].panel != s[begin].panel;
        for (end = begin; end < count && same_line(&s[end], &s[begin]); end++) {
        }
        if (fresh && out->count == ATTN_AXES_PANELS) out->panels_left_out++;
        if (out->panels_left_out > 0) continue;
        if (fresh) {
            struct attn_panel *p = &out->at[out->count++];
            const struct attn_entry *e = axes->panel ? attn_entries_get(&s[begin].run->fields, axes->panel) : NULL;
            p->value[0] = '\0';
            attn_append(p->value, sizeof p->value, "%s", e ? e->text : "");
            p->line_count = 0;
        }
        struct attn_panel *panel = &out->at[out->count - 1];
        if (panel->line_count == ATTN_PLOT_LINES)
            out->lines_left_out++;
        else
            status = add_line(ctx, s + begin, end - begin, lower, panel);
    }
    return status;
}

attn_status attn_axes_points(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure, bool lower,
                             struct attn_panels *out) {
    struct sample *samples = attn_alloc(runs->ctx, (size_t)runs->count * sizeof *samples);
    *out = (struct attn_panels){.count = 0};
    if (!samples) return attn_no_memory(runs->ctx, "a figure", (size_t)runs->count * sizeof *samples);
    const int64_t count = take_samples(runs, axes, figure, samples);
    const attn_status status = add_samples(runs->ctx, samples, count, axes, lower, out);
    attn_free(runs->ctx, samples);
    if (status)
        attn_panels_free(runs->ctx, out);
    else
        see_range(out);
    return status;
}

void attn_panels_free(attn_ctx *ctx, struct attn_panels *panels) {
    for (int i = 0; i < panels->count; i++)
        for (int n = 0; n < panels->at[i].line_count; n++) attn_free(ctx, panels->at[i].line[n].x);
    panels->count = 0;
}
