/* attn-mpi bench scan: the tokens of one scan, split evenly over the processes. A run takes from when all begin until the last is done. */
#include "attn_mpi.h"

#include "base/clock.h"
#include "base/random.h"
#include "bench/statistics.h"
#include "cli/ranks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPEATS = 1000, SETTLE = 2, CHECKED = 4096 };

/* A process's rows [first, first + rows) of each sequence, or all of them. Arrays are [batch, head, token, dim]. */
struct part {
    attn_ctx *ctx;
    attn_problem problem;
    int64_t first, rows;
    float *memory, *q, *k, *v, *d_o, *o, *lse, *dq, *dk, *dv;
    attn_args args;
    attn_gradients gradients;
};

static void describe(const struct attn_case_spec *s, int64_t rows, attn_problem *p) {
    attn_problem_init(p);
    p->score = ATTN_SCORE_LEARNED_QUERY;
    p->dtype = s->dtype;
    p->kernel = s->kernel;
    p->heads = s->heads;
    p->kv_heads = s->kv_heads;
    p->dim = s->dim;
    p->v_dim = s->v_dim;
    p->batch = s->batch;
    p->q_len = rows;
    p->threads = s->threads;
    p->features = s->backward ? ATTN_BACKWARD : 0;
}

/* The numbers of a token are the same whoever holds it. */
static void fill(const struct part *p, float *x, int64_t planes, int32_t width, uint64_t what) {
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t i = 0; i < p->rows; i++) {
            struct attn_random r;
            attn_random_init(&r, (what << 56) + ((uint64_t)plane << 32) + (uint64_t)(p->first + i));
            attn_random_fill_normal(&r, x + (plane * p->rows + i) * width, width, 1.0f);
        }
}

static attn_status open_part(attn_ctx *ctx, const struct attn_case_spec *s, int64_t first, int64_t rows, struct part *p) {
    *p = (struct part){.ctx = ctx, .first = first, .rows = rows};
    const int64_t h = s->heads, g = s->kv_heads, d = s->dim, e = s->v_dim, all = s->batch * rows;
    const int64_t counts[] = {h * d, all * g * d, all * g * e, all * h * e, all * h * e, all * h, h * d, all * g * d, all * g * e};
    float **const arrays[] = {&p->q, &p->k, &p->v, &p->d_o, &p->o, &p->lse, &p->dq, &p->dk, &p->dv};
    int64_t total = 0;
    for (int i = 0; i < 9; i++) total += counts[i];
    p->memory = attn_alloc(ctx, (size_t)total * sizeof(float));
    if (!p->memory) return attn_no_memory(ctx, "bench scan", (size_t)total * sizeof(float));
    memset(p->memory, 0, (size_t)total * sizeof(float));
    float *at = p->memory;
    for (int i = 0; i < 9; i++) {
        *arrays[i] = at;
        at += counts[i];
    }
    struct attn_random r;
    attn_random_init(&r, s->seed);
    attn_random_fill_normal(&r, p->q, h * d, 1.0f);
    fill(p, p->k, s->batch * g, s->dim, 1);
    fill(p, p->v, s->batch * g, s->v_dim, 2);
    fill(p, p->d_o, s->batch * h, s->v_dim, 3);
    describe(s, rows, &p->problem);
    attn_args_init(&p->args);
    attn_gradients_init(&p->gradients);
    p->args.q.data = p->q, p->args.k.data = p->k, p->args.v.data = p->v, p->args.o.data = p->o, p->args.lse.data = p->lse;
    p->gradients.d_o.data = p->d_o, p->gradients.dq.data = p->dq, p->gradients.dk.data = p->dk, p->gradients.dv.data = p->dv;
    return ATTN_OK;
}

static attn_status open_scan(struct part *p, attn_mpi_scan **scan) {
    attn_status status = attn_mpi_scan_create(p->ctx, &p->problem, NULL, scan);
    if (status) return status;
    p->args.workspace_bytes = attn_mpi_scan_workspace(*scan);
    p->args.workspace = attn_alloc(p->ctx, p->args.workspace_bytes);
    status = attn_mpi_scan_forward(*scan, &p->args); /* says on all processes if one has no memory */
    if (!status && p->problem.features) status = attn_mpi_scan_backward(*scan, &p->args, &p->gradients);
    return status;
}

static void close_part(struct part *p, attn_mpi_scan *scan) {
    attn_mpi_scan_destroy(scan);
    attn_free(p->ctx, p->args.workspace);
    attn_free(p->ctx, p->memory);
}

