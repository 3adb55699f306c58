/* The associative-recall slice of a text (Arora et al. 2023, sec. 3): a token is a hit where it completes a pair of neighbours that stands earlier in the
 * same context, and that training has seen at most `threshold` times: it can be recalled from the context, and hardly from the weights. */
#ifndef ATTN_SYSTEM_ZOOLOGY_SLICES_H
#define ATTN_SYSTEM_ZOOLOGY_SLICES_H

#include "base/context.h"

/* How often each pair of neighbours stands in a text. Memory follows the number of different pairs. */
struct attn_bigrams {
    uint64_t *key; /* previous * vocabulary + token + 1; 0: a free place */
    int32_t *count;
    size_t places; /* a power of two, at least twice as many as there are pairs, and less than 4 times (or 16) */
    int64_t vocabulary;
};
attn_status attn_bigrams_open(attn_ctx *ctx, const int32_t *token, size_t count, int64_t vocabulary, struct attn_bigrams *out);
void attn_bigrams_close(attn_ctx *ctx, struct attn_bigrams *bigrams);
int32_t attn_bigrams_count(const struct attn_bigrams *bigrams, int32_t previous, int32_t token);

/* Of each token of a context: ATTN_SLICE_NEW where its pair stands nowhere earlier in it (the first token too), else how often training has seen the pair.
 * scratch: attn_slices_scratch bytes. */
enum { ATTN_SLICE_NEW = -1 };
size_t attn_slices_scratch(int64_t tokens);
void attn_slices_mark(const struct attn_bigrams *training, const int32_t *token, int64_t tokens, int32_t *seen, void *scratch);

#endif
