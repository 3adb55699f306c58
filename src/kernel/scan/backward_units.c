/* Who computes which chunk of the scan's backward pass, and the sums that cross chunks and sequences. Units, spans and slots are those of
 * forward, the last chunk first.
 */
#include "base/parallel.h"
#include "kernel/convert/convert.h"
#include "kernel/flash/common.h"
#include "kernel/scan/backward_parts.h"

#include <string.h>

enum { PARTS = 64 };

/* A head's memory: dq of the sequence, the query, a state. */
struct head {
    double *sum;
    float *q;
    struct attn_scan_back_state state;
};

static struct head head_at(const struct attn_scan_back *f, char *memory) {
    float *q = (float *)(memory + (size_t)f->q * sizeof(double));
    return (struct head){(double *)memory, q, attn_scan_back_state_at(f, q, q + f->q)};
}

/* The heads of a group, `step` bytes apart, the states of which lie at `state`, state_step bytes apart. */
static struct attn_scan_back_group group_of(const struct attn_scan_back *f, char *heads, size_t step, char *state, size_t state_step) {
    return (struct attn_scan_back_group){(float *)(heads + (size_t)f->q * sizeof(double)), (float *)state, (int64_t)(step / sizeof(float)),
                                         (int64_t)(state_step / sizeof(float))};
}

static char *slot_at(const struct attn_scan_back *f, int64_t unit, int32_t r, int64_t chunk) {
    return f->slots + (size_t)((unit * f->group + r) * 2 * f->span + chunk % (2 * f->span)) * f->slot;
}

static struct attn_scan_back lay_out(const struct attn_shape *p) {
    const struct attn_scan_plan plan = attn_scan_plan_of(p);
    struct attn_scan_back f = {.group = p->heads / p->kv_heads,
                               .q = attn_scan_pad(p->dim),
                               .v = attn_scan_pad(p->v_dim),
                               .piece = attn_scan_piece_rows(p),
                               .span = plan.span,
                               .shares = plan.shares};
    f.part = attn_max64(1, attn_div_up(p->batch, PARTS));
    f.slot = (size_t)attn_scan_back_state_floats(&f) * sizeof(float);
    f.head = (size_t)f.q * (sizeof(double) + sizeof(float)) + f.slot;
    f.worker = (size_t)attn_scan_back_worker_floats(&f, p) * sizeof(float) + (f.span ? 0 : (size_t)f.group * f.head);
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

/* More gradient of the last row is as if a row of the same l stood behind it. */
static void open_right(const struct attn_exec *x, int64_t b, int32_t h, const struct attn_scan_right *right) {
    const struct attn_seq s = attn_exec_seq(x, b);
    const int64_t last = s.q_row + s.q_len - 1, at = b * x->o.b + h * x->o.h + last * x->o.t;
    const float lse = s.q_len ? *attn_scan_row_out(&x->lse, b, h, last) : -INFINITY;
    if (lse == -INFINITY) return;
    *right->lse = lse;
    if (x->d_last_lse.data) *right->d = -*attn_scan_row(&x->d_last_lse, b, h, 0);
    if (!x->d_last_o.data) return;
    attn_flash_read_rows(x->convert, right->g, attn_scan_pad(x->shape->v_dim), &x->d_last_o, b * x->d_last_o.b + h * x->d_last_o.h, 1,
                         x->shape->v_dim);
    for (int32_t c = 0; c < x->shape->v_dim; c++) *right->d += right->g[c] * attn_element_f32(x->o.type, x->o.data, at + c);
}

static void open_head(const struct attn_scan_back *f, int64_t b, int32_t h, const struct head *head) {
    const struct attn_scan_right *right = &head->state.right;
    attn_scan_query(f->x, b, h, head->q);
    memset(head->sum, 0, (size_t)f->q * sizeof *head->sum);
    memset(right->g, 0, (size_t)f->v * sizeof *right->g);
    *right->lse = INFINITY;
    *right->d = 0.0f;
    if (f->x->d_last_o.data || f->x->d_last_lse.data) open_right(f->x, b, h, right);
}

static void add_share(const struct attn_scan_back *f, const float *dq, const struct head *head) {
    for (int32_t c = 0; c < f->x->shape->dim; c++) head->sum[c] += (double)dq[c];
}

/* Gradients of the state: it is a key before all rows, whose weight in row k is exp(state_lse - l_k). */
static void add_state(const struct attn_scan_back *f, int64_t b, int32_t h, const struct attn_scan_right *right) {
    const struct attn_exec *x = f->x;
    const float lse = x->state_lse.data ? *attn_scan_row(&x->state_lse, b, h, 0) : -INFINITY;
    if (lse == -INFINITY || *right->lse == INFINITY) return; /* no state, or no row */
    const float p = expf(lse - *right->lse);
    const int64_t at = b * x->state_o.b + h * x->state_o.h;
    float dot = 0.0f;
    for (int32_t c = 0; c < x->shape->v_dim; c++) dot += right->g[c] * attn_element_f32(x->state_o.type, x->state_o.data, at + c);
    if (x->dstate_lse.data) *attn_scan_row_out(&x->dstate_lse, b, h, 0) += p * (dot - *right->d);
    if (!x->dstate_o.data) return;
    for (int32_t c = 0; c < x->shape->v_dim; c++) right->g[c] *= p; /* nothing lies before the sequence that would need it */
    attn_flash_write_rows(x->convert, &x->dstate_o, b * x->dstate_o.b + h * x->dstate_o.h, right->g, f->v, 1, x->shape->v_dim, true);
}

/* dq += scale sum. `row` has room for it. */
static void add_query(const struct attn_exec *x, int64_t b, int32_t h, const double *sum, float *row) {
    const int64_t dim = x->shape->dim;
    for (int64_t c = 0; c < dim; c++) row[c] = (float)(x->shape->scale * sum[c]);
    attn_flash_write_rows(x->convert, &x->dq, b * x->dq.b + h * x->dq.h, row, dim, 1, dim, true);
}

/* A sequence is done: its dq goes to the caller's array, or to the part's sum. */
static void close_head(const struct attn_scan_back *f, int64_t b, int32_t h, const struct head *head) {
    const struct attn_exec *x = f->x;
    const int64_t dim = x->shape->dim;
    double *to = f->sums + (b / f->part * x->shape->heads + h) * dim;
    if (x->dq.b)
        add_query(x, b, h, head->sum, head->q);
    else
        for (int64_t c = 0; c < dim; c++) to[c] = b % f->part == 0 ? head->sum[c] : to[c] + head->sum[c];
    add_state(f, b, h, &head->state.right);
}

/* The first row of the last piece of n rows. */
static int64_t last_piece(const struct attn_scan_back *f, int64_t n) {
    return (n - 1) / f->piece * f->piece;
}

/* --------------------------------------------------------------------------------------------- one pass */

static int64_t chunks_of(const struct attn_scan_back *f, int64_t b) {
    return attn_div_up(attn_exec_seq(f->x, b).q_len, ATTN_SCAN_CHUNK);
}

static void one_unit(const struct attn_scan_back *f, int64_t b, int32_t g, float *memory, char *heads) {
    const size_t state = (size_t)f->q * (sizeof(double) + sizeof(float));
    const struct attn_scan_back_group group = group_of(f, heads, f->head, heads + state, f->head);
    struct attn_scan_piece chunk;
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = head_at(f, heads + (size_t)r * f->head);
        open_head(f, b, g * f->group + r, &head);
    }
    for (int64_t n = chunks_of(f, b) - 1; n >= 0; n--) {
        attn_scan_chunk_of(f->x, b * f->x->shape->kv_heads + g, n, &chunk);
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = head_at(f, heads + (size_t)r * f->head);
            attn_scan_back_clear(f, &head.state);
        }
        for (int64_t first = last_piece(f, chunk.n); first >= 0; first -= f->piece) {
            const struct attn_scan_piece p = attn_scan_piece_of(&chunk, first, f->piece);
            attn_scan_back_second_pass(f, &p, &group, memory);
        }
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = head_at(f, heads + (size_t)r * f->head);
            add_share(f, head.state.dq, &head);
            f->ops->back_join(&head.state.own, f->x->shape->v_dim, &head.state.right);
        }
    }
    for (int32_t r = 0; r < f->group; r++) {
        const struct head head = head_at(f, heads + (size_t)r * f->head);
        close_head(f, b, g * f->group + r, &head);
    }
}

