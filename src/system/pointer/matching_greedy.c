/* The shortest pairs first. */
#include "system/pointer/matching.h"

#include "system/pointer/order.h"

size_t attn_matching_greedy_scratch(int64_t n) {
    return (size_t)(n * n) * sizeof(struct attn_place);
}

void attn_matching_greedy(const double *d, int64_t n, int32_t *mate, void *scratch) {
    struct attn_place *pair = scratch;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        mate[i] = -1;
        for (int64_t j = i + 1; j < n; j++) pair[count++] = (struct attn_place){d[i * n + j], (double)i, j};
    }
    attn_order_places(pair, count, pair + count);
    for (int64_t p = 0; p < count; p++) {
        const int32_t a = (int32_t)pair[p].y, b = (int32_t)pair[p].number;
        if (mate[a] >= 0 || mate[b] >= 0) continue;
        mate[a] = b;
        mate[b] = a;
    }
}
