#include "system/zoology/distinct.h"

#include <string.h>

/* A bit for each number. */
size_t attn_distinct_scratch(int64_t numbers) {
    return (size_t)(numbers + 7) / 8;
}

void attn_draw_distinct(struct attn_random *random, int32_t low, int32_t high, int64_t count, unsigned char *seen, int32_t *to) {
    memset(seen, 0, attn_distinct_scratch(high - low));
    for (int64_t i = 0; i < count;) {
        const int32_t n = (int32_t)attn_random_below(random, (uint64_t)(high - low));
        if (seen[n / 8] >> n % 8 & 1) continue;
        seen[n / 8] = (unsigned char)(seen[n / 8] | 1 << n % 8);
        to[i++] = low + n;
    }
}
