#include "train/support/points.h"

#include "support/counts.h"

#include <math.h>
#include <stdlib.h>

int test_rounds(int few, int full) {
    return getenv("ATTN_TEST_LONG") ? full : (int)test_share(few);
}

/* Whole numbers of x^2 + y^2 = 65^2, one octant of them turned and mirrored. */
static void circle(struct attn_random *random, double *p) {
    static const int on[][2] = {{16, 63}, {25, 60}, {33, 56}, {39, 52}, {0, 65}};
    const int64_t which = attn_random_between(random, -1, 4);
    const uint64_t turn = attn_random_below(random, 8);
    if (which < 0) {
        p[0] = p[1] = 0;
        return;
    }
    const int x = on[which][turn % 2], y = on[which][1 - turn % 2];
    p[0] = turn & 2 ? -x : x;
    p[1] = turn & 4 ? -y : y;
}

void test_points(struct attn_random *random, enum test_points kind, int64_t n, double *xy) {
    const int64_t side = attn_random_between(random, 1, 5), dx = attn_random_between(random, -3, 3),
                  dy = attn_random_between(random, -3, 3);
    for (int64_t i = 0; i < n; i++) {
        double *p = xy + 2 * i;
        const int64_t along = attn_random_between(random, -5, 5);
        switch (kind) {
        case TEST_POINTS_GRID:
            for (int axis = 0; axis < 2; axis++) p[axis] = (double)attn_random_between(random, 0, side) / 8 - 3;
            break;
        case TEST_POINTS_LINE:
            p[0] = (double)(along * dx);
            p[1] = (double)(along * dy) + (i + 1 == n && side == 1);
            break;
        case TEST_POINTS_CIRCLE:
            circle(random, p);
            break;
        case TEST_POINTS_NEARLY:
            p[0] = ldexp((double)attn_random_below(random, (uint64_t)1 << 53), -53);
            p[1] = p[0] / 3 + ldexp((double)attn_random_between(random, -1, 1), -54);
            break;
        default:
            for (int axis = 0; axis < 2; axis++) p[axis] = (double)attn_random_below(random, 1 << 24) / (1 << 24);
        }
    }
}
