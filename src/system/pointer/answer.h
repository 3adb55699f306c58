/* One set of points answered by a model, beside what is right: for answers to the user's points and for pictures. */
#ifndef ATTN_SYSTEM_POINTER_ANSWER_H
#define ATTN_SYSTEM_POINTER_ANSWER_H

#include "system/pointer/task.h"

struct attn_pointer_answer {
    struct attn_job *job;
    struct attn_pointer_problem problem; /* the task's; the best tour is found exactly as far as can be */
    int64_t n;
    const double *xy;         /* the caller's */
    int32_t *numbers, *truth; /* structures: the model's, and the right one, as far as asked for */
    int64_t count, truths;
    bool ended;      /* the model said its end */
    double *weights; /* [steps, n + 1]: the probabilities of each token; NULL: not asked for */
    int64_t steps;
    void *scratch; /* for the functions of src/metric, of structures of these sizes */
    /* The asking's own. */
    struct attn_pointer_batch batch;
    struct attn_pointer_answers answers;
    double *unit;
    int32_t *tokens;
};

/* What is wanted besides the model's answer. */
struct attn_pointer_wish {
    bool truth, weights;
    const struct attn_watch *watch; /* told of the truth's search; NULL: nobody watches */
};

/* Asks the model of an open job about n points, at least one. The model sees points as it has learned them, within the unit square: both axes are shifted, and divided
 * by the greater extent. Greedy answers alone have weights. ATTN_EUNSUPPORTED: more points than the model has words for. Closed also after a failure. */
attn_status attn_pointer_ask(struct attn_job *job, const double *xy, int64_t n, struct attn_pointer_wish wish,
                             struct attn_pointer_answer *out);
/* What the right answer is called: NULL where it is right for sure, "found" where it is the best tour that a local search found. */
const char *attn_pointer_truth_word(const struct attn_pointer_answer *answer);
void attn_pointer_answer_close(struct attn_pointer_answer *answer);

#endif