/* All sequences of a part, one key/value head. */
static void part_task(void *arg, int64_t index, int worker) {
    const struct attn_scan_back *f = arg;
    const int64_t part = index / f->x->shape->kv_heads, end = attn_min64((part + 1) * f->part, f->x->batch);
    char *memory = f->workers + (size_t)worker * f->worker, *heads = memory + f->worker - (size_t)f->group * f->head;
    for (int64_t b = part * f->part; b < end; b++) one_unit(f, b, (int32_t)(index % f->x->shape->kv_heads), (float *)memory, heads);
    f->ops->fence();
}

/* ------------------------------------------------------------------------------------------- two passes */

static char *unit_heads(const struct attn_scan_back *f, int64_t unit) {
    return f->heads + (size_t)(unit * f->group) * f->head;
}

static struct head unit_head(const struct attn_scan_back *f, int64_t unit, int32_t r) {
    return head_at(f, unit_heads(f, unit) + (size_t)r * f->head);
}

static struct attn_scan_back_group slots_of(const struct attn_scan_back *f, int64_t unit, int64_t chunk) {
    return group_of(f, unit_heads(f, unit), f->head, slot_at(f, unit, 0, chunk), (size_t)(2 * f->span) * f->slot);
}

/* Spans are counted from the right: the first one ends with the last chunk of the longest sequence. */
static int64_t chunk_of(const struct attn_scan_back *f, int64_t step, int64_t place) {
    return f->chunks - 1 - (step * f->span + place);
}

