/* How a backward execution is cut into units, and the passes around them.
 *
 * The unit is (batch group, head group, chunk of key tiles). dK and dV belong to one unit; dQ is summed in the order of the keys,
 * straight into the caller's array if there is one chunk, else in one buffer for each chunk, which are added in order at the end.
 * Gradients of 16 bits are summed in floats: dQ of one head if there is one chunk, dK and dV of one kv head if several query heads share
 * it, for each worker, of which there are no more than units. The number of chunks depends on the shape alone, their borders on the
 * mask's area: no result depends on threads.
 */
#include "kernel/flash/backward_tile.h"
#include "kernel/flash/common.h"

#include "base/parallel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { UNITS_WANTED = 8, CHUNK_TILES = 2, ROWS_OF_A_TASK = 1024 };
static const size_t chunk_bytes_limit = (size_t)256 << 20;

_Static_assert(UNITS_WANTED <= 32, "the chunks of a row are bits of a word");

static int64_t round_up(int64_t n, int64_t multiple) {
    return attn_div_up(n, multiple) * multiple;
}

static void layout_groups(struct attn_backward_layout *l, const struct attn_shape *shape) {
    const bool bias_grad = shape->features & ATTN_BIAS_GRAD;
    l->batch_groups = bias_grad && (shape->bias_broadcast & ATTN_SHARE_BATCH) ? 1 : shape->batch;
    l->head_groups = bias_grad && (shape->bias_broadcast & ATTN_SHARE_HEAD) ? 1 : shape->kv_heads;
    l->together = l->batch_groups < shape->batch || l->head_groups < shape->kv_heads;
    l->chunks = 1;
    const int64_t groups = attn_max64(l->batch_groups * l->head_groups, 1);
    if (groups >= UNITS_WANTED || (bias_grad && (shape->bias_broadcast & ATTN_SHARE_KEY))) return;
    const int64_t key_tiles = attn_div_up(shape->kv_len, ATTN_BACKWARD_KEYS);
    const size_t chunk_bytes = (size_t)(shape->heads * l->rows * l->d_pad) * sizeof(float);
    const int64_t affordable = (int64_t)(chunk_bytes_limit / (chunk_bytes + 1));
    const int64_t chunks = attn_min64(attn_min64(attn_div_up(UNITS_WANTED, groups), key_tiles / CHUNK_TILES), affordable);
    l->chunks = attn_max64(chunks, 1);
}

void attn_backward_layout_init(struct attn_backward_layout *l, const struct attn_shape *shape) {
    *l =
        (struct attn_backward_layout){.d_pad = (int)round_up(shape->dim, ATTN_DIM_PAD), .e_pad = (int)round_up(shape->v_dim, ATTN_DIM_PAD)};
    l->general = isfinite(shape->softcap) || (shape->features & (ATTN_ALIBI | ATTN_BIAS | ATTN_DROPOUT));
    l->rows = shape->packed ? shape->q_tokens : shape->batch * shape->q_len;
    layout_groups(l, shape);
    const bool half = attn_dtype_is_half(shape->grad_dtype);
    l->dq_apart = half && l->chunks == 1;
    l->dkv_apart = half && shape->heads > shape->kv_heads;
    l->worker_count = (int)attn_max64(attn_min64(shape->threads, l->batch_groups * l->head_groups * l->chunks), 1);
    const size_t heads = (size_t)shape->heads, rows = heads * (size_t)l->rows;
    l->order = attn_flash_take(&l->bytes, (size_t)(l->batch_groups * l->head_groups * l->chunks) * sizeof(int32_t));
    l->chunk =
        attn_flash_take(&l->bytes, l->chunks > 1 ? (size_t)(l->batch_groups * l->head_groups * l->chunks) * sizeof(struct attn_chunk) : 0);
    l->delta = attn_flash_take(&l->bytes, rows * sizeof(float));
    l->touched = attn_flash_take(&l->bytes, (size_t)l->chunks * rows);
    l->dalibi = attn_flash_take(&l->bytes, shape->features & ATTN_ALIBI ? (size_t)(shape->batch * l->chunks) * heads * sizeof(double) : 0);
    l->dsink = attn_flash_take(&l->bytes, shape->features & ATTN_SINK ? (size_t)shape->batch * heads * sizeof(double) : 0);
    l->dq = attn_flash_take(&l->bytes, l->chunks > 1 ? (size_t)l->chunks * rows * (size_t)l->d_pad * sizeof(float) : 0);
    struct attn_backward_worker none;
    l->worker_bytes = attn_backward_worker_init(&none, shape, l, NULL);
    l->workers = attn_flash_take(&l->bytes, l->worker_bytes * (size_t)l->worker_count);
}

