#include "io/bpe_merges.h"

#include "io/vocabulary.h"

#include <string.h>

static size_t slot_of(const struct attn_merges *m, int32_t left, int32_t right) {
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right, mixed = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(mixed >> 32) & (m->slots - 1);
    while (m->slot[at] >= 0 && (m->list[m->slot[at]].left != left || m->list[m->slot[at]].right != right)) at = (at + 1) & (m->slots - 1);
    return at;
}

int32_t attn_merges_find(const struct attn_merges *m, int32_t left, int32_t right) {
    return m->slots == 0 ? -1 : m->slot[slot_of(m, left, right)];
}

/* At most a quarter of the slots is taken: most questions are about pairs that do not merge. */
static attn_status spread(attn_ctx *ctx, struct attn_merges *m) {
    const size_t slots = m->slots == 0 ? 1024 : 2 * m->slots;
    int32_t *slot = attn_alloc(ctx, slots * sizeof *slot);
    if (slot == NULL) return attn_no_memory(ctx, "a list of merges", slots * sizeof *slot);
    attn_free(ctx, m->slot);
    m->slot = slot;
    m->slots = slots;
    memset(slot, 0xFF, slots * sizeof *slot);
    for (int32_t i = 0; i < m->count; i++) slot[slot_of(m, m->list[i].left, m->list[i].right)] = i;
    return ATTN_OK;
}

attn_status attn_merges_add(attn_ctx *ctx, struct attn_merges *m, int32_t left, int32_t right, int32_t product) {
    attn_status status = 4 * ((size_t)m->count + 1) > m->slots ? spread(ctx, m) : ATTN_OK;
    if (status == ATTN_OK) status = attn_grow(ctx, "a list of merges", (void **)&m->list, &m->room, (size_t)m->count + 1, sizeof *m->list);
    if (status != ATTN_OK) return status;
    m->slot[slot_of(m, left, right)] = m->count;
    m->list[m->count++] = (struct attn_merge){left, right, product};
    return ATTN_OK;
}

void attn_merges_free(attn_ctx *ctx, struct attn_merges *m) {
    attn_free(ctx, m->list);
    attn_free(ctx, m->slot);
    *m = (struct attn_merges){.list = NULL};
}
