/* Suites that measure one computation beside PyTorch. */
#include "cli/bench_beside.h"

#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double limit = 1e-5;

int attn_beside_options(struct attn_beside *b, struct attn_option *options) {
    const struct attn_option common[ATTN_BESIDE_OPTIONS] = {
        {"threads", ATTN_OPTION_INTEGER, &b->threads, "N", "threads (default: all processors)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &b->repeat, "N", "runs; the median counts (default 15)", 1, ATTN_REPEATS},
        {"seed", ATTN_OPTION_INTEGER, &b->seed, "N", "of the data (default 42)", 0, 9e18},
        {"peer", ATTN_OPTION_TEXT, &b->peer, "NAME", "torch: the same in PyTorch, in turns with ours; none (default)", 0, 0},
        {"python", ATTN_OPTION_TEXT, &b->python, "PATH", "of the peer torch (default: ATTN_PYTHON, then python3)", 0, 0},
        {"json", ATTN_OPTION_FLAG, &b->json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &b->csv, NULL, "comma-separated values with a header", 0, 0},
    };
    memcpy(options, common, sizeof common);
    return ATTN_BESIDE_OPTIONS;
}

int attn_beside_begin(struct attn_beside *b, const struct attn_column *columns, int count) {
    if (b->peer != NULL && strcmp(b->peer, "none") == 0) b->peer = NULL;
    if (b->peer != NULL && strcmp(b->peer, "torch") != 0)
        return attn_complain("%s: --peer %s: expected torch or none", b->command, b->peer);
    if (b->python != NULL && setenv("ATTN_PYTHON", b->python, 1) != 0) return ATTN_EXIT_SYSTEM;
    return attn_bench_output_init(&b->out, b->json, b->csv, columns, count) ? -1 : ATTN_EXIT_USAGE;
}

/* Says so where a result is too far away. */
static const char *judge(struct attn_beside *b, const char *whose, double off, const char *from) {
    if (off <= limit) return ATTN_STATUS_OK;
    b->out.surprised = true;
    attn_complain("%s: the results of %s are %.3g away from %s, expected at most %g", b->command, whose, off, from, limit);
    return ATTN_STATUS_WRONG;
}

attn_status attn_beside_open(struct attn_beside *b, attn_ctx *ctx, struct attn_beside_pair *p,
                             attn_status (*open)(void *self, struct attn_torch *torch, char *name, size_t size, double *difference)) {
    char message[1024], name[24] = "";
    p->status[0] = judge(b, p->ours.name, p->error, "the reference's");
    if (b->peer == NULL || !(p->error <= limit)) return ATTN_OK;
    attn_status status = attn_torch_open(&p->torch, ctx, attn_ctx_threads(ctx));
    if (status == ATTN_OK) status = open(p->ours.self, &p->torch, name, sizeof name, &p->difference);
    snprintf(p->name, sizeof p->name, "torch%s%s", name[0] ? "-" : "", name);
    if (status == ATTN_EUNSUPPORTED) {
        p->status[1] = ATTN_STATUS_UNSUPPORTED;
        p->difference = (double)NAN;
        attn_ctx_error(ctx, message, sizeof message);
        attn_complain("%s: %s: %s", b->command, p->status[1], message);
        return ATTN_OK;
    }
    if (status == ATTN_OK) p->status[1] = judge(b, p->name, p->difference, "ours");
    return status;
}

void attn_beside_close(struct attn_beside_pair *p) {
    if (p->torch.ctx != NULL) attn_torch_close(&p->torch);
}

attn_status attn_beside_measure(const struct attn_beside *b, attn_ctx *ctx, struct attn_beside_pair *p, enum attn_direction pass,
                                double flops) {
    const struct attn_protocol protocol = {.warmups = 1,
                                           .repeats = (int)b->repeat,
                                           .threads = attn_ctx_threads(ctx),
                                           .fma = attn_fma_best(ctx, ATTN_F32),
                                           .stopped = attn_stop_asked};
    const bool peer = p->status[1] != NULL && p->difference <= limit;
    struct attn_subject subjects[3] = {p->ours};
    struct attn_timing timing[3];
    int count = 1;
    if (peer) subjects[count++] = (struct attn_subject){p->name, &p->torch, attn_torch_run, 0.0};
    if (p->limit.run != NULL) subjects[count++] = p->limit;
    memset(timing, 0, sizeof timing);
    attn_status status = ATTN_OK;
    if (p->error <= limit) status = attn_measure(ctx, subjects, count, pass, flops, &protocol, timing);
    p->timing[0] = timing[0];
    p->timing[1] = peer ? timing[1] : (struct attn_timing){0};
    p->limit_timing = timing[count - 1];
    return status;
}

int attn_beside_figures(const struct attn_beside_pair *p) {
    return p->status[1] != NULL ? 2 : 1;
}

bool attn_beside_times(const struct attn_beside_pair *p, int figure, struct attn_record *r) {
    const struct attn_timing *t = &p->timing[figure];
    const bool timed = t->repeats > 0;
    const double none = (double)NAN;
    attn_record_text(r, "status", p->status[figure]);
    attn_record_real(r, "seconds_median", timed ? t->median : none);
    attn_record_real(r, "seconds_min", timed ? t->min : none);
    attn_record_real(r, "seconds_p20", timed ? t->p20 : none);
    attn_record_real(r, "seconds_p80", timed ? t->p80 : none);
    attn_record_integer(r, "repeats", t->repeats);
    return timed;
}

void attn_beside_print(struct attn_beside *b, const struct attn_beside_pair *p, int figure, struct attn_record *r) {
    const struct attn_timing *t = &p->timing[figure];
    const bool timed = t->repeats > 0;
    attn_record_real(r, "fma_peak_gflops", timed ? t->peak_gflops : (double)NAN);
    attn_record_real(r, "fraction_of_peak", timed ? t->fraction : (double)NAN);
    attn_record_real(r, "max_error", figure == 0 ? p->error : p->difference);
    attn_record_real(r, "times_ours", timed && figure > 0 ? t->ratio : (double)NAN);
    attn_record_integer(r, "seed", b->seed);
    attn_record_text(r, "cpu", b->out.cpu);
    attn_record_text(r, "compiler", b->out.compiler);
    attn_record_text(r, "version", b->out.version);
    attn_record_text(r, "peer", figure > 0 ? b->peer : NULL);
    attn_report_row(&b->out.report, r);
}

int attn_beside_run(const struct attn_beside *b, int count, attn_status (*one)(attn_ctx *ctx, void *suite, int index), void *suite) {
    int status = -1;
    attn_ctx *ctx = attn_cli_context((int)b->threads, &status);
    if (ctx == NULL) return status;
    attn_stop_catch();
    for (int i = 0; i < count && status < 0 && !attn_stop_asked(); i++) {
        const attn_status done = one(ctx, suite, i);
        if (done != ATTN_OK) status = attn_complain_status(ctx, done);
    }
    attn_ctx_destroy(ctx);
    if (status >= 0) return status;
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : b->out.surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}
