/* Block maps drawn by the generators of the mask floor. */
#include "bench/sparse.h"

#include "base/context.h"
#include "mask/generate.h"

static attn_status make_cuts(struct attn_case *c, const struct attn_sparse *s, int64_t len, int64_t blocks, uint64_t seed, int64_t *cuts) {
    if (!s->variable) {
        attn_generate_even_cuts(len, s->block, cuts);
        return ATTN_OK;
    }
    return attn_generate_cuts(c->ctx, len, blocks, attn_min64(128, attn_max64(1, s->block / 2)), seed, cuts);
}

attn_status attn_sparse_masks(struct attn_case *c, void *user, attn_mask **masks, int *count) {
    const struct attn_sparse *s = user;
    const int64_t q_blocks = attn_div_up(c->spec.q_len, s->block), k_blocks = attn_div_up(c->spec.kv_len, s->block);
    const size_t bytes = (size_t)(q_blocks + k_blocks + 2) * sizeof(int64_t);
    int64_t *q_cuts = attn_alloc(c->ctx, bytes);
    attn_status status = ATTN_OK;
    if (q_cuts == NULL) return attn_no_memory(c->ctx, "block cuts", bytes);
    int64_t *k_cuts = q_cuts + q_blocks + 1;
    *count = 0;
    for (int32_t g = 0; g < c->spec.kv_heads && status == ATTN_OK; g++) {
        const uint64_t seed = s->seed * 1000 + (uint64_t)g * 3;
        status = make_cuts(c, s, c->spec.q_len, q_blocks, seed, q_cuts);
        if (status == ATTN_OK) status = make_cuts(c, s, c->spec.kv_len, k_blocks, seed + 1, k_cuts);
        if (status == ATTN_OK) status = attn_generate_block_map(c->ctx, q_cuts, q_blocks, k_cuts, k_blocks, s->ratio, seed + 2, &masks[g]);
        if (status == ATTN_OK) (*count)++;
    }
    attn_free(c->ctx, q_cuts);
    while (status != ATTN_OK && *count > 0) attn_mask_destroy(masks[--*count]);
    return status;
}
