/* attn bench cp, measured: ranks are threads of this process, or the processes of mpirun. */
#include "cli/bench_cp.h"
#include "cli/cli.h"
#include "cli/ranks.h"
#include "dist/cp/quantity.h"
#include "plan/plan.h"

#include <math.h>
#include <string.h>

enum { CHECKED = 512 };

static const struct attn_column columns[] = {
    {"mechanism", "mechanism", 10, 0, 0},
    {"grid", "grid", 8, 0, 0},
    {"sharding", "sharding", 10, 0, 0},
    {"mask", "mask", 20, 0, 0},
    {"pass", "pass", 4, 0, 0},
    {"ranks", "ranks", 5, 0, 0},
    {"len", "len", 8, 0, 0},
    {"status", "status", 11, 0, 0},
    {"seconds_slowest", "ms", 9, 2, 1e-3},
    {"gflops_rank", "GFLOP/s", 8, 1, 0},
    {"compute_seconds", "compute", 9, 2, 1e-3},
    {"communication_seconds", "messages", 9, 2, 1e-3},
    {"overlap", "overlap", 7, 2, 0},
    {"bytes", "MB", 9, 2, 1e6},
    {"bytes_formula", "formula", 9, 2, 1e6},
    {"balance", "balance", 7, 3, 0},
    {"padding", "padding", 7, 3, 0},
    {"workspace", "MiB", 8, 1, 0x1p20},
    {"predicted_seconds", "model", 9, 2, 1e-3},
    {"max_error", "err 1e-7", 8, 1, 1e-7},
};

struct measured {
    struct attn_bench_cp *b;
    const char *mask;
    int ranks;
    struct attn_local_delay delay;
    bool delayed;
    struct attn_cp_spec spec;
    struct attn_cp_prediction prediction;
    struct attn_cp_figures f;
};

static void record_case(struct attn_record *r, const struct measured *m, int pass, const char *status, char *grid, size_t size) {
    const struct attn_bench_cp *b = m->b;
    const struct attn_cp_config *c = &m->spec.config;
    attn_record_text(r, "mechanism", attn_mechanism_name(c->grid.mechanism));
    attn_record_text(r, "grid", attn_bench_cp_grid(&c->grid, grid, size));
    attn_record_integer(r, "ulysses", c->grid.ulysses);
    attn_record_integer(r, "ring", c->grid.ring);
    attn_record_integer(r, "windows", c->grid.windows);
    attn_record_text(r, "sharding", c->grid.ring > 1 ? attn_sharding_name(c->sharding) : NULL);
    attn_record_integer(r, "exchanges", c->exchanges);
    attn_record_bool(r, "sparse", c->sparse);
    attn_record_text(r, "mask", m->mask);
    attn_record_text(r, "dtype", attn_dtype_name(b->type));
    attn_record_text(r, "pass", pass ? "bwd" : "fwd");
    attn_record_integer(r, "heads", b->heads);
    attn_record_integer(r, "kv_heads", b->kv_heads);
    attn_record_integer(r, "dim", b->dim);
    attn_record_integer(r, "ranks", m->ranks);
    attn_record_integer(r, "threads", b->threads);
    attn_record_integer(r, "len", m->spec.timed.problem.q_len);
    attn_record_text(r, "status", status);
    attn_record_integer(r, "repeats", m->f.repeats);
}

static void record_figures(struct attn_record *r, const struct measured *m, int pass) {
    const struct attn_cp_figures *f = &m->f;
    const struct attn_cp_prediction *o = &m->prediction;
    const double flops = f->area * attn_pair_flops(&m->spec.timed.problem, pass) / m->ranks * 1e-9;
    const bool timed = f->repeats > 0;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"seconds_slowest", f->slowest[pass]},
                   {"seconds_mean", f->mean[pass]},
                   {"gflops_rank", flops / f->slowest[pass]},
                   {"gflops_rank_mean", flops / f->mean[pass]},
                   {"compute_seconds", f->compute[pass]},
                   {"communication_seconds", f->communication[pass]},
                   {"waited_seconds", f->waited[pass]},
                   {"overlap", f->overlap[pass]},
                   {"bytes", f->bytes[pass]},
                   {"bytes_formula", o->total_bytes[pass]},
                   {"bytes_greatest", f->greatest[pass]},
                   {"messages", f->messages[pass]},
                   {"area", f->area},
                   {"balance", f->balance},
                   {"padding", f->padding},
                   {"workspace", f->workspace},
                   {"predicted_seconds", o->seconds[pass]}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        attn_record_real(r, numbers[i].name, timed ? numbers[i].value : (double)NAN);
    attn_record_real(r, "max_error", timed || f->wrong ? f->max_error : (double)NAN);
}

static void print(const struct measured *m, const char *status) {
    struct attn_bench_cp *b = m->b;
    for (int pass = 0; pass < 2; pass++) {
        struct attn_record r = {.count = 0};
        char grid[48];
        if (!strstr(b->pass, pass ? "bwd" : "fwd")) continue;
        record_case(&r, m, pass, status, grid, sizeof grid);
        record_figures(&r, m, pass);
        attn_record_integer(&r, "seed", b->seed);
        attn_record_text(&r, "message", m->f.message[0] ? m->f.message : NULL);
        attn_record_text(&r, "cpu", b->out.cpu);
        attn_record_text(&r, "compiler", b->out.compiler);
        attn_record_text(&r, "version", b->out.version);
        attn_report_row(&b->out.report, &r);
    }
    if (m->f.message[0]) fprintf(attn_cli_errors(), "attn: bench cp: %s\n", m->f.message);
}

