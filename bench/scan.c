/* Measuring a scan: build, run once, check, then time it between triads and peers. */
#include "bench/scan.h"

#include "base/clock.h"
#include "base/context.h"
#include "bench/peak.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPEATS = 1000, TRIAD_BYTES = 64 << 20, SETTLE = 2 };

struct samples {
    double seconds[REPEATS], triad[REPEATS], fraction[REPEATS], peer[REPEATS], ratio[REPEATS];
    int count;
};

/* Bytes that a pass must move, as the plan estimates them. */
static attn_status find_bytes(struct attn_case *c, enum attn_direction pass, double *bytes) {
    attn_estimate estimate;
    attn_estimate_init(&estimate);
    const attn_status status = attn_plan_estimate(c->plan, &c->args, &estimate);
    *bytes = pass == ATTN_FWD ? estimate.forward_bytes : estimate.backward_bytes;
    return status;
}

static attn_status time_case(struct attn_case *c, enum attn_direction pass, double *seconds) {
    const double start = attn_clock();
    const attn_status status = attn_case_run(c, pass);
    *seconds = attn_clock() - start;
    return status;
}

/* One round: a triad, ours, the peer. Times of the first rounds are not kept: pages and threads settle. */
static attn_status run_round(attn_ctx *ctx, const struct attn_scan_spec *scan, struct attn_case *c, void *peer,
                             const struct attn_triad *triad, double bytes, struct samples *s, bool keep) {
    double seconds, theirs = (double)NAN;
    const double rate = attn_triad_bandwidth(ctx, scan->spec.threads, triad);
    attn_status status = time_case(c, scan->pass, &seconds);
    if (status == ATTN_OK && peer != NULL) {
        status = scan->peer->run(peer, ATTN_FWD, &theirs);
        if (status == ATTN_OK && scan->pass == ATTN_BWD) status = scan->peer->run(peer, ATTN_BWD, &theirs);
    }
    if (!keep || status != ATTN_OK) return status;
    s->seconds[s->count] = seconds;
    s->triad[s->count] = rate;
    s->fraction[s->count] = bytes / seconds / rate;
    s->peer[s->count] = theirs;
    s->ratio[s->count++] = theirs / seconds;
    return ATTN_OK;
}

static void summarise(struct samples *s, double bytes, bool peer, struct attn_scan_figures *f) {
    f->repeats = s->count;
    f->median = attn_median(s->seconds, s->count);
    f->min = s->seconds[0];
    f->p80 = attn_quantile(s->seconds, s->count, 0.8);
    f->bytes = bytes;
    f->rate = bytes / f->median;
    f->triad = attn_median(s->triad, s->count);
    f->fraction = attn_median(s->fraction, s->count);
    if (!peer) return;
    f->peer_median = attn_median(s->peer, s->count);
    f->speedup = attn_median(s->ratio, s->count);
}

/* The peer, once run and held against ours; NULL with figures->message where it is not to be had. */
static void *open_peer(const struct attn_scan_spec *scan, struct attn_case *c, struct attn_scan_figures *f) {
    void *self = NULL;
    struct attn_outputs outputs;
    double seconds;
    if (scan->peer == NULL) return NULL;
    attn_status status = scan->peer->open(c, scan->spec.backward ? ATTN_BOTH : ATTN_FWD, &self);
    if (status == ATTN_OK) status = scan->peer->run(self, scan->spec.backward ? ATTN_BOTH : ATTN_FWD, &seconds);
    if (status == ATTN_OK) status = scan->peer->outputs(self, &outputs);
    if (status != ATTN_OK) {
        snprintf(f->message, sizeof f->message, "%s: %.900s", scan->peer->name, c->message);
        if (self != NULL) scan->peer->close(self);
        return NULL;
    }
    f->peer_difference = attn_oracle_difference(c, &outputs);
    snprintf(f->peer, sizeof f->peer, "%s", scan->peer->kernel(self));
    return self;
}

