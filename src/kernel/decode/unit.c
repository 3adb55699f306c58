/* One unit of decoding: an online softmax over tiles of keys (Dao 2023, sec. 3.1), for all rows of the unit at once, so that a tile is read
 * from memory once. Tiles lie on a grid from the sequence's first key; inside one, keys are taken in runs that lie side by side in memory,
 * and no bit depends on where those are cut.
 *
 * Invariant, for each row after each tile: o = sum_j 2^(s_j - m) v_j, l = sum_j 2^(s_j - m), m = max_j s_j over the allowed keys so far.
 */
#include "kernel/convert/convert.h"
#include "kernel/decode/parts.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Bytes of so many elements of a stored type; of ATTN_Q8_0 multiples of a block. */
static int64_t stored_bytes(attn_dtype type, int64_t elements) {
    if (type == ATTN_Q8_0) return elements / ATTN_Q8_BLOCK * (int64_t)sizeof(struct attn_q8);
    return elements * (type == ATTN_F32 ? 4 : 2);
}

/* Rows of keys or values from key j on, at most n, as far as they lie in one block. */
static struct attn_decode_rows stored_rows(const struct attn_decode_work *w, const struct attn_array *a, int64_t j, int64_t n) {
    const struct attn_exec *x = w->x;
    const attn_dtype type = x->shape->kv_dtype;
    int64_t row = w->seq.k_row + j, first = w->sequence * a->b;
    if (x->block_table) {
        const int64_t size = x->shape->block_tokens;
        first = x->block_table[w->sequence * x->block_table_stride + row / size] * a->b;
        row %= size;
        n = attn_min64(n, size - row);
    }
    const char *at = (const char *)a->data + stored_bytes(type, first + w->kv_head * a->h + row * a->t);
    return (struct attn_decode_rows){.at = at, .step = stored_bytes(type, a->t), .n = n, .next = at};
}

/* What is read after these rows: those of `a` from key j on. */
static void set_next(const struct attn_decode_work *w, struct attn_decode_rows *rows, const struct attn_array *a, int64_t j) {
    const struct attn_decode_rows next = stored_rows(w, a, j, 1);
    rows->next = next.at;
    rows->next_step = next.step;
}

static void pack_queries(const struct attn_decode_work *w) {
    const struct attn_array *a = &w->x->q;
    const int64_t dim = w->x->shape->dim;
    const float factor = (float)(w->x->shape->scale * M_LOG2E);
    for (int64_t r = 0; r < w->rows; r++) {
        const float *from = (const float *)a->data + w->sequence * a->b + (w->head + r / w->queries) * a->h +
                            (w->seq.q_row + w->q0 + r % w->queries) * a->t;
        float *to = w->q + r * w->cut->q_row;
        for (int64_t c = 0; c < dim; c++) to[c] = factor * from[c * a->d];
        for (int64_t c = dim; c < w->cut->q_row; c++) to[c] = 0.0f;
    }
}

struct tile {
    int64_t begin, first, end;        /* the tile's keys from `begin`; allowed ones lie in [first, end) */
    bool full;                        /* all pairs of [first, end) are allowed */
    uint32_t words[ATTN_DECODE_TILE]; /* by key - begin: the queries that see it */
};

/* False: no row sees a key of [begin, end). */
static bool open_tile(const struct attn_decode_work *w, int64_t begin, int64_t end, struct tile *t) {
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    const uint32_t all = (uint32_t)((1ull << w->queries) - 1);
    t->begin = begin;
    const int count = attn_mask_runs_of_keys(&w->view, w->q0, (int)w->queries, begin, end, t->words, runs);
    if (count == 0) return false;
    t->first = begin + runs[0].begin;
    t->end = begin + runs[count - 1].end;
    t->full = true;
    for (int i = 0; i < count; i++) t->full = t->full && runs[i].full && (i == 0 || runs[i].begin == runs[i - 1].end);
    int32_t at = runs[0].begin;
    for (int i = 0; i < count && !t->full; i++) {
        for (; at < runs[i].begin; at++) t->words[at] = 0;
        for (; at < runs[i].end; at++)
            if (runs[i].full) t->words[at] = all;
    }
    return true;
}

/* Places of the tile that hold no key of it. */
static void clear_outside(const struct attn_decode_work *w, const struct tile *t) {
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t j = 0; j < ATTN_DECODE_TILE; j++)
            if (j < t->first - t->begin || j >= t->end - t->begin) w->s[r * ATTN_DECODE_TILE + j] = -INFINITY;
}

