/* The scan forward: one pass over the chunks of a key/value head, or two passes over chunks that workers share; see scan.h. Both compute a
 * chunk by the same calls on the same numbers.
 */
#include "base/parallel.h"
#include "kernel/scan/chunk.h"
#include "kernel/scan/scan.h"

#include <string.h>

enum { STREAM_BYTES = 16 << 20 }; /* an output beyond this would not stay in cache anyway: it is written past it */

struct forward {
    const struct attn_exec *x;
    const struct attn_scan_ops *ops;
    int32_t group;             /* query heads of a key/value head */
    int64_t q, v;              /* padded widths */
    int64_t span;              /* chunks of a unit in flight; 0: one pass */
    int64_t chunks;            /* of the longest sequence */
    int64_t step;              /* the span that the first pass is at */
    size_t worker, head, slot; /* bytes: of a worker, of a head, of a head's chunk in flight */
    char *workers, *heads, *slots;
    bool stream;
};

/* A worker's memory: scalars of the rows, then of each head of a group what a `struct head` points to. */
struct head {
    float *q, *o, *w; /* the query, what lies before the chunk, the chunk's own sum */
    struct attn_scan_carry *carry;
};

static size_t head_bytes(int64_t q, int64_t v) {
    return (size_t)(q + 2 * v) * sizeof(float) + 64;
}

static struct head head_at(const struct forward *f, char *memory) {
    float *at = (float *)memory;
    return (struct head){at, at + f->q, at + f->q + f->v, (struct attn_scan_carry *)(at + f->q + 2 * f->v)};
}

/* A chunk in flight: its scores, its own m and c, and what lies before it. */
struct slot {
    float *s, *w, *o;
    struct attn_scan_carry *own, *carry;
};

static struct slot slot_at(const struct forward *f, int64_t unit, int32_t r, int64_t chunk) {
    const int64_t n = (unit * f->group + r) * 2 * f->span + chunk % (2 * f->span);
    float *at = (float *)(f->slots + (size_t)n * f->slot);
    struct attn_scan_carry *carries = (struct attn_scan_carry *)(at + ATTN_SCAN_CHUNK + 2 * f->v);
    return (struct slot){at, at + ATTN_SCAN_CHUNK, at + ATTN_SCAN_CHUNK + f->v, carries, carries + 1};
}

static struct forward lay_out(const struct attn_shape *p) {
    const struct attn_scan_plan plan = attn_scan_plan_of(p);
    struct forward f = {.group = p->heads / p->kv_heads, .q = attn_scan_pad(p->dim), .v = attn_scan_pad(p->v_dim), .span = plan.span};
    f.head = head_bytes(f.q, f.v);
    f.worker = ATTN_SCAN_ROW_FLOATS * sizeof(float) + (f.span ? 0 : (size_t)f.group * f.head);
    f.slot = (size_t)(ATTN_SCAN_CHUNK + 2 * f.v) * sizeof(float) + 64;
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

static void open_head(const struct forward *f, int64_t b, int32_t h, struct head *head) {
    attn_scan_query(f->x, b, h, head->q);
    *head->carry = attn_scan_begin(f->x, b, h, head->o);
}

static void scores(const struct forward *f, const struct attn_scan_piece *p, const float *q, float *s) {
    f->ops->dots(q, 0, attn_scan_row(&f->x->k, p->b, p->g, p->row), f->x->k.t, p->n, f->x->shape->dim, s);
}

/* O and LSE of a chunk, from its scores, prefix and what lies before it; w becomes the chunk's own sum, carry that of its last row. */
static void finish(const struct forward *f, const struct attn_scan_piece *p, int32_t h, const struct attn_scan_rows *rows,
                   const float *before, struct attn_scan_carry *carry, float *w, const struct attn_scan_ahead *ahead) {
    const struct attn_exec *x = f->x;
    f->ops->join(rows, p->n, carry);
    f->ops->emit(rows, p->n, attn_scan_row(&x->v, p->b, p->g, p->row), x->v.t, x->shape->v_dim, before, w,
                 attn_scan_row_out(&x->o, p->b, h, p->q_row), x->o.t, f->stream, ahead);
    attn_scan_store_lse(x, p->b, h, p->q_row, rows->lse, p->n);
}

static const struct attn_scan_ahead no_rows = {NULL, 0, 0};

/* The chunk's values, which are read after its keys. */
static struct attn_scan_ahead values_of(const struct forward *f, const struct attn_scan_piece *p) {
    return (struct attn_scan_ahead){attn_scan_row(&f->x->v, p->b, p->g, p->row), f->x->v.t, f->x->shape->v_dim};
}

/* The keys of the chunk behind, if it has as many rows as this one, n. */
static struct attn_scan_ahead next_keys(const struct forward *f, int64_t unit, int64_t chunk, int64_t n) {
    struct attn_scan_piece next;
    if (!attn_scan_piece_of(f->x, unit, chunk + 1, &next) || next.n < n) return no_rows;
    return (struct attn_scan_ahead){attn_scan_row(&f->x->k, next.b, next.g, next.row), f->x->k.t, f->x->shape->dim};
}

/* --------------------------------------------------------------------------------------------- one pass */

static void unit_task(void *arg, int64_t unit, int worker) {
    const struct forward *f = arg;
    char *memory = f->workers + (size_t)worker * f->worker, *heads = memory + ATTN_SCAN_ROW_FLOATS * sizeof(float);
    const struct attn_scan_rows rows = attn_scan_rows_in((float *)memory);
    struct attn_scan_piece p;
    for (int64_t chunk = 0; attn_scan_piece_of(f->x, unit, chunk, &p); chunk++)
        for (int32_t r = 0; r < f->group; r++) {
            struct head head = head_at(f, heads + (size_t)r * f->head);
            const int32_t h = p.g * f->group + r;
            if (chunk == 0) open_head(f, p.b, h, &head);
            scores(f, &p, head.q, rows.s);
            const struct attn_scan_ahead values = r == 0 ? values_of(f, &p) : no_rows;
            const struct attn_scan_ahead keys = r == f->group - 1 ? next_keys(f, unit, chunk, p.n) : no_rows;
            attn_scan_prefix(f->ops, &rows, p.n, &values);
            finish(f, &p, h, &rows, head.o, head.carry, head.w, &keys);
            f->ops->carry(rows.before[p.n - 1], rows.own[p.n - 1], head.w, f->x->shape->v_dim, head.o);
        }
}

/* ------------------------------------------------------------------------------------------- two passes */

static struct head unit_head(const struct forward *f, int64_t unit, int32_t r) {
    return head_at(f, f->heads + (size_t)(unit * f->group + r) * f->head);
}

static void first_pass(const struct forward *f, const struct attn_scan_piece *p, int64_t unit, int64_t chunk,
                       const struct attn_scan_rows *memory) {
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, unit, r, chunk);
        struct attn_scan_rows rows = *memory;
        rows.s = slot.s;
        scores(f, p, unit_head(f, unit, r).q, rows.s);
        const struct attn_scan_ahead values = r == 0 ? values_of(f, p) : no_rows;
        attn_scan_prefix(f->ops, &rows, p->n, &values);
        f->ops->sum(&rows, p->n, attn_scan_row(&f->x->v, p->b, p->g, p->row), f->x->v.t, f->x->shape->v_dim, slot.w);
        *slot.own = (struct attn_scan_carry){rows.m[p->n - 1], rows.c[p->n - 1]};
    }
}

