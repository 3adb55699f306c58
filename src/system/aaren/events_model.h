/* The model of events: an encoder of the past, and what it says comes next.
 *
 *   stack  marks' vectors through a stack of blocks with any mixer, the times' encoding added before every block: THP+ of Bae et al. 2023, after the
 *          Transformer Hawkes process (Zuo et al. 2020)
 *   gru    marks' vectors and logs of times between events through a GRU: Shchur et al. 2020
 *
 * From what they know at an event: the mixture of log-normals of the time until the next, out(tanh(in(h))), and logits of its mark, mark(h). */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_MODEL_H
#define ATTN_SYSTEM_AAREN_EVENTS_MODEL_H

#include "system/aaren/events_batch.h"
#include "system/aaren/stack.h"

struct attn_event_model {
    attn_tape *tape;
    struct attn_aaren_stack *stack; /* NULL: GRU */
    attn_recurrent_weights gru;
    attn_tensor *embedding; /* [marks + 1, width of a mark]; row 0: padding */
    attn_projection in, out, mark;
    int64_t hidden; /* numbers that the encoder gives */
    int components;
    int32_t marks;
    struct attn_event_code code;
};

struct attn_event_model_config {
    bool gru;
    int64_t hidden, mark_width, length; /* hidden: of the GRU; length: tokens of the longest piece */
    int components;
    int32_t marks;
    struct attn_event_clock clock;
    enum attn_event_coding coding; /* of the stack's tokens */
};
/* Parameters "embedding", "blocks..." or "gru...", "time.in", "time.out", "mark". The stack is as the job's recipe has it. Errors are the tape's. */
void attn_event_model_make(struct attn_job *job, const struct attn_event_model_config *config, struct attn_event_model *out);

/* What the encoder knows where the batch asks, [R, hidden]. The batch is needed until the tape's next reset. */
attn_tensor *attn_event_model_hidden(struct attn_event_model *model, const struct attn_event_batch *batch, bool training);
/* [R, 3 components] and [R, marks] of it. */
attn_tensor *attn_event_model_times(const struct attn_event_model *model, attn_tensor *hidden);
attn_tensor *attn_event_model_marks(const struct attn_event_model *model, attn_tensor *hidden);

/* The summed loss of the batch's targets: times, and marks where there is more than one kind. */
attn_tensor *attn_event_model_loss(struct attn_event_model *model, const struct attn_event_batch *batch, bool clamped);

/* Event by event: numbers of state, -1: a mixer has no such form; whether they do not depend on `tokens`; what is known behind the event at `position`,
 * [1, hidden], of a mark from 1 on and its code. */
int64_t attn_event_model_state(const struct attn_event_model *model, int64_t tokens);
bool attn_event_model_constant(const struct attn_event_model *model);
attn_tensor *attn_event_model_step(struct attn_event_model *model, const int32_t *mark, const attn_real *code, attn_real *state,
                                   int64_t tokens, int64_t position);

#endif
