/* attn bench masks: the twelve masks, forward and backward, per useful FLOP. */
#include "base/clock.h"
#include "bench/patterns.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "mask/generate.h"

#include <math.h>
#include <string.h>

/* A ratio's column is shown where its peer was asked for. */
static const struct attn_column columns[] = {
    {"mask", "mask", 21, 0, 0},           {"pass", "pass", 4, 0, 0},
    {"area_share", "area %", 6, 1, 0.01}, {"seconds_median", "ms", 9, 2, 1e-3},
    {"gflops", "GFLOP/s", 8, 1, 0},       {"fraction_of_peak", "of peak", 7, 3, 0},
    {"of_dense", "of dense", 8, 3, 0},    {"rowpanel_ratio", "x panel", 7, 2, 0},
    {"torch_ratio", "x torch", 7, 2, 0},  {"torch_kernel", "by torch's", 10, 0, 0},
    {"peak_bytes", "MiB", 8, 1, 1048576}, {"repeats", "runs", 4, 0, 0},
    {"status", "status", 8, 0, 0},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

struct masks {
    struct attn_bench_shape shape;
    double budget;
    enum attn_direction passes[2];
    int pass_count, lines;
    double cost[2 * ATTN_PATTERN_COUNT]; /* predicted seconds of each line */
    int corpus;                          /* of document lengths; -1: by length */
    const char *peer, *pass;
    struct attn_experiment experiment;
    double dense[2]; /* fraction of peak under the full mask, forward and backward */
    double ends;     /* when the budget is spent */
};

struct row {
    const struct masks *m;
    const struct attn_outcome *outcome;
    const struct attn_experiment *e;
};

/* The peer's figures beside ours; NULL: it was not measured. */
static const struct attn_figures *peer_figures(const struct attn_outcome *o, const char *peer) {
    for (int i = 1; i < o->count; i++)
        if (strcmp(o->figures[i].peer, peer) == 0 && o->figures[i].timing.repeats > 0) return &o->figures[i];
    return NULL;
}

/* The suite's own fields. A ratio is the peer's time over ours: above 1, ours is faster. */
static void fill(struct attn_record *record, void *user, int figure) {
    const struct row *row = user;
    const struct attn_outcome *o = row->outcome;
    const double dense = row->m->dense[row->e->pass == ATTN_BWD], none = (double)NAN;
    const double tokens = (double)row->m->shape.len;
    const struct attn_figures *panel = figure == 0 ? peer_figures(o, "rowpanel") : NULL;
    const struct attn_figures *torch = figure == 0 ? peer_figures(o, "torch") : NULL;
    attn_record_real(record, "area_share", o->area / (tokens * tokens));
    attn_record_real(record, "of_dense",
                     figure == 0 && dense > 0.0 && o->figures[0].timing.repeats > 0 ? o->figures[0].timing.fraction / dense : none);
    attn_record_real(record, "rowpanel_ratio", panel ? panel->timing.ratio : none);
    attn_record_real(record, "torch_ratio", torch ? torch->timing.ratio : none);
    attn_record_text(record, "torch_kernel", torch ? strchr(torch->name, '-') + 1 : NULL);
}

/* Line `index` of the table: the masks in their order, each with all passes. */
static int choose(attn_ctx *ctx, const struct masks *m, int index, struct attn_experiment *e, struct attn_pattern *pattern) {
    char list[512];
    struct attn_words names;
    const struct attn_pattern_draw draw = {m->shape.len, m->shape.len, (uint64_t)m->shape.seed, m->corpus};
    attn_pattern_list(list, sizeof list);
    attn_words_split(list, ';', &names);
    const attn_status made = attn_pattern_make(ctx, names.item[index / m->pass_count], &draw, pattern);
    *e = m->experiment;
    e->pass = m->passes[index % m->pass_count];
    e->spec.backward = e->pass == ATTN_BWD;
    e->mask = pattern->text;
    return made == ATTN_OK ? -1 : attn_complain_status(ctx, made);
}

/* What each line will cost, by the mask's area. */
static int predict(attn_ctx *ctx, struct masks *m) {
    static struct attn_pattern pattern;
    struct attn_experiment e;
    double pairs, all = 0.0;
    m->lines = ATTN_PATTERN_COUNT * m->pass_count;
    for (int i = 0; i < m->lines; i++) {
        int status = choose(ctx, m, i, &e, &pattern);
        if (status < 0) status = attn_bench_pairs(ctx, &e, &pairs);
        if (status >= 0) return status;
        all += m->cost[i] = attn_bench_cost(&e, pairs);
    }
    attn_predict("bench masks", m->lines, m->budget > 0.0 ? fmin(all, m->budget) : all);
    return -1;
}

/* The moment at which line `index` has had its share of what is left. */
static double share_ends(const struct masks *m, int index) {
    double left = 0.0;
    for (int i = index; i < m->lines; i++) left += m->cost[i];
    return attn_clock() + (m->ends - attn_clock()) * m->cost[index] / left;
}

static int run_one(attn_ctx *ctx, struct masks *m, int index, struct attn_bench_output *out) {
    static struct attn_pattern pattern;
    struct attn_experiment e;
    struct attn_outcome outcome;
    char text[128];
    int status = choose(ctx, m, index, &e, &pattern);
    if (status >= 0) return status;
    if (m->budget > 0.0) {
        e.protocol.ends = m->ends;
        e.protocol.enough = share_ends(m, index);
    }
    snprintf(text, sizeof text, "%d of %d: %s %s", index + 1, m->lines, pattern.name, attn_direction_name(e.pass));
    status = attn_bench_run(ctx, &e, text, &outcome);
    if (status >= 0) return status;
    if (strcmp(pattern.name, "full") == 0) m->dense[e.pass == ATTN_BWD] = outcome.figures[0].timing.fraction;
    struct row row = {m, &outcome, &e};
    attn_bench_print(out, &e, &outcome, pattern.name, pattern.text, fill, &row);
    return -1;
}

static int run_all(attn_ctx *ctx, struct masks *m, struct attn_bench_output *out) {
    out->sgemm = attn_bench_sgemm(ctx, m->experiment.spec.threads);
    for (int i = 0; i < m->lines; i++) {
        const int status = run_one(ctx, m, i, out);
        if (status >= 0) return status;
    }
    return out->surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

/* The columns to show. Returns how many. */
static int choose_columns(const char *peers, struct attn_column *shown) {
    int count = 0;
    for (int i = 0; i < COLUMNS; i++)
        if ((strncmp(columns[i].name, "torch", 5) != 0 || strstr(peers, "torch")) &&
            (strncmp(columns[i].name, "rowpanel", 8) != 0 || strstr(peers, "rowpanel")))
            shown[count++] = columns[i];
    return count;
}

static int choose_passes(struct masks *m) {
    const bool both = strcmp(m->pass, "fwd,bwd") == 0, backward = strcmp(m->pass, "bwd") == 0;
    if (!both && !backward && strcmp(m->pass, "fwd") != 0)
        return attn_complain("bench masks: --pass %s: expected fwd, bwd or fwd,bwd", m->pass);
    m->passes[0] = backward ? ATTN_BWD : ATTN_FWD;
    m->passes[1] = ATTN_BWD;
    m->pass_count = both ? 2 : 1;
    return -1;
}

static int run(struct masks *m, struct attn_bench_output *out) {
    struct attn_experiment *e = &m->experiment;
    int status = attn_bench_heads("bench masks", m->shape.heads, m->shape.kv_heads);
    if (status < 0) status = attn_bench_peers("bench masks", m->peer, e);
    if (status < 0) status = choose_passes(m);
    if (status >= 0) return status;
    attn_ctx *ctx = attn_cli_context((int)m->shape.threads, &status);
    if (ctx == NULL) return status;
    attn_bench_shape_experiment(ctx, &m->shape, e);
    m->ends = attn_clock() + m->budget;
    status = predict(ctx, m);
    attn_stop_catch();
    if (status < 0) status = run_all(ctx, m, out);
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_bench_masks(int argc, char **argv) {
    const char *corpus = NULL;
    struct masks m = {.shape = {.len = 4096, .heads = 8, .dim = 128, .repeat = 15, .seed = 42}, .corpus = -1, .pass = "fwd,bwd"};
    struct attn_option options[ATTN_BENCH_SHAPE_OPTIONS + 6] = {
        {"len", ATTN_OPTION_INTEGER, &m.shape.len, "T", "tokens (default 4K)", 1, 1 << 24},
        {"heads", ATTN_OPTION_INTEGER, &m.shape.heads, "H", "query heads (default 8)", 1, 256},
        {"pass", ATTN_OPTION_TEXT, &m.pass, "LIST", "fwd,bwd (default), fwd, bwd", 0, 0},
        {"peer", ATTN_OPTION_TEXT, &m.peer, "LIST", "rowpanel (default), torch, none", 0, 0},
        {"budget", ATTN_OPTION_REAL, &m.budget, "SECONDS", "of the whole suite: fewer runs, lines left out if need be", 0, 1e9},
        {"corpus", ATTN_OPTION_TEXT, &corpus, "NAME", "of document lengths: pile, prolong64k, prolong512k (default: by length)", 0, 0},
    };
    const int count = 6 + attn_bench_shape_options(&m.shape, options + 6);
    const struct attn_usage usage = {
        "bench masks",
        NULL,
        "The twelve masks of the Long-Context Attention Benchmark, with document lengths drawn from its distributions. Rates are\n"
        "per useful FLOP; 'of dense' is the rate over that of the full mask; 'x panel' and 'x torch' are the time of the BLAS row-panel\n"
        "and of PyTorch over ours.",
        "attn bench masks --len 16K --threads 1",
        options,
        count};
    struct attn_bench_output out;
    struct attn_column shown[COLUMNS];
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (m.peer == NULL) m.peer = attn_peer_find("rowpanel") != NULL ? "rowpanel" : "none";
    if (!attn_bench_output_init(&out, m.shape.json, m.shape.csv, shown, choose_columns(m.peer, shown))) return ATTN_EXIT_USAGE;
    if (corpus != NULL && (m.corpus = attn_corpus_find(corpus)) < 0)
        return attn_complain("bench masks: --corpus %s: expected pile, prolong64k or prolong512k", corpus);
    out.own_rows = true;
    return run(&m, &out);
}
