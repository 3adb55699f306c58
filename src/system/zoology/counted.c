#include "system/zoology/counted.h"

#include <math.h>
#include <string.h>

attn_status attn_counted_measure(attn_ctx *ctx, const int32_t *training, size_t training_count, const struct attn_bigrams *bigrams,
                                 const int32_t *token, size_t count, struct attn_counted *out) {
    const size_t vocabulary = (size_t)bigrams->vocabulary;
    int64_t *seen = attn_alloc(ctx, 3 * vocabulary * sizeof *seen);
    if (!seen) return attn_no_memory(ctx, "counts of tokens", 3 * vocabulary * sizeof *seen);
    int64_t *followed = seen + vocabulary, *kinds = followed + vocabulary;
    memset(seen, 0, 3 * vocabulary * sizeof *seen);
    for (size_t i = 0; i < training_count; i++) {
        seen[training[i]]++;
        if (i + 1 < training_count) followed[training[i]]++;
    }
    for (size_t p = 0; p < bigrams->places; p++)
        if (bigrams->key[p] != 0) kinds[(bigrams->key[p] - 1) / vocabulary]++;
    *out = (struct attn_counted){0, 0};
    for (size_t i = 1; i < count; i++) {
        const double one = (double)(seen[token[i]] + 1) / (double)(training_count + vocabulary);
        const double after = (double)followed[token[i - 1]], mixed = (double)kinds[token[i - 1]];
        const double both = (double)attn_bigrams_count(bigrams, token[i - 1], token[i]);
        out->unigram -= log(one);
        out->bigram -= log(after + mixed > 0 ? (both + mixed * one) / (after + mixed) : one);
    }
    out->unigram /= (double)count - 1;
    out->bigram /= (double)count - 1;
    attn_free(ctx, seen);
    return ATTN_OK;
}
