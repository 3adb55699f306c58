/* Fourier transforms: the only door to KissFFT. Its Debian package has float alone; where there is no KissFFT of double, the double build
 * takes FFTW, whose licence (GPL) matters to nobody there: that build is for tests. */
#ifndef ATTN_TAPE_FFT_H
#define ATTN_TAPE_FFT_H

#include "tape/tape.h"

struct attn_complex {
    attn_real re, im;
};

/* Whether this build has transforms. */
bool attn_fft_here(void);

/* The transforms of n numbers, both ways, which the tape keeps. NULL: the tape is spoiled. */
struct attn_fft;
const struct attn_fft *attn_tape_fft(attn_tape *tape, int64_t n);

/* to[f] = sum over t of from[t] e^(-2 pi i f t / n), inverse: e^(+...), not divided by n. from and to are different arrays. On any number of
 * threads at once. */
void attn_fft_run(const struct attn_fft *fft, bool inverse, const struct attn_complex *from, struct attn_complex *to);

#endif
