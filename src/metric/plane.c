/* Signs of two determinants: a bound of the error first, whole numbers where that does not decide. */
#include "metric/plane.h"

#include "metric/whole.h"

#include <float.h>
#include <math.h>

/* Half a unit in the last place of 1. */
#define ULP 0x1p-53

static int sign_of(double x) {
    return (x > 0) - (x < 0);
}

/* (ax - cx)(by - cy) - (ay - cy)(bx - cx): two products of differences below 2^(bits + 1), and the sign. */
static int orientation_exact(const double *a, const double *b, const double *c) {
    const double *const points[3] = {a, b, c};
    const struct attn_grid grid = attn_grid_of(points, 3);
    const int limbs = (2 * grid.bits + 4) / 64 + 1;
    struct attn_whole from[2], d[2][2], left, right;
    for (int axis = 0; axis < 2; axis++) {
        attn_whole_set(limbs, &from[axis], &grid, c[axis]);
        for (int i = 0; i < 2; i++) {
            attn_whole_set(limbs, &d[i][axis], &grid, points[i][axis]);
            attn_whole_subtract(limbs, &d[i][axis], &d[i][axis], &from[axis]);
        }
    }
    attn_whole_multiply(limbs, &left, &d[0][0], &d[1][1]);
    attn_whole_multiply(limbs, &right, &d[0][1], &d[1][0]);
    attn_whole_subtract(limbs, &left, &left, &right);
    return attn_whole_sign(limbs, &left);
}

/* The bound is Shewchuk's, and DBL_MIN, far more than products below it lose. What overflows is not above its bound. */
int attn_orientation(const double *a, const double *b, const double *c) {
    const double left = (a[0] - c[0]) * (b[1] - c[1]), right = (a[1] - c[1]) * (b[0] - c[0]), value = left - right;
    if (fabs(value) > (3 + 16 * ULP) * ULP * (fabs(left) + fabs(right)) + DBL_MIN) return sign_of(value);
    return orientation_exact(a, b, c);
}

/* The sum over i of |p_i|^2 (p_j x p_k), with p of a, b, c from d: below 3 * 2^(2 bits + 3) * 2^(2 bits + 3), and the sign. */
static int in_circle_exact(const double *const points[4]) {
    const struct attn_grid grid = attn_grid_of(points, 4);
    const int limbs = (4 * grid.bits + 9) / 64 + 1;
    struct attn_whole from[2], p[3][2], square, cross, part, sum;
    for (int axis = 0; axis < 2; axis++) {
        attn_whole_set(limbs, &from[axis], &grid, points[3][axis]);
        for (int i = 0; i < 3; i++) {
            attn_whole_set(limbs, &p[i][axis], &grid, points[i][axis]);
            attn_whole_subtract(limbs, &p[i][axis], &p[i][axis], &from[axis]);
        }
    }
    attn_whole_set(limbs, &sum, &grid, 0.0);
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        attn_whole_multiply(limbs, &square, &p[i][0], &p[i][0]);
        attn_whole_multiply(limbs, &part, &p[i][1], &p[i][1]);
        attn_whole_add(limbs, &square, &square, &part);
        attn_whole_multiply(limbs, &cross, &p[j][0], &p[k][1]);
        attn_whole_multiply(limbs, &part, &p[j][1], &p[k][0]);
        attn_whole_subtract(limbs, &cross, &cross, &part);
        attn_whole_multiply(limbs, &part, &square, &cross);
        attn_whole_add(limbs, &sum, &sum, &part);
    }
    return attn_whole_sign(limbs, &sum);
}

/* Squares up to 2^400 mean differences up to 2^200: what falls below DBL_MIN then changes the value by less than 24 * 2^(400 - 1074). */
int attn_in_circle(const double *a, const double *b, const double *c, const double *d) {
    const double *const points[4] = {a, b, c, d};
    double p[3][2], value = 0, terms = 0, squares = 0;
    for (int i = 0; i < 3; i++)
        for (int axis = 0; axis < 2; axis++) p[i][axis] = points[i][axis] - d[axis];
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        const double square = p[i][0] * p[i][0] + p[i][1] * p[i][1], left = p[j][0] * p[k][1], right = p[j][1] * p[k][0];
        value += square * (left - right);
        terms += square * (fabs(left) + fabs(right));
        squares += square;
    }
    if (squares <= 0x1p400 && fabs(value) > (10 + 96 * ULP) * ULP * terms + 0x1p-660) return sign_of(value);
    return in_circle_exact(points);
}