/* ------------------------------------------------------------------------------------------------------ one mechanism */

static attn_status measure(struct measured *m) {
    const attn_cp_measure_fn shared = attn_cli_ranks_cp();
    if (shared) return shared(m->b->ctx, &m->spec, &m->f);
    return attn_cp_measure_local(m->b->ctx, &m->spec, m->ranks, m->delayed ? &m->delay : NULL, &m->f);
}

/* -1: go on. */
static int run_one(struct measured *m, enum attn_mechanism mechanism, const struct attn_bench_cp_mask *mask) {
    struct attn_bench_cp *b = m->b;
    char sentence[1024];
    memset(&m->f, 0, sizeof m->f);
    attn_status status = attn_bench_cp_config(b, mechanism, m->ranks, mask, &m->spec.config);
    if (!status) status = attn_cp_predict(b->ctx, &m->spec.timed.problem, mask->mask, &m->spec.config, &b->machine, &m->prediction);
    if (!status && m->prediction.status == ATTN_EUNSUPPORTED) status = attn_fail(b->ctx, ATTN_EUNSUPPORTED, "%s", m->prediction.why);
    if (!status) status = measure(m);
    if (status && !m->f.message[0]) attn_append(m->f.message, sizeof m->f.message, "%s", attn_ctx_error(b->ctx, sentence, sizeof sentence));
    if (status == ATTN_EUNSUPPORTED || status == ATTN_ENOMEM) {
        print(m, status == ATTN_ENOMEM ? ATTN_STATUS_OOM : ATTN_STATUS_UNSUPPORTED);
        return -1;
    }
    if (status) return attn_complain_status(b->ctx, status);
    b->out.surprised = b->out.surprised || m->f.wrong;
    if (m->f.repeats > 0 || m->f.wrong) print(m, m->f.wrong ? ATTN_STATUS_WRONG : ATTN_STATUS_OK);
    /* What one process alone was asked, the others do not know. */
    return m->f.stopped || (!attn_cli_ranks() && attn_stop_asked()) ? ATTN_EXIT_STOPPED : -1;
}

static attn_status open_sequence(struct attn_bench_cp *b, const char *name, int64_t len, struct attn_bench_cp_mask *mask,
                                 struct attn_cp_sequence *out) {
    attn_status status = attn_bench_cp_mask_open(b->ctx, name, len, (uint64_t)b->seed, mask);
    if (!status) status = attn_bench_cp_problem(b, len, &out->problem);
    out->mask = mask->mask;
    out->document = mask->document;
    out->documents = mask->documents;
    return status;
}

static int run_mask(struct measured *m) {
    struct attn_bench_cp *b = m->b;
    const int64_t len = b->len > 0 ? b->len : 16384;
    struct attn_bench_cp_mask timed, checked = {.mask = NULL};
    int exit_status = -1;
    attn_status status = open_sequence(b, m->mask, len, &timed, &m->spec.timed);
    /* A mask of given lengths has no short form: it is checked as it is. */
    if (!status && open_sequence(b, m->mask, attn_min64(len, CHECKED), &checked, &m->spec.checked))
        status = open_sequence(b, m->mask, len, &checked, &m->spec.checked);
    if (!status) status = attn_bench_cp_speed(b, &m->spec.timed.problem);
    for (int i = 0; i < ATTN_CP_MECHANISMS && !status && exit_status < 0; i++)
        if (b->wanted[i]) exit_status = run_one(m, (enum attn_mechanism)i, &timed);
    if (status) exit_status = attn_complain_status(b->ctx, status);
    attn_bench_cp_mask_close(b->ctx, &checked);
    attn_bench_cp_mask_close(b->ctx, &timed);
    return exit_status;
}

/* "50us,1GB/s". */
static int read_delay(struct measured *m) {
    char text[128];
    struct attn_words words;
    if (!m->b->delay) return -1;
    snprintf(text, sizeof text, "%s", m->b->delay);
    m->delayed = true;
    m->delay.segment = 1 << 18;
    if (!attn_words_split(text, ',', &words) || words.count != 2 ||
        !attn_quantity_parse(ATTN_QUANTITY_SECONDS, words.item[0], &m->delay.latency) ||
        !attn_quantity_parse(ATTN_QUANTITY_RATE, words.item[1], &m->delay.bandwidth))
        return attn_complain("bench cp: --delay %s: expected a latency and a bandwidth, such as 50us,1GB/s", m->b->delay);
    return -1;
}

int attn_bench_cp_measure(struct attn_bench_cp *b) {
    struct measured m = {.b = b, .ranks = (int)b->local_ranks};
    b->out.report.columns = columns;
    b->out.report.column_count = sizeof columns / sizeof columns[0];
    if (attn_cli_ranks()) m.ranks = attn_cli_ranks()->count;
    if (m.ranks == 0)
        return attn_complain(
            "bench cp: nothing to run on; expected --local-ranks N, mpirun with attn-mpi, --simulate, --choose or --protocol");
    int exit_status = read_delay(&m);
    if (exit_status >= 0) return exit_status;
    if (m.delayed && attn_cli_ranks()) return attn_complain("bench cp: --delay goes with --local-ranks");
    m.spec.threads = (int)b->threads;
    m.spec.repeats = (int)b->repeat;
    m.spec.seed = (uint64_t)b->seed;
    m.spec.stopped = attn_stop_asked;
    for (int n = 0; n < b->names.count && exit_status < 0; n++) {
        m.mask = b->names.item[n];
        exit_status = run_mask(&m);
    }
    return exit_status >= 0 ? exit_status : b->out.surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}
