/* Operators along the tokens of sequences, and layers; and what they are by definition: loops in double that take every earlier token
 * anew. */
#ifndef TEST_TRAIN_SUPPORT_SEQUENCES_H
#define TEST_TRAIN_SUPPORT_SEQUENCES_H

#include "support/gradients.h"

/* Inputs as in struct test_gradient_case, those of sequences begin with [..., T, D]; `differences`: few enough elements for differences. */
struct test_sequence {
    const char *name;
    attn_tensor *(*compute)(attn_tensor *const *x);
    void (*naive)(const double *const *x, const int64_t (*size)[ATTN_TENSOR_DIMS], double *y);
    int64_t size[TEST_INPUTS_MOST][ATTN_TENSOR_DIMS];
    bool differences;
};
extern const struct test_sequence test_sequences[], test_choices[], test_recurrent[], test_images[], test_pointers[], test_prefixes[];
extern const int test_sequences_count, test_choices_count, test_recurrent_count, test_images_count, test_pointers_count,
    test_prefixes_count;
/* Number i of all lists, one behind the other; NULL behind the last. */
const struct test_sequence *test_sequence_at(int i);

/* Parameters of the case's sizes on the tape, uniform in [-2, 2), the same for every tape. Returns how many. */
int test_sequence_inputs(attn_tape *tape, const struct test_sequence *c, attn_tensor *x[TEST_INPUTS_MOST]);

/* Every case's result is the naive one, within `bound` times its greatest element. Fails the test. */
void test_sequence_values(double bound);

/* Every case's gradients, some elements of each input, are the differences of its naive result in double, within `bound` times the input's greatest. */
void test_sequence_gradients(double bound);

#endif
