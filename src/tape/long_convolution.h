/* What the two paths of a long convolution share. Rows of x [sequences, length, channels] are tokens, those of h [taps, channels] taps. */
#ifndef ATTN_TAPE_LONG_CONVOLUTION_H
#define ATTN_TAPE_LONG_CONVOLUTION_H

#include "tape/fft.h"

struct attn_long_convolution {
    struct attn_node node;
    attn_tensor *x, *h;
    int64_t sequences, length, channels, taps;
    const struct attn_fft *fft; /* NULL: the direct path */
    int64_t n;                  /* numbers of a transform: a power of two from length + taps - 1 on */
    struct attn_complex *of_h;  /* [pair of channels, n], the taps' transforms */
};

/* y is written. False: the tape is spoiled. */
bool attn_long_convolution_fft(struct attn_long_convolution *c, attn_real *y);
/* Adds to dx and dh; NULL: it is not wanted. */
void attn_long_convolution_fft_backward(const struct attn_long_convolution *c, const attn_real *dy, attn_real *dx, attn_real *dh);

#endif
