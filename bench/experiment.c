/* Running an experiment. Our kernel comes first; a peer that is unsupported or wrong, against double in
 * samples or against our results in any element, is left out of the timing and says why. */
#include "bench/experiment.h"

#include "base/clock.h"
#include "base/context.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct running {
    struct attn_case c;
    void *peer[ATTN_SUBJECTS];
    struct attn_subject subjects[ATTN_SUBJECTS];
    int figure_of[ATTN_SUBJECTS]; /* subject -> figures */
    int count;
    double check_seconds; /* what our first run and its check took */
};

double attn_experiment_guess(const struct attn_experiment *e, double pairs) {
    const double factor = e->pass == ATTN_FWD ? 1.0 : e->pass == ATTN_BWD ? 2.5 : 3.5;
    const double flops = 2.0 * factor * pairs * (double)(e->spec.dim + e->spec.v_dim) * e->spec.heads * (double)e->spec.batch;
    const bool slow = e->spec.dtype == ATTN_F64 || (e->spec.kernel != NULL && strcmp(e->spec.kernel, "naive") == 0);
    return flops / ((slow ? 1e9 : 80e9) * e->spec.threads);
}

/* Statuses that are an answer of the experiment and not an error. */
static const char *status_word(attn_status status) {
    return status == ATTN_EUNSUPPORTED ? ATTN_STATUS_UNSUPPORTED : status == ATTN_ENOMEM ? ATTN_STATUS_OOM : NULL;
}

static attn_status build(const struct attn_experiment *e, struct running *r) {
    attn_mask *masks[256];
    int count = 0;
    attn_status status = attn_case_open(&r->c, &e->spec);
    if (status != ATTN_OK) return status;
    if (e->mask != NULL) {
        status = attn_case_mask_text(&r->c, e->mask);
    } else {
        status = e->make_masks(&r->c, e->user, masks, &count);
        if (status == ATTN_OK)
            status = attn_case_mask_list(&r->c, masks, count);
        else
            attn_ctx_error(r->c.ctx, r->c.message, sizeof r->c.message);
    }
    return status == ATTN_OK ? attn_case_plan(&r->c) : status;
}

static void add_subject(struct running *r, struct attn_subject subject, int figure) {
    r->subjects[r->count] = subject;
    r->figure_of[r->count++] = figure;
}

/* A run before the check. A backward reads what a forward wrote. */
static attn_status run_once(enum attn_direction pass, struct attn_subject *subject) {
    attn_status status = ATTN_OK;
    if (pass == ATTN_BWD) status = subject->run(subject->self, ATTN_FWD, &subject->seconds);
    return status == ATTN_OK ? subject->run(subject->self, pass, &subject->seconds) : status;
}

static attn_status first_run(const struct attn_experiment *e, struct running *r, struct attn_figures *f) {
    struct attn_subject subject = {f->name, &r->c, attn_case_subject, 0.0};
    attn_status status = run_once(e->pass, &subject);
    f->peak_bytes = atomic_load(&r->c.memory.peak);
    const struct attn_outputs outputs = attn_case_outputs(&r->c);
    if (status == ATTN_OK) status = attn_oracle_error(&r->c, &outputs, &f->max_error);
    if (status == ATTN_OK && !(f->max_error <= attn_oracle_limit(&r->c))) {
        f->status = ATTN_STATUS_WRONG;
        snprintf(f->message, sizeof f->message, "kernel %s is wrong: error %g against double, at most %g expected; it was not timed",
                 f->name, f->max_error, attn_oracle_limit(&r->c));
    }
    add_subject(r, subject, 0);
    return status;
}

