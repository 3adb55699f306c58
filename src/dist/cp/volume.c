#include "dist/cp/predict.h"

#include "kernel/kernel.h"

#include <string.h>

static attn_dtype dtype_of(attn_dtype dtype, attn_dtype same) {
    return dtype == ATTN_DTYPE_SAME ? same : dtype;
}

/* Bytes of one token's k and v, all heads that are exchanged. */
static int64_t token_bytes(const attn_problem *p, const struct attn_grid *grid, size_t element) {
    return (int64_t)attn_grid_kv_heads(grid, p->kv_heads) * (p->dim + p->v_dim) * (int64_t)element;
}

/* Each of U ranks keeps its own U-th of the heads. */
static void add_heads(const attn_problem *p, const struct attn_grid *grid, int64_t tokens, struct attn_cp_volume *v) {
    const int64_t in = (int64_t)attn_dtype_bytes(p->dtype), out = (int64_t)attn_dtype_bytes(dtype_of(p->o_dtype, p->dtype));
    const int64_t kv = token_bytes(p, grid, attn_dtype_bytes(p->dtype)), kv_grad = token_bytes(p, grid, sizeof(float));
    const int64_t q = (int64_t)p->heads * p->dim, o = (int64_t)p->heads * p->v_dim, f = (int64_t)sizeof(float);
    const int64_t forward = q * in + kv + o * out;
    const int64_t backward = (q + o) * in + kv + 2 * p->heads * f + q * f + kv_grad;
    v->bytes[0][ATTN_TRAFFIC_HEADS] = tokens * (forward / grid->ulysses) * (grid->ulysses - 1);
    v->bytes[1][ATTN_TRAFFIC_HEADS] = tokens * (backward / grid->ulysses) * (grid->ulysses - 1);
}

void attn_cp_volume(const attn_problem *problem, const struct attn_grid *grid, int64_t places, struct attn_cp_volume *out) {
    const int64_t tokens = places * problem->batch;
    const int64_t keys = tokens * token_bytes(problem, grid, attn_dtype_bytes(problem->dtype));
    const int64_t gradients = tokens * token_bytes(problem, grid, sizeof(float));
    const int64_t windows = grid->mechanism == ATTN_CP_ALLGATHER ? 1 : grid->windows, inner = grid->ring / windows;
    memset(out, 0, sizeof *out);
    if (grid->ulysses > 1) add_heads(problem, grid, tokens, out);
    if (grid->ring == 1) return;
    for (int pass = 0; pass < 2; pass++) {
        out->bytes[pass][ATTN_TRAFFIC_KEYS] = windows * (inner - 1) * keys;
        out->bytes[pass][ATTN_TRAFFIC_LONG_KEYS] = (windows - 1) * keys;
    }
    /* One ring: what a rank adds to its own keys stays at home. Windows: gradients go once around each, then on. */
    out->bytes[1][ATTN_TRAFFIC_GRADIENTS] = windows == 1 ? (inner - 1) * gradients : inner > 1 ? windows * inner * gradients : 0;
    out->bytes[1][ATTN_TRAFFIC_LONG_GRADIENTS] = windows > 1 ? windows * gradients : 0;
}
