/* Stratified splits by largest remainders. */
#include "system/aaren/classify_data.h"

#include "base/context.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

/* How many of each class are held out: the whole part of its share, and one more in order of what is left of it, until the share of all is reached. */
static void count_out(const int64_t *cases, int64_t classes, int64_t all, double share, int64_t *out) {
    int64_t left = llround(share * (double)all);
    for (int64_t k = 0; k < classes; k++) {
        out[k] = attn_max64(0, attn_min64((int64_t)floor(share * (double)cases[k]), cases[k] - 1));
        left -= out[k];
    }
    for (int64_t best = 0; left > 0 && best >= 0; left--) {
        best = -1;
        for (int64_t k = 0; k < classes; k++) {
            const double rest = share * (double)cases[k] - (double)out[k];
            if (cases[k] - out[k] < 2 || (best >= 0 && rest <= share * (double)cases[best] - (double)out[best])) continue;
            best = k;
        }
        if (best >= 0) out[best]++;
    }
}

static void shuffle(int64_t *order, int64_t count, struct attn_random *random) {
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(random, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

attn_status attn_aaren_classify_split(attn_ctx *ctx, const int32_t *label, int64_t count, int64_t classes, double held_out, uint64_t seed,
                                      int64_t *order, int64_t *fit) {
    const size_t bytes = (2 * (size_t)classes + (size_t)count) * sizeof(int64_t);
    int64_t *cases = attn_alloc(ctx, bytes), first = 0, last = count;
    struct attn_random random;
    if (!cases) return attn_no_memory(ctx, "a split", bytes);
    int64_t *out = cases + classes, *shuffled = out + classes;
    memset(cases, 0, (size_t)classes * sizeof *cases);
    for (int64_t i = 0; i < count; i++) {
        cases[label[i]]++;
        shuffled[i] = i;
    }
    count_out(cases, classes, count, held_out, out);
    attn_random_init(&random, seed);
    shuffle(shuffled, count, &random);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = shuffled[i];
        order[out[label[c]]-- > 0 ? --last : first++] = c;
    }
    attn_free(ctx, cases);
    *fit = first;
    return ATTN_OK;
}
