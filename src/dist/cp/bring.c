/* What a chunk needs comes in: its heads of all tokens of the ring position, for which the ranks of the position's pieces exchange heads for tokens
 * (Jacobs et al. 2023). Own tokens go straight to their place, those for others by way of staging. */
#include "dist/cp/exchange.h"

enum { MOST_ITEMS = 6 };

/* An array that comes in, and where the caller has it; NULL: delta, which is computed. */
struct source {
    struct attn_cp_item item;
    const struct attn_array *from;
};

/* Rows first, as the floats of delta must lie at multiples of 4 in staging. */
static int list_sources(const struct attn_cp_pass *p, bool backward, struct source source[MOST_ITEMS]) {
    const attn_problem *o = &p->stage->cp->problem;
    const size_t k_bytes = (size_t)attn_cp_k_count(p->stage) * attn_dtype_bytes(o->dtype);
    const enum attn_traffic_kind heads = ATTN_TRAFFIC_HEADS, rows = ATTN_TRAFFIC_ROWS;
    const bool again = !backward || !p->stage->cp->config.keep;
    int n = 0;
    if (backward) source[n++] = (struct source){{ATTN_CP_DELTA, 0, true, 1, ATTN_F32, rows}, NULL};
    if (backward && again) source[n++] = (struct source){{ATTN_CP_LSE, 0, true, 1, ATTN_F32, rows}, &p->lse};
    if (again) {
        source[n++] = (struct source){{ATTN_CP_Q, 0, true, o->dim, o->dtype, heads}, &p->x.q};
        source[n++] = (struct source){{ATTN_CP_KV, 0, false, o->dim, o->dtype, heads}, &p->x.k};
        source[n++] = (struct source){{ATTN_CP_KV, k_bytes, false, o->v_dim, o->dtype, heads}, &p->x.v};
    }
    if (backward) source[n++] = (struct source){{ATTN_CP_DO, 0, true, o->v_dim, o->dtype, heads}, &p->x.d_o};
    return n;
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

static void pack(const struct attn_cp_pass *p, const struct source *source, const struct attn_cp_block *block, char *to) {
    if (!p->base) return;
    if (source->from)
        attn_cp_pack(source->from, block, to);
    else
        pack_delta(p, block, (float *)(void *)to);
}

static attn_status receive(struct attn_cp_pass *p, const struct attn_cp_item *item, int w, int chunk) {
    struct attn_cp_stage *s = p->stage;
    const size_t element = attn_dtype_bytes(item->type);
    attn_status status = ATTN_OK;
    for (int64_t line = 0; line < attn_cp_lines(s, item) && !status; line++)
        status = attn_cp_receive(p, &s->coming[chunk % 2], item->kind, attn_grid_rank(&s->grid, w, s->y),
                                 attn_cp_line(p, item, w, chunk, line, element), attn_cp_line_bytes(s, item));
    return status;
}

static attn_status send(struct attn_cp_pass *p, const struct source *source, int w, int chunk, char *staging) {
    struct attn_cp_stage *s = p->stage;
    const struct attn_cp_item *item = &source->item;
    const struct attn_cp_block block = attn_cp_block_of(p, item, w, chunk, s->places);
    const size_t bytes = attn_cp_line_bytes(s, item);
    attn_status status = ATTN_OK;
    pack(p, source, &block, staging);
    for (int64_t line = 0; line < attn_cp_lines(s, item) && !status; line++)
        status = attn_cp_send(p, &s->coming[chunk % 2], item->kind, attn_grid_rank(&s->grid, w, s->y),
                              attn_cp_offset(staging, (size_t)line * bytes), bytes);
    return status;
}

attn_status attn_cp_bring(struct attn_cp_pass *p, bool backward, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    struct source source[MOST_ITEMS];
    const int count = list_sources(p, backward, source);
    attn_status status = ATTN_OK;
    size_t sent = 0;
    for (int n = 0; n < count; n++)
        for (int w = 0; w < s->grid.ulysses && !status; w++)
            if (w != s->u) status = receive(p, &source[n].item, w, chunk);
    for (int n = 0; n < count && !status; n++) {
        const struct attn_cp_item *item = &source[n].item;
        const struct attn_cp_block own = attn_cp_block_of(p, item, s->u, chunk, s->tokens);
        for (int w = 0; w < s->grid.ulysses && !status; w++) {
            if (w == s->u) continue;
            status = send(p, &source[n], w, chunk, attn_cp_offset(attn_cp_at(p, ATTN_CP_SEND, chunk), sent));
            sent += attn_cp_line_bytes(s, item) * (size_t)attn_cp_lines(s, item);
        }
        pack(p, &source[n], &own, attn_cp_line(p, item, s->u, chunk, 0, attn_dtype_bytes(item->type)));
    }
    return status;
}

attn_status attn_cp_bring_end(struct attn_cp_pass *p, int chunk) {
    return attn_cp_wait(p, &p->stage->coming[chunk % 2]);
}
