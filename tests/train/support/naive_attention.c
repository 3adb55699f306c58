/* Attention, windowed and in blocks, from the formula: softmax over the keys that a rule allows. */
#include "support/naive.h"

#include <math.h>
#include <string.h>

bool test_naive_causal(int64_t query, int64_t key, int64_t size) {
    (void)size;
    return key <= query;
}
/* size + 1 keys */
static bool in_window(int64_t query, int64_t key, int64_t size) {
    return key <= query && key >= query - size;
}
static bool in_block(int64_t query, int64_t key, int64_t size) {
    return key <= query && key / size == query / size;
}

/* One head's query; q, k, v at its first number, rows of 3 D. */
static void attend(const double *qkv, int64_t tokens, int64_t width, int64_t head, int64_t d, int64_t query, test_naive_allowed_fn allowed,
                   int64_t size, double *o) {
    double total = 0, most = -(double)INFINITY;
    for (int pass = 0; pass < 2; pass++) /* the greatest logit, then the sums */
        for (int64_t j = 0; j < tokens; j++) {
            const double *q = qkv + query * 3 * width + head * d, *k = qkv + j * 3 * width + width + head * d, *v = k + width;
            double logit = 0;
            if (!allowed(query, j, size)) continue;
            for (int64_t c = 0; c < d; c++) logit += q[c] * k[c] / sqrt((double)d);
            if (pass == 0) most = fmax(most, logit);
            for (int64_t c = 0; c < d && pass == 1; c++) o[c] += exp(logit - most) * v[c];
            if (pass == 1) total += exp(logit - most);
        }
    for (int64_t c = 0; c < d; c++) o[c] /= total;
}

double *test_naive_attend(const struct test_naive_sequence *s, int64_t heads, test_naive_allowed_fn allowed, int64_t size) {
    const int64_t d = s->width / heads;
    const double *qkv = test_naive_project(s->m, "qkv", s->tokens, s->u);
    double *o = test_naive_memory(s->m, s->tokens * s->width);
    for (int64_t i = 0; i < s->tokens; i++)
        for (int64_t h = 0; h < heads; h++) attend(qkv, s->tokens, s->width, h, d, i, allowed, size, o + i * s->width + h * d);
    return test_naive_project(s->m, "out_proj", s->tokens, o);
}

static void define(const struct test_naive_sequence *s, int64_t heads, test_naive_allowed_fn allowed, int64_t size, double *y) {
    memcpy(y, test_naive_attend(s, heads, allowed, size), (size_t)(s->tokens * s->width) * sizeof *y);
}

static void attention(const struct test_naive_sequence *s, double *y) {
    define(s, 1, test_naive_causal, 0, y);
}
static void attention_3(const struct test_naive_sequence *s, double *y) {
    define(s, 3, test_naive_causal, 0, y);
}
static void sliding_1(const struct test_naive_sequence *s, double *y) {
    define(s, 1, in_window, 1, y);
}
static void sliding_16(const struct test_naive_sequence *s, double *y) {
    define(s, 1, in_window, 16, y);
}
static void sliding_5_heads_2(const struct test_naive_sequence *s, double *y) {
    define(s, 2, in_window, 5, y);
}
static void blocked_16(const struct test_naive_sequence *s, double *y) {
    define(s, 1, in_block, 16, y);
}
static void blocked_7_heads_2(const struct test_naive_sequence *s, double *y) {
    define(s, 2, in_block, 7, y);
}

const struct test_naive test_naive_attention[] = {
    {{"attention", 8, 33, 0, 2}, attention, 0.4, true},
    {{"attention:heads=3", 12, 20, 0, 1}, attention_3, 0.4, false},
    {{"sliding", 8, 80, 0, 2}, sliding_16, 0.4, true},
    {{"sliding:window=1", 8, 9, 0, 2}, sliding_1, 0.4, true},
    {{"sliding:window=5:heads=2", 8, 5, 0, 2}, sliding_5_heads_2, 0.4, false},
    {{"sliding:window=5:heads=2", 8, 6, 0, 2}, sliding_5_heads_2, 0.4, false},
    {{"sliding:window=5:heads=2", 8, 7, 0, 2}, sliding_5_heads_2, 0.4, false},
    {{"blocked", 8, 80, 0, 2}, blocked_16, 0.4, true},
    {{"blocked", 8, 16, 0, 2}, blocked_16, 0.4, true},
    {{"blocked", 8, 3, 0, 2}, blocked_16, 0.4, true},
    {{"blocked:block=7:heads=2", 8, 29, 0, 2}, blocked_7_heads_2, 0.4, false},
};
const int test_naive_attention_count = sizeof test_naive_attention / sizeof *test_naive_attention;
