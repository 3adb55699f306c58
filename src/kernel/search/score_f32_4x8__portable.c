/* Scores of the search in plain C: 4 queries x 8 keys. */
#include "kernel/search/search.h"
#include "kernel/vector__portable.h"

enum { LANES = VEC_LANES, VECTORS = 2 };
#define ROWS 4

static inline uint32_t vec_bits_ge(vec x, vec bound) {
    return vec_word(vec_at_least(x, bound));
}
static inline __attribute__((always_inline)) void prefetch(const float *address) { /* else gcc takes it for a call without effect */
    __builtin_prefetch(address);
}

#include "kernel/search/score_f32_template.h"

static void pack(const float *k, int64_t stride, int keys, int32_t dim, float *panel, const float *ahead) {
    (void)ahead;
    for (int j = 0; j < PANEL; j++)
        for (int32_t c = 0; c < dim; c++) panel[(int64_t)c * PANEL + j] = j < keys ? k[j * stride + c] : 0.0f;
}

const struct attn_search_ops attn_search_ops__portable = {
    .isa = "portable",
    .isa_bits = 0,
    .panel = PANEL,
    .pack = pack,
    .score = score,
};
