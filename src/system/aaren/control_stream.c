/* The model as a robot's loop has it: in come the reward of the action before and what is seen now, out goes the next action.
 *
 * A stream's state: the return to go, the action that was given last (scaled), and the stack's. The first row's reward is not read, one that is missing later (NaN)
 * is taken as none: the return to go stays. */
#include "system/aaren/control.h"

#include <math.h>
#include <string.h>

enum { TO_GO, BEFORE };

attn_status attn_aaren_control_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out) {
    const struct attn_aaren_control *s = job->self;
    const int64_t inputs = 1 + s->scale.observations, state = attn_aaren_decision_state(&s->model, tokens);
    *out = (struct attn_stream_face){.inputs = (int)inputs,
                                     .outputs = (int)s->scale.actions,
                                     .input_name = s->name,
                                     .output_name = s->name + inputs,
                                     .state = state < 0 ? -1 : BEFORE + s->scale.actions + state,
                                     .constant = attn_aaren_stack_constant(s->model.stack)};
    return ATTN_OK;
}

static attn_status check(const struct attn_job *job, const double *in) {
    const struct attn_aaren_control *s = job->self;
    if (isinf(in[0])) return attn_fail(job->ctx, ATTN_EINVAL, "reward: found an infinite number, expected a finite one, or none");
    if (fabs(in[0] / s->scale.returns) >= ATTN_AAREN_FARTHEST)
        return attn_fail(job->ctx, ATTN_EINVAL, "reward: found %g, expected one within %g of 0", in[0],
                         ATTN_AAREN_FARTHEST * s->scale.returns);
    for (int64_t i = 1; i <= s->scale.observations; i++) {
        const double mean = s->scale.mean[i - 1];
        if (!isfinite(in[i]))
            return attn_fail(job->ctx, ATTN_EINVAL, "%s: found %s, expected a finite number", s->name[i],
                             isnan(in[i]) ? "none" : "an infinite number");
        if (!(fabs((in[i] - mean) / s->scale.deviation[i - 1]) < ATTN_AAREN_FARTHEST))
            return attn_fail(job->ctx, ATTN_EINVAL, "%s: found %g, expected a number within %g deviations of training's mean, %g",
                             s->name[i], in[i], ATTN_AAREN_FARTHEST, mean);
    }
    return ATTN_OK;
}

attn_status attn_aaren_control_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in,
                                    double *out) {
    struct attn_aaren_control *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t actions = s->scale.actions;
    const attn_status status = check(job, in);
    if (status) return status;
    const double before = position == 0 ? s->scale.target : (double)state[TO_GO];
    const double to_go = position == 0 || isnan(in[0]) ? before : before - in[0];
    attn_tape_reset(tape);
    s->batch.count = s->batch.steps = 1;
    attn_aaren_control_put(&s->batch, &s->scale, 0, 0, position, to_go, in + 1, NULL);
    attn_tensor *y = attn_aaren_decision_step(&s->model, &s->batch, state + BEFORE, state + BEFORE + actions, tokens, position);
    if (!y) return attn_tape_status(tape);
    attn_aaren_control_unscale(&s->scale, attn_data(y), out);
    if (s->world) s->world->allow(out);
    attn_aaren_control_put(&s->batch, &s->scale, 0, 0, position, to_go, in + 1, out);
    state[TO_GO] = (attn_real)to_go;
    memcpy(state + BEFORE, s->batch.action, (size_t)actions * sizeof *state);
    return ATTN_OK;
}
