/* Who computes which chunk of the scan's backward pass, and the sums that cross chunks and sequences. Units, spans and slots are those of
 * forward, the last chunk first.
 */
#include "base/parallel.h"
#include "kernel/scan/backward_parts.h"

#include <string.h>

enum { PARTS = 64 };

static struct attn_scan_back_head head_at(const struct attn_scan_back *f, char *memory) {
    float *at = (float *)(memory + (size_t)f->q * sizeof(double));
    double *sum = (double *)memory;
    return (struct attn_scan_back_head){
        at, at + f->q, at + f->q + f->v, at + f->q + 2 * f->v, (struct attn_scan_right *)(at + 2 * f->q + 2 * f->v), sum};
}

static struct attn_scan_back_slot slot_at(const struct attn_scan_back *f, int64_t unit, int32_t r, int64_t chunk) {
    const int64_t n = (unit * f->group + r) * 2 * f->span + chunk % (2 * f->span);
    float *at = (float *)(f->slots + (size_t)n * f->slot);
    struct attn_scan_right *right = (struct attn_scan_right *)(at + 2 * f->v + f->q);
    return (struct attn_scan_back_slot){at, at + f->v, at + 2 * f->v, right, right + 1};
}

static struct attn_scan_back lay_out(const struct attn_shape *p) {
    const struct attn_scan_plan plan = attn_scan_plan_of(p);
    struct attn_scan_back f = {
        .group = p->heads / p->kv_heads, .q = attn_scan_pad(p->dim), .v = attn_scan_pad(p->v_dim), .span = plan.span};
    f.part = attn_max64(1, attn_div_up(p->batch, PARTS));
    f.head = (size_t)f.q * sizeof(double) + (size_t)(2 * f.q + 2 * f.v) * sizeof(float) + 64;
    f.worker = ATTN_SCAN_ROW_FLOATS * sizeof(float) + (f.span ? 0 : (size_t)f.group * f.head);
    f.slot = (size_t)(2 * f.v + f.q) * sizeof(float) + 64;
    return f;
}

static size_t sums_bytes(const struct attn_scan_back *f, const struct attn_shape *p) {
    return attn_round64((size_t)(attn_div_up(p->batch, f->part) * p->heads * p->dim) * sizeof(double));
}

size_t attn_scan_backward_workspace(const struct attn_shape *shape) {
    const struct attn_scan_back f = lay_out(shape);
    size_t total = sums_bytes(&f, shape), head = f.head;
    attn_scan_add_bytes(&total, shape->threads, f.worker);
    attn_scan_add_bytes(&head, 2 * f.span, f.slot);
    if (f.span) attn_scan_add_bytes(&total, shape->batch * shape->heads, head);
    return total;
}

static void open_head(const struct attn_scan_back *f, int64_t b, int32_t h, const struct attn_scan_back_head *head) {
    attn_scan_query(f->x, b, h, head->q);
    memset(head->g, 0, (size_t)f->v * sizeof *head->g);
    memset(head->w, 0, (size_t)f->v * sizeof *head->w);
    memset(head->sum, 0, (size_t)f->q * sizeof *head->sum);
    *head->right = (struct attn_scan_right){INFINITY, 0.0f};
}

static void add_share(const struct attn_scan_back *f, const float *dq, const struct attn_scan_back_head *head) {
    for (int32_t c = 0; c < f->x->shape->dim; c++) head->sum[c] += (double)dq[c];
}