/* The greatest difference of rows of the whole and of the part, over the greatest magnitude. */
static void differ(const struct part *whole, const struct part *part, const float *a, const float *b, int64_t planes, int64_t width,
                   double *worst) {
    double difference = 0.0, most = 0.0;
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t i = 0; i < part->rows * width; i++) {
            const double x = (double)a[(plane * whole->rows + part->first) * width + i], y = (double)b[plane * part->rows * width + i];
            difference = attn_worse(difference, fabs(x - y));
            most = fmax(most, fabs(x));
        }
    if (most > 0.0) *worst = attn_worse(*worst, difference / most);
}

/* This process's rows of a short scan against the scan of one process, which each computes for itself. */
static attn_status check(attn_ctx *ctx, const struct attn_case_spec *s, const struct attn_ranks *ranks, double *error) {
    const int64_t rows = attn_min64(s->q_len, CHECKED), first = rows * ranks->rank / ranks->count;
    struct part whole = {.ctx = ctx}, part = {.ctx = ctx};
    attn_mpi_scan *scan = NULL;
    attn_status status = open_part(ctx, s, 0, rows, &whole);
    if (!status) status = attn_run(ctx, &whole.problem, &whole.args, s->backward ? &whole.gradients : NULL);
    if (!status) status = open_part(ctx, s, first, rows * (ranks->rank + 1) / ranks->count - first, &part);
    if (!status) status = open_scan(&part, &scan);
    *error = 0.0;
    if (!status) {
        differ(&whole, &part, whole.o, part.o, s->batch * s->heads, s->v_dim, error);
        if (s->backward) differ(&whole, &part, whole.dk, part.dk, s->batch * s->kv_heads, s->dim, error);
        if (s->backward) differ(&whole, &part, whole.dv, part.dv, s->batch * s->kv_heads, s->v_dim, error);
        MPI_Allreduce(MPI_IN_PLACE, error, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    }
    close_part(&part, scan);
    close_part(&whole, NULL);
    return status;
}

/* One run; negative seconds: some process is to stop. */
static attn_status time_run(const struct attn_scan_spec *spec, const struct part *p, attn_mpi_scan *scan, double *seconds) {
    double told[2];
    MPI_Barrier(MPI_COMM_WORLD);
    const double begun = attn_clock();
    const attn_status status =
        spec->pass == ATTN_FWD ? attn_mpi_scan_forward(scan, &p->args) : attn_mpi_scan_backward(scan, &p->args, &p->gradients);
    told[0] = attn_clock() - begun;
    told[1] = spec->stopped && spec->stopped() ? 1.0 : 0.0;
    if (status) return status;
    MPI_Allreduce(MPI_IN_PLACE, told, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    *seconds = told[1] > 0.0 ? -1.0 : told[0];
    return ATTN_OK;
}

static attn_status time_runs(attn_ctx *ctx, const struct attn_scan_spec *spec, const struct attn_ranks *ranks,
                             struct attn_scan_figures *f) {
    const struct attn_case_spec *s = &spec->spec;
    const int64_t first = s->q_len * ranks->rank / ranks->count;
    static double seconds[REPEATS + SETTLE];
    struct part p;
    attn_mpi_scan *scan = NULL;
    attn_status status = open_part(ctx, s, first, s->q_len * (ranks->rank + 1) / ranks->count - first, &p);
    if (!status) status = open_scan(&p, &scan);
    for (int n = 0; n < spec->repeats + SETTLE && !status; n++) {
        double *const at = &seconds[n < SETTLE ? 0 : f->repeats];
        status = time_run(spec, &p, scan, at);
        if (*at < 0.0) break;
        if (n >= SETTLE) f->repeats++;
    }
    if (f->repeats > 0) {
        f->median = attn_median(seconds, f->repeats);
        f->min = seconds[0];
        f->p80 = attn_quantile(seconds, f->repeats, 0.8);
    }
    f->workspace = p.args.workspace_bytes;
    close_part(&p, scan);
    return status;
}

static attn_status measure(attn_ctx *ctx, const struct attn_scan_spec *spec, struct attn_scan_figures *f) {
    const struct attn_ranks *ranks = attn_cli_ranks();
    const double none = (double)NAN;
    *f = (struct attn_scan_figures){
        .bytes = none, .rate = none, .triad = none, .fraction = none, .peer_median = none, .speedup = none, .peer_difference = none};
    attn_status status = spec->spec.dtype == ATTN_F32 ? ATTN_OK : attn_fail(ctx, ATTN_EUNSUPPORTED, "over processes: expected --dtype f32");
    if (!status) status = check(ctx, &spec->spec, ranks, &f->max_error);
    f->wrong = !status && !(f->max_error <= 1e-4);
    if (!status && !f->wrong) status = time_runs(ctx, spec, ranks, f);
    if (status) attn_ctx_error(ctx, f->message, sizeof f->message);
    return status;
}

attn_scan_measure_fn attn_cli_ranks_scan(void) {
    return attn_cli_ranks() ? measure : NULL;
}
