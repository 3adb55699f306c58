/* Language models by counting: what a trained one has to beat. */
#ifndef ATTN_SYSTEM_ZOOLOGY_COUNTED_H
#define ATTN_SYSTEM_ZOOLOGY_COUNTED_H

#include "system/zoology/slices.h"

/* Mean negative log-likelihood of `count` tokens behind their neighbours: by frequencies with one added to each (unigram), and by frequencies behind the
 * token before, mixed with those (bigram; Witten and Bell 1991: the weight of the mixture is the number of different tokens seen behind it). Both from the
 * training text alone. */
struct attn_counted {
    double unigram, bigram;
};
attn_status attn_counted_measure(attn_ctx *ctx, const int32_t *training, size_t training_count, const struct attn_bigrams *bigrams,
                                 const int32_t *token, size_t count, struct attn_counted *out);

#endif
