/* The scan forward: one pass over the chunks of a key/value head, or two passes over chunks that workers share; see scan.h. Both compute a
 * chunk by the same calls on the same numbers.
 */
#include "base/parallel.h"
#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

#include <string.h>

struct forward {
    const struct attn_exec *x;
    const struct attn_scan_ops *ops;
    int32_t group;             /* query heads of a key/value head */
    int64_t q, v;              /* padded widths */
    int64_t piece;             /* rows */
    int64_t span, shares;      /* chunks of a unit in flight (0: one pass), and in how many tasks they are computed */
    int64_t chunks;            /* of the longest sequence */
    int64_t step;              /* the span that the first pass is at */
    size_t worker, head, slot; /* bytes: of a worker, of a head, of a head's chunk in flight */
    char *workers, *heads, *slots;
    bool stream;
};

/* A worker's memory: scalars of a piece; rows of arrays of 16-bit types as floats; behind them, in one pass, the heads of a group. */
struct worker {
    float *s, *lse, *k, *v, *o;
};

static struct worker worker_at(const struct forward *f, int worker) {
    float *at = (float *)(f->workers + (size_t)worker * f->worker);
    float *k = at + 2 * f->piece, *v = k + f->piece * f->q;
    return (struct worker){at, at + f->piece, k, v, v + f->piece * f->v};
}

static size_t worker_bytes(const struct forward *f, const struct attn_shape *p) {
    const int64_t half = attn_dtype_is_half(p->dtype) ? f->q + 2 * f->v : 0;
    return (size_t)(f->piece * (2 + half)) * sizeof(float);
}

/* A head: the query, what lies before the chunk, the chunk's own sums. */
struct head {
    float *q;
    struct attn_scan_carry carry;
    struct attn_scan_sums own;
};

enum { SCALARS = 16 }; /* floats of memory for the two m and c */

static struct head head_at(const struct forward *f, char *memory) {
    float *at = (float *)memory, *q = at + SCALARS;
    return (struct head){q, {at, at + 1, q + f->q}, {at + 2, at + 3, q + f->q + f->v}};
}

/* A chunk in flight: its scores, its own sums, what lies before it. */
struct slot {
    float *s;
    struct attn_scan_carry carry;
    struct attn_scan_sums own;
};

static struct slot slot_at(const struct forward *f, int64_t unit, int32_t r, int64_t chunk) {
    const int64_t n = (unit * f->group + r) * 2 * f->span + chunk % (2 * f->span);
    float *at = (float *)(f->slots + (size_t)n * f->slot), *s = at + SCALARS, *o = s + ATTN_SCAN_CHUNK;
    return (struct slot){s, {at, at + 1, o}, {at + 2, at + 3, o + f->v}};
}

static struct forward lay_out(const struct attn_shape *p) {
    const struct attn_scan_plan plan = attn_scan_plan_of(p);
    struct forward f = {.group = p->heads / p->kv_heads,
                        .q = attn_scan_pad(p->dim),
                        .v = attn_scan_pad(p->v_dim),
                        .piece = attn_scan_piece_rows(p),
                        .span = plan.span,
                        .shares = plan.shares};
    f.head = (size_t)(SCALARS + f.q + 2 * f.v) * sizeof(float);
    f.worker = worker_bytes(&f, p) + (f.span ? 0 : (size_t)f.group * f.head);
    f.slot = (size_t)(SCALARS + ATTN_SCAN_CHUNK + 2 * f.v) * sizeof(float);
    return f;
}

size_t attn_scan_forward_workspace(const struct attn_shape *shape) {
    const struct forward f = lay_out(shape);
    size_t total = 0, head = f.head;
    attn_scan_add_bytes(&total, shape->threads, f.worker);
    attn_scan_add_bytes(&head, 2 * f.span, f.slot);
    if (f.span) attn_scan_add_bytes(&total, shape->batch * shape->heads, head);
    return total;
}

static void open_head(const struct forward *f, int64_t b, int32_t h, const struct head *head) {
    attn_scan_query(f->x, b, h, head->q);
    attn_scan_begin(f->x, b, h, &head->carry);
}

