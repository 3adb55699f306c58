/* Models and checkpoints as safetensors files: parameters by their names, so that other programs read them; in the metadata the recipe
 * ("attn_recipe"), what belongs to the model ("attn_extra"), and of a checkpoint where training stands ("attn_state"), with the optimiser's
 * numbers as bytes ("attn.optimizer"), averaged and best weights. */
#ifndef ATTN_TRAIN_MODEL_FILE_H
#define ATTN_TRAIN_MODEL_FILE_H

#include "train/job.h"

/* Other numbers for all parameters, one behind the other, under their names with a word before. */
struct attn_model_copy {
    const char *prefix; /* "attn.ema." */
    attn_real *at;
};

/* What a checkpoint has besides. A model has none of it. */
struct attn_model_file_state {
    const char *state;
    attn_optimizer *optimizer;
    struct attn_model_copy copy[2];
    int copies;
};

/* Written so that the name shows the old or the new file. */
attn_status attn_model_file_write(const struct attn_job *job, const struct attn_file_system *system, const char *path,
                                  const struct attn_model_file_state *state);

/* Fills the job's parameters, and the rest of a checkpoint, from a file that must have exactly them. Its texts are read by
 * attn_safetensors_metadata(ctx, &reader->list, ...) before, as the job is made from them. */
attn_status attn_model_file_read(struct attn_job *job, const struct attn_safetensors_reader *reader,
                                 const struct attn_model_file_state *state);

#endif
