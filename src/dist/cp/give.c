/* What a chunk has made goes out: outputs of its heads to the ranks that hold the tokens, own ones straight to the caller's arrays. Gradients of keys
 * and values come together from all copies of a head before they are stored. */
#include "dist/cp/stage.h"

#include <string.h>

/* An output that is exchanged. */
struct item {
    enum attn_cp_room room;
    size_t behind; /* bytes from the room's begin */
    const struct attn_array_out *to;
    bool queries, rows;
    int32_t width;
    attn_dtype type; /* on its way */
    uint32_t add;    /* accumulate's bit */
};
enum { MOST_ITEMS = 3 };

static int list_items(const struct attn_cp_pass *p, bool backward, struct item item[MOST_ITEMS]) {
    const attn_problem *o = &p->stage->cp->problem;
    const size_t k_bytes = (size_t)attn_cp_k_count(p->stage) * sizeof(float);
    int n = 0;
    if (!backward) {
        item[n++] = (struct item){ATTN_CP_O, 0, &p->x.o, true, false, o->v_dim, o->o_dtype, 0};
        item[n++] = (struct item){ATTN_CP_LSE, 0, &p->x.lse, true, true, 1, ATTN_F32, 0};
        return n;
    }
    item[n++] = (struct item){ATTN_CP_DQ, 0, &p->x.dq, true, false, o->dim, ATTN_F32, ATTN_ACCUMULATE_DQ};
    item[n++] = (struct item){ATTN_CP_DKV, 0, &p->x.dk, false, false, o->dim, ATTN_F32, ATTN_ACCUMULATE_DK};
    item[n++] = (struct item){ATTN_CP_DKV, k_bytes, &p->x.dv, false, false, o->v_dim, ATTN_F32, ATTN_ACCUMULATE_DV};
    return n;
}

static int32_t heads_of(const struct attn_cp_stage *s, const struct item *item) {
    return item->queries ? s->heads : s->kv_heads;
}

/* Numbers of one sequence's tokens of one piece. */
static int64_t piece_count(const struct attn_cp_stage *s, const struct item *item) {
    return s->places * heads_of(s, item) * item->width;
}

static char *offset(char *base, size_t bytes) {
    return base ? base + bytes : NULL;
}

/* Floats of sequence b's tokens of piece w. */
static char *piece_of(const struct attn_cp_pass *p, const struct item *item, int w, int chunk, int64_t b) {
    const int64_t count = (b * p->stage->grid.ulysses + w) * piece_count(p->stage, item);
    return offset(attn_cp_at(p, item->room, chunk), item->behind + (size_t)count * sizeof(float));
}

/* ------------------------------------------------------------------------------------------------ storing */

/* A block of all sequences, heads as piece w computes them in this chunk. strides: of its memory. */
static void store(struct attn_cp_pass *p, const struct item *item, int w, int chunk, attn_dtype type, const char *from, int64_t tokens) {
    const struct attn_cp_stage *s = p->stage;
    const int32_t heads = heads_of(s, item);
    struct attn_cp_block block = {.first = (w * s->chunks + chunk) * heads,
                                  .heads = heads,
                                  .copies = 1,
                                  .width = item->width,
                                  .batch = s->cp->problem.batch,
                                  .place = s->first_place,
                                  .rows = s->places,
                                  .stride = {tokens * heads * item->width, item->width, heads * item->width}};
    if (item->rows) {
        block.stride[1] = tokens;
        block.stride[2] = 1;
    }
    if (item->queries) {
        if (item->to->data) attn_cp_store(p->x.convert, &block, type, from, item->to, p->x.accumulate & item->add);
        return;
    }
    const int32_t all = s->grid.ulysses * s->chunks * heads;
    const size_t k_bytes = item->behind ? (size_t)(s->cp->problem.batch * s->places * all * s->cp->problem.dim) * sizeof(float) : 0;
    const struct attn_array_out sum = {.data = attn_cp_at(p, ATTN_CP_SUM, 0) + k_bytes,
                                       .b = s->places * all * item->width,
                                       .h = item->width,
                                       .t = (int64_t)all * item->width,
                                       .type = ATTN_F32};
    block.place = 0;
    attn_cp_store(p->x.convert, &block, type, from, &sum, false);
}

