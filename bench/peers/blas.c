/* The BLAS itself: its matrix product's rate, how many threads it may use, and which of its kernels. */
#include "bench/peers/peer.h"

#if defined(ATTN_HAVE_CBLAS)

#include "base/clock.h"
#include "base/context.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

/* OpenBLAS's own calls; absent in other libraries, where OMP_NUM_THREADS or the like says it. */
#pragma weak openblas_set_num_threads
#pragma weak openblas_get_corename

void attn_blas_threads(int threads) {
    if (openblas_set_num_threads != NULL) openblas_set_num_threads(threads);
}

const char *attn_blas_core(void) {
    return openblas_get_corename != NULL ? openblas_get_corename() : NULL;
}

double attn_sgemm_rate(attn_ctx *ctx, int threads, int n) {
    const size_t count = (size_t)n * (size_t)n;
    float *a = attn_alloc(ctx, 3 * count * sizeof *a);
    double best = 0.0;
    if (a == NULL) return (double)NAN;
    for (size_t i = 0; i < 3 * count; i++) a[i] = (float)(i % 7) * 0.25f - 0.75f;
    attn_blas_threads(threads);
    for (int run = 0; run < 5; run++) {
        const double start = attn_clock();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0f, a, n, a + count, n, 0.0f, a + 2 * count, n);
        const double rate = 2.0 * n * (double)count / (attn_clock() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    attn_free(ctx, a);
    return best;
}

#endif