size_t attn_backward_worker_init(struct attn_backward_worker *w, const struct attn_shape *shape, const struct attn_backward_layout *l,
                                 char *memory) {
    const size_t d = (size_t)l->d_pad, e = (size_t)l->e_pad, keys = ATTN_BACKWARD_KEYS, queries = ATTN_BACKWARD_QUERIES;
    const size_t summed = l->dkv_apart ? (size_t)shape->kv_len : keys;
    const struct {
        float **at;
        size_t count;
    } parts[] = {
        {&w->kt, keys * (size_t)shape->dim},
        {&w->vt, keys * (size_t)shape->v_dim},
        {&w->k_rows, keys * d},
        {&w->dk, summed * d},
        {&w->dv, summed * e},
        {&w->dq_sums, l->dq_apart ? (size_t)shape->q_len * d : 0},
        {&w->p, queries * ATTN_TILE_STRIDE},
        {&w->ds, queries * ATTN_TILE_STRIDE},
        {&w->q_rows, queries * d},
        {&w->do_rows, queries * e},
        {&w->dq_rows, queries * d},
        {&w->start_p, queries},
        {&w->start_rest, queries},
        {&w->start_ds, queries},
    };
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const size_t at = attn_flash_take(&bytes, parts[i].count * sizeof(float));
        *parts[i].at = memory ? (float *)(void *)(memory + at) : NULL;
    }
    const size_t at = attn_flash_take(&bytes, ATTN_TILE_PANELS * queries * sizeof(uint32_t));
    w->words = memory ? (uint32_t *)(void *)(memory + at) : NULL;
    return bytes;
}

size_t attn_flash_backward_workspace(const struct attn_shape *shape) {
    struct attn_backward_layout l;
    attn_backward_layout_init(&l, shape);
    return l.bytes;
}

/* ---- before: delta, and no row touched yet ---- */

static int64_t blocks_of_rows(const struct attn_exec *x) {
    const int64_t rows = x->shape->packed ? (x->batch ? x->cu_q[x->batch] : 0) : x->q_len;
    return attn_div_up(rows, ROWS_OF_A_TASK);
}

static void prepare_rows(void *arg, int64_t index, int worker) {
    const struct attn_backward *s = arg;
    const struct attn_exec *x = s->x;
    (void)worker;
    const int64_t blocks = blocks_of_rows(x), heads = x->shape->heads;
    assert(blocks > 0);
    const int64_t block = index % blocks;
    const int32_t h = (int32_t)(index / blocks % heads);
    const int64_t b = index / blocks / heads;
    int64_t begin = block * ROWS_OF_A_TASK, end = begin + ROWS_OF_A_TASK, base = 0, row = 0;
    if (x->shape->packed) {
        end = attn_min64(end, x->cu_q[x->batch]);
    } else {
        const struct attn_seq seq = attn_exec_seq(x, b);
        end = attn_min64(end, seq.q_len);
        base = b * x->shape->q_len;
        row = seq.q_row;
    }
    if (begin < end) attn_backward_row_dots(x, b, h, row + begin, (int)(end - begin), s->delta + h * s->l.rows + base + begin);
}

/* ---- after: chunks of dQ are added in order ---- */

/* Bit c: chunk c touched the row. */
static uint32_t chunks_of_row(const struct attn_backward *s, int32_t h, int64_t row) {
    uint32_t bits = 0;
    for (int64_t c = 0; c < s->l.chunks; c++) bits |= (uint32_t)s->touched[(c * s->x->shape->heads + h) * s->l.rows + row] << c;
    return bits;
}

/* n rows that the same chunks touched: summed in the first one's buffer, then written to element `to` of dQ. */
static void reduce_stretch(const struct attn_backward *s, int32_t h, int64_t row, int64_t n, uint32_t chunks, int64_t to) {
    const struct attn_exec *x = s->x;
    const int64_t pad = s->l.d_pad, plane = x->shape->heads * s->l.rows * pad;
    const bool add = x->accumulate & ATTN_ACCUMULATE_DQ;
    float *first = s->dq + (h * s->l.rows + row) * pad;
    if (!chunks && add) return;
    if (!chunks) memset(first, 0, (size_t)(n * pad) * sizeof *first);
    for (; chunks && !(chunks & 1u); chunks >>= 1) first += plane;
    const float *part = first;
    while (chunks >>= 1) {
        part += plane;
        for (int64_t i = 0; (chunks & 1u) && i < n * pad; i++) first[i] += part[i];
    }
    attn_flash_write_rows(x->convert, &x->dq, to, first, pad, n, x->shape->dim, add);
}

static int64_t blocks_of_sequence(const struct attn_exec *x) {
    return attn_div_up(x->shape->packed ? x->shape->q_len : x->q_len, ROWS_OF_A_TASK);
}

