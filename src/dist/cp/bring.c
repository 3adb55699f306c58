/* What a chunk needs comes in: its heads of all tokens of the ring position, for which the ranks of the position's pieces exchange heads for tokens
 * (Jacobs et al. 2023). Own tokens go straight to their place, those of others by way of staging. */
#include "dist/cp/stage.h"

/* An array that is exchanged. */
struct item {
    enum attn_cp_room room;
    size_t behind; /* bytes from the room's begin */
    const struct attn_array *from;
    bool queries, rows; /* heads of queries, else of keys; one number for each row and head */
    int32_t width;
};
enum { MOST_ITEMS = 6 };

static int list_items(const struct attn_cp_pass *p, bool backward, struct item item[MOST_ITEMS]) {
    const attn_problem *o = &p->stage->cp->problem;
    const size_t k_bytes = (size_t)attn_cp_k_count(p->stage) * attn_dtype_bytes(o->dtype);
    int n = 0;
    if (!backward || !p->stage->cp->config.keep) {
        item[n++] = (struct item){ATTN_CP_Q, 0, &p->x.q, true, false, o->dim};
        item[n++] = (struct item){ATTN_CP_KV, 0, &p->x.k, false, false, o->dim};
        item[n++] = (struct item){ATTN_CP_KV, k_bytes, &p->x.v, false, false, o->v_dim};
        if (backward) item[n++] = (struct item){ATTN_CP_LSE, 0, &p->lse, true, true, 1};
    }
    if (backward) item[n++] = (struct item){ATTN_CP_DO, 0, &p->x.d_o, true, false, o->v_dim};
    if (backward) item[n++] = (struct item){ATTN_CP_DELTA, 0, NULL, true, true, 1};
    return n;
}

/* The heads that piece w computes in this chunk, of the caller's rows of this stage, for memory of so many tokens. */
static struct attn_cp_block block_of(const struct attn_cp_pass *p, const struct item *item, int w, int chunk, int64_t tokens) {
    const struct attn_cp_stage *s = p->stage;
    const int32_t heads = item->queries ? s->heads : s->kv_heads;
    struct attn_cp_block block = {.first = (w * s->chunks + chunk) * heads,
                                  .heads = heads,
                                  .copies = item->queries ? 1 : s->copies,
                                  .width = item->width,
                                  .batch = s->cp->problem.batch,
                                  .place = s->first_place,
                                  .rows = s->places,
                                  .stride = {tokens * heads * item->width, item->width, heads * item->width}};
    if (item->rows) {
        block.stride[1] = tokens;
        block.stride[2] = 1;
    }
    return block;
}

/* delta_i = dLSE_i - dO_i . O_i, what backward takes from a row's output (Dao 2023, alg. 2). */
static void pack_delta(const struct attn_cp_pass *p, const struct attn_cp_block *block, float *to) {
    const struct attn_array *g = &p->x.d_o, *l = &p->x.d_lse;
    const struct attn_array_out *o = &p->x.o;
    for (int64_t b = 0; b < block->batch; b++)
        for (int32_t h = 0; h < block->heads; h++)
            for (int64_t i = 0; i < block->rows; i++) {
                const int64_t head = block->first + h, row = block->place + i;
                const int64_t at_g = b * g->b + head * g->h + row * g->t, at_o = b * o->b + head * o->h + row * o->t;
                double sum = l->data ? (double)((const float *)l->data)[b * l->b + head * l->h + row * l->t] : 0.0;
                for (int32_t c = 0; c < p->stage->cp->problem.v_dim; c++)
                    sum -= (double)attn_element_f32(g->type, g->data, at_g + c) * (double)attn_element_f32(o->type, o->data, at_o + c);
                to[b * block->stride[0] + h * block->stride[1] + i * block->stride[2]] = (float)sum;
            }
}

static void pack(const struct attn_cp_pass *p, const struct item *item, const struct attn_cp_block *block, char *to) {
    if (!p->base) return;
    if (item->from)
        attn_cp_pack(item->from, block, to);
    else
        pack_delta(p, block, (float *)(void *)to);
}

static size_t element_of(const struct attn_cp_pass *p, const struct item *item) {
    return item->rows ? sizeof(float) : attn_dtype_bytes(p->stage->cp->problem.dtype);
}

/* Bytes of one sequence's tokens of one piece; of all sequences. */
static size_t piece_bytes(const struct attn_cp_pass *p, const struct item *item) {
    const struct attn_cp_stage *s = p->stage;
    return (size_t)(s->places * (item->queries ? s->heads : s->kv_heads) * item->width) * element_of(p, item);
}

static char *offset(char *base, size_t bytes) {
    return base ? base + bytes : NULL;
}

