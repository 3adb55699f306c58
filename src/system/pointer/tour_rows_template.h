/* Held and Karp's recurrence, C(S, j) = min over k in S of C(S - k, k) + d(k, j), for all j at once: plain loops of a constant length, which compilers make vectors of. */
#include "system/pointer/tour_rows.h"

#include <math.h>

/* Sets in ascending order, so that the sets without one city come before. A row is written with up to seven numbers more, which the next row, written later,
 * takes the place of. */
static inline __attribute__((always_inline)) void fill_rows(int cities, int most, const double *d, double *row, int width) {
    for (uint32_t set = 1; set >> cities == 0; set++) {
        double least[ATTN_TOUR_ROW];
        if (__builtin_popcount(set) > most) continue;
        for (int j = 0; j < width; j++) least[j] = (double)INFINITY;
        for (uint32_t left = set; left != 0; left &= left - 1) {
            const int k = __builtin_ctz(left);
            const double so_far = row[(int64_t)(set ^ (1u << k)) * cities + k], *to = d + k * ATTN_TOUR_ROW;
            for (int j = 0; j < width; j++) {
                const double sum = so_far + to[j];
                least[j] = sum < least[j] ? sum : least[j];
            }
        }
        for (int j = 0; j < width; j++) row[(int64_t)set * cities + j] = least[j];
    }
}

static void fill(int cities, int most, const double *d, double *row) {
    if (cities <= 8)
        fill_rows(cities, most, d, row, 8);
    else if (cities <= 16)
        fill_rows(cities, most, d, row, 16);
    else
        fill_rows(cities, most, d, row, 24);
}
