/* The scan forward: one pass over the chunks of a key/value head, or two passes over chunks that workers share; see scan.h. Both compute a
 * chunk by the same calls on the same numbers.
 */
#include "base/parallel.h"
#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

#include <stdatomic.h>
#include <string.h>

struct forward {
    const struct attn_exec *x;
    const struct attn_scan_ops *ops;
    int32_t group;             /* query heads of a key/value head */
    int64_t q, v;              /* padded widths */
    int64_t piece;             /* rows */
    int64_t run;               /* chunks of a unit that a worker takes at once; 0: one pass */
    size_t worker, head, slot; /* bytes: of a worker, of a head, of a head's chunk in flight */
    char *workers, *heads;
    struct turn *turns;
    bool stream;
};

/* A worker's memory: scalars of a piece; rows of arrays of 16-bit types as floats; behind them, in one pass, the heads of a group, in two
 * passes the chunks in flight of two runs. */
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

/* Of a worker: the n-th chunk of one of its two runs, head r of the group. */
static struct slot slot_at(const struct forward *f, int worker, int run, int64_t n, int32_t r) {
    const int64_t slots = 2 * f->run * f->group, at_slot = (run * f->run + n) * f->group + r;
    char *end = f->workers + (size_t)(worker + 1) * f->worker;
    float *at = (float *)(end - (size_t)(slots - at_slot) * f->slot), *s = at + SCALARS, *o = s + ATTN_SCAN_CHUNK;
    return (struct slot){s, {at, at + 1, o}, {at + 2, at + 3, o + f->v}};
}

/* How many chunks of a unit lie before those whose carry is not known yet: written by the worker that adds up the sums of the next run. */
struct turn {
    _Alignas(64) atomic_int_least64_t chunk;
};

static struct forward lay_out(const struct attn_shape *p) {
    const struct attn_scan_plan plan = attn_scan_plan_of(p);
    struct forward f = {.group = p->heads / p->kv_heads,
                        .q = attn_scan_pad(p->dim),
                        .v = attn_scan_pad(p->v_dim),
                        .piece = attn_scan_piece_rows(p),
                        .run = plan.run};
    f.head = (size_t)(SCALARS + f.q + 2 * f.v) * sizeof(float);
    f.slot = (size_t)(SCALARS + ATTN_SCAN_CHUNK + 2 * f.v) * sizeof(float);
    f.worker = worker_bytes(&f, p) + (size_t)f.group * (f.run ? 2 * (size_t)f.run * f.slot : f.head);
    return f;
}

size_t attn_scan_forward_workspace(const struct attn_shape *shape) {
    const struct forward f = lay_out(shape);
    size_t total = 0;
    attn_scan_add_bytes(&total, shape->threads, f.worker);
    if (f.run) attn_scan_add_bytes(&total, shape->batch * shape->heads, f.head);
    if (f.run) attn_scan_add_bytes(&total, shape->batch * shape->kv_heads, sizeof(struct turn));
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
    rows.v_ahead = attn_scan_ahead(&x->v, rows.e, ATTN_SCAN_FORWARD_AHEAD);
    if (!keys) return rows;
    const struct attn_scan_floats k = attn_scan_read(x, &x->k, p->b, p->g, p->row, p->n, rows.d, f->piece, w->k);
    rows.k = k.row;
    rows.k_stride = k.stride;
    rows.k_ahead = attn_scan_ahead(&x->k, rows.d, ATTN_SCAN_FORWARD_AHEAD);
    return rows;
}

/* O and LSE of a piece: where its rows are to go, and what is left to do when they are there. */
static void open_output(const struct forward *f, const struct attn_scan_piece *p, int32_t r, struct attn_scan_rows *rows,
                        const struct worker *w) {
    const struct attn_exec *x = f->x;
    const bool half = attn_dtype_is_half(x->o.type);
    rows->o = half ? w->o : attn_scan_row_out(&x->o, p->b, p->g * f->group + r, p->q_row);
    rows->o_stride = half ? f->v : x->o.t;
    rows->stream = f->stream && !half;
}
static void close_output(const struct forward *f, const struct attn_scan_piece *p, int32_t r, const struct attn_scan_rows *rows) {
    const struct attn_exec *x = f->x;
    const int32_t h = p->g * f->group + r;
    if (attn_dtype_is_half(x->o.type)) attn_scan_round(x, &x->o, p->b, h, p->q_row, p->n, rows->e, false, rows->o);
    attn_scan_store_lse(x, p->b, h, p->q_row, rows->lse, p->n);
}

