/* Scores of the search in plain C: 4 queries x 8 keys. */
#include "kernel/flash/vector__portable.h"
#include "kernel/search/search.h"

enum { LANES = ATTN_V4, VECTORS = 2 };
#define ROWS 4

typedef attn_v4 vec;

static inline vec vec_load(const float *x) {
    return attn_v4_load(x);
}
static inline void vec_store(float *to, vec x) {
    attn_v4_store(to, x);
}
static inline vec vec_set1(float x) {
    return attn_v4_set(x);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
static inline uint32_t vec_bits_ge(vec x, vec bound) {
    const attn_v4i passed = (x >= bound) & (attn_v4i){1, 2, 4, 8};
    return (uint32_t)(passed[0] | passed[1] | passed[2] | passed[3]);
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
