/* What a chunk has made goes out: outputs of its heads to the ranks that hold the tokens, own ones straight to the caller's arrays. Gradients of keys
 * and values come together from all copies of a head before they are stored. */
#include "dist/cp/exchange.h"

enum { MOST_ITEMS = 3 };

/* An output, floats in its room, and where the caller wants it. */
struct target {
    struct attn_cp_item item;
    const struct attn_array_out *to;
    uint32_t add; /* accumulate's bit */
};

static int list_targets(const struct attn_cp_pass *p, bool backward, struct target target[MOST_ITEMS]) {
    const attn_problem *o = &p->stage->cp->problem;
    const size_t k_bytes = (size_t)attn_cp_k_count(p->stage) * sizeof(float);
    const enum attn_traffic_kind heads = ATTN_TRAFFIC_HEADS;
    int n = 0;
    if (!backward) {
        target[n++] = (struct target){{ATTN_CP_O, 0, true, o->v_dim, o->o_dtype, heads}, &p->x.o, 0};
        target[n++] = (struct target){{ATTN_CP_LSE, 0, true, 1, ATTN_F32, ATTN_TRAFFIC_ROWS}, &p->x.lse, 0};
        return n;
    }
    target[n++] = (struct target){{ATTN_CP_DQ, 0, true, o->dim, ATTN_F32, heads}, &p->x.dq, ATTN_ACCUMULATE_DQ};
    target[n++] = (struct target){{ATTN_CP_DKV, 0, false, o->dim, ATTN_F32, heads}, &p->x.dk, ATTN_ACCUMULATE_DK};
    target[n++] = (struct target){{ATTN_CP_DKV, k_bytes, false, o->v_dim, ATTN_F32, heads}, &p->x.dv, ATTN_ACCUMULATE_DV};
    return n;
}

/* ------------------------------------------------------------------------------------------------ storing */

/* A block of all sequences, with so many tokens a head, of the heads that piece w computes in this chunk. */
static void store(struct attn_cp_pass *p, const struct target *target, int w, int chunk, attn_dtype type, const char *from,
                  int64_t tokens) {
    const struct attn_cp_stage *s = p->stage;
    const struct attn_cp_item *item = &target->item;
    struct attn_cp_block block = attn_cp_block_of(p, item, w, chunk, tokens);
    if (item->queries) {
        if (target->to->data) attn_cp_store(p->x.convert, &block, type, from, target->to, p->x.accumulate & target->add);
        return;
    }
    const int32_t all = s->grid.ulysses * s->chunks * s->kv_heads;
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
static void store_sum(struct attn_cp_pass *p, const struct target *target) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    const int64_t all = (int64_t)o->kv_heads * s->copies, width = target->item.width, rows = o->batch * s->places;
    float *sum = (float *)(void *)attn_cp_at(p, ATTN_CP_SUM, 0) + (target->item.behind ? rows * all * o->dim : 0);
    for (int64_t at = 0; s->copies > 1 && at < rows * o->kv_heads; at++)
        for (int64_t copy = 1; copy < s->copies; copy++)
            for (int64_t c = 0; c < width; c++) sum[at * s->copies * width + c] += sum[(at * s->copies + copy) * width + c];
    const struct attn_cp_block block = {.heads = o->kv_heads,
                                        .copies = 1,
                                        .width = (int32_t)width,
                                        .batch = o->batch,
                                        .place = s->first_place,
                                        .rows = s->places,
                                        .stride = {s->places * all * width, s->copies * width, all * width}};
    attn_cp_store(p->x.convert, &block, ATTN_F32, (const char *)sum, target->to, p->x.accumulate & target->add);
}

/* ---------------------------------------------------------------------------------------------- messages */

/* A line that piece w gets, as it travels: in place where that is as it lies, else in staging, so many bytes from its begin. */
static const char *outgoing(struct attn_cp_pass *p, const struct attn_cp_item *item, int w, int chunk, int64_t line, size_t at) {
    const char *own = attn_cp_line(p, item, w, chunk, line, sizeof(float));
    if (!p->base || item->type == ATTN_F32) return own;
    char *staging = attn_cp_at(p, ATTN_CP_SEND, chunk) + at;
    attn_halfs_of_f32(p->x.convert, item->type, (const float *)(const void *)own, p->stage->places * item->width,
                      (uint16_t *)(void *)staging);
    return staging;
}

static attn_status exchange(struct attn_cp_pass *p, const struct attn_cp_item *item, int w, int chunk, size_t at) {
    struct attn_cp_stage *s = p->stage;
    const int peer = attn_grid_rank(&s->grid, w, s->y);
    const size_t bytes = attn_cp_line_bytes(s, item);
    attn_status status = ATTN_OK;
    for (int64_t line = 0; line < attn_cp_lines(s, item) && !status; line++, at += bytes) {
        status = attn_cp_receive(p, &s->going, item->kind, peer, attn_cp_offset(attn_cp_at(p, ATTN_CP_RECEIVE, chunk), at), bytes);
        if (!status) status = attn_cp_send(p, &s->going, item->kind, peer, outgoing(p, item, w, chunk, line, at), bytes);
    }
    return status;
}

attn_status attn_cp_give(struct attn_cp_pass *p, bool backward, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    struct target target[MOST_ITEMS];
    const int count = list_targets(p, backward, target);
    attn_status status = ATTN_OK;
    size_t at = 0;
    for (int n = 0; n < count && !status; n++) {
        const struct attn_cp_item *item = &target[n].item;
        for (int w = 0; w < s->grid.ulysses && !status; w++) {
            if (w == s->u) continue;
            status = exchange(p, item, w, chunk, at);
            at += attn_cp_line_bytes(s, item) * (size_t)attn_cp_lines(s, item);
        }
        if (!status && p->base)
            store(p, &target[n], s->u, chunk, ATTN_F32, attn_cp_line(p, item, s->u, chunk, 0, sizeof(float)), s->tokens);
    }
    return status;
}

attn_status attn_cp_give_end(struct attn_cp_pass *p, bool backward) {
    struct attn_cp_stage *s = p->stage;
    struct target target[MOST_ITEMS];
    const int count = list_targets(p, backward, target);
    const attn_status status = attn_cp_wait(p, &s->going);
    if (status || !p->base) return status;
    for (int chunk = 0; chunk < s->chunks; chunk++) {
        size_t at = 0;
        for (int n = 0; n < count; n++)
            for (int w = 0; w < s->grid.ulysses; w++) {
                if (w == s->u) continue;
                store(p, &target[n], w, chunk, target[n].item.type, attn_cp_at(p, ATTN_CP_RECEIVE, chunk) + at, s->places);
                at += attn_cp_line_bytes(s, &target[n].item) * (size_t)attn_cp_lines(s, &target[n].item);
            }
    }
    for (int n = 0; n < count; n++)
        if (!target[n].item.queries) store_sum(p, &target[n]);
    return ATTN_OK;
}