static void tile_logits(const struct attn_decode_work *w, const struct tile *t) {
    const struct attn_shape *shape = w->x->shape;
    const bool whole = t->end - t->first == ATTN_DECODE_TILE, adjusted = isfinite(shape->softcap) || w->x->alibi.data || w->x->bias.data;
    if (!whole) clear_outside(w, t);
    for (int64_t j = t->first; j < t->end;) {
        struct attn_decode_rows k = stored_rows(w, &w->x->k, j, t->end - j);
        if (j + k.n < t->end)
            set_next(w, &k, &w->x->k, j + k.n);
        else
            set_next(w, &k, &w->x->v, t->first);
        float *s = w->s + (j - t->begin);
        if (w->q8_ops)
            w->q8_ops->logits(k, shape->dim, w->q8, w->cut->q8_row, w->rows, s);
        else
            w->ops->logits(shape->kv_dtype, k, shape->dim, w->q, w->cut->q_row, w->rows, s);
        j += k.n;
    }
    if (adjusted) attn_decode_adjust(w, t->first, t->end - t->first);
    if (adjusted && !whole) clear_outside(w, t); /* a soft-cap has made them finite */
    if (t->full) return;
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t j = t->first - t->begin; j < t->end - t->begin; j++)
            if (!(t->words[j] >> (r % w->queries) & 1)) w->s[r * ATTN_DECODE_TILE + j] = -INFINITY;
}

static void tile_weights(const struct attn_decode_work *w) {
    for (int64_t r = 0; r < w->rows; r++) {
        float *s = w->s + r * ATTN_DECODE_TILE, *o = w->o + r * w->cut->o_row;
        const float top = w->ops->max(s), before = w->m[r];
        if (top > before) {
            const float factor = exp2f(before - top);
            w->m[r] = top;
            w->l[r] *= factor;
            for (int64_t c = 0; c < w->cut->o_row && before != -INFINITY; c++) o[c] *= factor;
        }
        w->l[r] += w->ops->weights(s, w->m[r] == -INFINITY ? 0.0f : w->m[r]);
    }
}

/* Values of the keys [j, end) into the rows [r, r + rows). */
static void add_values(const struct attn_decode_work *w, const struct tile *t, int64_t j, int64_t end, int64_t r, int64_t rows) {
    const struct attn_shape *shape = w->x->shape;
    const int64_t next_tile = t->begin + ATTN_DECODE_TILE;
    while (j < end) {
        struct attn_decode_rows v = stored_rows(w, &w->x->v, j, end - j);
        if (j + v.n < end)
            set_next(w, &v, &w->x->v, j + v.n);
        else if (next_tile < w->end)
            set_next(w, &v, &w->x->k, next_tile);
        const float *p = w->s + r * ATTN_DECODE_TILE + (j - t->begin);
        float *o = w->o + r * w->cut->o_row;
        if (w->q8_ops)
            w->q8_ops->values(v, shape->v_dim, p, rows, o, w->cut->o_row);
        else
            w->ops->values(shape->kv_dtype, v, shape->v_dim, p, rows, o, w->cut->o_row);
        j += v.n;
    }
}

/* An excluded value is not touched, whatever it holds. */
static void tile_values(const struct attn_decode_work *w, const struct tile *t) {
    if (t->full) {
        add_values(w, t, t->first, t->end, 0, w->rows);
        return;
    }
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t j = t->first; j < t->end;) {
            int64_t end = j;
            while (end < t->end && (t->words[end - t->begin] >> (r % w->queries) & 1)) end++;
            add_values(w, t, j, end, r, 1);
            j = end + 1;
        }
}

void attn_decode_unit(struct attn_decode_work *w, int64_t k0, int64_t k1) {
    const int64_t q1 = w->q0 + w->queries;
    int64_t from = k0, begin, end;
    struct tile t;
    assert(w->queries <= 32);
    memset(w->o, 0, (size_t)(w->rows * w->cut->o_row) * sizeof(float));
    for (int64_t r = 0; r < w->rows; r++) {
        w->m[r] = -INFINITY;
        w->l[r] = 0.0f;
    }
    bool packed = false;
    while (from < k1 && attn_mask_next_keys(&w->view, w->q0, q1, from, &begin, &end) && begin < k1) {
        if (!packed) {
            pack_queries(w);
            if (w->q8_ops) attn_decode_round(w);
        }
        packed = true;
        end = w->end = attn_min64(end, k1);
        from = begin / ATTN_DECODE_TILE * ATTN_DECODE_TILE;
        for (; from < end; from += ATTN_DECODE_TILE) {
            if (!open_tile(w, from, attn_min64(from + ATTN_DECODE_TILE, k1), &t)) continue;
            tile_logits(w, &t);
            tile_weights(w);
            tile_values(w, &t);
        }
    }
}