/* The chunk at a place of a span; n = 0 where there is none. Its own sums are begun. */
static struct attn_scan_piece open_chunk(const struct attn_scan_back *f, int64_t unit, int64_t step, int64_t chunk) {
    struct attn_scan_piece p = {0};
    if (step < 0 || chunk < 0 || !attn_scan_chunk_of(f->x, unit, chunk, &p)) return (struct attn_scan_piece){0};
    const struct attn_scan_back_group group = slots_of(f, unit, chunk);
    for (int32_t r = 0; r < f->group; r++) {
        const struct attn_scan_back_state state = attn_scan_back_head(f, &group, r);
        attn_scan_back_clear(f, &state);
    }
    return p;
}

/* A share of the places of a span, as forward's. */
static void share_task(void *arg, int64_t share, int worker) {
    const struct attn_scan_back *f = arg;
    const int64_t places = f->x->batch * f->x->shape->kv_heads * f->span;
    float *memory = (float *)(f->workers + (size_t)worker * f->worker);
    for (int64_t n = share * places / f->shares; n < (share + 1) * places / f->shares; n++) {
        const int64_t unit = n / f->span, now = chunk_of(f, f->step, n % f->span), before = now + f->span;
        const struct attn_scan_piece a = open_chunk(f, unit, f->step - 1, before), b = open_chunk(f, unit, f->step, now);
        const struct attn_scan_back_group group_a = slots_of(f, unit, attn_max64(before, 0)),
                                          group_b = slots_of(f, unit, attn_max64(now, 0));
        for (int64_t first = last_piece(f, ATTN_SCAN_CHUNK); first >= 0; first -= f->piece) {
            const struct attn_scan_piece piece_a = attn_scan_piece_of(&a, first, f->piece);
            const struct attn_scan_piece piece_b = attn_scan_piece_of(&b, first, f->piece);
            if (first < a.n) attn_scan_back_second_pass(f, &piece_a, &group_a, memory);
            if (first < b.n) attn_scan_back_first_pass(f, &piece_b, &group_b, memory);
        }
    }
    f->ops->fence();
}

/* After a step: the shares of dq of the span whose gradients are done, then what lies to the right of each chunk of the span whose sums
 * are. */
static void resolve(const struct attn_scan_back *f, int64_t unit, int32_t r) {
    const struct head head = unit_head(f, unit, r);
    struct attn_scan_piece p;
    for (int64_t place = -f->span; place < f->span; place++) {
        const int64_t chunk = chunk_of(f, f->step, place);
        if (chunk < 0 || chunk >= f->chunks || !attn_scan_chunk_of(f->x, unit, chunk, &p)) continue;
        const struct attn_scan_back_state slot = attn_scan_back_state_at(f, head.q, (float *)slot_at(f, unit, r, chunk));
        if (place < 0) {
            add_share(f, slot.dq, &head);
        } else {
            memcpy(slot.right.g, head.state.right.g, (size_t)f->v * sizeof *slot.right.g);
            *slot.right.lse = *head.state.right.lse;
            *slot.right.d = *head.state.right.d;
            f->ops->back_join(&slot.own, f->x->shape->v_dim, &head.state.right);
        }
    }
}

static void spans(struct attn_scan_back *f, int64_t units) {
    const int32_t kv_heads = f->x->shape->kv_heads;
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = unit_head(f, unit, r);
            open_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * f->group + r, &head);
        }
    for (f->step = 0; f->step <= attn_div_up(f->chunks, f->span); f->step++) {
        attn_parallel(f->x->ctx, f->shares, f->x->shape->threads, share_task, f);
        for (int64_t unit = 0; unit < units; unit++)
            for (int32_t r = 0; r < f->group; r++) resolve(f, unit, r);
    }
    for (int64_t unit = 0; unit < units; unit++)
        for (int32_t r = 0; r < f->group; r++) {
            const struct head head = unit_head(f, unit, r);
            close_head(f, unit / kv_heads, (int32_t)(unit % kv_heads) * f->group + r, &head);
        }
}

/* dq of all sequences. */
static void add_parts(const struct attn_scan_back *f) {
    const struct attn_exec *x = f->x;
    const int64_t parts = attn_div_up(x->batch, f->part), dim = x->shape->dim, step = x->shape->heads * dim;
    for (int64_t n = 0; n < step; n++)
        for (int64_t part = 1; part < parts; part++) f->sums[n] += f->sums[part * step + n];
    for (int32_t h = 0; h < x->shape->heads && parts > 0; h++) add_query(x, 0, h, f->sums + h * dim, (float *)f->workers);
}

void attn_scan_backward(const struct attn_exec *x, const struct attn_scan_ops *ops) {
    const struct attn_shape *shape = x->shape;
    struct attn_scan_back f = lay_out(shape);
    const bool add = x->accumulate & (ATTN_ACCUMULATE_DK | ATTN_ACCUMULATE_DV);
    int64_t tokens = 0;
    f.x = x;
    f.ops = ops;
    for (int64_t b = 0; b < x->batch; b++) {
        f.chunks = attn_max64(f.chunks, chunks_of(&f, b));
        tokens += attn_exec_seq(x, b).q_len;
    }
    f.stream = f.group == 1 && !add && attn_scan_streams(tokens * shape->kv_heads * (shape->dim + shape->v_dim));
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