static void clear(const struct forward *f, const struct attn_scan_sums *own) {
    *own->m = -INFINITY;
    *own->c = 0.0f;
    memset(own->w, 0, (size_t)f->v * sizeof *own->w);
}

/* The rows of a piece, without what belongs to a query head. `keys`: they are read. */
static struct attn_scan_rows open_rows(const struct forward *f, const struct attn_scan_piece *p, bool keys, const struct worker *w) {
    const struct attn_exec *x = f->x;
    struct attn_scan_rows rows = {.d = x->shape->dim, .e = x->shape->v_dim, .s = w->s, .lse = w->lse, .scored = !keys, .stream = f->stream};
    const struct attn_scan_floats v = attn_scan_read(x, &x->v, p->b, p->g, p->row, p->n, rows.e, f->piece, w->v);
    rows.v = v.row;
    rows.v_stride = v.stride;
    rows.v_ahead = attn_scan_ahead(&x->v, rows.e);
    if (!keys) return rows;
    const struct attn_scan_floats k = attn_scan_read(x, &x->k, p->b, p->g, p->row, p->n, rows.d, f->piece, w->k);
    rows.k = k.row;
    rows.k_stride = k.stride;
    rows.k_ahead = attn_scan_ahead(&x->k, rows.d);
    return rows;
}

/* O and LSE of a piece. */
static void emit(const struct forward *f, const struct attn_scan_piece *p, int32_t r, struct attn_scan_rows *rows,
                 const struct attn_scan_sums *own, const struct attn_scan_carry *carry, const struct worker *w) {
    const struct attn_exec *x = f->x;
    const int32_t h = p->g * f->group + r;
    const bool half = attn_dtype_is_half(x->o.type);
    rows->o = half ? w->o : attn_scan_row_out(&x->o, p->b, h, p->q_row);
    rows->o_stride = half ? f->v : x->o.t;
    rows->stream = f->stream && !half;
    f->ops->emit(rows, p->n, own, carry);
    if (half) attn_scan_round(x, &x->o, p->b, h, p->q_row, p->n, rows->e, false, w->o);
    attn_scan_store_lse(x, p->b, h, p->q_row, rows->lse, p->n);
    rows->k_ahead = rows->v_ahead = 0; /* the other heads of the group find the rows in cache */
}

/* --------------------------------------------------------------------------------------------- one pass */

static void unit_task(void *arg, int64_t unit, int worker) {
    const struct forward *f = arg;
    const struct worker w = worker_at(f, worker);
    char *heads = f->workers + (size_t)(worker + 1) * f->worker - (size_t)f->group * f->head;
    struct attn_scan_piece chunk;
    for (int64_t n = 0; attn_scan_chunk_of(f->x, unit, n, &chunk); n++) {
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = head_at(f, heads + (size_t)r * f->head);
            if (n == 0) open_head(f, chunk.b, chunk.g * f->group + r, &head);
            clear(f, &head.own);
        }
        for (int64_t first = 0; first < chunk.n; first += f->piece) {
            const struct attn_scan_piece p = attn_scan_piece_of(&chunk, first, f->piece);
            struct attn_scan_rows rows = open_rows(f, &p, true, &w);
            for (int32_t r = 0; r < f->group; r++) {
                const struct head head = head_at(f, heads + (size_t)r * f->head);
                rows.q = head.q;
                emit(f, &p, r, &rows, &head.own, &head.carry, &w);
            }
        }
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = head_at(f, heads + (size_t)r * f->head);
            f->ops->join(&head.own, f->x->shape->v_dim, &head.carry);
        }
    }
    f->ops->fence();
}

/* ------------------------------------------------------------------------------------------- two passes */

static struct head unit_head(const struct forward *f, int64_t unit, int32_t r) {
    return head_at(f, f->heads + (size_t)(unit * f->group + r) * f->head);
}

static void first_pass(const struct forward *f, const struct attn_scan_piece *chunk, int64_t unit, int64_t n, int64_t first,
                       const struct worker *w) {
    const struct attn_scan_piece p = attn_scan_piece_of(chunk, first, f->piece);
    struct attn_scan_rows rows = open_rows(f, &p, true, w);
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, unit, r, n);
        if (first == 0) clear(f, &slot.own);
        rows.q = unit_head(f, unit, r).q;
        rows.s = slot.s + first;
        f->ops->sum(&rows, p.n, &slot.own);
        rows.k_ahead = rows.v_ahead = 0;
    }
}

