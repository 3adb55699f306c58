#include "system/longctx/materialised.h"

#include "base/context.h"
#include "tape/blas.h"
#include "tape/functions.h"

#include <string.h>

static attn_real *numbers(attn_ctx *ctx, int64_t rows, int64_t columns) {
    return attn_alloc(ctx, (size_t)rows * (size_t)columns * sizeof(attn_real));
}

static attn_status fill_allowed(struct attn_materialised *m, const attn_mask *mask) {
    int64_t interval[64];
    for (int64_t i = 0; i < m->tokens; i++) {
        unsigned char *row = m->allowed + i * m->tokens;
        const int64_t count = attn_mask_row(mask, i, interval, 32);
        if (count > 32)
            return attn_fail(m->ctx, ATTN_EMASK, "materialised: found a row of %lld intervals, expected at most 32", (long long)count);
        memset(row, 0, (size_t)m->tokens);
        for (int64_t n = 0; n < count; n++) memset(row + interval[2 * n], 1, (size_t)(interval[2 * n + 1] - interval[2 * n]));
    }
    return ATTN_OK;
}

attn_status attn_materialised_open(attn_ctx *ctx, int32_t heads, int32_t kv_heads, int32_t dim, int64_t tokens, const attn_mask *mask,
                                   bool backward, struct attn_materialised *out) {
    *out = (struct attn_materialised){.ctx = ctx, .heads = heads, .kv_heads = kv_heads, .dim = dim, .tokens = tokens, .backward = backward};
    out->scaled = numbers(ctx, tokens, dim);
    out->scores = numbers(ctx, tokens, tokens);
    if (backward) out->slopes = numbers(ctx, tokens, tokens);
    if (mask) out->allowed = attn_alloc(ctx, (size_t)tokens * (size_t)tokens);
    if (!out->scaled || !out->scores || (backward && !out->slopes) || (mask && !out->allowed))
        return attn_no_memory(ctx, "all scores of a head", (size_t)tokens * (size_t)tokens * sizeof(attn_real));
    return mask ? fill_allowed(out, mask) : ATTN_OK;
}

void attn_materialised_close(struct attn_materialised *m) {
    if (!m->ctx) return;
    attn_free(m->ctx, m->scaled);
    attn_free(m->ctx, m->scores);
    attn_free(m->ctx, m->slopes);
    attn_free(m->ctx, m->allowed);
    *m = (struct attn_materialised){.ctx = NULL};
}

/* The scores of a head: (scale q) k^T. */
static attn_status score(const struct attn_materialised *m, const attn_real *q, const attn_real *k) {
    const int64_t t = m->tokens, d = m->dim;
    const struct attn_product p = {.m = t, .n = t, .k = d, .transpose_b = true, .lda = d, .ldb = d, .ldc = t};
    const attn_real scale = 1 / real_sqrt((attn_real)d);
    for (int64_t i = 0; i < t * d; i++) m->scaled[i] = scale * q[i];
    return attn_product(m->ctx, &p, m->scaled, k, m->scores);
}

static void exclude(const struct attn_materialised *m, int64_t i) {
    attn_real *s = m->scores + i * m->tokens;
    const unsigned char *allowed = m->allowed + i * m->tokens;
    for (int64_t j = 0; j < m->tokens; j++) s[j] = allowed[j] ? s[j] : -(attn_real)INFINITY;
}

/* Scores to weights; of a row without keys zeros. */
static void softmax(const struct attn_materialised *m, attn_real *lse) {
    const struct attn_functions *f = attn_functions_for(m->ctx);
    const int64_t t = m->tokens;
    for (int64_t i = 0; i < t; i++) {
        attn_real *s = m->scores + i * t;
        if (m->allowed) exclude(m, i);
        const attn_real most = f->greatest(t, s);
        lse[i] = most;
        if (most == -(attn_real)INFINITY) {
            memset(s, 0, (size_t)t * sizeof *s);
            continue;
        }
        const attn_real total = f->exp_sum(t, s, most, s), share = 1 / total;
        lse[i] = most + real_log(total);
        for (int64_t j = 0; j < t; j++) s[j] *= share;
    }
}

attn_status attn_materialised_forward(const struct attn_materialised *m, const attn_real *q, const attn_real *k, const attn_real *v,
                                      attn_real *o, attn_real *lse) {
    const int64_t t = m->tokens, d = m->dim, head = t * d;
    const struct attn_product values = {.m = t, .n = d, .k = t, .lda = t, .ldb = d, .ldc = d};
    attn_status status = ATTN_OK;
    for (int32_t h = 0; h < m->heads && !status; h++) {
        const int32_t g = h / (m->heads / m->kv_heads);
        status = score(m, q + h * head, k + g * head);
        if (status) break;
        softmax(m, lse + h * t);
        status = attn_product(m->ctx, &values, m->scores, v + g * head, o + h * head);
    }
    return status;
}

/* Scores to weights by the log-sum-exps of before, and dP, in slopes, to dS = P (dP - dO . O). */
static void slopes(const struct attn_materialised *m, const attn_real *o, const attn_real *lse, const attn_real *d_o) {
    const struct attn_functions *f = attn_functions_for(m->ctx);
    const int64_t t = m->tokens, d = m->dim;
    for (int64_t i = 0; i < t; i++) {
        attn_real *p = m->scores + i * t, *ds = m->slopes + i * t, delta = 0;
        for (int64_t c = 0; c < d; c++) delta += d_o[i * d + c] * o[i * d + c];
        if (m->allowed) exclude(m, i);
        if (lse[i] == -(attn_real)INFINITY)
            memset(p, 0, (size_t)t * sizeof *p);
        else
            f->exp_scaled(t, p, lse[i], 1, p, false);
        for (int64_t j = 0; j < t; j++) ds[j] = p[j] * (ds[j] - delta);
    }
}

/* Head h; `keep` where another head of the same keys came before. */
static attn_status backward_head(const struct attn_materialised *m, const struct attn_materialised_gradients *g, int32_t h,
                                 attn_real keep) {
    const int64_t t = m->tokens, d = m->dim, q = h * t * d, k = h / (m->heads / m->kv_heads) * t * d;
    const struct attn_product dp = {.m = t, .n = t, .k = d, .transpose_b = true, .lda = d, .ldb = d, .ldc = t};
    const struct attn_product keys = {.m = t, .n = d, .k = t, .transpose_a = true, .lda = t, .ldb = d, .ldc = d, .keep = keep};
    const struct attn_product queries = {.m = t, .n = d, .k = t, .lda = t, .ldb = d, .ldc = d};
    const attn_real scale = 1 / real_sqrt((attn_real)d);
    attn_status status = score(m, g->q + q, g->k + k);
    if (!status) status = attn_product(m->ctx, &dp, g->d_o + q, g->v + k, m->slopes);
    if (status) return status;
    slopes(m, g->o + q, g->lse + h * t, g->d_o + q);
    status = attn_product(m->ctx, &keys, m->scores, g->d_o + q, g->dv + k);
    if (!status) status = attn_product(m->ctx, &keys, m->slopes, m->scaled, g->dk + k);
    if (!status) status = attn_product(m->ctx, &queries, m->slopes, g->k + k, g->dq + q);
    for (int64_t i = 0; i < t * d; i++) g->dq[q + i] *= scale;
    return status;
}

attn_status attn_materialised_backward(const struct attn_materialised *m, const struct attn_materialised_gradients *g) {
    attn_status status = ATTN_OK;
    for (int32_t h = 0; h < m->heads && !status; h++) status = backward_head(m, g, h, h % (m->heads / m->kv_heads) > 0);
    return status;
}
