/* The inside of a model: what walks over all its parameters. */
#ifndef ATTN_NN_MODEL_H
#define ATTN_NN_MODEL_H

#include "tape/tape.h"

struct attn_model_entry {
    attn_tensor *tensor;
    const char *name;
    double rate, decay;
    struct attn_model_entry *next;
};

/* The first parameter; NULL: there is none. */
const struct attn_model_entry *attn_model_first(const attn_model *model);

#endif
