/* attn bench search: exact top-k search beside the two limits that it can meet, the bandwidth of memory and the multiply-adds. */
#include "bench/search.h"

#include "cli/bench_rows.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const struct attn_column columns[] = {
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
    {"repeats", "runs", 4, 0, 0},
    {"status", "status", 8, 0, 0},
};

struct suite {
    int64_t keys, dim, top, threads, repeat, seed;
    struct attn_integers queries;
    bool json, csv;
};

struct figures {
    struct attn_timing timing;
    double bandwidth, error;
};

static void print(struct attn_bench_output *out, const struct suite *s, const struct attn_search_case *c, const struct figures *f) {
    struct attn_record r = {.count = 0};
    const double bytes = (double)c->search.keys * c->search.dim * sizeof(float), rate = bytes / f->timing.median;
    const bool right = f->error <= 1e-5;
    attn_record_text(&r, "kernel", "search");
    attn_record_text(&r, "isa", attn_ctx_isa(c->ctx));
    attn_record_integer(&r, "queries", c->search.queries);
    attn_record_integer(&r, "keys", c->search.keys);
    attn_record_integer(&r, "dim", c->search.dim);
    attn_record_integer(&r, "top", c->search.top);
    attn_record_integer(&r, "threads", attn_ctx_threads(c->ctx));
    attn_record_text(&r, "status", right ? ATTN_STATUS_OK : ATTN_STATUS_WRONG);
    attn_record_real(&r, "seconds_median", right ? f->timing.median : (double)NAN);
    attn_record_real(&r, "seconds_min", right ? f->timing.min : (double)NAN);
    attn_record_real(&r, "seconds_p20", right ? f->timing.p20 : (double)NAN);
    attn_record_real(&r, "seconds_p80", right ? f->timing.p80 : (double)NAN);
    attn_record_integer(&r, "repeats", f->timing.repeats);
    attn_record_real(&r, "bytes_per_second", right ? rate : (double)NAN);
    attn_record_real(&r, "read_bandwidth", f->bandwidth);
    attn_record_real(&r, "fraction_of_bandwidth", right && f->bandwidth > 0.0 ? bytes / f->timing.min / f->bandwidth : (double)NAN);
    attn_record_real(&r, "gflops", right ? f->timing.gflops : (double)NAN);
    attn_record_real(&r, "fma_peak_gflops", right ? f->timing.peak_gflops : (double)NAN);
    attn_record_real(&r, "fraction_of_peak", right ? f->timing.fraction : (double)NAN);
    attn_record_real(&r, "workspace_bytes", (double)c->search.workspace_bytes);
    attn_record_real(&r, "max_error", f->error);
    attn_record_integer(&r, "seed", s->seed);
    attn_record_text(&r, "cpu", out->cpu);
    attn_record_text(&r, "compiler", out->compiler);
    attn_record_text(&r, "version", out->version);
    attn_report_row(&out->report, &r);
    if (!right) {
        out->surprised = true;
        attn_complain("bench search: the scores are %.3g away from the reference's, expected at most 1e-5", f->error);
    }
}

/* Memory is read as the search reads it: as many bytes, before and after the runs. The greatest rate counts, and the fastest run is compared with
 * it: memory is shared by all who use the machine. */
static attn_status measure(const struct suite *s, struct attn_search_case *c, struct figures *f) {
    const size_t bytes = (size_t)c->search.keys * (size_t)c->search.dim * sizeof(float);
    const struct attn_protocol protocol = {.warmups = 1,
                                           .repeats = (int)s->repeat,
                                           .threads = attn_ctx_threads(c->ctx),
                                           .fma = attn_fma_best(c->ctx, ATTN_F32),
                                           .stopped = attn_stop_asked};
    const struct attn_subject subject = {"search", c, attn_search_case_run, 0.0};
    const double flops = 2.0 * (double)c->search.queries * (double)c->search.keys * c->search.dim;
    attn_status status = attn_search_case_check(c, &f->error);
    if (status != ATTN_OK || !(f->error <= 1e-5)) return status;
    const double before = attn_read_bandwidth(c->ctx, protocol.threads, bytes, 0.2);
    status = attn_measure(c->ctx, &subject, 1, ATTN_FWD, flops, &protocol, &f->timing);
    f->bandwidth = fmax(before, attn_read_bandwidth(c->ctx, protocol.threads, bytes, 0.2));
    return status;
}

static int run_one(attn_ctx *ctx, const struct suite *s, int64_t queries, struct attn_bench_output *out) {
    struct attn_search_case c;
    struct figures f = {.error = (double)NAN};
    attn_status status = attn_search_case_open(&c, ctx, queries, s->keys, (int32_t)s->dim, (int32_t)s->top, (uint64_t)s->seed);
    if (status == ATTN_OK) status = measure(s, &c, &f);
    if (status == ATTN_OK && !attn_stop_asked()) print(out, s, &c, &f);
    attn_search_case_close(&c);
    if (status != ATTN_OK) return attn_complain_status(ctx, status);
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : -1;
}

static int run(struct suite *s, struct attn_bench_output *out) {
    int status = -1;
    attn_ctx *ctx = attn_cli_context((int)s->threads, &status);
    if (ctx == NULL) return status;
    attn_stop_catch();
    for (int i = 0; i < s->queries.count && status < 0; i++) status = run_one(ctx, s, s->queries.item[i], out);
    attn_ctx_destroy(ctx);
    if (status >= 0) return status;
    return out->surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

int attn_cmd_bench_search(int argc, char **argv) {
    struct suite s = {.keys = 1 << 20, .dim = 64, .top = 20, .repeat = 15, .seed = 42};
    const struct attn_option options[] = {
        {"len", ATTN_OPTION_INTEGER, &s.keys, "S", "keys (default 1M)", 1, INT32_MAX},
        {"queries", ATTN_OPTION_INTEGERS, &s.queries, "LIST", "queries searched at once (default 1,64)", 1, 1 << 24},
        {"top", ATTN_OPTION_INTEGER, &s.top, "K", "keys wanted for each query (default 20)", 1, ATTN_SEARCH_TOP},
        {"dim", ATTN_OPTION_INTEGER, &s.dim, "D", "size of query and key (default 64)", 1, 65536},
        {"threads", ATTN_OPTION_INTEGER, &s.threads, "N", "threads (default: all processors)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "runs; the median counts (default 15)", 1, ATTN_REPEATS},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the data (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench search",
        NULL,
        "Exact top-k search, checked against the reference before it is timed. 'of memory' is the fastest run's rate over the\n"
        "fastest read of as many bytes, 'of peak' the multiply-adds over their peak, all in the same run: one query meets the\n"
        "first limit, many queries the second.",
        "attn bench search --queries 1,16,64 --top 20 --json",
        options,
        sizeof options / sizeof options[0]};
    struct attn_bench_output out;
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&out, s.json, s.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    if (s.queries.count == 0) s.queries = (struct attn_integers){{1, 64}, 2};
    return run(&s, &out);
}
