/* attn bench answer: how many instances a pointer network answers in a second, beside PyTorch. */
#include "bench/answer.h"

#include "cli/bench_beside.h"
#include "cli/cli.h"

#include <math.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 14, 0, 0},
    {"batch", "batch", 5, 0, 0},
    {"len", "points", 6, 0, 0},
    {"tokens_mean", "tokens", 6, 2, 0},
    {"dim", "dim", 5, 0, 0},
    {"threads", "threads", 7, 0, 0},
    {"instances_per_second", "answers/s", 9, 0, 0},
    {"seconds_median", "ms", 9, 2, 1e-3},
    {"seconds_p20", "p20", 9, 2, 1e-3},
    {"seconds_p80", "p80", 9, 2, 1e-3},
    {"fraction_of_peak", "of peak", 7, 3, 0},
    {"times_ours", "x ours", 6, 2, 0},
    {"repeats", "runs", 4, 0, 0},
    {"status", "status", 11, 0, 0},
};

struct suite {
    struct attn_beside beside;
    struct attn_answer_shape shape;
    struct attn_integers batches;
};

/* Multiply-adds as two, of products and of tangents (14 slots: bench/pointer.h). */
static double flops_of(const struct attn_answer_shape *s, double tokens) {
    return 2 * (double)s->instances * (attn_answer_case_products(s, tokens) + 14 * attn_answer_case_tanhs(s, tokens));
}

/* Products and tangents at half of their peak; PyTorch takes longer, and compiles first. */
static void predict(const struct suite *s, int threads) {
    const double tokens = s->shape.tokens > 0 ? (double)s->shape.tokens : 12; /* hulls of 50 points */
    const double run = flops_of(&s->shape, tokens) / (120e9 * threads);
    const int count = s->batches.count;
    attn_predict("bench answer", count,
                 count * (0.5 + ((double)s->beside.repeat + 3) * run * (s->beside.peer ? 5 : 1) + (s->beside.peer ? 90 : 0)));
}

static void print(struct suite *s, const struct attn_answer_case *c, const struct attn_beside_pair *p, int figure) {
    struct attn_record r = {.count = 0};
    attn_record_text(&r, "kernel", figure == 0 ? p->ours.name : p->name);
    attn_record_integer(&r, "instances", c->shape.instances);
    attn_record_integer(&r, "batch", c->shape.batch);
    attn_record_integer(&r, "len", c->shape.points);
    attn_record_integer(&r, "tokens", c->shape.tokens);
    attn_record_real(&r, "tokens_mean", c->tokens_mean);
    attn_record_integer(&r, "dim", c->shape.hidden);
    attn_record_integer(&r, "threads", attn_ctx_threads(c->ctx));
    const bool timed = attn_beside_times(p, figure, &r);
    attn_record_real(&r, "instances_per_second", timed ? (double)c->shape.instances / p->timing[figure].median : (double)NAN);
    attn_beside_print(&s->beside, p, figure, &r);
}

static attn_status measure(struct suite *s, struct attn_answer_case *c, struct attn_beside_pair *p) {
    attn_status status = attn_answer_case_check(c, &p->error);
    if (status == ATTN_OK) status = attn_beside_open(&s->beside, c->ctx, p, attn_answer_case_torch);
    if (status == ATTN_OK) status = attn_beside_measure(&s->beside, c->ctx, p, ATTN_FWD, flops_of(&c->shape, c->tokens_mean));
    for (int i = 0; i < attn_beside_figures(p) && status == ATTN_OK && !attn_stop_asked(); i++) print(s, c, p, i);
    return status;
}

static attn_status run_one(attn_ctx *ctx, void *suite, int index) {
    struct suite *s = suite;
    struct attn_answer_case c;
    struct attn_beside_pair p = {.ours = {"answer", &c, attn_answer_case_run, 0.0}};
    if (index == 0) predict(s, attn_ctx_threads(ctx));
    s->shape.batch = s->batches.item[index];
    attn_status status = attn_answer_case_open(&c, ctx, &s->shape, (uint64_t)s->beside.seed);
    if (status == ATTN_OK) status = measure(s, &c, &p);
    attn_beside_close(&p);
    attn_answer_case_close(&c);
    return status;
}

int attn_cmd_bench_answer(int argc, char **argv) {
    struct suite s = {.beside = {.command = "bench answer", .repeat = 5, .seed = 42}, .batches = {{128}, 1}};
    struct attn_answer_shape *shape = &s.shape;
    *shape = (struct attn_answer_shape){.instances = 10000, .points = 50, .hidden = 256};
    struct attn_option options[ATTN_BESIDE_OPTIONS + 6] = {
        {"instances", ATTN_OPTION_INTEGER, &shape->instances, "N", "answered in a run (default 10000)", 1, 1 << 24},
        {"batch", ATTN_OPTION_INTEGERS, &s.batches, "LIST", "instances at a time (default 128)", 1, 65536},
        {"len", ATTN_OPTION_INTEGER, &shape->points, "N", "points of an instance (default 50)", 2, ATTN_POINTER_MOST},
        {"tokens", ATTN_OPTION_INTEGER, &shape->tokens, "M", "tokens of every answer, at most points + 2 (default 0: as its hull has)", 0,
         ATTN_POINTER_MOST + 2},
        {"together", ATTN_OPTION_FLAG, &shape->together, NULL, "PyTorch's answers stay in their batch until all of it have ended", 0, 0},
        {"dim", ATTN_OPTION_INTEGER, &shape->hidden, "H", "hidden size of encoder and decoder (default 256)", 1, 4096},
    };
    const struct attn_usage usage = {
        "bench answer",
        NULL,
        "A pointer network that was not trained reads points and names some of them, greedily, as many as their hull has, the first again "
        "and\n"
        "the end; checked before it is timed: the answers' probabilities are those under teacher forcing. 'tokens' is their mean number.\n"
        "'of peak' counts products, and 14 multiply-adds for each hyperbolic tangent. PyTorch has the same weights, batches and numbers "
        "of\n"
        "tokens: an LSTM, then cells, whichever is fastest of eager and torch.compile of the pointer, of a step or of all steps, with a\n"
        "batch that ends when all its answers have, or, without --together, that is made smaller when a quarter of them has.",
        "attn bench answer --batch 64,128,256 --threads 1 --peer torch",
        options,
        6 + attn_beside_options(&s.beside, options + 6)};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = attn_beside_begin(&s.beside, columns, sizeof columns / sizeof columns[0]);
    return status >= 0 ? status : attn_beside_run(&s.beside, s.batches.count, run_one, &s);
}
