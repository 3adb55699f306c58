/* What the files of the random problems share. */
#ifndef TEST_SUPPORT_PARTS_H
#define TEST_SUPPORT_PARTS_H

#include "support/problem.h"

#include <stddef.h>

void *test_memory(size_t bytes); /* zeroed; stops the program if there is none */
bool test_chance(struct attn_random *r, double p);
void test_round(attn_dtype type, float *x, int64_t n); /* to 16 bits, where that is the type */
void test_mask_make(struct test_case *c, struct attn_random *r, enum test_mask_kind kind);
void test_mask_free(struct test_case *c);

#endif
