/* The decode schedule: how the work is cut, the memory it needs, the two loops. */
#include "kernel/decode/decode.h"

#include "base/parallel.h"
#include "kernel/decode/parts.h"

#include <assert.h>
#include <stdio.h>

enum {
    ROWS = 64,    /* of a unit, where the group allows */
    QUERIES = 16, /* of a unit, at most */
    CHUNK = 512,  /* keys of a unit, at least: 25 us of reading at 20 GB/s, beside 1 us of what a unit costs by itself */
    UNITS = 256,  /* more units than that are not made by cutting keys */
};

static int64_t clamp(int64_t x, int64_t least, int64_t most) {
    return attn_max64(least, attn_min64(x, most));
}

static size_t take(size_t *end, int64_t floats) {
    const size_t begin = *end;
    *end += attn_round64((size_t)floats * sizeof(float));
    return begin;
}

struct attn_decode_cut attn_decode_cut_of(const struct attn_shape *p) {
    struct attn_decode_cut c = {.group = p->heads / p->kv_heads, .chunk = CHUNK};
    c.queries = clamp(ROWS / c.group, 1, attn_max64(1, attn_min64(p->q_len, QUERIES)));
    c.rows = c.group * c.queries;
    const int64_t blocks = p->batch * p->kv_heads * attn_div_up(p->q_len, c.queries);
    while (c.chunk < p->kv_len && blocks * attn_div_up(p->kv_len, c.chunk) > UNITS) c.chunk *= 2;
    c.chunks = attn_max64(1, attn_div_up(p->kv_len, c.chunk));
    c.q_row = attn_div_up(p->dim, ATTN_DECODE_PAD) * ATTN_DECODE_PAD;
    c.o_row = attn_div_up(p->v_dim, ATTN_DECODE_PAD) * ATTN_DECODE_PAD;
    c.part = c.group * attn_div_up(c.queries * (c.o_row + 2), ATTN_DECODE_PAD) * ATTN_DECODE_PAD;
    if (c.chunks > 1) c.parts = (size_t)(blocks * c.chunks * c.part) * sizeof(float);
    c.q = take(&c.worker, c.rows * c.q_row);
    c.q8_row = p->kv_dtype == ATTN_Q8_0 ? attn_div_up(p->dim, ATTN_DECODE_Q8) : 0;
    c.q8 = take(&c.worker, c.rows * c.q8_row * (int64_t)(sizeof(struct attn_decode_q8) / sizeof(float)));
    c.s = take(&c.worker, c.rows * ATTN_DECODE_TILE);
    c.own = take(&c.worker, c.chunks > 1 ? 0 : c.part);
    return c;
}

size_t attn_decode_workspace(const struct attn_shape *shape) {
    const struct attn_decode_cut c = attn_decode_cut_of(shape);
    return c.parts + (size_t)shape->threads * c.worker;
}

const char *attn_decode_lacks(const struct attn_shape *shape) {
    return shape->features & ATTN_BACKWARD     ? "ATTN_BACKWARD"
           : shape->features & ATTN_DROPOUT    ? "ATTN_DROPOUT"
           : shape->features & ATTN_DIM_STRIDE ? "ATTN_DIM_STRIDE"
                                               : NULL;
}

/* The loops' extents of one execution: (sequence, block of queries, heads that share a view of the mask, chunk). */
struct job {
    const struct attn_exec *x;
    const struct attn_decode_ops *ops;
    const struct attn_decode_q8_ops *q8_ops;
    struct attn_decode_cut cut;
    int64_t blocks, views, chunks;
    int32_t heads; /* of a view */
};