/* Where sequence b's tokens of piece w lie in the chunk's memory. */
static char *place_of(const struct attn_cp_pass *p, const struct item *item, int w, int chunk, int64_t b) {
    const size_t bytes = piece_bytes(p, item);
    return offset(attn_cp_at(p, item->room, chunk), item->behind + ((size_t)b * (size_t)p->stage->grid.ulysses + (size_t)w) * bytes);
}

static attn_status bring_from(struct attn_cp_pass *p, struct attn_cp_list *list, const struct item *item, int w, int chunk, char *staging) {
    const struct attn_cp_stage *s = p->stage;
    const int peer = attn_grid_rank(&s->grid, w, s->y);
    const int64_t batch = s->cp->problem.batch;
    const size_t bytes = piece_bytes(p, item);
    attn_status status = ATTN_OK;
    if (item->rows) return attn_cp_receive(p, list, ATTN_TRAFFIC_ROWS, peer, staging, bytes * (size_t)batch);
    for (int64_t b = 0; b < batch && !status; b++)
        status = attn_cp_receive(p, list, ATTN_TRAFFIC_HEADS, peer, place_of(p, item, w, chunk, b), bytes);
    return status;
}

static attn_status send_to(struct attn_cp_pass *p, struct attn_cp_list *list, const struct item *item, int w, int chunk, char *staging) {
    const struct attn_cp_stage *s = p->stage;
    const int peer = attn_grid_rank(&s->grid, w, s->y);
    const int64_t batch = s->cp->problem.batch;
    const size_t bytes = piece_bytes(p, item);
    const struct attn_cp_block block = block_of(p, item, w, chunk, s->places);
    attn_status status = ATTN_OK;
    pack(p, item, &block, staging);
    if (item->rows) return attn_cp_send(p, list, ATTN_TRAFFIC_ROWS, peer, staging, bytes * (size_t)batch);
    for (int64_t b = 0; b < batch && !status; b++)
        status = attn_cp_send(p, list, ATTN_TRAFFIC_HEADS, peer, offset(staging, (size_t)b * bytes), bytes);
    return status;
}

attn_status attn_cp_bring(struct attn_cp_pass *p, bool backward, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    struct attn_cp_list *list = &p->stage->coming[chunk % 2];
    struct item item[MOST_ITEMS];
    const int items = list_items(p, backward, item);
    attn_status status = ATTN_OK;
    size_t sent = 0, received = 0;
    for (int n = 0; n < items && !status; n++) {
        const size_t bytes = piece_bytes(p, &item[n]) * (size_t)s->cp->problem.batch;
        for (int w = 0; w < s->grid.ulysses && !status; w++) {
            if (w == s->u) continue;
            status = bring_from(p, list, &item[n], w, chunk, offset(attn_cp_at(p, ATTN_CP_RECEIVE, chunk), received));
            received += item[n].rows ? bytes : 0;
        }
    }
    for (int n = 0; n < items && !status; n++) {
        const size_t bytes = piece_bytes(p, &item[n]) * (size_t)s->cp->problem.batch;
        const struct attn_cp_block own = block_of(p, &item[n], s->u, chunk, s->tokens);
        char *place = item[n].rows ? offset(attn_cp_at(p, item[n].room, chunk), (size_t)(s->u * s->places) * sizeof(float))
                                   : place_of(p, &item[n], s->u, chunk, 0);
        for (int w = 0; w < s->grid.ulysses && !status; w++) {
            if (w == s->u) continue;
            status = send_to(p, list, &item[n], w, chunk, offset(attn_cp_at(p, ATTN_CP_SEND, chunk), sent));
            sent += bytes;
        }
        pack(p, &item[n], &own, place);
    }
    return status;
}

/* Rows of [B, heads, t] to [B, heads, tokens]. */
static void spread_rows(const struct attn_cp_pass *p, const struct item *item, int w, int chunk, const float *from) {
    const struct attn_cp_stage *s = p->stage;
    float *to = (float *)(void *)attn_cp_at(p, item->room, chunk) + w * s->places;
    for (int64_t line = 0; line < s->cp->problem.batch * s->heads; line++)
        for (int64_t i = 0; i < s->places; i++) to[line * s->tokens + i] = from[line * s->places + i];
}

attn_status attn_cp_bring_end(struct attn_cp_pass *p, bool backward, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    struct item item[MOST_ITEMS];
    const int items = list_items(p, backward, item);
    const attn_status status = attn_cp_wait(p, &p->stage->coming[chunk % 2]);
    size_t received = 0;
    if (status || !p->base) return status;
    for (int n = 0; n < items; n++)
        for (int w = 0; w < s->grid.ulysses && item[n].rows; w++) {
            if (w == s->u) continue;
            spread_rows(p, &item[n], w, chunk, (const float *)(const void *)(attn_cp_at(p, ATTN_CP_RECEIVE, chunk) + received));
            received += piece_bytes(p, &item[n]) * (size_t)s->cp->problem.batch;
        }
    return ATTN_OK;
}
