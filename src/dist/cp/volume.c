/* Closed forms of the specification, sec. 7.2 - 7.7. */
#include "dist/cp/schedule.h"

#include <string.h>

/* Bytes of one token's k and v, all heads that are exchanged. */
static int64_t token_bytes(const attn_problem *p, const struct attn_grid *grid, size_t element) {
    return (int64_t)attn_grid_kv_heads(grid, p->kv_heads) * (p->dim + p->v_dim) * (int64_t)element;
}

struct attn_exchange attn_exchange_bytes(const attn_problem *p, const struct attn_grid *grid, bool keep, int64_t places, int pass) {
    const int64_t e = (int64_t)attn_dtype_bytes(p->dtype), out = (int64_t)attn_dtype_bytes(p->o_dtype), f = (int64_t)sizeof(float);
    const int64_t tokens = p->batch * places;
    const int64_t q = (int64_t)p->heads * p->dim, o = (int64_t)p->heads * p->v_dim;
    const int64_t inputs = q * e + token_bytes(p, grid, (size_t)e);
    struct attn_exchange x = {.heads = {inputs, o * out}, .rows = {0, p->heads * f}};
    if (pass == 1)
        x = (struct attn_exchange){{o * e + (keep ? 0 : inputs), q * f + token_bytes(p, grid, sizeof(float))},
                                   {p->heads * f * (keep ? 1 : 2), 0}};
    for (int i = 0; i < 2; i++) {
        x.heads[i] = x.heads[i] / grid->ulysses * tokens;
        x.rows[i] = x.rows[i] / grid->ulysses * tokens;
    }
    return x;
}

void attn_cp_volume(const attn_problem *problem, const struct attn_grid *grid, bool keep, int64_t places, struct attn_cp_volume *out) {
    const int64_t tokens = places * problem->batch;
    const int64_t keys = tokens * token_bytes(problem, grid, attn_dtype_bytes(problem->dtype));
    const int64_t gradients = tokens * token_bytes(problem, grid, sizeof(float));
    const int64_t windows = grid->windows, inner = grid->ring / windows;
    memset(out, 0, sizeof *out);
    for (int pass = 0; pass < 2; pass++) {
        const struct attn_exchange x = attn_exchange_bytes(problem, grid, keep, places, pass);
        out->bytes[pass][ATTN_TRAFFIC_HEADS] = (x.heads[0] + x.heads[1]) * (grid->ulysses - 1);
        out->bytes[pass][ATTN_TRAFFIC_ROWS] = (x.rows[0] + x.rows[1]) * (grid->ulysses - 1);
        out->bytes[pass][ATTN_TRAFFIC_KEYS] = windows * (inner - 1) * keys;
        out->bytes[pass][ATTN_TRAFFIC_LONG_KEYS] = (windows - 1) * keys;
    }
    /* One ring: what a rank adds to its own keys stays at home. Windows: gradients go once around each, then on. */
    out->bytes[1][ATTN_TRAFFIC_GRADIENTS] = windows == 1 ? (inner - 1) * gradients : inner > 1 ? windows * inner * gradients : 0;
    out->bytes[1][ATTN_TRAFFIC_LONG_GRADIENTS] = windows > 1 ? windows * gradients : 0;
}
