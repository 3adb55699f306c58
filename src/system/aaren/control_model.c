#include "system/aaren/control_model.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { TO_GO, OBSERVATION, ACTION };

/* ----------------------------------------------------------------------------------------------------------- batch */

attn_status attn_aaren_control_batch_open(attn_ctx *ctx, const struct attn_aaren_control_scale *scale, int64_t count, int64_t steps,
                                          struct attn_aaren_control_batch *out) {
    const size_t cells = (size_t)(count * steps), numbers = (size_t)(1 + scale->observations + scale->actions);
    struct attn_aaren_control_batch b = {.count = count, .steps = steps, .most = count, .most_steps = steps};
    b.to_go = attn_alloc(ctx, cells * sizeof *b.to_go);
    b.observation = attn_alloc(ctx, cells * (size_t)scale->observations * sizeof *b.observation);
    b.action = attn_alloc(ctx, cells * (size_t)scale->actions * sizeof *b.action);
    b.time = attn_alloc(ctx, cells * sizeof *b.time);
    b.length = attn_alloc(ctx, (size_t)count * sizeof *b.length);
    *out = b;
    if (b.to_go && b.observation && b.action && b.time && b.length) return ATTN_OK;
    attn_aaren_control_batch_close(ctx, out);
    return attn_no_memory(ctx, "a batch of steps", cells * numbers * sizeof(attn_real));
}

void attn_aaren_control_batch_close(attn_ctx *ctx, struct attn_aaren_control_batch *batch) {
    attn_free(ctx, batch->to_go);
    attn_free(ctx, batch->observation);
    attn_free(ctx, batch->action);
    attn_free(ctx, batch->time);
    attn_free(ctx, batch->length);
    *batch = (struct attn_aaren_control_batch){.count = 0};
}

void attn_aaren_control_put(struct attn_aaren_control_batch *batch, const struct attn_aaren_control_scale *s, int64_t sequence,
                            int64_t step, int64_t time, double to_go, const double *observation, const double *action) {
    const int64_t cell = sequence * batch->steps + step;
    attn_real *seen = batch->observation + cell * s->observations, *done = batch->action + cell * s->actions;
    batch->to_go[cell] = (attn_real)(to_go / s->returns);
    batch->time[cell] = (int32_t)attn_min64(time, s->horizon - 1);
    for (int64_t i = 0; i < s->observations; i++) seen[i] = (attn_real)((observation[i] - s->mean[i]) / s->deviation[i]);
    for (int64_t i = 0; i < s->actions; i++) done[i] = action ? (attn_real)((action[i] - s->middle[i]) / s->half[i]) : 0;
}

void attn_aaren_control_clear(struct attn_aaren_control_batch *batch, const struct attn_aaren_control_scale *s, int64_t sequence,
                              int64_t step) {
    const int64_t cell = sequence * batch->steps + step;
    batch->to_go[cell] = 0;
    batch->time[cell] = 0;
    memset(batch->observation + cell * s->observations, 0, (size_t)s->observations * sizeof *batch->observation);
    memset(batch->action + cell * s->actions, 0, (size_t)s->actions * sizeof *batch->action);
}

void attn_aaren_control_unscale(const struct attn_aaren_control_scale *s, const attn_real *action, double *out) {
    for (int64_t i = 0; i < s->actions; i++) out[i] = s->middle[i] + s->half[i] * (double)action[i];
}

/* ----------------------------------------------------------------------------------------------------------- model */

/* Weights of the variance that PyTorch's linear layers begin with. */
static attn_projection linear(attn_model *model, const char *name, int64_t in, int64_t out) {
    return attn_projection_make(model, name, in, out, true, 1 / sqrt(3 * (double)in));
}

void attn_aaren_decision_make(attn_model *model, const struct attn_aaren_control_scale *scale, struct attn_aaren_stack *stack,
                              int64_t width, bool bounded, struct attn_aaren_decision *out) {
    struct attn_aaren_decision m = {.tape = attn_model_tape(model),
                                    .observations = scale->observations,
                                    .actions = scale->actions,
                                    .width = width,
                                    .horizon = scale->horizon,
                                    .bounded = bounded,
                                    .stack = stack};
    m.to_go = linear(model, "to_go", 1, width);
    m.observation = linear(model, "observation", m.observations, width);
    m.action = linear(model, "action", m.actions, width);
    m.time = attn_model_parameter(model, "time", 2, (const int64_t[]){m.horizon, width});
    attn_fill_normal(m.time, 0, 0.02, attn_model_seed(model)); /* small beside what is seen, as neighbouring steps are alike */
    m.norm = attn_norm_make(model, "token_norm", width, 1e-5, false);
    m.head = linear(model, "head", width, m.actions);
    *out = m;
}

