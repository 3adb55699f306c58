/* One attention as one rank computes it, and the parts of it that ranks hold. */
#ifndef TEST_SUPPORT_WHOLE_H
#define TEST_SUPPORT_WHOLE_H

#include "attn.h"

#include <stdbool.h>

enum { TEST_WHOLE_INPUTS = 5, TEST_WHOLE_OUTPUTS = 5 };

/* Arrays are [batch, token, head, width], rows [batch, head, token]; the inputs q, k, v, dO and dLSE, the outputs O, LSE, dq, dk and dv. */
struct test_whole {
    attn_problem problem; /* of all tokens; its types: those of the arrays */
    attn_mask *mask;      /* compiled, or NULL */
    float *sink;          /* [heads]; NULL: none */
    float *in[TEST_WHOLE_INPUTS];
    float *out[TEST_WHOLE_OUTPUTS]; /* of libattn, float32, from the rounded inputs */
    double *d_sink;                 /* [heads] */
};

/* Takes the mask. problem: layout, heads, lengths, features and types are set. */
void test_whole_make(attn_ctx *ctx, const attn_problem *problem, attn_mask *mask, uint64_t seed, struct test_whole *out);
void test_whole_free(struct test_whole *whole);

/* What a rank holds: token[places], -1: padding, where inputs are NaN. */
struct test_part {
    const struct test_whole *whole;
    const int64_t *token;
    int64_t places;
    void *in[TEST_WHOLE_INPUTS], *out[TEST_WHOLE_OUTPUTS]; /* of the problem's types */
    float *d_sink;
    attn_args args; /* without a workspace */
    attn_gradients gradients;
};
void test_part_make(const struct test_whole *whole, const int64_t *token, int64_t places, struct test_part *out);
void test_part_free(struct test_part *part);

/* Every output of the part, relative to the greatest of the whole's, and padding 0 (LSE -inf); `bound` in 16 bits too, besides one rounding. A line on
 * stderr for what is beyond. */
bool test_part_near(const struct test_part *part, const char *name, double bound);

#endif
