/* A mask as a number: of what is executed, not of the text that it was made from. */
#include "base/hash.h"
#include "mask/mask.h"

static uint64_t add(uint64_t hash, int64_t number) {
    return attn_hash(hash, &number, sizeof number);
}

static uint64_t add_form(uint64_t hash, const attn_mask *m) {
    const struct attn_side *rows = &m->form->rows;
    const int64_t numbers[] = {m->q_len, m->k_len, m->q_shift, m->k_shift, rows->count, m->form->tiles};
    hash = attn_hash(hash, numbers, sizeof numbers);
    hash = attn_hash(hash, rows->segment, (size_t)(rows->count + 1) * sizeof *rows->segment);
    hash = attn_hash(hash, rows->span, (size_t)rows->segment[rows->count].first * sizeof *rows->span);
    return m->form->tiles ? attn_hash(hash, rows->bits, (size_t)m->form->tiles * 64 * sizeof *rows->bits) : hash;
}

/* With as many queries as keys both alignments are the same. */
static uint64_t add_band(uint64_t hash, int64_t low, int64_t high) {
    return add(add(add(hash, ATTN_MASK_BAND), low), high);
}

uint64_t attn_mask_hash(const attn_mask *mask) {
    uint64_t hash = ATTN_HASH_START;
    if (!mask) return add_band(hash, -ATTN_FAR, ATTN_FAR);
    if (mask->single) return add_band(hash, attn_max64(mask->low[0], mask->low[1]), attn_min64(mask->high[0], mask->high[1]));
    hash = add(hash, mask->kind);
    if (mask->kind == ATTN_MASK_COMPILED) return add_form(hash, mask);
    for (int64_t i = 0; mask->kind == ATTN_MASK_STACK && i < mask->batch * mask->heads; i++)
        hash = add(hash, (int64_t)attn_mask_hash(mask->member[i]));
    return hash;
}
