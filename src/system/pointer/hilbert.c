/* The curve's cell of a point is found quadrant by quadrant; the curve runs through each quadrant turned or mirrored. Rounds are drawn by a hash. */
#include "system/pointer/hilbert.h"

#include <string.h>

enum {
    LEVELS = 24,  /* the cell's number is below 2^48, so exact in a double */
    SMALLEST = 64 /* so many points are one round */
};

static double cell_number(uint32_t x, uint32_t y) {
    uint64_t number = 0;
    for (int level = LEVELS - 1; level >= 0; level--) {
        const uint32_t right = x >> level & 1, up = y >> level & 1;
        number = 4 * number + ((3 * right) ^ up);
        if (up) continue;
        if (right) {
            x = ~x;
            y = ~y;
        }
        const uint32_t kept = x;
        x = y;
        y = kept;
    }
    return (double)number;
}

/* Cells from the low end of the range on, of halves, whose difference is finite. */
static uint32_t cell(double x, double low, double high) {
    const double extent = high / 2 - low / 2, share = (x / 2 - low / 2) / extent;
    return extent > 0 ? (uint32_t)(share * ((1 << LEVELS) - 1)) : 0;
}

/* Of every 2^k points one is of round k or a later one, by its coordinates, so that copies are of the same. */
static int round_of(const double *p) {
    uint64_t hash = 0;
    for (int axis = 0; axis < 2; axis++) {
        const double x = p[axis] + 0.0; /* -0 is in the place of 0 */
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        hash = (hash ^ bits) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    hash *= 0x9e3779b97f4a7c15;
    return __builtin_clzll(hash | 1);
}

void attn_hilbert_order(const double *xy, int64_t n, struct attn_place *places, struct attn_place *spare) {
    double low[2] = {0, 0}, high[2] = {0, 0};
    for (int64_t i = 0; i < n; i++)
        for (int axis = 0; axis < 2; axis++) {
            const double x = xy[2 * i + axis];
            if (i == 0 || x < low[axis]) low[axis] = x;
            if (i == 0 || x > high[axis]) high[axis] = x;
        }
    int rounds = 0;
    while (n >> rounds > SMALLEST) rounds++;
    for (int64_t i = 0; i < n; i++) {
        const double *p = xy + 2 * i;
        const int mine = round_of(p);
        places[i] =
            (struct attn_place){mine < rounds ? -mine : -rounds, cell_number(cell(p[0], low[0], high[0]), cell(p[1], low[1], high[1])), i};
    }
    attn_order_places(places, n, spare);
}