static void emit(const struct forward *f, const struct attn_scan_piece *p, int32_t r, struct attn_scan_rows *rows,
                 const struct attn_scan_sums *own, const struct attn_scan_carry *carry, const struct worker *w) {
    if (!f->x->o.data) {
        f->ops->sum(rows, p->n, own);
    } else {
        open_output(f, p, r, rows, w);
        f->ops->emit(rows, p->n, own, carry);
        close_output(f, p, r, rows);
    }
    rows->k_ahead = rows->v_ahead = 0; /* the other heads of the group find the rows in cache */
}

/* --------------------------------------------------------------------------------------------- one pass */

static void unit_task(void *arg, int64_t unit, int worker) {
    const struct forward *f = arg;
    const struct worker w = worker_at(f, worker);
    char *heads = f->workers + (size_t)(worker + 1) * f->worker - (size_t)f->group * f->head;
    const int64_t b = unit / f->x->shape->kv_heads;
    const int32_t h = (int32_t)(unit % f->x->shape->kv_heads) * f->group;
    struct attn_scan_piece chunk;
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = head_at(f, heads + (size_t)r * f->head);
        open_head(f, b, h + r, &head);
    }
    for (int64_t n = 0; attn_scan_chunk_of(f->x, unit, n, &chunk); n++) {
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = head_at(f, heads + (size_t)r * f->head);
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
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = head_at(f, heads + (size_t)r * f->head);
        attn_scan_end(f->x, b, h + r, &head.carry);
    }
    f->ops->fence();
}

/* ------------------------------------------------------------------------------------------- two passes */

/* Chunks of a unit that a worker has taken. */
struct run {
    int64_t unit, first;
    int worker, side; /* whose slots they have, and which of two */
    bool taken;
};

/* The loop over runs: they are taken in rising order, the same place of all units before the next place, so whoever waits for a run before
 * its own waits for one that is being worked on. */
struct queue {
    const struct forward *f;
    int64_t units, runs; /* runs: of the longest sequence */
    atomic_int_least64_t next;
};

static struct head unit_head(const struct forward *f, int64_t unit, int32_t r) {
    return head_at(f, f->heads + (size_t)(unit * f->group + r) * f->head);
}

static void take(struct queue *queue, struct run *run) {
    const struct forward *f = queue->f;
    struct attn_scan_piece p;
    run->taken = false;
    while (!run->taken) {
        const int64_t n = atomic_fetch_add_explicit(&queue->next, 1, memory_order_relaxed);
        if (n >= queue->units * queue->runs) return;
        run->unit = n % queue->units;
        run->first = n / queue->units * f->run;
        run->taken = attn_scan_chunk_of(f->x, run->unit, run->first, &p);
    }
}

/* False: there is no such chunk. */
static bool chunk_of_run(const struct forward *f, const struct run *run, int64_t n, struct attn_scan_piece *p) {
    if (run->taken && attn_scan_chunk_of(f->x, run->unit, run->first + n, p)) return true;
    p->n = 0;
    return false;
}

static void first_pass(const struct forward *f, const struct attn_scan_piece *chunk, const struct run *run, int64_t n, int64_t first,
                       const struct worker *w) {
    const struct attn_scan_piece p = attn_scan_piece_of(chunk, first, f->piece);
    struct attn_scan_rows rows = open_rows(f, &p, true, w);
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, run->worker, run->side, n, r);
        if (first == 0) clear(f, &slot.own);
        rows.q = unit_head(f, run->unit, r).q;
        rows.s = slot.s + first;
        f->ops->sum(&rows, p.n, &slot.own);
        rows.k_ahead = rows.v_ahead = 0;
    }
}

static void second_pass(const struct forward *f, const struct attn_scan_piece *chunk, const struct run *run, int64_t n, int64_t first,
                        const struct worker *w) {
    const struct attn_scan_piece p = attn_scan_piece_of(chunk, first, f->piece);
    struct attn_scan_rows rows = open_rows(f, &p, false, w);
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, run->worker, run->side, n, r);
        if (first == 0) clear(f, &slot.own);
        rows.s = slot.s + first;
        emit(f, &p, r, &rows, &slot.own, &slot.carry, w);
    }
}

