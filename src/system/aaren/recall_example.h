/* Examples of associative recall: pairs of a key and a value, key before value, then all keys again in another order.
 *
 *   tokens   k1 v1 k2 v2 ... kP vP   k7 k3 ...      3 P of them; keys are 0 ... keys - 1, values keys ... keys + values - 1
 *   labels                           v7 v3 ...      of the last P tokens, as 0 ... values - 1
 *
 * An example's keys differ; its values are drawn one by one, so that some may be equal. */
#ifndef ATTN_SYSTEM_AAREN_RECALL_EXAMPLE_H
#define ATTN_SYSTEM_AAREN_RECALL_EXAMPLE_H

#include <stdint.h>

enum { ATTN_AAREN_RECALL_TOKENS = 3 }; /* of a pair: key, value, key */

struct attn_aaren_recall_size {
    int64_t keys, values, pairs; /* pairs at most keys */
};

/* Example `index` of the seed's: token [3 pairs], label [pairs]; keys [keys]: scratch. It depends on nothing else. */
void attn_aaren_recall_example(const struct attn_aaren_recall_size *size, uint64_t seed, int64_t index, int32_t *token, int32_t *label,
                               int32_t *keys);

#endif