static void second_pass(const struct forward *f, const struct attn_scan_piece *chunk, int64_t unit, int64_t n, int64_t first,
                        const struct worker *w) {
    const struct attn_scan_piece p = attn_scan_piece_of(chunk, first, f->piece);
    struct attn_scan_rows rows = open_rows(f, &p, false, w);
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, unit, r, n);
        if (first == 0) clear(f, &slot.own);
        rows.s = slot.s + first;
        emit(f, &p, r, &rows, &slot.own, &slot.carry, w);
    }
}

/* A share of the places of a span: at each, the chunk of the span before, whose carry is known, and that of this span, piece by piece in
 * turns, so that reading and writing go together. */
static void share_task(void *arg, int64_t share, int worker) {
    const struct forward *f = arg;
    const int64_t places = f->x->batch * f->x->shape->kv_heads * f->span;
    const struct worker w = worker_at(f, worker);
    for (int64_t place = share * places / f->shares; place < (share + 1) * places / f->shares; place++) {
        const int64_t unit = place / f->span, now = f->step * f->span + place % f->span, before = now - f->span;
        struct attn_scan_piece a = {0}, b = {0};
        if (before < 0 || !attn_scan_chunk_of(f->x, unit, before, &a)) a.n = 0;
        if (!attn_scan_chunk_of(f->x, unit, now, &b)) b.n = 0;
        for (int64_t first = 0; first < ATTN_SCAN_CHUNK; first += f->piece) {
            if (first < a.n) second_pass(f, &a, unit, before, first, &w);
            if (first < b.n) first_pass(f, &b, unit, now, first, &w);
        }
    }
    f->ops->fence();
}

/* What lies before each chunk of the span that the first pass has just done. */
static void resolve(const struct forward *f, int64_t unit) {
    struct attn_scan_piece p;
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = unit_head(f, unit, r);
        for (int64_t n = f->step * f->span; n < (f->step + 1) * f->span && attn_scan_chunk_of(f->x, unit, n, &p); n++) {
            const struct slot slot = slot_at(f, unit, r, n);
            memcpy(slot.carry.o, head.carry.o, (size_t)f->v * sizeof *slot.carry.o);
            *slot.carry.m = *head.carry.m;
            *slot.carry.c = *head.carry.c;
            f->ops->join(&slot.own, f->x->shape->v_dim, &head.carry);
        }
    }
}

static void spans(struct forward *f, int64_t units) {
    const int32_t kv_heads = f->x->shape->kv_heads;
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = unit_head(f, unit, r);
            open_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * f->group + r, &head);
        }
    for (f->step = 0; f->step <= attn_div_up(f->chunks, f->span); f->step++) {
        attn_parallel(f->x->ctx, f->shares, f->x->shape->threads, share_task, f);
        for (int64_t unit = 0; unit < units; unit++) resolve(f, unit);
    }
}

void attn_scan_forward(const struct attn_exec *x, const struct attn_scan_ops *ops) {
    const struct attn_shape *shape = x->shape;
    struct forward f = lay_out(shape);
    const int64_t units = x->batch * shape->kv_heads;
    int64_t tokens = 0, most = 0;
    for (int64_t b = 0; b < x->batch; b++) {
        const int64_t length = attn_exec_seq(x, b).q_len;
        tokens += length;
        most = attn_max64(most, length);
    }
    f.x = x;
    f.ops = ops;
    f.chunks = attn_div_up(most, ATTN_SCAN_CHUNK);
    f.stream = attn_scan_streams(tokens * shape->heads * shape->v_dim);
    f.workers = x->workspace;
    f.heads = f.workers + (size_t)shape->threads * f.worker;
    f.slots = f.heads + (size_t)(shape->batch * shape->heads) * f.head;
    if (f.span)
        spans(&f, units);
    else
        attn_parallel(x->ctx, units, shape->threads, unit_task, &f);
}
