/* Point sets for tests of geometry. */
#ifndef TEST_TRAIN_SUPPORT_POINTS_H
#define TEST_TRAIN_SUPPORT_POINTS_H

#include "base/random.h"

#include <stdint.h>

enum test_points {
    TEST_POINTS_UNIFORM, /* in the unit square, multiples of 2^-24 */
    TEST_POINTS_GRID,    /* of a small grid, many of them in one place, on a line, on a circle */
    TEST_POINTS_LINE,    /* on one line, but for the last one sometimes */
    TEST_POINTS_CIRCLE,  /* 16 places of one circle, its centre, and copies */
    TEST_POINTS_NEARLY,  /* next to a line, a unit in the last place off */
    TEST_POINTS_KINDS
};

void test_points(struct attn_random *random, enum test_points kind, int64_t n, double *xy);

/* Seeds of a test: test_share(few) of them, or with ATTN_TEST_LONG the full count. */
int test_rounds(int few, int full);

#endif
