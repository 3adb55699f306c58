/* Gradients of an operator against central differences. For programs with attn_real = double. */
#ifndef TEST_TRAIN_SUPPORT_GRADIENTS_H
#define TEST_TRAIN_SUPPORT_GRADIENTS_H

#include "attn_train.h"

enum { TEST_INPUTS_MOST = 7 };

/* One case: inputs of these sizes (a size of 0 ends the axes, no axes end the inputs), filled with numbers uniform in [low, high), and what is
 * computed from them. */
struct test_gradient_case {
    const char *name;
    attn_tensor *(*compute)(attn_tensor *const *x);
    int64_t size[TEST_INPUTS_MOST][ATTN_TENSOR_DIMS];
    double low, high; /* both 0: -2 to 2 */
};

/* The loss is the result times random numbers, summed: of the inputs, and once more of copies of them, whose gradients operators may write
 * instead of adding to them. Every derivative of every element of every input is compared with (L(x + h) - L(x - h)) / 2h; the bound is
 * 1e-7 of the greatest of 1, the derivative and the numbers that it is made of. Fails the test with name, input and element. */
void test_gradients(const struct test_gradient_case *c);

#endif
