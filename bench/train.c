/* Rounds of training steps. */
#include "bench/train.h"

#include "base/clock.h"
#include "base/context.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One number of threads. */
struct side {
    struct attn_train_case c;
    struct attn_torch torch;
    int steps, peer_steps;
    bool peer;
    double seconds[ATTN_TRAIN_ROUNDS], peer_seconds[ATTN_TRAIN_ROUNDS];
};

enum { SETTLE = 2, STEPS = 10000 };

/* ------------------------------------------------------------------------------------------------------- peer */

static attn_status give_batch(struct side *s) {
    const struct attn_train_shape *shape = &s->c.shape;
    const int64_t images[] = {shape->batch, shape->length, shape->length, shape->width},
                  rows[] = {shape->batch, shape->length, shape->model == ATTN_TRAIN_POINTER ? 2 : shape->width};
    const bool image = shape->model == ATTN_TRAIN_IMAGES;
    attn_status status = attn_torch_give(&s->torch, "batch-label", ATTN_NPY_I32, 1, &s->c.labels, s->c.label);
    if (status == ATTN_OK && s->c.token != NULL) status = attn_torch_give(&s->torch, "batch-token", ATTN_NPY_I32, 2, rows, s->c.token);
    if (status == ATTN_OK && s->c.row != NULL) status = attn_torch_give(&s->torch, "batch-row", ATTN_NPY_I32, 1, &s->c.labels, s->c.row);
    if (status == ATTN_OK && s->c.x != NULL)
        status = attn_torch_give(&s->torch, "batch-x", ATTN_NPY_F32, image ? 4 : 3, image ? images : rows, s->c.x);
    return status;
}

static attn_status give_weights(struct side *s) {
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < attn_model_count(s->c.model) && status == ATTN_OK; i++) {
        attn_tensor *w = attn_model_tensor(s->c.model, i);
        int64_t size[ATTN_TENSOR_DIMS];
        for (int axis = 0; axis < attn_dims(w); axis++) size[axis] = attn_size(w, axis);
        status = attn_torch_give(&s->torch, attn_model_name(s->c.model, i), ATTN_NPY_F32, attn_dims(w), size, attn_data(w));
    }
    return status;
}

static double relative(double theirs, double ours) {
    return fabs(theirs - ours) / fabs(ours);
}

/* Its first step is held against ours, which has been done. */
static attn_status open_peer(struct side *s, struct attn_train_figures *f) {
    static const char *const models[] = {[ATTN_TRAIN_LSTM] = "lstm", [ATTN_TRAIN_IMAGES] = "images", [ATTN_TRAIN_POINTER] = "pointer"};
    const struct attn_train_shape *shape = &s->c.shape;
    char model[256], answer[128] = "", loss[40] = "", norm[40] = "";
    if (shape->model == ATTN_TRAIN_SEQUENCE)
        snprintf(model, sizeof model, "%lld/%lld/%s", (long long)shape->layers, (long long)shape->heads, shape->mixer);
    else
        snprintf(model, sizeof model, "%s", models[shape->model]);
    attn_status status = attn_torch_open(&s->torch, s->c.ctx, attn_ctx_threads(s->c.ctx));
    if (status == ATTN_OK) status = give_batch(s);
    if (status == ATTN_OK) status = give_weights(s);
    if (status == ATTN_OK)
        status = attn_torch_ask(&s->torch, answer, sizeof answer, "train %s %d %s", s->torch.folder, s->torch.threads, model);
    if (status == ATTN_EUNSUPPORTED) {
        attn_ctx_error(s->c.ctx, f->message, sizeof f->message);
        return ATTN_OK;
    }
    if (status != ATTN_OK) return status;
    sscanf(answer, "%15s %39s %39s", f->peer, loss, norm);
    f->loss_difference = relative(strtod(loss, NULL), s->c.loss);
    f->norm_difference = relative(strtod(norm, NULL), s->c.norm);
    f->differs = !(f->loss_difference <= ATTN_TRAIN_LOSS_LIMIT && f->norm_difference <= ATTN_TRAIN_NORM_LIMIT);
    s->peer = !f->differs;
    return ATTN_OK;
}

/* -------------------------------------------------------------------------------------------------------- runs */

/* Seconds of a step, of `steps` of them. */
static attn_status run_ours(struct side *s, int steps, double *seconds) {
    attn_status status = ATTN_OK;
    const double start = attn_clock();
    for (int i = 0; i < steps && status == ATTN_OK; i++) status = attn_train_case_step(&s->c);
    *seconds = (attn_clock() - start) / steps;
    return status;
}

static attn_status run_peer(struct side *s, int steps, double *seconds) {
    char answer[64] = "";
    attn_torch_rest(&s->torch);
    const attn_status status = attn_torch_ask(&s->torch, answer, sizeof answer, "steps %d", steps);
    attn_torch_rest(&s->torch);
    *seconds = strtod(answer, NULL) / steps;
    return status;
}

