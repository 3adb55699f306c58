/* What the all-to-all of bring.c and give.c have in common: arrays of a chunk, [B, heads, tokens, width], of which the tokens of each piece go to or come
 * from its rank, a message for each sequence and head. */
#ifndef ATTN_DIST_CP_EXCHANGE_H
#define ATTN_DIST_CP_EXCHANGE_H

#include "dist/cp/stage.h"

struct attn_cp_item {
    enum attn_cp_room room;
    size_t behind;               /* bytes from the room's begin */
    bool queries;                /* heads of queries, else of keys */
    int32_t width;               /* 1: a number for each row */
    attn_dtype type;             /* on its way */
    enum attn_traffic_kind kind; /* of messages */
};

static inline int32_t attn_cp_item_heads(const struct attn_cp_stage *s, const struct attn_cp_item *item) {
    return item->queries ? s->heads : s->kv_heads;
}

/* Bytes of one head's tokens of one piece, on their way. */
static inline size_t attn_cp_line_bytes(const struct attn_cp_stage *s, const struct attn_cp_item *item) {
    return (size_t)(s->places * item->width) * attn_dtype_bytes(item->type);
}

/* Sequences times heads: messages to or from one piece. */
static inline int64_t attn_cp_lines(const struct attn_cp_stage *s, const struct attn_cp_item *item) {
    return s->cp->problem.batch * attn_cp_item_heads(s, item);
}

static inline char *attn_cp_offset(char *base, size_t bytes) {
    return base ? base + bytes : NULL;
}

/* Where a line of piece w, by sequence and head, lies in the chunk's array, of elements of so many bytes. */
static inline char *attn_cp_line(const struct attn_cp_pass *p, const struct attn_cp_item *item, int w, int chunk, int64_t line,
                                 size_t element) {
    const int64_t row = (line * p->stage->grid.ulysses + w) * p->stage->places;
    return attn_cp_offset(attn_cp_at(p, item->room, chunk), item->behind + (size_t)(row * item->width) * element);
}

/* The caller's rows of this stage and the heads that piece w computes in this chunk, in memory of so many tokens a head. */
static inline struct attn_cp_block attn_cp_block_of(const struct attn_cp_pass *p, const struct attn_cp_item *item, int w, int chunk,
                                                    int64_t tokens) {
    const struct attn_cp_stage *s = p->stage;
    const int32_t heads = attn_cp_item_heads(s, item);
    return (struct attn_cp_block){.first = (w * s->chunks + chunk) * heads,
                                  .heads = heads,
                                  .copies = item->queries ? 1 : s->copies,
                                  .width = item->width,
                                  .batch = s->cp->problem.batch,
                                  .place = s->first_place,
                                  .rows = s->places,
                                  .stride = {heads * tokens * item->width, tokens * item->width, item->width}};
}

#endif
