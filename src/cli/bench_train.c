/* attn bench train: training steps beside PyTorch's. */
#include "bench/train.h"

#include "base/clock.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"case", "case", 9, 0, 0},
    {"width", "width", 5, 0, 0},
    {"batch", "batch", 5, 0, 0},
    {"threads", "thr", 3, 0, 0},
    {"status", "status", 8, 0, 0},
    {"seconds_median", "ms", 8, 2, 1e-3},
    {"seconds_min", "least", 8, 2, 1e-3},
    {"seconds_max", "most", 8, 2, 1e-3},
    {"speedup", "x thr", 5, 2, 0},
    {"peer_seconds_median", "torch ms", 8, 2, 1e-3},
    {"times_ours", "x ours", 6, 2, 0},
    {"times_ours_min", "least", 5, 2, 0},
    {"times_ours_max", "most", 5, 2, 0},
    {"peer", "torch", 8, 0, 0},
};

struct suite {
    struct attn_integers threads, dims;
    int64_t batch, repeat, seed;
    double seconds, budget;
    const char *peer, *python;
    bool json, csv;
    const struct attn_train_shape *chosen[ATTN_OPTION_VALUES];
    int count;
    attn_ctx *ctx[ATTN_TRAIN_THREADS];
    struct attn_bench_output out;
};

static void add_spread(struct attn_record *r, const char *median, const char *least, const char *greatest, const struct attn_spread *s) {
    attn_record_real(r, median, s->median);
    attn_record_real(r, least, s->least);
    attn_record_real(r, greatest, s->greatest);
}

static void print(struct suite *s, const struct attn_train_shape *shape, const struct attn_train_figures *f, int n) {
    struct attn_record r = {.count = 0};
    const char *status = f->differs ? ATTN_STATUS_WRONG : ATTN_STATUS_OK;
    attn_record_text(&r, "case", shape->name);
    attn_record_text(&r, "mixer", shape->mixer);
    attn_record_integer(&r, "layers", shape->layers);
    attn_record_integer(&r, "width", shape->width);
    attn_record_integer(&r, "len", shape->length);
    attn_record_integer(&r, "batch", shape->batch);
    attn_record_integer(&r, "vocabulary", shape->vocabulary);
    attn_record_integer(&r, "parameters", f->parameters);
    attn_record_integer(&r, "threads", attn_ctx_threads(s->ctx[n]));
    attn_record_text(&r, "status", status);
    attn_record_integer(&r, "repeats", f->rounds);
    attn_record_integer(&r, "steps", f->steps);
    add_spread(&r, "seconds_median", "seconds_min", "seconds_max", &f->seconds);
    attn_record_real(&r, "items_per_second", attn_train_case_items(shape) / f->seconds.median);
    add_spread(&r, "speedup", "speedup_min", "speedup_max", &f->gain);
    attn_record_text(&r, "peer", f->peer[0] ? f->peer : NULL);
    add_spread(&r, "peer_seconds_median", "peer_seconds_min", "peer_seconds_max", &f->peer_seconds);
    add_spread(&r, "times_ours", "times_ours_min", "times_ours_max", &f->ratio);
    attn_record_real(&r, "first_loss", f->loss);
    attn_record_real(&r, "loss_difference", f->loss_difference);
    attn_record_real(&r, "norm_difference", f->norm_difference);
    attn_record_text(&r, "message", f->message[0] ? f->message : NULL);
    attn_record_text(&r, "cpu", s->out.cpu);
    attn_record_text(&r, "compiler", s->out.compiler);
    attn_record_text(&r, "version", s->out.version);
    attn_report_row(&s->out.report, &r);
    if (f->message[0]) attn_complain("bench train: torch: %s", f->message);
    if (!f->differs) return;
    s->out.surprised = true;
    attn_complain("bench train: %s: PyTorch's first loss is %.3g of ours away, the norm of its gradient %.3g; expected at most %g and %g",
                  shape->name, f->loss_difference, f->norm_difference, ATTN_TRAIN_LOSS_LIMIT, ATTN_TRAIN_NORM_LIMIT);
}

static int run_one(struct suite *s, const struct attn_train_shape *shape) {
    struct attn_train_figures figures[ATTN_TRAIN_THREADS];
    const struct attn_train_spec spec = {.shape = shape,
                                         .ctx = s->ctx,
                                         .threads = s->threads.count,
                                         .rounds = (int)s->repeat,
                                         .seconds = s->seconds,
                                         .ends = s->budget > 0.0 ? attn_clock() + s->budget : 0.0,
                                         .seed = (uint64_t)s->seed,
                                         .torch = s->peer != NULL,
                                         .stopped = attn_stop_asked};
    int failed;
    attn_progress(shape->name);
    const attn_status status = attn_train_measure(&spec, figures, &failed);
    attn_progress(NULL);
    if (status != ATTN_OK) return attn_complain_status(s->ctx[failed], status);
    for (int n = 0; n < s->threads.count && figures[n].rounds > 0; n++) print(s, shape, &figures[n], n);
    return -1;
}

/* A case, once for each width where the width is free. */
static int run_case(struct suite *s, const struct attn_train_shape *shape) {
    struct attn_train_shape own = *shape;
    int status = -1;
    if (shape->pairs == 0) return run_one(s, shape);
    if (s->batch > 0) own.batch = s->batch;
    for (int i = 0; i < s->dims.count && status < 0 && !attn_stop_asked(); i++) {
        own.width = s->dims.item[i];
        status = run_one(s, &own);
    }
    return status;
}