/* Both passes over chunks of as many rows, row by row, so that reading and writing go together: of one head, in floats. */
static void passes_together(const struct forward *f, const struct attn_scan_piece *a, const struct run *before,
                            const struct attn_scan_piece *b, const struct run *now, int64_t n, const struct worker *w) {
    const struct slot emitted = slot_at(f, before->worker, before->side, n, 0), summed = slot_at(f, now->worker, now->side, n, 0);
    struct attn_scan_rows out = open_rows(f, a, false, w), in = open_rows(f, b, true, w);
    clear(f, &emitted.own);
    clear(f, &summed.own);
    out.s = emitted.s;
    in.s = summed.s;
    in.q = unit_head(f, now->unit, 0).q;
    open_output(f, a, 0, &out, w);
    f->ops->sum_and_emit(&in, &summed.own, &out, &emitted.own, &emitted.carry, a->n);
    close_output(f, a, 0, &out);
}

/* The second pass over the run before, whose carries are known, and the first over this one. */
static void both_passes(const struct forward *f, const struct run *before, const struct run *now, const struct worker *w) {
    const bool whole = f->group == 1 && f->piece == ATTN_SCAN_CHUNK, rows = f->x->o.data != NULL;
    for (int64_t n = 0; n < f->run; n++) {
        struct attn_scan_piece a = {0}, b;
        const bool emitted = rows && chunk_of_run(f, before, n, &a), summed = chunk_of_run(f, now, n, &b);
        if (whole && emitted && summed && a.n == b.n) {
            passes_together(f, &a, before, &b, now, n, w);
            continue;
        }
        for (int64_t first = 0; first < ATTN_SCAN_CHUNK; first += f->piece) {
            if (first < a.n) second_pass(f, &a, before, n, first, w);
            if (first < b.n) first_pass(f, &b, now, n, first, w);
        }
    }
}

/* What lies before each chunk of a run whose sums are there, when its turn has come. */
static void resolve(const struct forward *f, const struct run *run) {
    atomic_int_least64_t *turn = &f->turns[run->unit].chunk;
    struct attn_scan_piece p;
    while (atomic_load_explicit(turn, memory_order_acquire) != run->first) attn_parallel_wait();
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = unit_head(f, run->unit, r);
        for (int64_t n = 0; n < f->run && chunk_of_run(f, run, n, &p); n++) {
            const struct slot slot = slot_at(f, run->worker, run->side, n, r);
            memcpy(slot.carry.o, head.carry.o, (size_t)f->v * sizeof *slot.carry.o);
            *slot.carry.m = *head.carry.m;
            *slot.carry.c = *head.carry.c;
            f->ops->join(&slot.own, f->x->shape->v_dim, &head.carry);
        }
    }
    atomic_store_explicit(turn, run->first + f->run, memory_order_release);
}

static void runs_task(void *arg, int64_t index, int worker) {
    struct queue *queue = arg;
    const struct forward *f = queue->f;
    const struct worker w = worker_at(f, worker);
    struct run before = {.worker = worker, .side = 1}, now = {.worker = worker};
    (void)index;
    do {
        take(queue, &now);
        both_passes(f, &before, &now, &w);
        if (now.taken) resolve(f, &now);
        before = now;
        now.side = 1 - now.side;
    } while (before.taken);
    f->ops->fence();
}

static void runs(const struct forward *f, int64_t units, int64_t chunks) {
    const int32_t kv_heads = f->x->shape->kv_heads, group = f->group;
    struct queue queue = {.f = f, .units = units, .runs = attn_div_up(chunks, f->run)};
    atomic_init(&queue.next, 0);
    for (int64_t unit = 0; unit < units; unit++) {
        atomic_init(&f->turns[unit].chunk, 0);
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = unit_head(f, unit, r);
            open_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * group + r, &head);
        }
    }
    attn_parallel(f->x->ctx, f->x->shape->threads, f->x->shape->threads, runs_task, &queue);
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < group; r++) {
            const struct head head = unit_head(f, unit, r);
            attn_scan_end(f->x, unit / kv_heads, (int32_t)(unit % kv_heads) * group + r, &head.carry);
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
    f.stream = attn_scan_streams(tokens * shape->heads * shape->v_dim);
    f.workers = x->workspace;
    f.heads = f.workers + (size_t)shape->threads * f.worker;
    f.turns = (struct turn *)(void *)(f.heads + (size_t)(shape->batch * shape->heads) * f.head);
    if (f.run)
        runs(&f, units, attn_div_up(most, ATTN_SCAN_CHUNK));
    else
        attn_parallel(x->ctx, units, shape->threads, unit_task, &f);
}
