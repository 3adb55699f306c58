/* One plain problem in contiguous arrays, for tests of what the formula implies: one sequence, or packed documents.
 *
 * Values are floats whatever the kernel's type is: inputs of 16 bits are made from them for each run (so that they are exact, values are
 * multiples of 1/8 there), and outputs are float32. */
#ifndef TEST_SUPPORT_TRIAL_H
#define TEST_SUPPORT_TRIAL_H

#include "kernel/kernel.h"

enum { Q, K, V, D_O, O, LSE, DQ, DK, DV, TEST_ARRAYS, TEST_INPUTS = O };
extern const char *const test_array_names[TEST_ARRAYS];

struct test_extents {
    int32_t heads, kv_heads;
    int64_t queries, keys;
    int32_t dim, v_dim;
};

struct test_trial {
    struct test_extents x;
    const struct attn_kernel *kernel;
    const int32_t *cu; /* of packed documents, the same for queries and keys; NULL: one sequence */
    int64_t documents, longest;
    int64_t count[TEST_ARRAYS];
    float *data[TEST_ARRAYS];
    uint16_t *half[TEST_INPUTS]; /* where the kernel's type has 16 bits */
};

void test_trial_make(struct test_trial *t, const struct attn_kernel *kernel, struct test_extents x, uint64_t seed);
void test_trial_free(struct test_trial *t);

/* The problem of the trial: its kernel, its type, backward where the kernel has it; outputs are float32. */
attn_problem test_trial_problem(const struct test_trial *t);

/* Arguments from arrays, and from the trial's own, whose inputs of 16 bits are made anew. */
void test_trial_bind(const struct test_trial *t, void *const data[TEST_ARRAYS], attn_args *args, attn_gradients *g);
void test_trial_bind_own(const struct test_trial *t, attn_args *args, attn_gradients *g);

/* Forward, and backward where the kernel has it; the last array that is written. */
void test_trial_run(attn_ctx *ctx, const struct test_trial *t, const attn_mask *mask);
int test_trial_last(const struct test_trial *t);

/* Each fails the test, with the kernel's name, where it does not hold; of arrays, those that are written. */
void test_must(attn_ctx *ctx, attn_status status);
void test_expect(const struct test_trial *t, const char *what, bool good);
void test_expect_near(const struct test_trial *t, const char *what, double got, double want, double tolerance);
void test_expect_same_bits(const struct test_trial *a, const struct test_trial *b, int first, int last);
void test_expect_near_arrays(const struct test_trial *a, const struct test_trial *b, int first, int last, double tolerance);

#endif
