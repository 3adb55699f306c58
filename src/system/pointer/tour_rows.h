/* The rows of Held and Karp's table, on each instruction set: sums and minima of doubles in one order, so that all give the same bits. */
#ifndef ATTN_SYSTEM_POINTER_TOUR_ROWS_H
#define ATTN_SYSTEM_POINTER_TOUR_ROWS_H

#include <stdint.h>

enum { ATTN_TOUR_ROW = 24 }; /* cities of a row are counted up to a multiple of 8 of at most so many */

struct attn_tour_rows {
    const char *isa;
    uint32_t isa_bits; /* what it needs of attn_cpu_isa() */
    /* Of `cities` cities, row[set * cities + j] = the length of the shortest path from city 0 over all cities of the set to city j, for every set of 1 to `most` cities and
     * every j that is none of them; d[k * ATTN_TOUR_ROW + j] are distances. The row of the empty set is given. Other numbers of those rows have no meaning; there
     * is memory for ATTN_TOUR_ROW more behind the last row. */
    void (*fill)(int cities, int most, const double *d, double *row);
};

extern const struct attn_tour_rows attn_tour_rows__portable;
#if !defined(ATTN_TRAIN_DOUBLE)
#if defined(ATTN_HAVE_AVX512)
extern const struct attn_tour_rows attn_tour_rows__avx512;
#endif
#if defined(ATTN_HAVE_AVX2)
extern const struct attn_tour_rows attn_tour_rows__avx2;
#endif
#endif

/* All of this build, the fastest first. */
extern const struct attn_tour_rows *const attn_tour_rows_list[];
extern const int attn_tour_rows_count;

#endif
