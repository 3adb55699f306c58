#include "system/aaren/control_rollout.h"

#include <string.h>

/* Episodes side by side, at most ATTN_CONTROL_ROWS. Those that are over stay in their places, and nobody looks at them. */
struct trial {
    struct attn_job *job;
    struct attn_aaren_control *s;
    const struct attn_aaren_world *world;
    int64_t count;
    bool stream;
    struct attn_random noise[ATTN_CONTROL_ROWS];
    double state[ATTN_CONTROL_ROWS][ATTN_WORLD_STATE];
    double left[ATTN_CONTROL_ROWS], sum[ATTN_CONTROL_ROWS]; /* return to go; return so far */
    bool over[ATTN_CONTROL_ROWS];
    struct seen {
        double to_go, observation[ATTN_WORLD_OBSERVATION], action[ATTN_WORLD_ACTION];
    } * seen;          /* [steps][count] */
    attn_real *memory; /* of the stream, [count] states */
    double *path;
    int *length;
};

static void look(struct trial *t, int64_t step) {
    for (int64_t i = 0; i < t->count; i++) {
        struct seen *seen = &t->seen[step * t->count + i];
        seen->to_go = t->left[i];
        t->world->observe(t->state[i], seen->observation);
        if (t->path && !t->over[i]) t->world->place(t->state[i], t->path + 2 * (i * (t->world->steps + 1) + step));
    }
}

/* Steps step - K + 1 ... step of all episodes. */
static attn_tensor *by_window(struct trial *t, int64_t step) {
    struct attn_aaren_control_batch *b = &t->s->batch;
    const int64_t steps = attn_min64(step + 1, t->s->context);
    b->count = t->count;
    b->steps = steps;
    for (int64_t i = 0; i < t->count; i++)
        for (int64_t k = 0; k < steps; k++) {
            const int64_t at = step - steps + 1 + k;
            const struct seen *seen = &t->seen[at * t->count + i];
            attn_aaren_control_put(b, &t->s->scale, i, k, at, seen->to_go, seen->observation, at < step ? seen->action : NULL);
        }
    attn_tensor *y = attn_aaren_decision_forward(&t->s->model, b, false);
    return attn_contiguous(attn_narrow(y, 1, steps - 1, 1));
}

static attn_tensor *by_stream(struct trial *t, int64_t step) {
    struct attn_aaren_control_batch *b = &t->s->batch;
    const struct attn_aaren_control_scale *scale = &t->s->scale;
    b->count = t->count;
    b->steps = 1;
    for (int64_t i = 0; i < t->count; i++) {
        const struct seen *seen = &t->seen[step * t->count + i];
        if (step > 0) { /* what was done is scaled in the batch, and taken from there */
            attn_aaren_control_put(b, scale, i, 0, step, 0, seen->observation, t->seen[(step - 1) * t->count + i].action);
            memcpy(t->s->before + i * scale->actions, b->action + i * scale->actions, (size_t)scale->actions * sizeof *b->action);
        }
        attn_aaren_control_put(b, scale, i, 0, step, seen->to_go, seen->observation, NULL);
    }
    return attn_aaren_decision_step(&t->s->model, b, t->s->before, t->memory, t->world->steps, step);
}

/* One step of all episodes; false: all are over. */
static bool move(struct trial *t, int64_t step, attn_tensor *y) {
    bool more = false;
    for (int64_t i = 0; i < t->count; i++) {
        struct seen *seen = &t->seen[step * t->count + i];
        attn_aaren_control_unscale(&t->s->scale, attn_data(y) + i * t->s->scale.actions, seen->action);
        t->world->allow(seen->action);
        if (t->over[i]) continue;
        const double reward = t->world->step(t->state[i], seen->action, &t->noise[i], &t->over[i]);
        t->sum[i] += reward;
        t->left[i] -= reward;
        more = more || !t->over[i];
        if (t->path) {
            t->world->place(t->state[i], t->path + 2 * (i * (t->world->steps + 1) + step + 1));
            t->length[i] = (int)step + 2;
        }
    }
    return more;
}

static attn_status run(struct trial *t) {
    attn_tape *tape = attn_model_tape(t->job->model);
    bool more = true;
    for (int64_t step = 0; step < t->world->steps && more; step++) {
        attn_tape_reset(tape);
        look(t, step);
        attn_tensor *y = t->stream ? by_stream(t, step) : by_window(t, step);
        if (!y) return attn_tape_status(tape);
        more = move(t, step, y);
    }
    attn_tape_reset(tape);
    return ATTN_OK;
}

static attn_status make_room(struct trial *t) {
    attn_ctx *ctx = t->job->ctx;
    const int64_t state = t->stream ? attn_aaren_decision_state(&t->s->model, t->world->steps) : 0;
    if (state < 0)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "a trial as a stream: a mixer of the model has no form that goes token by token");
    const size_t bytes = (size_t)(t->count * t->world->steps) * sizeof *t->seen, memory = (size_t)(t->count * state) * sizeof *t->memory;
    t->seen = attn_alloc(ctx, bytes);
    t->memory = attn_alloc(ctx, memory);
    if (!t->seen || !t->memory) return attn_no_memory(ctx, "trials of a model", bytes + memory);
    memset(t->memory, 0, memory);
    return ATTN_OK;
}

static attn_status try_some(struct attn_job *job, const struct attn_aaren_trial *trial, int64_t first, int64_t count, double *returns,
                            double *path, int *length) {
    struct attn_aaren_control *s = job->self;
    const size_t bytes = sizeof(struct trial);
    struct trial *t = attn_alloc(job->ctx, bytes);
    if (!t) return attn_no_memory(job->ctx, "trials of a model", bytes);
    *t = (struct trial){.job = job, .s = s, .world = s->world, .count = count, .stream = trial->stream, .path = path, .length = length};
    for (int64_t i = 0; i < count; i++) {
        struct attn_random choice;
        attn_aaren_world_random(trial->seed, first + i, &t->noise[i], &choice);
        t->world->begin(&t->noise[i], t->state[i]);
        t->left[i] = trial->target;
    }
    attn_status status = make_room(t);
    if (!status) status = run(t);
    for (int64_t i = 0; i < count; i++) returns[i] = t->sum[i];
    attn_free(job->ctx, t->seen);
    attn_free(job->ctx, t->memory);
    attn_free(job->ctx, t);
    return status;
}

attn_status attn_aaren_control_try(struct attn_job *job, const struct attn_aaren_trial *trial, double *returns, double *path, int *length) {
    const struct attn_aaren_control *s = job->self;
    attn_status status = ATTN_OK;
    for (int64_t i = 0; i < trial->count && !status; i += ATTN_CONTROL_ROWS)
        status = try_some(job, trial, trial->first + i, attn_min64(ATTN_CONTROL_ROWS, trial->count - i), returns + i,
                          path ? path + 2 * i * (s->world->steps + 1) : NULL, length ? length + i : NULL);
    return status;
}
