#include "system/aaren/recall_example.h"

#include "base/hash.h"
#include "base/random.h"

static void swap(int32_t *a, int32_t *b) {
    const int32_t kept = *a;
    *a = *b;
    *b = kept;
}

void attn_aaren_recall_example(const struct attn_aaren_recall_size *size, uint64_t seed, int64_t index, int32_t *token, int32_t *label,
                               int32_t *keys) {
    int32_t *asked = token + 2 * size->pairs;
    struct attn_random random;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &index, sizeof index));
    for (int64_t k = 0; k < size->keys; k++) keys[k] = (int32_t)k;
    for (int64_t i = 0; i < size->pairs; i++) {
        swap(&keys[i], &keys[attn_random_between(&random, i, size->keys - 1)]);
        label[i] = (int32_t)attn_random_below(&random, (uint64_t)size->values);
        token[2 * i] = asked[i] = keys[i];
        token[2 * i + 1] = (int32_t)size->keys + label[i];
    }
    for (int64_t i = size->pairs - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1);
        swap(&asked[i], &asked[j]);
        swap(&label[i], &label[j]);
    }
}