static int steps_for(const struct attn_train_spec *spec, double seconds) {
    return (int)fmin(fmax(ceil(spec->seconds / seconds), 1.0), STEPS);
}

static attn_status open_side(const struct attn_train_spec *spec, int n, struct side *s, struct attn_train_figures *f) {
    double seconds = 0.0;
    attn_status status = attn_train_case_open(&s->c, spec->ctx[n], spec->shape, spec->seed);
    if (status == ATTN_OK) status = attn_train_case_first(&s->c);
    f->loss = s->c.loss;
    f->parameters = status == ATTN_OK ? attn_model_elements(s->c.model) : 0;
    if (status == ATTN_OK && spec->torch) status = open_peer(s, f);
    for (int i = 0; i < SETTLE && status == ATTN_OK; i++) status = run_ours(s, 1, &seconds);
    s->steps = steps_for(spec, seconds);
    for (int i = 0; i < SETTLE && status == ATTN_OK && s->peer; i++) status = run_peer(s, 1, &seconds);
    s->peer_steps = steps_for(spec, seconds);
    return status;
}

static attn_status run_round(struct side *s, int round) {
    attn_status status = run_ours(s, s->steps, &s->seconds[round]);
    if (status == ATTN_OK && s->peer) status = run_peer(s, s->peer_steps, &s->peer_seconds[round]);
    return status;
}

/* ----------------------------------------------------------------------------------------------------- figures */

static struct attn_spread spread(double *values, int count) {
    const double median = attn_median(values, count);
    return (struct attn_spread){median, values[0], values[count - 1]};
}

static struct attn_spread spread_of_ratios(const double *above, const double *below, int count) {
    double ratio[ATTN_TRAIN_ROUNDS];
    for (int i = 0; i < count; i++) ratio[i] = above[i] / below[i];
    return spread(ratio, count);
}

/* Sides are summarised from the last to the first, since that sorts their times. */
static void summarise(struct side *s, const struct side *first, int rounds, struct attn_train_figures *f) {
    f->rounds = rounds;
    f->steps = s->steps;
    f->gain = spread_of_ratios(first->seconds, s->seconds, rounds);
    if (s->peer) {
        f->ratio = spread_of_ratios(s->peer_seconds, s->seconds, rounds);
        f->peer_seconds = spread(s->peer_seconds, rounds);
    }
    f->seconds = spread(s->seconds, rounds);
}

static bool goes_on(const struct attn_train_spec *spec) {
    return !(spec->stopped != NULL && spec->stopped()) && !(spec->ends > 0.0 && attn_clock() > spec->ends);
}

static attn_status run_rounds(const struct attn_train_spec *spec, struct side *sides, struct attn_train_figures *figures, int *failed) {
    attn_status status = ATTN_OK;
    int rounds = 0;
    while (rounds < spec->rounds && goes_on(spec)) {
        for (int n = 0; n < spec->threads && status == ATTN_OK; n++) {
            *failed = n;
            status = run_round(&sides[n], rounds);
        }
        if (status != ATTN_OK) return status;
        rounds++;
    }
    for (int n = spec->threads - 1; n >= 0 && rounds > 0; n--) summarise(&sides[n], &sides[0], rounds, &figures[n]);
    return ATTN_OK;
}

attn_status attn_train_measure(const struct attn_train_spec *spec, struct attn_train_figures *figures, int *failed) {
    const struct attn_spread none = {(double)NAN, (double)NAN, (double)NAN};
    const size_t bytes = (size_t)spec->threads * sizeof(struct side);
    struct side *sides = attn_alloc(spec->ctx[0], bytes);
    attn_status status = ATTN_OK;
    *failed = 0;
    if (sides == NULL) return attn_no_memory(spec->ctx[0], "times of training steps", bytes);
    memset(sides, 0, bytes);
    for (int n = 0; n < spec->threads; n++) {
        sides[n].c.ctx = spec->ctx[n];
        figures[n] = (struct attn_train_figures){.peer_seconds = none, .ratio = none};
        figures[n].loss_difference = figures[n].norm_difference = (double)NAN;
    }
    for (int n = 0; n < spec->threads && status == ATTN_OK; n++) {
        *failed = n;
        status = open_side(spec, n, &sides[n], &figures[n]);
    }
    if (status == ATTN_OK) status = run_rounds(spec, sides, figures, failed);
    for (int n = 0; n < spec->threads; n++) {
        if (sides[n].torch.ctx != NULL) attn_torch_close(&sides[n].torch);
        attn_train_case_close(&sides[n].c);
    }
    attn_free(spec->ctx[0], sides);
    return status;
}
