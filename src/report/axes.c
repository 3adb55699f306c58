#include "report/axes.h"

#include "train/claim.h"

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

static void close_varying(struct varying *v) {
    attn_free(v->runs->ctx, v->id);
    attn_free(v->runs->ctx, v->name);
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

/* The number that the task wants there, if it varies, else that with most values; -1: none. */
static int widest(const struct varying *v, const char *wanted) {
    int best = -1;
    for (int f = 0; f < v->count; f++) {
        if (!v->number[f] || v->out[f] || is(v, f, "seed") || is(v, f, "lr")) continue;
        if (wanted && is(v, f, wanted)) return f;
        if (best < 0 || v->values[f] > v->values[best]) best = f;
    }
    return best;
}

/* Sees whether seeds vary, and returns the number of lr; -1: it does not vary, or follows from another field. */
static int see_rate(const struct varying *v, struct attn_axes *out) {
    int rate = -1;
    for (int f = 0; f < v->count; f++) {
        out->seeds = out->seeds || is(v, f, "seed");
        if (is(v, f, "lr") && !v->out[f]) rate = f;
    }
    return rate;
}

/* All that is left makes lines. */
static void choose_lines(const struct varying *v, int rate, struct attn_axes *out) {
    for (int f = 0; f < v->count && out->line_count < ATTN_AXES_LINES; f++)
        if (!v->out[f] && f != rate && !is(v, f, "seed")) out->line[out->line_count++] = v->name[f];
}

static void choose(struct varying *v, const struct attn_task *task, struct attn_axes *out) {
    const int rate = see_rate(v, out);
    int x = widest(v, task ? task->along : NULL);
    out->tuned = x >= 0 && rate >= 0;
    if (x < 0) x = rate;
    if (x < 0) return;
    out->x = v->name[x];
    v->out[x] = true;
    const int panel = widest(v, task ? task->panel : NULL);
    if (panel >= 0) {
        out->panel = v->name[panel];
        v->out[panel] = true;
    }
    choose_lines(v, rate, out);
}

static void choose_for_series(struct varying *v, struct attn_axes *out) {
    const int rate = see_rate(v, out);
    out->tuned = rate >= 0;
    for (int f = 0; f < v->count; f++) /* runs of other lengths are no fair comparison: the legend says so */
        if (is(v, f, "steps")) v->out[f] = false;
    choose_lines(v, rate, out);
}

attn_status attn_axes_choose(const struct attn_report_runs *runs, const struct attn_task *task, struct attn_axes *out) {
    struct varying v;
    *out = (struct attn_axes){.x = NULL};
    const attn_status status = open_varying(runs, &v);
    if (status) return status;
    leave_out(&v);
    choose(&v, task, out);
    close_varying(&v);
    return ATTN_OK;
}

attn_status attn_axes_choose_series(const struct attn_report_runs *runs, struct attn_axes *out) {
    struct varying v;
    *out = (struct attn_axes){.x = NULL};
    const attn_status status = open_varying(runs, &v);
    if (status) return status;
    leave_out(&v);
    choose_for_series(&v, out);
    close_varying(&v);
    return ATTN_OK;
}

attn_status attn_axes_label(attn_ctx *ctx, const struct attn_report_run *run, const char *const *names, int count, char **label) {
    size_t bytes = 1;
    for (int i = 0; i < count; i++) {
        const struct attn_entry *e = attn_entries_get(&run->fields, names[i]);
        if (e) bytes += strlen(names[i]) + strlen(e->text) + 2; /* a blank or '=' with each */
    }
    *label = attn_alloc(ctx, bytes);
    if (!*label) return attn_no_memory(ctx, "a label", bytes);
    **label = '\0';
    for (int i = 0; i < count; i++) {
        const struct attn_entry *e = attn_entries_get(&run->fields, names[i]);
        if (e) attn_append(*label, bytes, "%s%s=%s", **label ? " " : "", names[i], e->text);
    }
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------------------------- points */

/* A run's place in the figure. */
struct sample {
    const struct attn_report_run *run;
    double panel, x, seed, rate;
    char *label;
};

static int order_of(double a, double b) {
    return (a > b) - (a < b);
}

static int in_order(const void *a, const void *b) {
    const struct sample *p = a, *q = b;
    int order = order_of(p->panel, q->panel);
    if (order == 0) order = strcmp(p->label, q->label);
    if (order == 0) order = order_of(p->x, q->x);
    if (order == 0) order = order_of(p->seed, q->seed);
    if (order == 0) order = order_of(p->rate, q->rate);
    return order != 0 ? order : p->run < q->run ? -1 : p->run > q->run;
}

static double number(const struct attn_report_run *run, const char *name) {
    const struct attn_entry *e = name ? attn_entries_get(&run->fields, name) : NULL;
    return e && !isnan(e->number) ? e->number : 0;
}

static void free_samples(attn_ctx *ctx, struct sample *samples, int64_t count) {
    for (int64_t i = 0; i < count && samples; i++) attn_free(ctx, samples[i].label);
    attn_free(ctx, samples);
}

static bool has_place(const struct attn_report_run *run, const struct attn_axes *axes, const char *figure) {
    if (run->summary->state == ATTN_RUN_FAILED) return axes->tuned;
    return run->summary->state == ATTN_RUN_DONE && isfinite(attn_figures_get(&run->summary->figures, figure));
}

static attn_status take_samples(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure,
                                struct sample *samples, int64_t *count) {
    for (int64_t i = 0; i < runs->count; i++) {
        const struct attn_report_run *run = &runs->at[i];
        struct sample *s = &samples[*count];
        if (!has_place(run, axes, figure)) continue;
        *s = (struct sample){run, number(run, axes->panel), number(run, axes->x), 0, 0, NULL};
        s->seed = axes->seeds ? number(run, "seed") : 0;
        s->rate = axes->tuned ? number(run, "lr") : 0;
        const attn_status status = attn_axes_label(runs->ctx, run, axes->line, axes->line_count, &s->label);
        if (status) return status;
        ++*count;
    }
    if (*count > 0) qsort(samples, (size_t)*count, sizeof *samples, in_order);
    return ATTN_OK;
}

static bool same_line(const struct sample *a, const struct sample *b) {
    return a->panel == b->panel && strcmp(a->label, b->label) == 0;
}

/* Samples from s[begin] on with its seed. */
static int64_t of_seed(const struct sample *s, int64_t begin, int64_t count) {
    int64_t end = begin;
    while (end < count && s[end].seed == s[begin].seed) end++;
    return end - begin;
}

/* The runs of one seed at its rates: of those at one rate the last, one that is done before one that failed. */
static int64_t rates_of(const struct sample *s, int64_t count, const struct attn_run_summary **out) {
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        const struct attn_run_summary *run = s[i].run->summary;
        if (i == 0 || s[i].rate != s[i - 1].rate)
            out[n++] = run;
        else if (run->state == ATTN_RUN_DONE || out[n - 1]->state != ATTN_RUN_DONE)
            out[n - 1] = run;
    }
    return n;
}

/* Numbers N for which runs have a figure NAME_N, from the least. */
struct sizes {
    const char *name;
    int64_t at[ATTN_FIGURES];
    int count;
};

/* What the points of a figure are made of. */
struct points {
    const char *figure; /* by which runs are the best, and the figure that is drawn where sizes is NULL: */
    bool lower, tuned;
    const struct sizes *sizes;            /* a point for each of them, of their figures of the best runs */
    const struct attn_run_summary **room; /* for the runs of a point */
    bool *several_rates;                  /* set where a point has */
};

/* The point of samples with one x, of the figure `told`; none where no seed has one. Of runs that are not tuned each counts. */
static void add_point(const struct sample *s, int64_t count, const struct points *how, const char *told, double x,
                      struct attn_plot_line *line) {
    double sum = 0, low = (double)INFINITY, high = -(double)INFINITY;
    int64_t most = 0, n = 0, index, step;
    for (int64_t begin = 0; begin < count && how->tuned; begin += of_seed(s, begin, count))
        most = attn_max64(most, rates_of(s + begin, of_seed(s, begin, count), how->room));
    if (most > 1) *how->several_rates = true;
    for (int64_t begin = 0; begin < count; begin += step) {
        step = how->tuned ? of_seed(s, begin, count) : 1;
        const int64_t rates = rates_of(s + begin, step, how->room);
        if (how->tuned && rates < most) continue; /* the best of fewer rates would stand beside that of more */
        attn_tuning_best(how->room, rates, how->figure, how->lower, &index);
        const double value = index >= 0 ? attn_figures_get(&how->room[index]->figures, told) : (double)NAN;
        if (!isfinite(value)) continue;
        sum += value;
        low = fmin(low, value);
        high = fmax(high, value);
        n++;
    }
    if (n == 0) return;
    line->x[line->count] = x;
    line->y[line->count] = sum / (double)n;
    line->low[line->count] = low;
    line->high[line->count++] = high;
}

static void add_sizes(const struct sample *s, int64_t count, const struct points *how, struct attn_plot_line *line) {
    for (int k = 0; k < how->sizes->count; k++) {
        char told[64] = "";
        attn_append(told, sizeof told, "%s_%lld", how->sizes->name, (long long)how->sizes->at[k]);
        add_point(s, count, how, told, (double)how->sizes->at[k], line);
    }
}

static attn_status add_line(attn_ctx *ctx, const struct sample *s, int64_t count, const struct points *how, struct attn_panel *panel) {
    struct attn_plot_line *line = &panel->line[panel->line_count];
    const char *nameless = count == 1 ? s->run->summary->id : "all runs";
    const attn_status status = attn_plot_line_open(ctx, s->label[0] ? s->label : nameless, how->sizes ? how->sizes->count : count, line);
    if (status) return status;
    if (how->sizes) add_sizes(s, count, how, line);
    for (int64_t begin = 0, end; begin < count && !how->sizes; begin = end) {
        for (end = begin; end < count && s[end].x == s[begin].x; end++) {
        }
        add_point(s + begin, end - begin, how, how->figure, s[begin].x, line);
    }
    if (line->count > 0)
        panel->line_count++;
    else
        attn_plot_line_close(ctx, line);
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

static attn_status add_samples(attn_ctx *ctx, const struct sample *s, int64_t count, const struct attn_axes *axes, const struct points *how,
                               struct attn_panels *out) {
    attn_status status = ATTN_OK;
    for (int64_t begin = 0, end; begin < count && !status; begin = end) {
        const bool fresh = begin == 0 || s[begin - 1].panel != s[begin].panel;
        for (end = begin; end < count && same_line(&s[end], &s[begin]); end++) {
        }
        if (fresh && out->count == ATTN_AXES_PANELS) out->panels_left_out++;
        if (out->panels_left_out > 0) continue;
        if (fresh) {
            const struct attn_entry *e = axes->panel ? attn_entries_get(&s[begin].run->fields, axes->panel) : NULL;
            out->at[out->count++] = (struct attn_panel){.value = e ? e->text : ""};
        }
        struct attn_panel *panel = &out->at[out->count - 1];
        if (panel->line_count == ATTN_PLOT_LINES)
            out->lines_left_out++;
        else
            status = add_line(ctx, s + begin, end - begin, how, panel);
    }
    return status;
}

static attn_status make_panels(const struct attn_report_runs *runs, const struct attn_axes *axes, struct points *how,
                               struct attn_panels *out) {
    attn_ctx *ctx = runs->ctx;
    const size_t count = (size_t)runs->count;
    struct sample *samples = attn_alloc(ctx, count * sizeof *samples);
    int64_t taken = 0;
    *out = (struct attn_panels){.count = 0};
    how->room = attn_alloc(ctx, count * sizeof *how->room);
    how->several_rates = &out->several_rates;
    attn_status status = samples && how->room ? ATTN_OK : attn_no_memory(ctx, "a figure", count * (sizeof *samples + sizeof *how->room));
    if (!status) status = take_samples(runs, axes, how->figure, samples, &taken);
    if (!status) status = add_samples(ctx, samples, taken, axes, how, out);
    free_samples(ctx, samples, taken);
    attn_free(ctx, how->room);
    if (status)
        attn_panels_free(ctx, out);
    else
        see_range(out);
    return status;
}

attn_status attn_axes_points(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *figure, bool lower,
                             struct attn_panels *out) {
    return make_panels(runs, axes, &(struct points){figure, lower, axes->tuned, NULL, NULL, NULL}, out);
}

/* The N of "NAME_N"; 0: the figure has another name. */
static int64_t size_of(const char *figure, const char *name) {
    const size_t length = strlen(name);
    if (strncmp(figure, name, length) != 0 || figure[length] != '_' || figure[length + 1] == '0') return 0;
    const char *number = figure + length + 1;
    const size_t digits = strspn(number, "0123456789");
    return digits > 0 && digits < 10 && !number[digits] ? strtoll(number, NULL, 10) : 0;
}

/* Keeps the order; further numbers than there is room for are passed over. */
static void see_size(int64_t size, struct sizes *out) {
    int at = 0;
    while (at < out->count && out->at[at] < size) at++;
    if ((at < out->count && out->at[at] == size) || out->count == ATTN_FIGURES) return;
    memmove(out->at + at + 1, out->at + at, (size_t)(out->count - at) * sizeof *out->at);
    out->at[at] = size;
    out->count++;
}

attn_status attn_axes_series(const struct attn_report_runs *runs, const struct attn_axes *axes, const char *series, const char *figure,
                             bool lower, struct attn_panels *out) {
    struct sizes sizes = {.name = series};
    for (int64_t i = 0; i < runs->count; i++)
        for (int k = 0; k < runs->at[i].summary->figures.count; k++) {
            const int64_t size = size_of(runs->at[i].summary->figures.at[k].name, series);
            if (size > 0) see_size(size, &sizes);
        }
    return make_panels(runs, axes, &(struct points){figure, lower, axes->tuned, &sizes, NULL, NULL}, out);
}

void attn_panels_free(attn_ctx *ctx, struct attn_panels *panels) {
    for (int i = 0; i < panels->count; i++)
        for (int n = 0; n < panels->at[i].line_count; n++) attn_plot_line_close(ctx, &panels->at[i].line[n]);
    panels->count = 0;
}