static attn_status time_rounds(attn_ctx *ctx, const struct attn_scan_spec *scan, struct attn_case *c, struct attn_scan_figures *f) {
    struct attn_triad triad;
    struct samples *s = attn_alloc(ctx, sizeof *s);
    if (s == NULL) return attn_no_memory(ctx, "samples", sizeof *s);
    if (!attn_triad_open(ctx, TRIAD_BYTES, &triad)) {
        attn_free(ctx, s);
        return attn_no_memory(ctx, "triad", 3 * (size_t)TRIAD_BYTES);
    }
    double bytes;
    void *peer = open_peer(scan, c, f);
    attn_status status = find_bytes(c, scan->pass, &bytes);
    s->count = 0;
    for (int n = 0; n < scan->repeats + SETTLE && status == ATTN_OK && !(scan->stopped != NULL && scan->stopped()); n++)
        status = run_round(ctx, scan, c, peer, &triad, bytes, s, n >= SETTLE);
    if (s->count > 0) summarise(s, bytes, peer != NULL, f);
    if (peer != NULL) scan->peer->close(peer);
    attn_triad_close(ctx, &triad);
    attn_free(ctx, s);
    return status;
}

/* What making and checking a case takes for each element of q, k, v and dO, what a triad takes, and how much slower a peer is. */
static const double element_seconds = 12e-9, triad_seconds = 5e-3, peer_times = 20.0;

double attn_scan_guess(attn_ctx *ctx, const struct attn_scan_spec *scan) {
    const struct attn_case_spec *s = &scan->spec;
    const double rows = (double)s->batch * (double)s->q_len;
    attn_problem problem;
    attn_estimate estimate;
    attn_args args;
    attn_plan *plan;
    attn_problem_init(&problem);
    attn_estimate_init(&estimate);
    attn_args_init(&args);
    problem.dtype = s->dtype;
    problem.kernel = s->kernel;
    problem.score = ATTN_SCORE_LEARNED_QUERY;
    problem.heads = s->heads;
    problem.kv_heads = s->kv_heads;
    problem.dim = s->dim;
    problem.v_dim = s->v_dim;
    problem.batch = s->batch;
    problem.q_len = s->q_len;
    problem.features = s->backward ? ATTN_BACKWARD : 0;
    if (attn_plan_create(ctx, &problem, &plan) != ATTN_OK) return 0.0;
    const attn_status status = attn_plan_estimate(plan, &args, &estimate);
    attn_plan_destroy(plan);
    if (status != ATTN_OK) return 0.0;
    const double once = scan->pass == ATTN_FWD ? estimate.forward_seconds : estimate.backward_seconds;
    const double peer = scan->peer != NULL ? peer_times * once : 0.0;
    const double made = element_seconds * rows * (2.0 * s->kv_heads + (s->backward ? s->heads : 0)) * s->dim;
    return made + estimate.forward_seconds + (scan->repeats + SETTLE) * (once + peer + triad_seconds);
}

attn_status attn_scan_measure(attn_ctx *ctx, const struct attn_scan_spec *scan, struct attn_scan_figures *f) {
    struct attn_case c;
    *f = (struct attn_scan_figures){.peer_median = (double)NAN, .speedup = (double)NAN, .peer_difference = (double)NAN};
    attn_status status = attn_case_open(&c, &scan->spec);
    if (status == ATTN_OK) status = attn_case_mask_text(&c, "causal");
    if (status == ATTN_OK) status = attn_case_plan(&c);
    if (status == ATTN_OK) status = attn_case_run(&c, scan->spec.backward ? ATTN_BOTH : ATTN_FWD);
    if (status == ATTN_OK) {
        const struct attn_outputs outputs = attn_case_outputs(&c);
        snprintf(f->kernel, sizeof f->kernel, "%s", attn_plan_kernel(c.plan));
        snprintf(f->isa, sizeof f->isa, "%s", attn_plan_isa(c.plan));
        f->workspace = attn_plan_workspace(c.plan);
        status = attn_oracle_error(&c, &outputs, &f->max_error);
    }
    f->wrong = status == ATTN_OK && !(f->max_error <= attn_oracle_limit(&c));
    if (status == ATTN_OK && !f->wrong) status = time_rounds(ctx, scan, &c, f);
    if (status != ATTN_OK && c.message[0])
        snprintf(f->message, sizeof f->message, "%s", c.message);
    else if (status != ATTN_OK)
        attn_ctx_error(ctx, f->message, sizeof f->message);
    attn_case_close(&c);
    return status;
}
