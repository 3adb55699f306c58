/* Two's complement of many limbs. */
#include "metric/whole.h"

#include <stdbool.h>
#include <string.h>

__extension__ typedef unsigned __int128 two_limbs;

/* |x| = mantissa 2^exponent with an odd mantissa, or 0. */
static uint64_t split(double x, int *exponent) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int biased = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & 0xfffffffffffff;
    if (biased != 0) mantissa |= (uint64_t)1 << 52;
    *exponent = (biased != 0 ? biased : 1) - 1075;
    if (mantissa == 0) return 0;
    const int zeros = __builtin_ctzll(mantissa);
    *exponent += zeros;
    return mantissa >> zeros;
}

struct attn_grid attn_grid_of(const double *const *points, int count) {
    int lowest = 0, highest = 0;
    bool any = false;
    for (int i = 0; i < 2 * count; i++) {
        int exponent;
        const uint64_t mantissa = split(points[i / 2][i % 2], &exponent);
        if (mantissa == 0) continue;
        const int end = exponent + 64 - __builtin_clzll(mantissa);
        if (!any || exponent < lowest) lowest = exponent;
        if (!any || end > highest) highest = end;
        any = true;
    }
    return (struct attn_grid){lowest, highest - lowest};
}

void attn_whole_set(int limbs, struct attn_whole *to, const struct attn_grid *grid, double x) {
    int exponent;
    const uint64_t mantissa = split(x, &exponent);
    memset(to->limb, 0, (size_t)limbs * sizeof *to->limb);
    if (mantissa == 0) return;
    const int at = (exponent - grid->lowest) / 64, shift = (exponent - grid->lowest) % 64;
    to->limb[at] = mantissa << shift;
    if (shift > 0 && at + 1 < limbs) to->limb[at + 1] = mantissa >> (64 - shift);
    if (x > 0) return;
    struct attn_whole zero;
    memset(zero.limb, 0, (size_t)limbs * sizeof *zero.limb);
    attn_whole_subtract(limbs, to, &zero, to);
}

void attn_whole_add(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b) {
    uint64_t carry = 0;
    for (int i = 0; i < limbs; i++) {
        const two_limbs sum = (two_limbs)a->limb[i] + b->limb[i] + carry;
        to->limb[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

void attn_whole_subtract(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b) {
    uint64_t borrow = 0;
    for (int i = 0; i < limbs; i++) {
        const two_limbs difference = (two_limbs)a->limb[i] - b->limb[i] - borrow;
        to->limb[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

void attn_whole_multiply(int limbs, struct attn_whole *to, const struct attn_whole *a, const struct attn_whole *b) {
    memset(to->limb, 0, (size_t)limbs * sizeof *to->limb);
    for (int i = 0; i < limbs; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < limbs; j++) {
            const two_limbs sum = (two_limbs)a->limb[i] * b->limb[j] + to->limb[i + j] + carry;
            to->limb[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
    }
}

int attn_whole_sign(int limbs, const struct attn_whole *a) {
    if (a->limb[limbs - 1] >> 63) return -1;
    for (int i = 0; i < limbs; i++)
        if (a->limb[i] != 0) return 1;
    return 0;
}
