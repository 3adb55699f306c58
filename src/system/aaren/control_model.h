/* Decision Transformer (Chen et al. 2021, "Decision Transformer: Reinforcement Learning via Sequence Modeling"), with any mixer in attention's place.
 *
 * A step is three tokens: return-to-go, observation, action, each through a linear layer of its own; a learned vector of the step's number is added to all three; a
 * layer norm, blocks with the norm in front (stack.h), and the next action is read at the observation's token. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_MODEL_H
#define ATTN_SYSTEM_AAREN_CONTROL_MODEL_H

#include "attn_train.h"

#include "system/aaren/control_scale.h"
#include "system/aaren/stack.h"

enum { ATTN_CONTROL_TOKENS = 3 /* of a step */ };

struct attn_aaren_decision {
    attn_tape *tape;
    int64_t observations, actions, width, horizon;
    bool bounded; /* actions pass through tanh */
    attn_projection to_go, observation, action, head;
    attn_tensor *time; /* [horizon, width] */
    attn_norm norm;
    struct attn_aaren_stack *stack;
};

/* Steps of sequences side by side, scaled as the model has them. Sequences end on the right: what stands behind `length` steps is read by nobody before it. */
struct attn_aaren_control_batch {
    int64_t count, steps;     /* B, K */
    int64_t most, most_steps; /* there is room for */
    attn_real *to_go;         /* [B, K] */
    attn_real *observation;   /* [B, K, S] */
    attn_real *action;        /* [B, K, A] */
    int32_t *time;            /* [B, K]: the number of the step, below the horizon */
    int32_t *length;          /* [B] */
};
attn_status attn_aaren_control_batch_open(attn_ctx *ctx, const struct attn_aaren_control_scale *scale, int64_t count, int64_t steps,
                                          struct attn_aaren_control_batch *out);
void attn_aaren_control_batch_close(attn_ctx *ctx, struct attn_aaren_control_batch *batch);

/* Puts what was seen and done in a step at place (sequence, step); action NULL: zeros, not known yet. */
void attn_aaren_control_put(struct attn_aaren_control_batch *batch, const struct attn_aaren_control_scale *scale, int64_t sequence,
                            int64_t step, int64_t time, double to_go, const double *observation, const double *action);
/* Makes a step empty. */
void attn_aaren_control_clear(struct attn_aaren_control_batch *batch, const struct attn_aaren_control_scale *scale, int64_t sequence,
                              int64_t step);
/* An action as the file has it, from the model's. */
void attn_aaren_control_unscale(const struct attn_aaren_control_scale *scale, const attn_real *action, double *out);

/* Makes the parameters around a stack. */
void attn_aaren_decision_make(attn_model *model, const struct attn_aaren_control_scale *scale, struct attn_aaren_stack *stack,
                              int64_t width, bool bounded, struct attn_aaren_decision *out);

/* The next action at every step of the batch, [B, K, A], scaled. NULL: the tape says why. */
attn_tensor *attn_aaren_decision_forward(const struct attn_aaren_decision *m, const struct attn_aaren_control_batch *batch, bool training);

/* Numbers of state of one sequence of at most `steps` steps; -1: a mixer has no form that goes token by token. */
int64_t attn_aaren_decision_state(const struct attn_aaren_decision *m, int64_t steps);
/* The next action [B, 1, A] behind step number `position`, which the batch has alone (K = 1); `before` [B, A]: the scaled actions of the step before, not read at
 * position 0. state: B times attn_aaren_decision_state(steps) numbers, zeros before position 0. */
attn_tensor *attn_aaren_decision_step(const struct attn_aaren_decision *m, const struct attn_aaren_control_batch *batch,
                                      const attn_real *before, attn_real *state, int64_t steps, int64_t position);

#endif