static int run(struct suite *s) {
    int status = -1;
    for (int n = 0; n < s->threads.count && status < 0; n++) s->ctx[n] = attn_cli_context((int)s->threads.item[n], &status);
    attn_stop_catch();
    for (int i = 0; i < s->count && status < 0 && !attn_stop_asked(); i++) status = run_case(s, s->chosen[i]);
    for (int n = 0; n < s->threads.count; n++) attn_ctx_destroy(s->ctx[n]);
    if (status >= 0) return status;
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : s->out.surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

static int choose_cases(struct suite *s, char *list) {
    const char *names[ATTN_OPTION_VALUES];
    struct attn_words words;
    if (!attn_words_split(list, ',', &words)) return attn_complain("bench train: --case: more than %d names", ATTN_OPTION_VALUES);
    for (int i = 0; i < attn_train_shape_count; i++) names[i] = attn_train_shapes[i].name;
    for (int w = 0; w < words.count; w++) {
        int found = 0;
        while (found < attn_train_shape_count && strcmp(names[found], words.item[w]) != 0) found++;
        const char *nearest = attn_nearest(words.item[w], names, attn_train_shape_count);
        if (found == attn_train_shape_count)
            return attn_complain("bench train: --case: there is no case '%s'%s%s%s", words.item[w], nearest ? "; did you mean '" : "",
                                 nearest ? nearest : "", nearest ? "'?" : "");
        s->chosen[s->count++] = &attn_train_shapes[found];
    }
    return -1;
}

static int check(struct suite *s, char *cases) {
    if (s->peer != NULL && strcmp(s->peer, "none") == 0) s->peer = NULL;
    if (s->peer != NULL && strcmp(s->peer, "torch") != 0) return attn_complain("bench train: --peer %s: expected torch or none", s->peer);
    if (s->threads.count > ATTN_TRAIN_THREADS) return attn_complain("bench train: --threads: more than %d numbers", ATTN_TRAIN_THREADS);
    if (s->python != NULL && setenv("ATTN_PYTHON", s->python, 1) != 0) return ATTN_EXIT_SYSTEM;
    if (!attn_bench_output_init(&s->out, s->json, s->csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    return choose_cases(s, cases);
}

int attn_cmd_bench_train(int argc, char **argv) {
    struct suite s = {.threads = {{1, 2}, 2}, .dims = {{64}, 1}, .repeat = 9, .seed = 42, .seconds = 0.2};
    char all[] = "lm,causal,aaren,attention,baseconv,based,rwkv,mamba,hyena,h3,lstm,conv,ptr10,ptr50", *cases = all;
    const struct attn_option options[] = {
        {"case", ATTN_OPTION_TEXT, &cases, "LIST",
         "lm, causal, aaren, attention, baseconv, based, rwkv, mamba, hyena, h3, lstm, conv, ptr10, ptr50 (default all)", 0, 0},
        {"dim", ATTN_OPTION_INTEGERS, &s.dims, "LIST", "width of the models of recall (default 64)", 2, 4096},
        {"batch", ATTN_OPTION_INTEGER, &s.batch, "B", "sequences of the models of recall (default 256)", 1, 65536},
        {"threads", ATTN_OPTION_INTEGERS, &s.threads, "LIST", "numbers of threads, in turns (default 1,2)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "rounds (default 9)", 1, ATTN_TRAIN_ROUNDS},
        {"seconds", ATTN_OPTION_REAL, &s.seconds, "S", "steps are repeated until a run takes so long (default 0.2)", 0, 3600},
        {"budget", ATTN_OPTION_REAL, &s.budget, "S", "no round of a case is begun later (default 0: no limit)", 0, 1e9},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of weights and batch (default 42)", 0, 9e18},
        {"peer", ATTN_OPTION_TEXT, &s.peer, "NAME", "torch: the same in PyTorch, in turns with ours; none (default)", 0, 0},
        {"python", ATTN_OPTION_TEXT, &s.python, "PATH", "of the peer torch (default: ATTN_PYTHON, then python3)", 0, 0},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench train",
        NULL,
        "One training step, forward, backward and AdamW, of a model: medians over the rounds with the least and the greatest.\n"
        "lm: 4 layers of attention and MLP, width 256, 16 sequences of 256 tokens, 2048 words. causal, aaren: the same of width 128,\n"
        "16 sequences of 1024 tokens, 64 words, with attention and Aaren. attention (2 layers), baseconv,\n"
        "based, rwkv, mamba, hyena, h3 (4): recall (MQAR), 64 tokens, 8192 words. lstm: 256 to 256, 128 sequences of 50 tokens.\n"
        "conv: 64 images of 32 x 32 x 3. ptr10, ptr50: a pointer network, width 256, 128 sequences of 10 or 50 points. PyTorch begins with "
        "the same weights: its first loss and gradient are compared; the\n"
        "faster of eager and torch.compile is timed. 'x ours' is its time over ours, 'x thr' the gain over the first number of threads.",
        "attn bench train --case lm,rwkv --threads 1,2 --peer torch",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = check(&s, cases);
    return status >= 0 ? status : run(&s);
}