static void reduce_rows(void *arg, int64_t index, int worker) {
    const struct attn_backward *s = arg;
    const struct attn_exec *x = s->x;
    (void)worker;
    const int64_t blocks = blocks_of_sequence(x), block = index % blocks, b = index / blocks / x->shape->heads;
    const int32_t h = (int32_t)(index / blocks % x->shape->heads);
    const struct attn_seq seq = attn_exec_seq(x, b);
    const int64_t first_row = x->shape->packed ? seq.q_row : b * x->shape->q_len;
    const int64_t end = attn_min64(seq.q_len, (block + 1) * ROWS_OF_A_TASK);
    const int64_t to = b * x->dq.b + h * x->dq.h + seq.q_row * x->dq.t;
    for (int64_t i = block * ROWS_OF_A_TASK, n; i < end; i += n) {
        const uint32_t chunks = chunks_of_row(s, h, first_row + i);
        n = 1;
        while (n < ATTN_BACKWARD_QUERIES && i + n < end && chunks_of_row(s, h, first_row + i + n) == chunks) n++;
        reduce_stretch(s, h, first_row + i, n, chunks, to + i * x->dq.t);
    }
}

/* ---- units ---- */

static int64_t batch_groups(const struct attn_backward *s) {
    return attn_min64(s->l.batch_groups, s->x->batch);
}

/* Of groups of all sequences there is only one, whatever its class. */
static int unit_class(const struct attn_backward *s, int64_t unit) {
    const struct attn_seq seq = attn_exec_seq(s->x, unit / (s->l.head_groups * s->l.chunks));
    return attn_flash_work_class((seq.q_len + 1) * (seq.k_len + 1));
}

/* A few units, the last of which is a fair part of the time: by their very areas. */
static void order_chunks(const struct attn_backward *s, int64_t units) {
    for (int64_t u = 0; u < units; u += s->l.chunks) {
        const int64_t group = u / s->l.chunks;
        attn_backward_cut_keys(s, group / s->l.head_groups, (int32_t)(group % s->l.head_groups), s->chunk + u);
    }
    for (int64_t u = 0; u < units; u++) {
        int64_t at = u;
        for (; at > 0 && s->chunk[s->order[at - 1]].area < s->chunk[u].area; at--) s->order[at] = s->order[at - 1];
        s->order[at] = (int32_t)u;
    }
}

static void order_units(const struct attn_backward *s, int64_t units) {
    int64_t place[ATTN_WORK_CLASSES + 1] = {0};
    if (s->l.chunks > 1 && !s->l.together) {
        order_chunks(s, units);
        return;
    }
    for (int64_t u = 0; u < units; u++) place[unit_class(s, u) + 1]++;
    (void)attn_flash_class_places(place);
    for (int64_t u = 0; u < units; u++) s->order[place[unit_class(s, u)]++] = (int32_t)u;
}

static void run_unit(void *arg, int64_t index, int worker) {
    const struct attn_backward *s = arg;
    struct attn_backward_worker w;
    char *memory = (char *)s->x->workspace + s->l.workers + (size_t)worker * s->l.worker_bytes;
    (void)attn_backward_worker_init(&w, s->x->shape, &s->l, memory);
    attn_backward_unit(s, s->order[index], &w);
}

static void state_init(struct attn_backward *s, const struct attn_exec *x, const struct attn_flash_backward_ops *ops,
                       const struct attn_flash_pair_ops *pairs) {
    *s = (struct attn_backward){.x = x, .ops = ops, .group = x->shape->heads / x->shape->kv_heads};
    attn_backward_layout_init(&s->l, x->shape);
    char *memory = x->workspace;
    s->order = (int32_t *)(void *)(memory + s->l.order);
    s->chunk = (struct attn_chunk *)(void *)(memory + s->l.chunk);
    s->delta = (float *)(void *)(memory + s->l.delta);
    s->touched = (uint8_t *)(memory + s->l.touched);
    s->dalibi = (double *)(void *)(memory + s->l.dalibi);
    s->dsink = (double *)(void *)(memory + s->l.dsink);
    s->dq = (float *)(void *)(memory + s->l.dq);
    s->k_factor = x->shape->scale * ATTN_LOG2E;
    s->pairs = s->l.general ? NULL : pairs;
    s->v_factor = s->l.general ? 1.0 : x->shape->scale;
}

void attn_flash_backward(const struct attn_exec *x, const struct attn_flash_backward_ops *ops, const struct attn_flash_pair_ops *pairs) {
    struct attn_backward s;
    state_init(&s, x, ops, pairs);
    const int threads = x->shape->threads, heads = x->shape->heads;
    const int64_t units = batch_groups(&s) * s.l.head_groups * s.l.chunks;
    memset(s.touched, 0, (size_t)(s.l.chunks * heads * s.l.rows));
    if (x->shape->features & ATTN_ALIBI) memset(s.dalibi, 0, (size_t)(x->shape->batch * heads * s.l.chunks) * sizeof *s.dalibi);
    order_units(&s, units);
    attn_parallel(x->ctx, (x->shape->packed ? 1 : x->batch) * heads * blocks_of_rows(x), threads, prepare_rows, &s);
    attn_parallel(x->ctx, units, s.l.worker_count, run_unit, &s);
    if (s.l.chunks > 1) attn_parallel(x->ctx, x->batch * heads * blocks_of_sequence(x), threads, reduce_rows, &s);
    attn_backward_head_sums(&s);
}
