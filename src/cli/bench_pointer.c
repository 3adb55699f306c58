/* attn bench pointer: the additive score, in hyperbolic tangents a second beside the multiply-add slots that they take. */
#include "bench/pointer.h"

#include "cli/bench_rows.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 8, 0, 0},
    {"isa", "isa", 8, 0, 0},
    {"pass", "pass", 4, 0, 0},
    {"batch", "batch", 5, 0, 0},
    {"q_len", "queries", 7, 0, 0},
    {"kv_len", "keys", 7, 0, 0},
    {"dim", "dim", 4, 0, 0},
    {"threads", "threads", 7, 0, 0},
    {"seconds_median", "ms", 9, 3, 1e-3},
    {"tanh_per_second", "Gtanh/s", 7, 2, 1e9},
    {"fraction_of_peak", "of slots", 8, 3, 0},
    {"repeats", "runs", 4, 0, 0},
    {"status", "status", 8, 0, 0},
};

struct suite {
    attn_problem problem;
    int64_t heads, kv_heads, dim, threads, repeat, seed;
    bool json, csv;
};

static void print(struct attn_bench_output *out, const struct suite *s, const struct attn_pointer_case *c, enum attn_direction pass,
                  const struct attn_timing *t, double error) {
    struct attn_record r = {.count = 0};
    const attn_problem *p = &c->problem;
    const bool right = error <= 1e-5;
    attn_record_text(&r, "kernel", attn_plan_kernel(c->plan));
    attn_record_text(&r, "isa", attn_plan_isa(c->plan));
    attn_record_text(&r, "pass", attn_direction_name(pass));
    attn_record_integer(&r, "batch", p->batch);
    attn_record_integer(&r, "heads", p->heads);
    attn_record_integer(&r, "kv_heads", p->kv_heads);
    attn_record_integer(&r, "q_len", p->q_len);
    attn_record_integer(&r, "kv_len", p->kv_len);
    attn_record_integer(&r, "dim", p->dim);
    attn_record_integer(&r, "threads", attn_ctx_threads(c->ctx));
    attn_record_text(&r, "status", right ? ATTN_STATUS_OK : ATTN_STATUS_WRONG);
    attn_record_real(&r, "seconds_median", right ? t->median : (double)NAN);
    attn_record_real(&r, "seconds_min", right ? t->min : (double)NAN);
    attn_record_real(&r, "seconds_p20", right ? t->p20 : (double)NAN);
    attn_record_real(&r, "seconds_p80", right ? t->p80 : (double)NAN);
    attn_record_integer(&r, "repeats", t->repeats);
    attn_record_real(&r, "tanh_per_second", right ? attn_pointer_case_tanhs(c, pass) / t->median : (double)NAN);
    attn_record_real(&r, "fma_peak_gflops", right ? t->peak_gflops : (double)NAN);
    attn_record_real(&r, "fraction_of_peak", right ? t->fraction : (double)NAN);
    attn_record_real(&r, "workspace_bytes", (double)attn_plan_workspace(c->plan));
    attn_record_real(&r, "max_error", error);
    attn_record_integer(&r, "seed", s->seed);
    attn_record_text(&r, "cpu", out->cpu);
    attn_record_text(&r, "compiler", out->compiler);
    attn_record_text(&r, "version", out->version);
    attn_report_row(&out->report, &r);
    if (!right) {
        out->surprised = true;
        attn_complain("bench pointer: the weights are %.3g away from the reference's, expected at most 1e-5", error);
    }
}

static attn_status measure(const struct suite *s, struct attn_pointer_case *c, struct attn_bench_output *out) {
    const struct attn_protocol protocol = {.warmups = 1,
                                           .repeats = (int)s->repeat,
                                           .threads = attn_ctx_threads(c->ctx),
                                           .fma = attn_fma_best(c->ctx, ATTN_F32),
                                           .stopped = attn_stop_asked};
    const struct attn_subject subject = {"pointer", c, attn_pointer_case_run, 0.0};
    double error;
    attn_status status = attn_pointer_case_check(c, &error);
    for (int pass = ATTN_FWD; pass <= ATTN_BWD && status == ATTN_OK && !attn_stop_asked(); pass++) {
        struct attn_timing timing = {.repeats = 0};
        const enum attn_direction direction = (enum attn_direction)pass;
        if (error <= 1e-5) status = attn_measure(c->ctx, &subject, 1, direction, attn_pointer_case_flops(c, direction), &protocol, &timing);
        if (status == ATTN_OK && !attn_stop_asked()) print(out, s, c, direction, &timing, error);
    }
    return status;
}

static int run(struct suite *s, struct attn_bench_output *out) {
    struct attn_pointer_case c;
    int status = -1;
    attn_ctx *ctx = attn_cli_context((int)s->threads, &status);
    if (ctx == NULL) return status;
    attn_stop_catch();
    s->problem.heads = (int32_t)s->heads;
    s->problem.kv_heads = (int32_t)(s->kv_heads > 0 ? s->kv_heads : s->heads);
    s->problem.dim = (int32_t)s->dim;
    attn_status done = attn_pointer_case_open(&c, ctx, &s->problem, (uint64_t)s->seed);
    if (done == ATTN_OK) done = measure(s, &c, out);
    status = done != ATTN_OK     ? attn_complain_status(ctx, done)
             : attn_stop_asked() ? ATTN_EXIT_STOPPED
             : out->surprised    ? ATTN_EXIT_SURPRISE
                                 : ATTN_EXIT_DONE;
    attn_pointer_case_close(&c);
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_bench_pointer(int argc, char **argv) {
    struct suite s = {.heads = 1, .dim = 256, .repeat = 15, .seed = 42};
    attn_problem *p = &s.problem;
    attn_problem_init(p);
    p->batch = 128;
    p->q_len = 1;
    p->kv_len = 500;
    const struct attn_option options[] = {
        {"batch", ATTN_OPTION_INTEGER, &p->batch, "B", "sequences (default 128)", 1, 65536},
        {"heads", ATTN_OPTION_INTEGER, &s.heads, "H", "query heads (default 1)", 1, 4096},
        {"kv-heads", ATTN_OPTION_INTEGER, &s.kv_heads, "G", "key/value heads (default: as heads)", 1, 4096},
        {"len", ATTN_OPTION_INTEGER, &p->q_len, "T", "queries of a sequence (default 1)", 1, 1 << 24},
        {"kv-len", ATTN_OPTION_INTEGER, &p->kv_len, "S", "keys of a sequence (default 500)", 1, 1 << 24},
        {"dim", ATTN_OPTION_INTEGER, &s.dim, "D", "size of query and key (default 256)", 1, 65536},
        {"kernel", ATTN_OPTION_TEXT, &p->kernel, "NAME", "pointer, naive (default: the planner's choice)", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &s.threads, "N", "threads (default: all processors)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "runs; the median counts (default 15)", 1, ATTN_REPEATS},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the data (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench pointer",
        NULL,
        "The additive score, forward to weights and backward from their gradient; checked before it is timed. Nearly all the time goes\n"
        "to hyperbolic tangents: 'of slots' divides the multiply-adds that they take (14 a pair and dimension forward, 30\n"
        "backward) by the peak of the same run.",
        "attn bench pointer --batch 128 --kv-len 500 --dim 256 --json",
        options,
        sizeof options / sizeof options[0]};
    struct attn_bench_output out;
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&out, s.json, s.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    return run(&s, &out);
}
