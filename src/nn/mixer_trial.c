#include "nn/mixer_trial.h"

#include "base/context.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

enum { BATCH = 2, TOKENS = 24, WIDTH = 16, VOCABULARY = 7, ROWS = BATCH * TOKENS, ALL = ROWS * WIDTH };
static const double moved = 0.3; /* parameters that begin with zeros would hide what they do */

struct trial {
    attn_ctx *ctx;
    attn_model *model;
    attn_mixer *mixer;
    struct attn_random random;
    int32_t token[ROWS];
    attn_real u[ALL], y[ALL], other[ALL];
};

static void draw_tokens(struct trial *t, int64_t first) {
    for (int64_t i = 0; i < ROWS; i++) {
        if (i % TOKENS < first) continue;
        t->token[i] = (int32_t)attn_random_below(&t->random, VOCABULARY);
        for (int64_t c = 0; c < WIDTH; c++) t->u[i * WIDTH + c] = (attn_real)attn_random_normal(&t->random);
    }
}

static attn_status open_trial(struct trial *t, const attn_mixer_kind *kind) {
    const attn_mixer_place place = {WIDTH, TOKENS, 0, 1};
    const attn_status status = attn_model_create(t->ctx, 1, &t->model);
    if (status) return status;
    attn_random_init(&t->random, 1);
    t->mixer = attn_mixer_make(t->model, kind->name, &place, &kind, 1);
    if (!t->mixer) return attn_tape_status(attn_model_tape(t->model));
    for (int64_t p = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] += (attn_real)(moved * attn_random_normal(&t->random));
    }
    attn_tape_record(attn_model_tape(t->model), false);
    draw_tokens(t, 0);
    return ATTN_OK;
}

/* Copies [B, T, D] or [B, 1, D] and looks at it. */
static attn_status take(struct trial *t, const char *name, attn_tensor *y, int64_t tokens, int64_t position, attn_real *to) {
    const attn_real *from = attn_data(attn_contiguous(y));
    if (!from) return attn_tape_status(attn_model_tape(t->model));
    for (int64_t b = 0; b < BATCH; b++)
        for (int64_t i = 0; i < tokens * WIDTH; i++) {
            const attn_real value = from[b * tokens * WIDTH + i];
            if (!isfinite(value))
                return attn_fail(t->ctx, ATTN_EINVAL, "mixer %s: token %lld: found %g, expected finite numbers from finite ones", name,
                                 (long long)(position + i / WIDTH), (double)value);
            to[(b * TOKENS + position) * WIDTH + i] = value;
        }
    return ATTN_OK;
}

static attn_status mix_all(struct trial *t, const char *name, attn_real *y) {
    attn_tape *tape = attn_model_tape(t->model);
    attn_tape_reset(tape);
    attn_mixer_call call = {
        .u = attn_tensor_input(tape, 3, (const int64_t[]){BATCH, TOKENS, WIDTH}, t->u), .tokens = t->token, .share = (double)NAN};
    return take(t, name, attn_mix(t->mixer, &call), TOKENS, 0, y);
}

static attn_status step_all(struct trial *t, const char *name, attn_real *y) {
    attn_tape *tape = attn_model_tape(t->model);
    const size_t bytes = (size_t)(BATCH * attn_mixer_state(t->mixer, TOKENS)) * sizeof(attn_real);
    attn_status status = ATTN_OK;
    attn_real u[BATCH * WIDTH], *state = attn_alloc(t->ctx, bytes + 1);
    if (!state) return attn_no_memory(t->ctx, "a mixer's state", bytes);
    memset(state, 0, bytes);
    for (int64_t i = 0; i < TOKENS && !status; i++) {
        int32_t token[BATCH];
        for (int64_t b = 0; b < BATCH; b++) {
            token[b] = t->token[b * TOKENS + i];
            memcpy(u + b * WIDTH, t->u + (b * TOKENS + i) * WIDTH, WIDTH * sizeof *u);
        }
        attn_tape_reset(tape);
        attn_mixer_call call = {
            .u = attn_tensor_input(tape, 3, (const int64_t[]){BATCH, 1, WIDTH}, u), .tokens = token, .share = (double)NAN};
        status = take(t, name, attn_mixer_step(t->mixer, &call, state, TOKENS, i), 1, i, y);
    }
    attn_free(t->ctx, state);
    return status;
}

/* The greatest difference among the first `tokens` tokens of each sequence. */
static double apart(const struct trial *t, int64_t tokens) {
    double greatest = 0;
    for (int64_t i = 0; i < ALL; i++)
        if (i / WIDTH % TOKENS < tokens) greatest = fmax(greatest, fabs((double)t->y[i] - (double)t->other[i]));
    return greatest;
}

static double size_of(const attn_real *y) {
    double greatest = 0;
    for (int64_t i = 0; i < ALL; i++) greatest = fmax(greatest, fabs((double)y[i]));
    return greatest > 0 ? greatest : 1;
}

static attn_status run_trial(struct trial *t, const attn_mixer_kind *kind, struct attn_mixer_trial *out) {
    attn_status status = open_trial(t, kind);
    if (!status) status = mix_all(t, kind->name, t->y);
    const double unit = status ? 1 : size_of(t->y);
    if (!status && attn_mixer_state(t->mixer, TOKENS) >= 0) {
        status = step_all(t, kind->name, t->other);
        if (!status) out->apart = apart(t, TOKENS) / unit;
    }
    for (int64_t first = TOKENS - 1; first > 0 && !status; first--) {
        draw_tokens(t, first);
        status = mix_all(t, kind->name, t->other);
        if (!status) out->leak = fmax(out->leak, apart(t, first) / unit);
    }
    return status;
}

attn_status attn_mixer_try(attn_ctx *ctx, const attn_mixer_kind *kind, struct attn_mixer_trial *out) {
    *out = (struct attn_mixer_trial){0, (double)NAN};
    struct trial *t = attn_alloc(ctx, sizeof *t);
    if (!t) return attn_no_memory(ctx, "a mixer's trial", sizeof *t);
    memset(t, 0, sizeof *t);
    t->ctx = ctx;
    const attn_status status = run_trial(t, kind, out);
    attn_model_destroy(t->model);
    attn_free(ctx, t);
    return status;
}
