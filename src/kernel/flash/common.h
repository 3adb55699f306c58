/* What both passes of the flash schedule need: places in the workspace, classes of work, rows gathered from the caller's strides.
 *
 * Every part of the workspace begins at a multiple of 64 bytes, so that vectors may be loaded aligned from the start of each. */
#ifndef ATTN_KERNEL_FLASH_COMMON_H
#define ATTN_KERNEL_FLASH_COMMON_H

#include "kernel/kernel.h"

/* The next part of the workspace, of so many bytes: where it begins. */
static inline size_t attn_flash_take(size_t *end, size_t bytes) {
    const size_t begin = *end;
    *end += attn_round64(bytes);
    return begin;
}

/* How many of `left` rows, keys or columns go into the next block of at most `most`: the last two blocks are as even as can be, since one of
 * few accumulators waits for its own multiply-adds. */
static inline int64_t attn_flash_part(int64_t left, int64_t most) {
    return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}

enum { ATTN_WORK_CLASSES = 256 };

/* Class of a unit by its work, the greatest work first: the octave and the two bits below. Units are handed out in the order of their
 * classes, so that the last ones are small. */
static inline int attn_flash_work_class(int64_t pairs) {
    const uint64_t n = (uint64_t)pairs + 4;
    const int octave = 63 - __builtin_clzll(n);
    return ATTN_WORK_CLASSES - 1 - octave * 4 - (int)(n >> (octave - 2) & 3);
}

/* Numbers of units by class, counted at place[class + 1], become the first place of each class. Returns how many units there are. */
static inline int64_t attn_flash_class_places(int64_t place[ATTN_WORK_CLASSES + 1]) {
    for (int c = 0; c < ATTN_WORK_CLASSES; c++) place[c + 1] += place[c];
    return place[ATTN_WORK_CLASSES];
}

/* May a row be used where it is: floats side by side? */
static inline bool attn_flash_in_place(attn_dtype type, int64_t d) {
    return type == ATTN_F32 && d == 1;
}

/* n rows of `dim` elements of 16 bits, the first at element `at` of the array, into rows of `pad` elements, the rest 0. */
static inline void attn_flash_copy_halves(uint16_t *to, int64_t pad, const struct attn_array *a, int64_t at, int64_t n, int64_t dim) {
    const uint16_t *from = (const uint16_t *)a->data + at;
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < pad; c++) to[r * pad + c] = c < dim ? from[r * a->t + c * a->d] : 0;
}

/* n rows of `dim` elements, the first at element `at` of the array, into rows of `pad` floats, the rest 0. */
void attn_flash_read_rows(const struct attn_convert *convert, float *to, int64_t pad, const struct attn_array *a, int64_t at, int64_t n,
                          int64_t dim);
/* The way back: rounded to the array's type, or added to what is there and then rounded. */
void attn_flash_write_rows(const struct attn_convert *convert, const struct attn_array_out *a, int64_t at, const float *from, int64_t pad,
                           int64_t n, int64_t dim, bool add);

#endif
