/* attn bench pointer: the additive score, in hyperbolic tangents a second beside the multiply-add slots that they take. */
#include "bench/pointer.h"

#include "cli/bench_beside.h"
#include "cli/cli.h"

#include <math.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 14, 0, 0},
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
    {"times_ours", "x ours", 6, 2, 0},
    {"repeats", "runs", 4, 0, 0},
    {"status", "status", 11, 0, 0},
};

struct suite {
    struct attn_beside beside;
    attn_problem problem;
    int64_t heads, kv_heads, dim;
};

/* A tangent takes a quarter of a nanosecond on a core; PyTorch takes longer, and compiles first. */
static void predict(const struct suite *s, const struct attn_pointer_case *c, int threads) {
    const double tanhs = attn_pointer_case_tanhs(c, ATTN_BOTH), run = tanhs * 0.4e-9 / threads;
    attn_predict("bench pointer", 2,
                 0.2 + ((double)s->beside.repeat + 2) * (run * (s->beside.peer ? 6 : 1) + 0.02) + (s->beside.peer ? 10 : 0));
}

static void print(struct suite *s, const struct attn_pointer_case *c, const struct attn_beside_pair *pair, enum attn_direction pass,
                  int figure) {
    struct attn_record r = {.count = 0};
    const attn_problem *p = &c->problem;
    attn_record_text(&r, "kernel", figure == 0 ? attn_plan_kernel(c->plan) : pair->name);
    attn_record_text(&r, "isa", figure == 0 ? attn_plan_isa(c->plan) : NULL);
    attn_record_text(&r, "pass", attn_direction_name(pass));
    attn_record_integer(&r, "batch", p->batch);
    attn_record_integer(&r, "heads", p->heads);
    attn_record_integer(&r, "kv_heads", p->kv_heads);
    attn_record_integer(&r, "q_len", p->q_len);
    attn_record_integer(&r, "kv_len", p->kv_len);
    attn_record_integer(&r, "dim", p->dim);
    attn_record_integer(&r, "threads", attn_ctx_threads(c->ctx));
    const bool timed = attn_beside_times(pair, figure, &r);
    attn_record_real(&r, "tanh_per_second", timed ? attn_pointer_case_tanhs(c, pass) / pair->timing[figure].median : (double)NAN);
    attn_record_real(&r, "workspace_bytes", figure == 0 ? (double)attn_plan_workspace(c->plan) : (double)NAN);
    attn_beside_print(&s->beside, pair, figure, &r);
}

static attn_status measure(struct suite *s, struct attn_pointer_case *c, struct attn_beside_pair *p) {
    attn_status status = attn_pointer_case_check(c, &p->error);
    if (status == ATTN_OK) status = attn_beside_open(&s->beside, c->ctx, p, attn_pointer_case_torch);
    for (int pass = ATTN_FWD; pass <= ATTN_BWD && status == ATTN_OK && !attn_stop_asked(); pass++) {
        const enum attn_direction direction = (enum attn_direction)pass;
        status = attn_beside_measure(&s->beside, c->ctx, p, direction, attn_pointer_case_flops(c, direction));
        for (int i = 0; i < attn_beside_figures(p) && status == ATTN_OK && !attn_stop_asked(); i++) print(s, c, p, direction, i);
    }
    return status;
}

static attn_status run_one(attn_ctx *ctx, void *suite, int index) {
    struct suite *s = suite;
    struct attn_pointer_case c;
    struct attn_beside_pair p = {.ours = {"pointer", &c, attn_pointer_case_run, 0.0}};
    (void)index;
    s->problem.heads = (int32_t)s->heads;
    s->problem.kv_heads = (int32_t)(s->kv_heads > 0 ? s->kv_heads : s->heads);
    s->problem.dim = (int32_t)s->dim;
    attn_status status = attn_pointer_case_open(&c, ctx, &s->problem, (uint64_t)s->beside.seed);
    if (status == ATTN_OK) predict(s, &c, attn_ctx_threads(ctx));
    if (status == ATTN_OK) status = measure(s, &c, &p);
    attn_beside_close(&p);
    attn_pointer_case_close(&c);
    return status;
}

int attn_cmd_bench_pointer(int argc, char **argv) {
    struct suite s = {.beside = {.command = "bench pointer", .repeat = 15, .seed = 42}, .heads = 1, .dim = 256};
    attn_problem *p = &s.problem;
    attn_problem_init(p);
    p->batch = 128;
    p->q_len = 1;
    p->kv_len = 500;
    struct attn_option options[ATTN_BESIDE_OPTIONS + 7] = {
        {"batch", ATTN_OPTION_INTEGER, &p->batch, "B", "sequences (default 128)", 1, 65536},
        {"heads", ATTN_OPTION_INTEGER, &s.heads, "H", "query heads (default 1)", 1, 4096},
        {"kv-heads", ATTN_OPTION_INTEGER, &s.kv_heads, "G", "key/value heads (default: as heads)", 1, 4096},
        {"len", ATTN_OPTION_INTEGER, &p->q_len, "T", "queries of a sequence (default 1)", 1, 1 << 24},
        {"kv-len", ATTN_OPTION_INTEGER, &p->kv_len, "S", "keys of a sequence (default 500)", 1, 1 << 24},
        {"dim", ATTN_OPTION_INTEGER, &s.dim, "D", "size of query and key (default 256)", 1, 65536},
        {"kernel", ATTN_OPTION_TEXT, &p->kernel, "NAME", "pointer, naive (default: the planner's choice)", 0, 0},
    };
    const struct attn_usage usage = {
        "bench pointer",
        NULL,
        "The additive score, forward to weights and backward from their gradient; checked before it is timed. Nearly all the time goes\n"
        "to hyperbolic tangents: 'of slots' divides the multiply-adds that they take (14 a pair and dimension forward, 30\n"
        "backward) by the peak of the same run.",
        "attn bench pointer --batch 128 --kv-len 500 --dim 256 --json",
        options,
        7 + attn_beside_options(&s.beside, options + 7)};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = attn_beside_begin(&s.beside, columns, sizeof columns / sizeof columns[0]);
    return status >= 0 ? status : attn_beside_run(&s.beside, 1, run_one, &s);
}