/* The sum of all copies of each head, to the caller. */
static void store_sum(struct attn_cp_pass *p, const struct item *item) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    const int64_t all = (int64_t)o->kv_heads * s->copies, width = item->width, rows = o->batch * s->places;
    float *sum = (float *)(void *)attn_cp_at(p, ATTN_CP_SUM, 0) + (item->behind ? rows * all * o->dim : 0);
    for (int64_t at = 0; s->copies > 1 && at < rows * o->kv_heads; at++)
        for (int64_t copy = 1; copy < s->copies; copy++)
            for (int64_t c = 0; c < width; c++) sum[at * s->copies * width + c] += sum[(at * s->copies + copy) * width + c];
    const struct attn_cp_block block = {.heads = o->kv_heads,
                                        .copies = 1,
                                        .width = item->width,
                                        .batch = o->batch,
                                        .place = s->first_place,
                                        .rows = s->places,
                                        .stride = {s->places * all * width, s->copies * width, all * width}};
    attn_cp_store(p->x.convert, &block, ATTN_F32, (const char *)sum, item->to, p->x.accumulate & item->add);
}

/* ---------------------------------------------------------------------------------------------- messages */

/* What piece w gets, as it travels: in place where that is as it lies, else in staging. */
static const char *outgoing(struct attn_cp_pass *p, const struct item *item, int w, int chunk, int64_t b, char *staging) {
    const struct attn_cp_stage *s = p->stage;
    const int64_t count = piece_count(s, item);
    if (!p->base || (!item->rows && item->type == ATTN_F32)) return piece_of(p, item, w, chunk, b);
    if (!item->rows) {
        attn_halfs_of_f32(p->x.convert, item->type, (const float *)(const void *)piece_of(p, item, w, chunk, b), count,
                          (uint16_t *)(void *)staging);
        return staging;
    }
    const float *from = (const float *)(const void *)attn_cp_at(p, item->room, chunk) + b * s->heads * s->tokens + w * s->places;
    for (int32_t h = 0; h < s->heads; h++)
        memcpy(staging + (size_t)(h * s->places) * sizeof(float), from + h * s->tokens, (size_t)s->places * sizeof(float));
    return staging;
}

attn_status attn_cp_give(struct attn_cp_pass *p, bool backward, int chunk) {
    struct attn_cp_stage *s = p->stage;
    struct item item[MOST_ITEMS];
    const int items = list_items(p, backward, item);
    const int64_t batch = s->cp->problem.batch;
    attn_status status = ATTN_OK;
    size_t sent = 0, received = 0;
    for (int n = 0; n < items && !status; n++) {
        const size_t bytes = (size_t)piece_count(s, &item[n]) * attn_dtype_bytes(item[n].type);
        const enum attn_traffic_kind kind = item[n].rows ? ATTN_TRAFFIC_ROWS : ATTN_TRAFFIC_HEADS;
        for (int w = 0; w < s->grid.ulysses && !status; w++) {
            const int peer = attn_grid_rank(&s->grid, w, s->y);
            for (int64_t b = 0; b < batch && !status && w != s->u; b++) {
                status = attn_cp_receive(p, &s->going, kind, peer, offset(attn_cp_at(p, ATTN_CP_RECEIVE, chunk), received), bytes);
                received += bytes;
                char *staging = offset(attn_cp_at(p, ATTN_CP_SEND, chunk), sent);
                if (!status) status = attn_cp_send(p, &s->going, kind, peer, outgoing(p, &item[n], w, chunk, b, staging), bytes);
                sent += bytes;
            }
        }
        if (!status && p->base) /* own ones: from floats of all tokens */
            store(p, &item[n], s->u, chunk, ATTN_F32,
                  item[n].rows ? attn_cp_at(p, item[n].room, chunk) + (size_t)(s->u * s->places) * sizeof(float)
                               : piece_of(p, &item[n], s->u, chunk, 0),
                  s->tokens);
    }
    return status;
}

attn_status attn_cp_give_end(struct attn_cp_pass *p, bool backward) {
    struct attn_cp_stage *s = p->stage;
    struct item item[MOST_ITEMS];
    const int items = list_items(p, backward, item);
    const attn_status status = attn_cp_wait(p, &s->going);
    if (status || !p->base) return status;
    for (int chunk = 0; chunk < s->chunks; chunk++) {
        size_t received = 0;
        for (int n = 0; n < items; n++)
            for (int w = 0; w < s->grid.ulysses; w++) {
                if (w == s->u) continue;
                store(p, &item[n], w, chunk, item[n].type, attn_cp_at(p, ATTN_CP_RECEIVE, chunk) + received, s->places);
                received += (size_t)(s->cp->problem.batch * piece_count(s, &item[n])) * attn_dtype_bytes(item[n].type);
            }
    }
    for (int n = 0; n < items; n++)
        if (!item[n].queries) store_sum(p, &item[n]);
    return ATTN_OK;
}
