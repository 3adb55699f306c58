/* attn bench sparse: block-sparse masks, uniform and variable blocks, at the ratios of the Long-Context Attention Benchmark (sec. 5). */
#include "bench/sparse.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"mask", "blocks", 9, 0, 0},           {"block", "size", 5, 0, 0},
    {"ratio", "ratio", 5, 2, 0},           {"pass", "pass", 4, 0, 0},
    {"area_share", "area %", 6, 1, 0.01},  {"seconds_median", "ms", 9, 2, 1e-3},
    {"gflops", "GFLOP/s", 8, 1, 0},        {"fraction_of_peak", "of peak", 7, 3, 0},
    {"time_of_dense", "t/dense", 7, 3, 0}, {"peak_bytes", "MiB", 8, 1, 1048576},
    {"repeats", "runs", 4, 0, 0},          {"status", "status", 8, 0, 0},
};

struct sparse {
    struct attn_bench_shape shape;
    struct attn_experiment experiment;
    double dense[2]; /* seconds under the full mask, forward and backward */
};

struct row {
    const struct sparse *s;
    const struct attn_sparse *blocks;
    const struct attn_outcome *outcome;
    bool backward;
};

static void fill(struct attn_record *record, void *user, int figure) {
    const struct row *row = user;
    const double tokens = (double)row->s->shape.len, dense = row->s->dense[row->backward];
    const struct attn_timing *t = &row->outcome->figures[figure].timing;
    attn_record_integer(record, "block", row->blocks->block);
    attn_record_real(record, "ratio", row->blocks->ratio);
    attn_record_real(record, "area_share", row->outcome->area / (tokens * tokens));
    attn_record_real(record, "time_of_dense", t->repeats > 0 && dense > 0.0 ? t->median / dense : (double)NAN);
}

static int run_one(attn_ctx *ctx, struct sparse *s, struct attn_sparse *blocks, bool backward, struct attn_bench_output *out) {
    struct attn_experiment e = s->experiment;
    struct attn_outcome outcome;
    char text[128], spec[128];
    const bool dense = blocks->block == 0;
    const char *name = dense ? "dense" : blocks->variable ? "variable" : "uniform";
    e.pass = backward ? ATTN_BWD : ATTN_FWD;
    e.spec.backward = backward;
    e.mask = dense ? "full" : NULL;
    e.make_masks = attn_sparse_masks;
    e.user = blocks;
    snprintf(spec, sizeof spec, dense ? "full" : "%s blocks of %lld, ratio %g, one map for each key/value head", name,
             (long long)blocks->block, blocks->ratio);
    snprintf(text, sizeof text, "%s blocks of %lld, ratio %g, %s", name, (long long)blocks->block, blocks->ratio,
             attn_direction_name(e.pass));
    const int status = attn_bench_run(ctx, &e, text, &outcome);
    if (status >= 0) return status;
    if (dense) s->dense[backward] = outcome.figures[0].timing.median;
    struct row row = {s, blocks, &outcome, backward};
    attn_bench_print(out, &e, &outcome, name, spec, fill, &row);
    return -1;
}

struct forecast {
    int lines;
    double seconds;
};

/* Dense first, then every size at every ratio; sizes that do not fit the length twice are left out. With a forecast nothing is run. */
static int run_all(attn_ctx *ctx, struct sparse *s, struct attn_bench_output *out, struct forecast *forecast) {
    static const struct attn_sparse sizes[] = {{0, 1.0, false, 0},  {64, 0.0, false, 0}, {128, 0.0, false, 0}, {128, 0.0, true, 0},
                                               {256, 0.0, true, 0}, {512, 0.0, true, 0}, {1024, 0.0, true, 0}};
    static const double ratios[2][5] = {{0.1, 0.2, 0.5, 0.8, 1.0}, {0.1, 0.2, 0.5, 0.8, 0.9}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int r = 0; r < (sizes[i].block == 0 ? 1 : 5); r++)
            for (int backward = 0; backward < 2; backward++) {
                struct attn_sparse blocks = sizes[i];
                struct attn_experiment e = s->experiment;
                blocks.seed = (uint64_t)s->shape.seed;
                blocks.ratio = blocks.block == 0 ? 1.0 : ratios[blocks.variable][r];
                if (2 * blocks.block > s->shape.len) continue;
                e.pass = backward ? ATTN_BWD : ATTN_FWD;
                if (forecast != NULL) {
                    forecast->lines++;
                    forecast->seconds += attn_bench_cost(&e, blocks.ratio * (double)s->shape.len * (double)s->shape.len);
                    continue;
                }
                const int status = run_one(ctx, s, &blocks, backward, out);
                if (status >= 0) return status;
            }
    return out->surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

static int run(struct sparse *s, struct attn_bench_output *out) {
    struct forecast forecast = {0, 0.0};
    int status = attn_bench_heads("bench sparse", s->shape.heads, s->shape.kv_heads);
    if (status >= 0) return status;
    attn_ctx *ctx = attn_cli_context((int)s->shape.threads, &status);
    if (ctx == NULL) return status;
    attn_bench_shape_experiment(ctx, &s->shape, &s->experiment);
    s->experiment.protocol.warmups = 1;
    (void)run_all(ctx, s, out, &forecast);
    attn_predict("bench sparse", forecast.lines, forecast.seconds);
    attn_stop_catch();
    out->sgemm = attn_bench_sgemm(ctx, attn_ctx_threads(ctx));
    status = run_all(ctx, s, out, NULL);
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_bench_sparse(int argc, char **argv) {
    struct sparse s = {.shape = {.len = 16384, .heads = 4, .dim = 128, .repeat = 15, .seed = 42}};
    struct attn_option options[ATTN_BENCH_SHAPE_OPTIONS + 2] = {
        {"len", ATTN_OPTION_INTEGER, &s.shape.len, "T", "tokens (default 16K)", 128, 1 << 24},
        {"heads", ATTN_OPTION_INTEGER, &s.shape.heads, "H", "query heads (default 4)", 1, 256},
    };
    const int count = 2 + attn_bench_shape_options(&s.shape, options + 2);
    const struct attn_usage usage = {
        "bench sparse",
        NULL,
        "Block-sparse masks: of each block of queries the best blocks of keys by random scores, ratio being the share kept;\n"
        "blocks of one size, and blocks of random sizes with the mean given. 't/dense' is the time over that of the full mask.",
        "attn bench sparse --len 16K --threads 1 --json",
        options,
        count};
    struct attn_bench_output out;
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&out, s.shape.json, s.shape.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    return run(&s, &out);
}
