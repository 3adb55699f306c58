/* attn bench search: exact top-k search beside the two limits that it can meet, the bandwidth of memory and the multiply-adds. */
#include "bench/search.h"

#include "cli/bench_beside.h"
#include "cli/cli.h"
#include "kernel/search/search.h"

#include <math.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 10, 0, 0},
    {"isa", "isa", 8, 0, 0},
    {"queries", "queries", 7, 0, 0},
    {"keys", "keys", 9, 0, 0},
    {"dim", "dim", 4, 0, 0},
    {"top", "top", 5, 0, 0},
    {"threads", "threads", 7, 0, 0},
    {"seconds_median", "ms", 9, 3, 1e-3},
    {"bytes_per_second", "GB/s", 6, 1, 1e9},
    {"fraction_of_bandwidth", "of memory", 9, 3, 0},
    {"gflops", "GFLOP/s", 8, 1, 0},
    {"fraction_of_peak", "of peak", 7, 3, 0},
    {"times_ours", "x ours", 6, 2, 0},
    {"repeats", "runs", 4, 0, 0},
    {"status", "status", 11, 0, 0},
};

struct suite {
    struct attn_beside beside;
    int64_t keys, dim, top;
    struct attn_integers queries;
};

static double flops_of(const struct suite *s, int64_t queries) {
    return 2.0 * (double)queries * (double)s->keys * (double)s->dim;
}
static double bytes_of(const struct suite *s) {
    return (double)s->keys * (double)s->dim * sizeof(float);
}

/* What is predicted: drawing the numbers, then each run beside five plain reads of the keys; PyTorch takes longer. */
static void predict(const struct suite *s, int threads) {
    const int measurements = s->queries.count;
    double seconds = 0.0;
    for (int i = 0; i < measurements; i++) {
        const double read = bytes_of(s) / 25e9, run = read + flops_of(s, s->queries.item[i]) / (120e9 * threads);
        seconds += 0.2 + bytes_of(s) / 250e6 + ((double)s->beside.repeat + 2) * (run * (s->beside.peer ? 6 : 1) + 5 * read + 0.02);
    }
    attn_predict("bench search", measurements, seconds);
}

static void print(struct suite *s, const struct attn_search_case *c, const struct attn_beside_pair *p, int figure) {
    struct attn_record r = {.count = 0};
    const struct attn_timing *t = &p->timing[figure];
    attn_record_text(&r, "kernel", figure == 0 ? "search" : p->name);
    attn_record_text(&r, "isa", figure == 0 ? attn_search_choose(c->ctx)->isa : NULL);
    attn_record_integer(&r, "queries", c->search.queries);
    attn_record_integer(&r, "keys", c->search.keys);
    attn_record_integer(&r, "dim", c->search.dim);
    attn_record_integer(&r, "top", c->search.top);
    attn_record_integer(&r, "threads", attn_ctx_threads(c->ctx));
    const bool timed = attn_beside_times(p, figure, &r);
    attn_record_real(&r, "bytes_per_second", timed ? bytes_of(s) / t->median : (double)NAN);
    attn_record_real(&r, "read_bandwidth", timed ? bytes_of(s) / p->limit_timing.median : (double)NAN);
    attn_record_real(&r, "fraction_of_bandwidth", timed && figure == 0 ? p->limit_timing.ratio : (double)NAN);
    attn_record_real(&r, "gflops", timed ? t->gflops : (double)NAN);
    attn_record_real(&r, "workspace_bytes", figure == 0 ? (double)c->search.workspace_bytes : (double)NAN);
    attn_beside_print(&s->beside, p, figure, &r);
}

/* Reads the keys. */
static attn_status read_keys(void *self, enum attn_direction pass, double *seconds) {
    const struct attn_search_case *c = self;
    (void)pass;
    *seconds = attn_read_seconds(c->ctx, attn_ctx_threads(c->ctx), c->k, (size_t)c->search.keys * (size_t)c->search.dim * sizeof(float));
    return ATTN_OK;
}

static attn_status measure(struct suite *s, struct attn_search_case *c, struct attn_beside_pair *p) {
    attn_status status = attn_search_case_check(c, &p->error);
    if (status == ATTN_OK) status = attn_beside_open(&s->beside, c->ctx, p, attn_search_case_torch);
    if (status == ATTN_OK) status = attn_beside_measure(&s->beside, c->ctx, p, ATTN_FWD, flops_of(s, c->search.queries));
    for (int i = 0; i < attn_beside_figures(p) && status == ATTN_OK && !attn_stop_asked(); i++) print(s, c, p, i);
    return status;
}

static attn_status run_one(attn_ctx *ctx, void *suite, int index) {
    struct suite *s = suite;
    struct attn_search_case c;
    struct attn_beside_pair p = {.ours = {"search", &c, attn_search_case_run, 0.0}, .limit = {"read", &c, read_keys, 0.0}};
    if (index == 0) predict(s, attn_ctx_threads(ctx));
    attn_status status =
        attn_search_case_open(&c, ctx, s->queries.item[index], s->keys, (int32_t)s->dim, (int32_t)s->top, (uint64_t)s->beside.seed);
    if (status == ATTN_OK) status = measure(s, &c, &p);
    attn_beside_close(&p);
    attn_search_case_close(&c);
    return status;
}

int attn_cmd_bench_search(int argc, char **argv) {
    struct suite s = {.beside = {.command = "bench search", .repeat = 15, .seed = 42}, .keys = 1 << 20, .dim = 64, .top = 20};
    struct attn_option options[ATTN_BESIDE_OPTIONS + 4] = {
        {"len", ATTN_OPTION_INTEGER, &s.keys, "S", "keys (default 1M)", 1, INT32_MAX},
        {"queries", ATTN_OPTION_INTEGERS, &s.queries, "LIST", "queries searched at once (default 1,64)", 1, 1 << 24},
        {"top", ATTN_OPTION_INTEGER, &s.top, "K", "keys wanted for each query (default 20)", 1, ATTN_SEARCH_TOP},
        {"dim", ATTN_OPTION_INTEGER, &s.dim, "D", "size of query and key (default 64)", 1, 65536},
    };
    const struct attn_usage usage = {
        "bench search",
        NULL,
        "Exact top-k search, checked against the reference before it is timed. 'of memory' is the time of a plain read of the keys,\n"
        "the best of several loops beside each run, over the search's; 'of peak' the multiply-adds over their peak: one query meets\n"
        "the first limit, many queries the second.",
        "attn bench search --queries 1,16,64 --top 20 --json",
        options,
        4 + attn_beside_options(&s.beside, options + 4)};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = attn_beside_begin(&s.beside, columns, sizeof columns / sizeof columns[0]);
    if (status >= 0) return status;
    if (s.queries.count == 0) s.queries = (struct attn_integers){{1, 64}, 2};
    return attn_beside_run(&s.beside, s.queries.count, run_one, &s);
}
