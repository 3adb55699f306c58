/* Square-stepped windows over the rows and columns of images [B, H, W, C]. */
#ifndef ATTN_TAPE_WINDOW_H
#define ATTN_TAPE_WINDOW_H

#include "tape/tape.h"

struct attn_window {
    int64_t size[2], stride, padding;
    int64_t batch, in[2], out[2], channels; /* rows, columns */
};

/* Fills in the sizes of x and of the result. False: the sentence is written. */
bool attn_window_open(struct attn_window *w, const char *name, attn_tensor *x, int64_t rows, int64_t columns, int64_t stride,
                      int64_t padding);

/* The part [begin, end) of window number `at` along axis 0 or 1 that lies within the image: numbers of rows or columns. */
struct attn_span {
    int64_t first, begin, end; /* first: where the window begins, perhaps outside */
};
static inline struct attn_span attn_window_at(const struct attn_window *w, int axis, int64_t at) {
    const int64_t first = at * w->stride - w->padding;
    return (struct attn_span){first, attn_max64(0, first), attn_min64(w->in[axis], first + w->size[axis])};
}

#endif
