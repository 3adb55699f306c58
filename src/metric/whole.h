/* Whole numbers of so many 64-bit limbs in two's complement. Sums and products are taken modulo 2^(64 limbs): a polynomial of such numbers has
 * the right value where that value fits, whatever happens on the way. */
#ifndef ATTN_METRIC_WHOLE_H
#define ATTN_METRIC_WHOLE_H

#include <stdint.h>

/* Polynomials of degree 4 in differences of any two finite doubles: attn_in_circle. */
enum { ATTN_WHOLE_LIMBS = 132 };

struct attn_whole {
    uint64_t limb[ATTN_WHOLE_LIMBS]; /* the lowest first; only as many as calls are given have a value */
};

/* Doubles as whole multiples of one power of two, the greatest that divides them all. */
struct attn_grid {
    int lowest; /* the power's exponent */
    int bits;   /* multiples are less than 2^bits */
};

/* The grid of `count` arrays of two coordinates, all finite. */
struct attn_grid attn_grid_of(const double *const *points, int count);

/* to = x as a multiple. */
void attn_whole_set(int limbs, struct attn_whole *to, const struct attn_grid *grid, double x);

/* to = a + b, a - b, a b; `to` may be a or b but for the product. */
void attn_whole_add(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b);
void attn_whole_subtract(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b);
void attn_whole_multiply(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b);

int attn_whole_sign(int limbs, const struct attn_whole *a); /* -1, 0, 1 */

#endif
