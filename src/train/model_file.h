/* Models and checkpoints as safetensors files: parameters by their names, so that other programs read them; in the metadata the recipe
 * ("attn_recipe"), what belongs to the model ("attn_extra"), and of a checkpoint where training stands ("attn_state"), with the optimiser's
 * numbers as bytes ("attn.optimizer") and averaged weights ("attn.ema."). */
#ifndef ATTN_TRAIN_MODEL_FILE_H
#define ATTN_TRAIN_MODEL_FILE_H

#include "train/job.h"

/* What a checkpoint has besides. A model has NULL and 0. */
struct attn_model_file_state {
    const char *state;
    attn_optimizer *optimizer;
    attn_real *averages; /* of all parameters, one behind the other; NULL: none */
};

/* Written so that the name shows the old or the new file. */
attn_status attn_model_file_write(const struct attn_job *job, const struct attn_file_system *system, const char *path,
                                  const struct attn_model_file_state *state);

/* Fills the job's parameters, and the rest of a checkpoint, from a file that must have exactly them. */
attn_status attn_model_file_read(struct attn_job *job, const struct attn_file_system *system, const char *path,
                                 const struct attn_model_file_state *state);

/* A text of the metadata; *out freed by attn_free, NULL: there is none. */
attn_status attn_model_file_text(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *key, char **out);

#endif
