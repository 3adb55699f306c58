/* What the recipes of all models over tokens have in common: their fields, and the model that they ask for. */
#ifndef ATTN_TRAIN_SEQUENCE_FIELDS_H
#define ATTN_TRAIN_SEQUENCE_FIELDS_H

#include "train/job.h"

extern const char *const attn_state_words[], *const attn_position_words[], *const attn_norm_words[];

/* For a task's list of fields; the mixer and the sizes are the task's own defaults. */
#define ATTN_SEQUENCE_FIELDS(width_, layers_, mixer_, state_)                                                                              \
    {"mixer", "mixers of the layers, first to last and again: \"baseconv:kernel=3+attention\"", ATTN_TEXT, mixer_, 0, 0, NULL},            \
        {"width", "numbers of a token in the model (d)", ATTN_WHOLE, width_, 1, 65536, NULL},                                              \
        {"layers", "blocks", ATTN_WHOLE, layers_, 1, 1024, NULL},                                                                          \
        {"state", "what follows the mixer in a block", ATTN_WORD, state_, 0, 0, attn_state_words},                                         \
        {"positions",                                                                                                                      \
         "learned positions are added to the tokens; auto: where every mixer is attention or aaren",                                       \
         ATTN_WORD,                                                                                                                        \
         "auto",                                                                                                                           \
         0,                                                                                                                                \
         0,                                                                                                                                \
         attn_position_words},                                                                                                             \
        {"norm", "of the blocks", ATTN_WORD, "layer", 0, 0, attn_norm_words},                                                              \
        {"dropout", "of the embedding, and of the branches of blocks with an MLP", ATTN_NUMBER, "0", 0, 0.99, NULL}, {                     \
        "untied", "the output has weights of its own, not the embedding's", ATTN_TRUTH, "false", 0, 0, NULL                                \
    }

/* The model that the job's recipe asks for. Statuses: the tape's. */
attn_status attn_sequence_from_recipe(struct attn_job *job, int64_t vocabulary, int64_t length, attn_sequence **out);

/* What one of `micros` micro-batches of equal size adds to the loss of the batch: the mean loss of the labelled rows, and the mixers' penalty (NULL: none),
 * which is of the micro-batch's own positions. labels as in attn_cross_entropy; labelled: how many of the micro-batch there are, of all ranks that share its
 * sequences, whose losses add up to it. */
attn_tensor *attn_sequence_loss(attn_tensor *logits, const int32_t *labels, int64_t labelled, attn_tensor *penalty, int64_t micros);

#endif
