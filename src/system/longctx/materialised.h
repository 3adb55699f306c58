/* Attention as three products of a BLAS and a softmax that holds all scores of a head at once: what fused kernels are compared with. One head after the other,
 * which is the least that it can do with; a mask is a dense array of bytes, and every pair is computed. */
#ifndef ATTN_SYSTEM_LONGCTX_MATERIALISED_H
#define ATTN_SYSTEM_LONGCTX_MATERIALISED_H

#include "attn_train.h"

#include <stdbool.h>
#include <stdint.h>

struct attn_materialised {
    attn_ctx *ctx;
    int32_t heads, kv_heads, dim;
    int64_t tokens;
    bool backward;
    attn_real *scaled, *scores, *slopes; /* scale q [T, D]; S, then P [T, T]; dP, then dS, backward alone */
    unsigned char *allowed;              /* [T, T]; NULL: all */
};

/* mask: compiled, or NULL. A failure leaves what attn_materialised_close frees. */
attn_status attn_materialised_open(attn_ctx *ctx, int32_t heads, int32_t kv_heads, int32_t dim, int64_t tokens, const attn_mask *mask,
                                   bool backward, struct attn_materialised *out);
void attn_materialised_close(struct attn_materialised *m);

/* q, o [H, T, D], k, v [G, T, D], lse [H, T]. */
attn_status attn_materialised_forward(const struct attn_materialised *m, const attn_real *q, const attn_real *k, const attn_real *v,
                                      attn_real *o, attn_real *lse);
struct attn_materialised_gradients {
    const attn_real *q, *k, *v, *o, *lse, *d_o;
    attn_real *dq, *dk, *dv;
};
attn_status attn_materialised_backward(const struct attn_materialised *m, const struct attn_materialised_gradients *g);

#endif