/* Opens a peer, runs it once and checks it; only what is right becomes a subject. */
static attn_status add_peer(const struct attn_experiment *e, struct running *r, int index, struct attn_outcome *outcome) {
    const struct attn_peer *peer = e->peers[index];
    struct attn_figures *f = &outcome->figures[outcome->count++];
    struct attn_outputs outputs;
    f->peer = peer->name;
    snprintf(f->name, sizeof f->name, "%s", peer->name);
    f->status = ATTN_STATUS_OK;
    f->max_error = (double)NAN;
    if (e->protocol.ends > 0.0 && attn_clock() + 2.0 * r->check_seconds > e->protocol.ends) { /* as ours took, and its tuning */
        f->status = ATTN_STATUS_BUDGET;
        return ATTN_OK;
    }
    attn_status status = peer->open(&r->c, e->pass, &r->peer[index]);
    struct attn_subject subject = {peer->name, r->peer[index], peer->run, 0.0};
    if (status == ATTN_OK) snprintf(f->name, sizeof f->name, "%s", peer->kernel(r->peer[index]));
    if (status == ATTN_OK) status = run_once(e->pass, &subject);
    if (status == ATTN_OK) status = peer->outputs(r->peer[index], &outputs);
    if (status == ATTN_OK) status = attn_oracle_error(&r->c, &outputs, &f->max_error);
    if (status != ATTN_OK) {
        f->status = status_word(status);
        snprintf(f->message, sizeof f->message, "peer %s: %s", peer->name, r->c.message);
        return f->status != NULL ? ATTN_OK : status;
    }
    const double limit = attn_oracle_limit(&r->c), difference = attn_oracle_difference(&r->c, &outputs);
    if (f->max_error <= limit && difference <= 2.0 * limit) {
        add_subject(r, subject, outcome->count - 1);
        return ATTN_OK;
    }
    f->status = ATTN_STATUS_WRONG;
    snprintf(f->message, sizeof f->message,
             "peer %s disagrees: error %g against double, at most %g expected; difference from ours %g, at most %g expected", peer->name,
             f->max_error, limit, difference, 2.0 * limit);
    return ATTN_OK;
}

static attn_status time_all(attn_ctx *ctx, const struct attn_experiment *e, struct running *r, struct attn_outcome *outcome) {
    struct attn_timing timing[ATTN_SUBJECTS];
    const attn_status status = attn_measure(ctx, r->subjects, r->count, e->pass, outcome->flops, &e->protocol, timing);
    for (int i = 0; i < r->count && status == ATTN_OK; i++) {
        struct attn_figures *f = &outcome->figures[r->figure_of[i]];
        f->timing = timing[i];
        if (timing[i].repeats == 0) f->status = ATTN_STATUS_BUDGET;
        if (r->figure_of[i] > 0) f->peak_bytes = e->peers[r->figure_of[i] - 1]->peak_bytes(r->subjects[i].self);
    }
    return status;
}

static attn_status run_built(attn_ctx *ctx, const struct attn_experiment *e, struct running *r, struct attn_outcome *outcome) {
    struct attn_figures *ours = &outcome->figures[0];
    const double guess = attn_experiment_guess(e, r->c.pairs / ((double)e->spec.batch * e->spec.heads));
    snprintf(ours->name, sizeof ours->name, "%s", attn_plan_kernel(r->c.plan));
    ours->isa = attn_plan_isa(r->c.plan);
    outcome->area = r->c.pairs / ((double)e->spec.batch * e->spec.heads);
    outcome->flops = attn_case_flops(&r->c, e->pass);
    const double start = attn_clock(), ends = e->protocol.ends;
    if ((e->protocol.budget > 0.0 && guess > e->protocol.budget) || (ends > 0.0 && start + 2.0 * guess > ends)) {
        ours->status = ATTN_STATUS_BUDGET;
        return ATTN_OK;
    }
    attn_status status = first_run(e, r, ours);
    if (status != ATTN_OK || strcmp(ours->status, ATTN_STATUS_OK) != 0) return status;
    r->check_seconds = attn_clock() - start;
    for (int i = 0; i < e->peer_count && status == ATTN_OK; i++) status = add_peer(e, r, i, outcome);
    return status == ATTN_OK ? time_all(ctx, e, r, outcome) : status;
}

attn_status attn_experiment_run(attn_ctx *ctx, const struct attn_experiment *e, struct attn_outcome *outcome, char *message) {
    struct running r = {0};
    memset(outcome, 0, sizeof *outcome);
    struct attn_figures *ours = &outcome->figures[outcome->count++];
    snprintf(ours->name, sizeof ours->name, "%s", e->spec.kernel != NULL ? e->spec.kernel : "auto");
    ours->status = ATTN_STATUS_OK;
    ours->max_error = outcome->area = (double)NAN;
    if (e->protocol.ends > 0.0 && attn_clock() >= e->protocol.ends) {
        ours->status = ATTN_STATUS_BUDGET;
        return ATTN_OK;
    }
    attn_status status = build(e, &r);
    if (status == ATTN_OK) status = run_built(ctx, e, &r, outcome);
    if (status != ATTN_OK) snprintf(message, 1024, "%s", r.c.message);
    if (status_word(status) != NULL) {
        ours->status = status_word(status);
        snprintf(ours->message, sizeof ours->message, "%s", r.c.message);
        status = ATTN_OK;
    }
    for (int i = 0; i < e->peer_count; i++)
        if (r.peer[i] != NULL) e->peers[i]->close(r.peer[i]);
    attn_case_close(&r.c);
    return status;
}