/* Gradients of the state: it is a key before all rows, whose weight in row k is exp(state_lse - l_k). */
static void add_state(const struct attn_scan_back *f, int64_t b, int32_t h, const struct attn_scan_back_head *head) {
    const struct attn_exec *x = f->x;
    const float lse = x->state_lse.data ? *attn_scan_row(&x->state_lse, b, h, 0) : -INFINITY;
    if (lse == -INFINITY || head->right->lse == INFINITY) return; /* no state, or no row */
    const float p = expf(lse - head->right->lse), *o = attn_scan_row(&x->state_o, b, h, 0);
    float dot = 0.0f;
    for (int32_t c = 0; c < x->shape->v_dim; c++) dot += head->g[c] * o[c];
    if (x->dstate_lse.data) *attn_scan_row_out(&x->dstate_lse, b, h, 0) += p * (dot - head->right->d);
    for (int32_t c = 0; x->dstate_o.data && c < x->shape->v_dim; c++) attn_scan_row_out(&x->dstate_o, b, h, 0)[c] += p * head->g[c];
}

/* A sequence is done: its dq goes to the caller's array, or to the part's sum. */
static void close_head(const struct attn_scan_back *f, int64_t b, int32_t h, const struct attn_scan_back_head *head) {
    const struct attn_exec *x = f->x;
    const int64_t dim = x->shape->dim;
    double *to = f->sums + (b / f->part * x->shape->heads + h) * dim;
    for (int64_t c = 0; c < dim; c++)
        if (x->dq.b)
            attn_scan_row_out(&x->dq, b, h, 0)[c] += (float)(x->shape->scale * head->sum[c]);
        else
            to[c] = b % f->part == 0 ? head->sum[c] : to[c] + head->sum[c];
    add_state(f, b, h, head);
}

/* --------------------------------------------------------------------------------------------- one pass */

static int64_t chunks_of(const struct attn_scan_back *f, int64_t b) {
    return attn_div_up(attn_exec_seq(f->x, b).q_len, ATTN_SCAN_CHUNK);
}

static void one_unit(const struct attn_scan_back *f, int64_t b, int32_t g, char *memory) {
    char *heads = memory + ATTN_SCAN_ROW_FLOATS * sizeof(float);
    for (int32_t r = 0; r < f->group; r++) {
        const struct attn_scan_back_head head = head_at(f, heads + (size_t)r * f->head);
        open_head(f, b, g * f->group + r, &head);
    }
    for (int64_t chunk = chunks_of(f, b) - 1; chunk >= 0; chunk--)
        for (int32_t r = 0; r < f->group; r++) {
            const struct attn_scan_back_head head = head_at(f, heads + (size_t)r * f->head);
            struct attn_scan_piece p;
            attn_scan_piece_of(f->x, b * f->x->shape->kv_heads + g, chunk, &p);
            attn_scan_back_chunk(f, &p, r, &head, (float *)memory);
            add_share(f, head.dq, &head);
        }
    for (int32_t r = 0; r < f->group; r++) {
        const struct attn_scan_back_head head = head_at(f, heads + (size_t)r * f->head);
        close_head(f, b, g * f->group + r, &head);
    }
}

/* All sequences of a part, one key/value head. */
static void part_task(void *arg, int64_t index, int worker) {
    const struct attn_scan_back *f = arg;
    const int64_t part = index / f->x->shape->kv_heads, end = attn_min64((part + 1) * f->part, f->x->batch);
    for (int64_t b = part * f->part; b < end; b++)
        one_unit(f, b, (int32_t)(index % f->x->shape->kv_heads), f->workers + (size_t)worker * f->worker);
}

/* ------------------------------------------------------------------------------------------- two passes */

static struct attn_scan_back_head unit_head(const struct attn_scan_back *f, int64_t unit, int32_t r) {
    return head_at(f, f->heads + (size_t)(unit * f->group + r) * f->head);
}

/* Spans are counted from the right: the first one ends with the last chunk of the longest sequence. */
static int64_t chunk_of(const struct attn_scan_back *f, int64_t step, int64_t place) {
    return f->chunks - 1 - (step * f->span + place);
}