static void second_pass(const struct forward *f, const struct attn_scan_piece *p, int64_t unit, int64_t chunk,
                        const struct attn_scan_rows *memory) {
    for (int32_t r = 0; r < f->group; r++) {
        const struct slot slot = slot_at(f, unit, r, chunk);
        struct attn_scan_rows rows = *memory;
        rows.s = slot.s;
        attn_scan_prefix(f->ops, &rows, p->n, &no_rows);
        finish(f, p, p->g * f->group + r, &rows, slot.o, slot.carry, slot.w, &no_rows);
    }
}

/* Even indices: chunks of the span whose carries are known; odd ones: of the next span. So reading and writing go together. */
static void span_task(void *arg, int64_t index, int worker) {
    const struct forward *f = arg;
    const int64_t place = index / 2, unit = place / f->span, chunk = (f->step - 1 + index % 2) * f->span + place % f->span;
    const struct attn_scan_rows rows = attn_scan_rows_in((float *)(f->workers + (size_t)worker * f->worker));
    struct attn_scan_piece p;
    if (chunk < 0 || !attn_scan_piece_of(f->x, unit, chunk, &p)) return;
    if (index % 2)
        first_pass(f, &p, unit, chunk, &rows);
    else
        second_pass(f, &p, unit, chunk, &rows);
}

/* What lies before each chunk of the span that the first pass has just done. */
static void resolve(const struct forward *f, int64_t unit) {
    float scalar[ATTN_SCAN_ROWS][ATTN_SCAN_LANES] __attribute__((aligned(64))) = {{0}};
    const struct attn_scan_rows row = {scalar[0], scalar[1], scalar[2], scalar[3], scalar[4], scalar[5], scalar[6], scalar[7]};
    struct attn_scan_piece p;
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = unit_head(f, unit, r);
        for (int64_t chunk = f->step * f->span; chunk < (f->step + 1) * f->span && attn_scan_piece_of(f->x, unit, chunk, &p); chunk++) {
            const struct slot slot = slot_at(f, unit, r, chunk);
            memcpy(slot.o, head.o, (size_t)f->v * sizeof *head.o);
            *slot.carry = *head.carry;
            row.m[0] = slot.own->m;
            row.c[0] = slot.own->c;
            f->ops->join(&row, 1, head.carry);
            f->ops->carry(row.before[0], row.own[0], slot.w, f->x->shape->v_dim, head.o);
        }
    }
}

static void spans(struct forward *f, int64_t units) {
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            struct head head = unit_head(f, unit, r);
            const int32_t g = (int32_t)(unit % f->x->shape->kv_heads);
            open_head(f, unit / f->x->shape->kv_heads, g * f->group + r, &head);
        }
    for (f->step = 0; f->step <= attn_div_up(f->chunks, f->span); f->step++) {
        attn_parallel(f->x->ctx, 2 * units * f->span, f->x->shape->threads, span_task, f);
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
    f.stream = (double)tokens * shape->heads * shape->v_dim * sizeof(float) > STREAM_BYTES;
    f.workers = x->workspace;
    f.heads = f.workers + (size_t)shape->threads * f.worker;
    f.slots = f.heads + (size_t)(shape->batch * shape->heads) * f.head;
    if (f.span)
        spans(&f, units);
    else
        attn_parallel(x->ctx, units, shape->threads, unit_task, &f);
}