/* [B, K, n] of the batch through a layer, and the steps' vectors: [B, K, 1, D]. */
static attn_tensor *embed(const struct attn_aaren_decision *m, const attn_projection *layer, int64_t batch, int64_t steps, int64_t n,
                          const attn_real *x, attn_tensor *time) {
    attn_tensor *in = attn_tensor_input(m->tape, 3, (const int64_t[]){batch, steps, n}, x);
    return attn_reshape(attn_add(attn_project(layer, in), time), 4, (const int64_t[]){batch, steps, 1, m->width});
}

static attn_tensor *act(const struct attn_aaren_decision *m, attn_tensor *hidden) {
    attn_tensor *y = attn_project(&m->head, hidden);
    return m->bounded ? attn_tanh(y) : y;
}

attn_tensor *attn_aaren_decision_forward(const struct attn_aaren_decision *m, const struct attn_aaren_control_batch *b, bool training) {
    const int64_t batch = b->count, steps = b->steps, tokens = ATTN_CONTROL_TOKENS * steps;
    attn_tensor *time = attn_rows(m->time, 2, (const int64_t[]){batch, steps}, b->time);
    attn_tensor *const part[] = {[TO_GO] = embed(m, &m->to_go, batch, steps, 1, b->to_go, time),
                                 [OBSERVATION] = embed(m, &m->observation, batch, steps, m->observations, b->observation, time),
                                 [ACTION] = embed(m, &m->action, batch, steps, m->actions, b->action, time)};
    attn_tensor *x = attn_reshape(attn_concat(ATTN_CONTROL_TOKENS, part, 2), 3, (const int64_t[]){batch, tokens, m->width});
    x = attn_aaren_stack_forward(m->stack, attn_normalize(&m->norm, x), NULL, training);
    x = attn_narrow(attn_reshape(x, 4, (const int64_t[]){batch, steps, ATTN_CONTROL_TOKENS, m->width}), 2, OBSERVATION, 1);
    return act(m, attn_reshape(attn_contiguous(x), 3, (const int64_t[]){batch, steps, m->width}));
}

/* ------------------------------------------------------------------------------------------------------ step by step */

/* Of any number of steps: where the state is constant there may be more than can be counted. */
static int64_t tokens_of(int64_t steps) {
    return steps < INT64_MAX / ATTN_CONTROL_TOKENS ? ATTN_CONTROL_TOKENS * steps : INT64_MAX;
}

int64_t attn_aaren_decision_state(const struct attn_aaren_decision *m, int64_t steps) {
    return attn_aaren_stack_state(m->stack, tokens_of(steps));
}

/* One token of each sequence. */
static attn_tensor *token(const struct attn_aaren_decision *m, attn_tensor *x, attn_real *state, int64_t steps, int64_t place) {
    attn_tensor *row = attn_reshape(x, 3, (const int64_t[]){x ? attn_size(x, 0) : 0, 1, m->width});
    return attn_aaren_stack_step(m->stack, attn_normalize(&m->norm, row), NULL, state, tokens_of(steps), place);
}

attn_tensor *attn_aaren_decision_step(const struct attn_aaren_decision *m, const struct attn_aaren_control_batch *b,
                                      const attn_real *before, attn_real *state, int64_t steps, int64_t position) {
    const int64_t batch = b->count, place = ATTN_CONTROL_TOKENS * position, last = attn_max64(0, attn_min64(position, m->horizon) - 1);
    attn_tensor *time = attn_rows(m->time, 2, (const int64_t[]){batch, 1}, b->time);
    if (position > 0) {
        attn_tensor *then = attn_reshape(attn_narrow(m->time, 0, last, 1), 3, (const int64_t[]){1, 1, m->width});
        token(m, embed(m, &m->action, batch, 1, m->actions, before, then), state, steps, place - 1);
    }
    token(m, embed(m, &m->to_go, batch, 1, 1, b->to_go, time), state, steps, place + TO_GO);
    return act(m, token(m, embed(m, &m->observation, batch, 1, m->observations, b->observation, time), state, steps, place + OBSERVATION));
}
