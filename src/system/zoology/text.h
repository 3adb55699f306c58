/* A language model of the task zoology/lm, and what its evaluations need. */
#ifndef ATTN_SYSTEM_ZOOLOGY_TEXT_H
#define ATTN_SYSTEM_ZOOLOGY_TEXT_H

#include "system/zoology/slices.h"
#include "train/corpus.h"

enum { ATTN_LM_ROWS = 16 }; /* windows of an evaluation's batch */

struct attn_lm {
    struct attn_corpus corpus;
    attn_sequence *sequence;
    struct attn_bigrams bigrams;    /* of the training text, once an evaluation has wanted them */
    int32_t *input, *target, *seen; /* of a batch of training or ATTN_LM_ROWS windows; seen: of one, with the token before it */
    attn_real *losses;
    void *scratch;
};

/* attn_task.evaluate, .compare and .bins of zoology/lm. */
attn_status attn_lm_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_lm_compare(struct attn_job *job, struct attn_job *against, const char *data, struct attn_figures *out);
attn_status attn_lm_bins(struct attn_job *job, const char *data, struct attn_loss_bins *out);

#endif
