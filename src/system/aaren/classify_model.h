/* The classifier of series (the Transformer of Wu et al. 2023's library, which the paper follows): a convolution of 3 taps without a bias and sinusoidal positions
 * (Vaswani et al. 2017) embed each step; the stack; GELU; then the head, one linear layer of what the steps give:
 *
 *   flatten   all steps beside one another, those behind a series' end as zeros: the paper's
 *   last      the last step
 *   mean      the mean of all steps
 *
 * The convolution sees, at step t, the steps t - 2, t - 1 and t, zeros before the first (causal), or t - 1, t and t + 1, the last step and the first being neighbours
 * (circular: the paper's). With causal ones a prefix of a series is answered by its own steps alone, so that the model is a stream. */
#ifndef ATTN_SYSTEM_AAREN_CLASSIFY_MODEL_H
#define ATTN_SYSTEM_AAREN_CLASSIFY_MODEL_H

#include "system/aaren/classify_set.h"
#include "system/aaren/stack.h"

enum attn_aaren_classify_padding { ATTN_AAREN_CLASSIFY_CAUSAL, ATTN_AAREN_CLASSIFY_CIRCULAR };
enum attn_aaren_classify_head { ATTN_AAREN_CLASSIFY_FLATTEN, ATTN_AAREN_CLASSIFY_LAST, ATTN_AAREN_CLASSIFY_MEAN };
enum { ATTN_AAREN_CLASSIFY_TAPS = 3 };

struct attn_aaren_classify_model {
    attn_tape *tape;
    int64_t channels, classes, length, width;
    enum attn_aaren_classify_padding padding;
    enum attn_aaren_classify_head head;
    double dropout;
    attn_projection embedding; /* [D, TAPS channels], the earliest step first */
    attn_projection out;
    struct attn_aaren_stack *stack;
    attn_real *position; /* [length, D] */
    /* Of a batch of `room` series. */
    int64_t room;
    attn_real *window; /* [room, length, TAPS channels] */
    attn_real *weight; /* [room, length]: of each step in the head; flatten: 0 behind the end */
    int32_t *label;    /* [room] */
};

/* Makes the parameters that the job's recipe asks for, for series of so many channels, classes and steps, and room for `room` series at a time. */
attn_status attn_aaren_classify_model_make(struct attn_job *job, int64_t channels, int64_t classes, int64_t length, int64_t room,
                                           struct attn_aaren_classify_model *out);

/* Logits [count, classes] of the cases index[0 .. count) of a set (index NULL: first + 0, 1, ...), at most `room`; their labels go to m->label. */
attn_tensor *attn_aaren_classify_logits(struct attn_aaren_classify_model *m, const struct attn_aaren_classify_set *set,
                                        const int64_t *index, int64_t first, int64_t count, bool training);
/* What the head is given, [1, length, D], of one case. */
attn_tensor *attn_aaren_classify_hidden(struct attn_aaren_classify_model *m, const struct attn_aaren_classify_set *set, int64_t index);

/* The head step by step: sum holds attn_aaren_classify_head_state numbers, zeros before position 0; h [D] is the step at `position`; logits [classes] are those of the series
 * that ends there. */
int64_t attn_aaren_classify_head_state(const struct attn_aaren_classify_model *m);
void attn_aaren_classify_head_push(const struct attn_aaren_classify_model *m, const attn_real *h, int64_t position, attn_real *sum,
                                   double *logits);

/* The step at `position` of a stream, x [channels]: h [1, 1, D] to the head. window [(TAPS - 1) channels] holds the steps before, state that of the stack. */
attn_tensor *attn_aaren_classify_step(struct attn_aaren_classify_model *m, const attn_real *x, attn_real *window, attn_real *state,
                                      int64_t tokens, int64_t position);

/* e^logit over their sum, in place. */
void attn_aaren_classify_probabilities(double *logits, int64_t classes);

#endif
