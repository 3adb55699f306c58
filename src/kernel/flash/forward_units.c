/* How the flash forward pass is cut into units of work, and the memory it needs. The cut depends on shape, lengths and mask alone, never on
 * the number of workers, so neither do the bits. Units are sorted by work, the greatest first.
 */
#include "base/parallel.h"
#include "kernel/flash/common.h"
#include "kernel/flash/forward_parts.h"

#include <math.h>

struct piece {
    int32_t sequence, chunk;
};

struct layout {
    int64_t chunk;                             /* queries of a unit */
    size_t pieces, worker;                     /* bytes of the list, of one worker's memory */
    size_t q, o, m, l, s, p, v, k, row, words; /* offsets inside a worker's memory */
};

/* At least 16 units where the problem has them, and panels that leave half of a second-level cache of 1 MiB to keys and values. */
int64_t attn_flash_forward_chunk_rows(const struct attn_shape *shape) {
    int64_t tokens = shape->packed ? shape->q_tokens : shape->batch * shape->q_len;
    int64_t rows = tokens * shape->heads, chunk = ATTN_CHUNK_MAX;
    while (chunk > 64 && (chunk * (shape->dim + shape->v_dim) > (512 << 10) / 4 || rows < 16 * chunk)) chunk /= 2;
    return chunk;
}

static size_t take(size_t *at, int64_t floats) {
    return attn_flash_take(at, (size_t)floats * sizeof(float));
}

static struct layout lay_out(const struct attn_shape *p, const struct attn_flash_forward_ops *ops) {
    struct layout y = {.chunk = attn_flash_forward_chunk_rows(p)};
    int64_t columns = attn_div_up(p->v_dim, 16) * 16;
    int64_t pieces = p->packed ? p->q_tokens / y.chunk + p->batch : p->batch * attn_div_up(p->q_len, y.chunk);
    const int64_t odd = ops->paired ? p->dim % 2 : 0;
    const bool apart = p->features & ATTN_DIM_STRIDE || p->dtype != ops->rows, copies = apart || p->o_dtype != ops->rows;
    (void)attn_flash_take(&y.pieces, (size_t)pieces * sizeof(struct piece));
    y.q = take(&y.worker, attn_div_up(y.chunk, ops->lanes) * attn_flash_query_words(ops, p->dim));
    y.o = take(&y.worker, y.chunk * columns);
    y.m = take(&y.worker, y.chunk);
    y.l = take(&y.worker, y.chunk);
    y.s = take(&y.worker, ATTN_KEY_TILE * ops->lanes);
    y.p = ops->paired ? take(&y.worker, attn_flash_key_words(ops, ATTN_KEY_TILE, ops->lanes)) : y.s;
    y.v = take(&y.worker, attn_flash_key_words(ops, ATTN_KEY_TILE, columns));
    y.k = take(&y.worker, apart || odd ? ATTN_KEY_TILE * (p->dim + odd) : 0);
    y.row = take(&y.worker, copies ? ops->lanes * attn_max64(p->dim, p->v_dim) : 0);
    y.words = take(&y.worker, ATTN_MASK_SPAN);
    return y;
}

size_t attn_flash_forward_workspace(const struct attn_shape *shape, const struct attn_flash_forward_ops *ops) {
    struct layout y = lay_out(shape, ops);
    return y.pieces + (size_t)shape->threads * y.worker;
}

/* Counts the chunks of a sequence by class (pieces NULL), or writes each to the next place of its class. Head 0 speaks for all; a sequence
 * of a single chunk, of which there may be thousands, is rated without a look at the mask. */
static void sort_sequence(const struct attn_exec *x, int64_t b, int64_t chunk, int64_t *place, struct piece *pieces) {
    struct attn_seq seq = attn_exec_seq(x, b);
    struct attn_mask_view view;
    bool single = seq.q_len <= chunk;
    if (!single) attn_exec_view(x, b, 0, &seq, &view);
    for (int64_t q0 = 0, c = 0; q0 < seq.q_len; q0 += chunk, c++) {
        int64_t pairs = single ? seq.q_len * seq.k_len : attn_mask_view_area(&view, q0, attn_min64(q0 + chunk, seq.q_len), 0, seq.k_len);
        int class = attn_flash_work_class(pairs);
        if (pieces)
            pieces[place[class]++] = (struct piece){(int32_t)b, (int32_t)c};
        else
            place[class + 1]++;
    }
}

/* Writes the pieces of all sequences in the order of their classes; returns how many. */
static int64_t list_pieces(const struct attn_exec *x, int64_t chunk, struct piece *pieces) {
    int64_t place[ATTN_WORK_CLASSES + 1] = {0};
    for (int64_t b = 0; b < x->batch; b++) sort_sequence(x, b, chunk, place, NULL);
    const int64_t count = attn_flash_class_places(place);
    for (int64_t b = 0; b < x->batch; b++) sort_sequence(x, b, chunk, place, pieces);
    return count;
}

struct job {
    const struct attn_exec *x;
    const struct attn_flash_forward_ops *ops;
    struct layout layout;
    const struct piece *pieces;
    unsigned char *memory;
};

static void unit(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_exec *x = job->x;
    const struct attn_shape *p = x->shape;
    struct piece piece = job->pieces[index / p->heads];
    unsigned char *memory = job->memory + (size_t)worker * job->layout.worker;
    const struct layout *y = &job->layout;
    struct attn_flash_work w = {
        .x = x,
        .ops = job->ops,
        .sequence = piece.sequence,
        .head = (int32_t)(index % p->heads),
        .dim = p->dim,
        .v_dim = p->v_dim,
        .columns = attn_div_up(p->v_dim, 4) * 4,
        .features = isfinite(p->softcap) || x->alibi.data || x->bias.data,
        .has_sink = x->sink.data != NULL,
        .q = memory + y->q,
        .o = (float *)(memory + y->o),
        .m = (float *)(memory + y->m),
        .l = (float *)(memory + y->l),
        .s = (float *)(memory + y->s),
        .p = memory + y->p,
        .v = memory + y->v,
        .k = memory + y->k,
        .row = memory + y->row,
        .words = (uint32_t *)(memory + y->words),
    };
    w.seq = attn_exec_seq(x, piece.sequence);
    w.kv_row = w.seq.k_row;
    w.kv_head = w.head / (p->heads / p->kv_heads);
    if (w.has_sink) w.sink = ((const float *)x->sink.data)[w.sequence * x->sink.b + w.head * x->sink.h] * (float)M_LOG2E;
    attn_exec_view(x, w.sequence, w.head, &w.seq, &w.view);
    int64_t q0 = piece.chunk * y->chunk;
    attn_flash_forward_chunk(&w, q0, attn_min64(q0 + y->chunk, w.seq.q_len));
}

void attn_flash_forward(const struct attn_exec *x, const struct attn_flash_forward_ops *ops) {
    struct job job = {.x = x, .ops = ops, .layout = lay_out(x->shape, ops)};
    struct piece *pieces = x->workspace;
    job.memory = (unsigned char *)x->workspace + job.layout.pieces;
    job.pieces = pieces;
    int64_t count = list_pieces(x, job.layout.chunk, pieces);
    attn_parallel(x->ctx, count * x->shape->heads, x->shape->threads, unit, &job);
}
