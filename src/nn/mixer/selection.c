/* Choices of positions. */
#include "nn/mixer/selection.h"

#include "base/random.h"

#include <math.h>

/* Without an early end the loop is one of vectors; attention itself does D multiplications for each of these comparisons. */
bool attn_select_repeat(const int32_t *token, int64_t position) {
    int found = 0;
    for (int64_t i = 0; i < position; i++) found |= token[i] == token[position];
    return found;
}

/* Selection sampling (Fan, Muller and Rezucha 1962): a position is taken with the share that the open places have in the positions left. */
void attn_select_random(int64_t total, int64_t count, uint64_t seed, int64_t tokens, const int32_t *token, bool *selected) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint64_t hash = 0xcbf29ce484222325u; /* as FNV-1a, of the tokens so far */
    for (int64_t i = 0; i < tokens; i++) {
        if (token) hash = (hash ^ (uint32_t)token[i]) * 0x100000001b3u;
        const uint32_t counter[4] = {(uint32_t)hash, (uint32_t)(hash >> 32), (uint32_t)i, (uint32_t)(i >> 32)};
        uint32_t word[4];
        attn_philox(key, counter, word);
        const double uniform = (double)(((uint64_t)word[0] << 32 | word[1]) >> 11) * 0x1p-53; /* below 1 */
        selected[i] = uniform * (double)(total - i) < (double)count;
        count -= selected[i];
    }
}

static bool greater(attn_real a, attn_real b) {
    return isnan(b) ? !isnan(a) : a > b;
}

/* The least of those marked, of equal ones the last. */
static int64_t least_of(int64_t n, const attn_real *x, const bool *selected) {
    int64_t least = -1;
    for (int64_t i = 0; i < n; i++)
        if (selected[i] && (least < 0 || !greater(x[i], x[least]))) least = i;
    return least;
}

void attn_select_greatest(int64_t n, const attn_real *x, int64_t count, bool *selected) {
    int64_t least = -1;
    for (int64_t i = 0; i < n; i++) {
        selected[i] = i < count;
        if (i + 1 == count) least = least_of(count, x, selected);
        if (i < count || count == 0 || !greater(x[i], x[least])) continue;
        selected[least] = false;
        selected[i] = true;
        least = least_of(i + 1, x, selected);
    }
}
