/* Checkpoints: all that a training needs to go on bit for bit, in one safetensors file (src/train/model_file.h). */
#ifndef ATTN_TRAIN_CHECKPOINT_H
#define ATTN_TRAIN_CHECKPOINT_H

#include "dist/ranks.h"
#include "train/model_file.h"

/* Where training stands. */
struct attn_place {
    int64_t step, best_step, worse; /* done; of the best evaluation; evaluations since */
    double loss_sum, norm_sum;      /* since the last line, of loss_count steps */
    int64_t loss_count;
    double best, seconds;
    bool ended; /* by patience or target */
};

/* content names the optimiser and the copies of weights that the checkpoint has; its text is the place's. */
attn_status attn_checkpoint_write(const struct attn_job *job, const struct attn_file_system *system, const char *path,
                                  const struct attn_model_file_state *content, const struct attn_place *place);

/* Of this recipe, at most `steps` steps in. */
attn_status attn_checkpoint_read(struct attn_job *job, const struct attn_file_system *system, const char *path,
                                 const struct attn_model_file_state *content, int64_t steps, struct attn_place *place);

/* What rank 0 has read, to all. */
attn_status attn_checkpoint_share(struct attn_job *job, const struct attn_ranks *ranks, const struct attn_model_file_state *content,
                                  struct attn_place *place);

#endif
