/* Plans of libattn, which the tape keeps: one for each shape that it has met. */
#ifndef ATTN_TAPE_PLANS_H
#define ATTN_TAPE_PLANS_H

#include "tape/tape.h"

/* What a plan is made for; lengths are capacities. */
struct attn_plan_shape {
    attn_score score;
    int64_t batch, q_len, kv_len;
    int32_t heads, kv_heads, dim, v_dim;
    bool backward;
    double scale, softcap, dropout;
};

/* The plan of arrays [B, T, H, D]. NULL: the tape is spoiled, with the plan's sentence. */
const attn_plan *attn_tape_plan(attn_tape *tape, const struct attn_plan_shape *shape);

/* What that asks of libattn. */
void attn_plan_problem(const struct attn_plan_shape *shape, attn_problem *problem);
bool attn_plan_same_shape(const struct attn_plan_shape *a, const struct attn_plan_shape *b);

/* x itself where its last axis is contiguous, as plans read it fastest, else a copy. */
attn_tensor *attn_plan_readable(attn_tensor *x);
/* Such an x [B, T, H, D] for a plan. */
static inline attn_input attn_plan_input(const attn_tensor *x) {
    return (attn_input){x->data, {x->step[0], x->step[2], x->step[1], 1}};
}

/* Executes the plan with args, bound but for the log-sum-exp, `rows` numbers that stay for backward, and the workspace, which does not. */
void attn_plan_forward(attn_tape *tape, const attn_plan *plan, attn_args *args, int64_t rows);
/* Counts what that takes; returns what backward takes. Plans go through the mask to say it: only where it is asked for, else 0. */
double attn_plan_add_flops(attn_tape *tape, const attn_plan *plan, const attn_args *args);

/* The gradient of an input [B, T, H, D] of a plan: it goes to its place, or, where x needs none or shares elements with another input, beside. */
struct attn_plan_gradient {
    attn_tensor *x;
    attn_real *in_place, *beside;
};
/* Opens `count` of them, x given, in this order: what goes beside lies in the tape's step until the caller gives it back. False: the tape is spoiled. */
bool attn_plan_gradients_open(struct attn_plan_gradient *g, int count);
attn_output attn_plan_output(const struct attn_plan_gradient *g);
/* Adds what went beside to its place. */
void attn_plan_gradient_close(const struct attn_plan_gradient *g);

#endif