static void span_task(void *arg, int64_t index, int worker) {
    const struct attn_scan_back *f = arg;
    const int64_t place = index / 2, unit = place / f->span, step = f->step - 1 + index % 2;
    const int64_t chunk = chunk_of(f, step, place % f->span);
    float *memory = (float *)(f->workers + (size_t)worker * f->worker);
    struct attn_scan_piece p;
    if (step < 0 || chunk < 0 || !attn_scan_piece_of(f->x, unit, chunk, &p)) return;
    for (int32_t r = 0; r < f->group; r++) {
        const struct attn_scan_back_slot slot = slot_at(f, unit, r, chunk);
        const struct attn_scan_back_head head = unit_head(f, unit, r);
        if (index % 2)
            attn_scan_back_first_pass(f, &p, r, &slot, memory);
        else
            attn_scan_back_second_pass(f, &p, r, &head, &slot, memory);
    }
}

/* After a step: the shares of dq of the span whose gradients are done, then what lies to the right of each chunk of the span whose sums
 * are. */
static void resolve(const struct attn_scan_back *f, int64_t unit, int32_t r) {
    const struct attn_scan_back_head head = unit_head(f, unit, r);
    struct attn_scan_piece p;
    for (int64_t place = -f->span; place < f->span; place++) {
        const int64_t chunk = chunk_of(f, f->step, place);
        if (chunk < 0 || chunk >= f->chunks || !attn_scan_piece_of(f->x, unit, chunk, &p)) continue;
        const struct attn_scan_back_slot slot = slot_at(f, unit, r, chunk);
        if (place < 0) {
            add_share(f, slot.dq, &head);
        } else {
            memcpy(slot.g, head.g, (size_t)f->v * sizeof *head.g);
            *slot.right = *head.right;
            attn_scan_back_carry(f, slot.own, slot.w, head.right, head.g);
        }
    }
}

static void spans(struct attn_scan_back *f, int64_t units) {
    const int32_t kv_heads = f->x->shape->kv_heads;
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            const struct attn_scan_back_head head = unit_head(f, unit, r);
            open_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * f->group + r, &head);
        }
    for (int64_t n = 0; n < 2 * f->span * units * f->group; n++) memset(f->slots + (size_t)n * f->slot, 0, f->slot);
    for (f->step = 0; f->step <= attn_div_up(f->chunks, f->span); f->step++) {
        attn_parallel(f->x->ctx, 2 * units * f->span, f->x->shape->threads, span_task, f);
        for (int64_t unit = 0; unit < units; unit++)
            for (int32_t r = 0; r < f->group; r++) resolve(f, unit, r);
    }
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            const struct attn_scan_back_head head = unit_head(f, unit, r);
            close_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * f->group + r, &head);
        }
}

/* dq of all sequences. */
static void add_parts(const struct attn_scan_back *f) {
    const struct attn_exec *x = f->x;
    const int64_t parts = attn_div_up(x->batch, f->part), dim = x->shape->dim;
    for (int64_t n = 0; n < x->shape->heads * dim && parts > 0; n++) {
        double total = 0.0;
        for (int64_t part = 0; part < parts; part++) total += f->sums[part * x->shape->heads * dim + n];
        attn_scan_row_out(&x->dq, 0, n / dim, 0)[n % dim] += (float)(x->shape->scale * total);
    }
}

void attn_scan_backward(const struct attn_exec *x, const struct attn_scan_ops *ops) {
    const struct attn_shape *shape = x->shape;
    struct attn_scan_back f = lay_out(shape);
    f.x = x;
    f.ops = ops;
    for (int64_t b = 0; b < x->batch; b++) f.chunks = attn_max64(f.chunks, chunks_of(&f, b));
    f.sums = x->workspace;
    f.workers = (char *)x->workspace + sums_bytes(&f, shape);
    f.heads = f.workers + (size_t)shape->threads * f.worker;
    f.slots = f.heads + (size_t)(shape->batch * shape->heads) * f.head;
    if (f.span)
        spans(&f, x->batch * shape->kv_heads);
    else
        attn_parallel(x->ctx, attn_div_up(x->batch, f.part) * shape->kv_heads, shape->threads, part_task, &f);
    if (!x->dq.b) add_parts(&f);
}
