/* Transforms are made once for each n and stand in the tape's list; their memory is the tape's, but for FFTW's, which has its own. */
#include "tape/fft.h"

#include <limits.h>

#if defined(ATTN_HAVE_KISSFFT)

#if defined(ATTN_TRAIN_DOUBLE)
#define kiss_fft_scalar double
#endif
#include <kiss_fft.h>

typedef kiss_fft_cfg transform;

static bool make(attn_tape *tape, int n, bool inverse, transform *out) {
    size_t bytes = 0;
    kiss_fft_alloc(n, inverse, NULL, &bytes); /* says how many it needs */
    void *memory = attn_arena_take(&tape->kept, bytes);
    *out = memory ? kiss_fft_alloc(n, inverse, memory, &bytes) : NULL;
    return *out != NULL;
}

static void run(transform t, const struct attn_complex *from, struct attn_complex *to) {
    kiss_fft(t, (const kiss_fft_cpx *)(const void *)from, (kiss_fft_cpx *)(void *)to);
}

static void give_back(transform t) {
    (void)t;
}

#elif defined(ATTN_HAVE_FFTW)

#include <fftw3.h>

typedef fftw_plan transform;

static bool make(attn_tape *tape, int n, bool inverse, transform *out) {
    fftw_complex *from = fftw_alloc_complex((size_t)n), *to = fftw_alloc_complex((size_t)n);
    (void)tape;
    *out = from && to ? fftw_plan_dft_1d(n, from, to, inverse ? FFTW_BACKWARD : FFTW_FORWARD, FFTW_ESTIMATE | FFTW_UNALIGNED) : NULL;
    fftw_free(from);
    fftw_free(to);
    return *out != NULL;
}

static void run(transform t, const struct attn_complex *from, struct attn_complex *to) {
    fftw_execute_dft(t, (fftw_complex *)(uintptr_t)from, (fftw_complex *)(void *)to); /* does not write its input */
}

static void give_back(transform t) {
    fftw_destroy_plan(t);
}

#else

typedef int transform; /* none: the list stays empty */

static bool make(attn_tape *tape, int n, bool inverse, transform *out) {
    (void)tape;
    (void)inverse;
    *out = n;
    return false;
}

static void run(transform t, const struct attn_complex *from, struct attn_complex *to) {
    (void)t;
    (void)from;
    (void)to;
}

static void give_back(transform t) {
    (void)t;
}

#endif

struct attn_fft {
    int64_t n;
    transform way[2];
    struct attn_fft *next;
};

bool attn_fft_here(void) {
#if defined(ATTN_HAVE_KISSFFT) || defined(ATTN_HAVE_FFTW)
    return true;
#else
    return false;
#endif
}

const struct attn_fft *attn_tape_fft(attn_tape *tape, int64_t n) {
    if (tape->status) return NULL;
    for (struct attn_fft *fft = tape->ffts; fft; fft = fft->next)
        if (fft->n == n) return fft;
    struct attn_fft *fft = n <= INT_MAX ? attn_arena_take(&tape->kept, sizeof *fft) : NULL;
    if (!fft || !make(tape, (int)n, false, &fft->way[0])) {
        attn_tape_fail(tape, ATTN_ENOMEM, "Fourier transform: no memory for one of %lld numbers", (long long)n);
        return NULL;
    }
    if (!make(tape, (int)n, true, &fft->way[1])) {
        give_back(fft->way[0]);
        attn_tape_fail(tape, ATTN_ENOMEM, "Fourier transform: no memory for one of %lld numbers", (long long)n);
        return NULL;
    }
    fft->n = n;
    fft->next = tape->ffts;
    tape->ffts = fft;
    return fft;
}

void attn_fft_run(const struct attn_fft *fft, bool inverse, const struct attn_complex *from, struct attn_complex *to) {
    run(fft->way[inverse], from, to);
}

void attn_tape_free_ffts(attn_tape *tape) {
    for (struct attn_fft *fft = tape->ffts; fft; fft = fft->next) {
        give_back(fft->way[0]);
        give_back(fft->way[1]);
    }
    tape->ffts = NULL;
}
