#include "support/gradients.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int dims_of(const int64_t *size) {
    int dims = 0;
    while (dims < ATTN_TENSOR_DIMS && size[dims] > 0) dims++;
    return dims;
}

/* The loss with the inputs as they are, or with copies of them, whose gradients nobody has filled yet: the first operator that reaches one
 * may write it. */
static attn_tensor *loss_of(attn_tape *tape, const struct test_gradient_case *c, attn_tensor *const *x, bool copies, uint64_t seed) {
    attn_tensor *copy[TEST_INPUTS_MOST] = {NULL};
    for (int i = 0; i < TEST_INPUTS_MOST && x[i]; i++) copy[i] = copies ? attn_affine(x[i], 1, 0) : x[i];
    attn_tensor *y = c->compute(copy);
    struct attn_random random;
    int64_t size[ATTN_TENSOR_DIMS];
    if (!y) return NULL;
    for (int i = 0; i < attn_dims(y); i++) size[i] = attn_size(y, i);
    attn_tensor *weight = attn_constant(tape, attn_dims(y), size, 0);
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < attn_count(weight); i++) attn_data(weight)[i] = (attn_real)(attn_random_uniform(&random) - 0.5);
    return attn_sum_all(attn_mul(y, weight));
}

static double value_of(attn_tape *tape, const struct test_gradient_case *c, attn_tensor *const *x, uint64_t seed) {
    attn_tape_reset(tape);
    attn_tensor *loss = loss_of(tape, c, x, false, seed);
    if (!loss) fail_msg("%s: no loss", c->name);
    return (double)*attn_data(loss);
}

/* Of one element; the step's error falls with its square, that of rounding grows with its inverse. */
static double difference(attn_tape *tape, const struct test_gradient_case *c, attn_tensor *const *x, uint64_t seed, attn_real *element) {
    const double h = 6e-6;
    const attn_real middle = *element;
    *element = (attn_real)((double)middle + h);
    const double above = value_of(tape, c, x, seed);
    *element = (attn_real)((double)middle - h);
    const double below = value_of(tape, c, x, seed);
    *element = middle;
    return (above - below) / (2 * h);
}

/* Parameters of the case's sizes, uniform in its range. Returns how many. */
static int open_inputs(attn_tape *tape, const struct test_gradient_case *c, attn_tensor *x[TEST_INPUTS_MOST]) {
    struct attn_random random;
    const bool usual = c->low == 0 && c->high == 0;
    const double low = usual ? -2 : c->low, high = usual ? 2 : c->high;
    int inputs = 0;
    attn_random_init(&random, 17);
    for (; inputs < TEST_INPUTS_MOST && dims_of(c->size[inputs]) > 0; inputs++) {
        x[inputs] = attn_parameter(tape, dims_of(c->size[inputs]), c->size[inputs]);
        assert_non_null(x[inputs]);
        for (int64_t i = 0; i < attn_count(x[inputs]); i++)
            attn_data(x[inputs])[i] = (attn_real)(low + (high - low) * attn_random_uniform(&random));
    }
    return inputs;
}

/* All gradients, one input behind the other. */
static double *gradients_of(attn_ctx *ctx, attn_tape *tape, const struct test_gradient_case *c, attn_tensor *const *x, int inputs,
                            bool copies) {
    char text[1024];
    int64_t count = 0, at = 0;
    attn_tape_reset(tape);
    attn_tensor *loss = loss_of(tape, c, x, copies, 23);
    if (!loss || attn_tape_backward(loss)) fail_msg("%s: %s", c->name, attn_ctx_error(ctx, text, sizeof text));
    for (int n = 0; n < inputs; n++) count += attn_count(x[n]);
    double *all = malloc((size_t)(count + 1) * sizeof *all);
    assert_non_null(all);
    for (int n = 0; n < inputs; n++)
        for (int64_t i = 0; i < attn_count(x[n]); i++) all[at++] = (double)attn_grad(x[n])[i];
    return all;
}

void test_gradients(const struct test_gradient_case *c) {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *x[TEST_INPUTS_MOST] = {NULL};
    char text[1024];
    assert_int_equal(attn_ctx_create(NULL, &ctx, text, sizeof text), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    const int inputs = open_inputs(tape, c, x);
    double *of[2] = {gradients_of(ctx, tape, c, x, inputs, false), gradients_of(ctx, tape, c, x, inputs, true)};
    for (int n = 0, at = 0; n < inputs; n++)
        for (int64_t i = 0; i < attn_count(x[n]); i++, at++) {
            const double near = difference(tape, c, x, 23, &attn_data(x[n])[i]);
            for (int copies = 0; copies < 2; copies++)
                if (!(fabs(of[copies][at] - near) <= 1e-7 * fmax(1, fabs(near))))
                    fail_msg("%s: input %d%s, element %lld: gradient %.12g, differences %.12g", c->name, n, copies ? " (copied)" : "",
                             (long long)i, of[copies][at], near);
        }
    free(of[0]);
    free(of[1]);
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
}