/* The unit's work without its memory. False: there is nothing to do. */
static bool open_work(const struct job *job, int64_t index, struct attn_decode_work *w) {
    const struct attn_exec *x = job->x;
    const int32_t group = (int32_t)job->cut.group;
    *w = (struct attn_decode_work){.x = x, .ops = job->ops, .q8_ops = job->q8_ops, .cut = &job->cut, .heads = job->heads};
    w->head = (int32_t)(index % job->views) * job->heads;
    w->kv_head = w->head / group;
    w->q0 = index / job->views % job->blocks * job->cut.queries;
    w->sequence = index / job->views / job->blocks;
    w->seq = attn_exec_seq(x, w->sequence);
    w->queries = attn_min64(job->cut.queries, w->seq.q_len - w->q0);
    w->rows = w->heads * w->queries;
    return w->queries > 0;
}

static void set_part(struct attn_decode_work *w, float *part) {
    w->o = part;
    w->m = part + w->rows * w->cut->o_row;
    w->l = w->m + w->rows;
}

/* Parts of a unit lie side by side. */
static float *part_of(const struct job *job, int64_t index) {
    return (float *)job->x->workspace + index * job->chunks * job->cut.part;
}

static void unit(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const int64_t rest = index / job->chunks, chunk = index % job->chunks;
    unsigned char *memory = (unsigned char *)job->x->workspace + job->cut.parts + (size_t)worker * job->cut.worker;
    struct attn_decode_work w;
    if (!open_work(job, rest, &w)) return;
    const int64_t k0 = chunk * job->cut.chunk, k1 = attn_min64(k0 + job->cut.chunk, w.seq.k_len);
    if (chunk > 0 && k0 >= k1) return; /* the first chunk is there even without keys */
    w.q = (float *)(memory + job->cut.q);
    w.q8 = (struct attn_decode_q8 *)(memory + job->cut.q8);
    w.s = (float *)(memory + job->cut.s);
    set_part(&w, job->cut.chunks > 1 ? part_of(job, rest) + chunk * job->cut.part : (float *)(memory + job->cut.own));
    attn_exec_view(job->x, w.sequence, w.head, &w.seq, &w.view);
    attn_decode_unit(&w, k0, k1);
    if (job->cut.chunks == 1) attn_decode_finish(&w, 1, 0);
}

static void finish(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    struct attn_decode_work w;
    (void)worker;
    if (!open_work(job, index, &w)) return;
    set_part(&w, part_of(job, index));
    attn_decode_finish(&w, attn_max64(1, attn_div_up(w.seq.k_len, job->cut.chunk)), job->cut.part);
}

void attn_decode_forward(const struct attn_exec *x, const struct attn_decode_ops *ops, const struct attn_decode_q8_ops *q8) {
    const struct attn_shape *p = x->shape;
    struct job job = {.x = x, .ops = ops, .q8_ops = q8, .cut = attn_decode_cut_of(p)};
    int64_t queries = 0, keys = 0;
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        queries = attn_max64(queries, s.q_len);
        keys = attn_max64(keys, s.k_len);
    }
    const bool own_masks = attn_mask_heads(x->mask) > p->kv_heads;
    job.heads = own_masks ? 1 : (int32_t)job.cut.group;
    job.views = p->heads / job.heads;
    job.cut.part = job.cut.part / job.cut.group * job.heads;
    job.blocks = attn_div_up(queries, job.cut.queries);
    job.chunks = attn_max64(1, attn_div_up(keys, job.cut.chunk));
    assert(job.chunks <= job.cut.chunks);
    const int64_t works = x->batch * job.blocks * job.views;
    attn_parallel(x->ctx, works * job.chunks, p->threads, unit, &job);
    if (job.cut.chunks > 1) attn_parallel(x->ctx, works, p->threads, finish, &job);
}

void attn_decode_describe(const struct attn_shape *shape, char *text, size_t size) {
    const struct attn_decode_cut c = attn_decode_cut_of(shape);
    snprintf(text, size, "%lld queries x %lld heads x chunks of %lld keys; workspace: %lld parts x %lld floats + %d workers x %zu B",
             (long long)c.queries, (long long)c.group, (long long)c.chunk, (long long)(c.parts / sizeof(float)) / (long long)c.part,
             (long long)c.part, shape->threads, c.worker);
}
