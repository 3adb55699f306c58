/* The microkernels of the search over vectors of any width. Included by one file for each instruction set, after its header of vectors and
 * VECTORS, the vectors of keys in a panel; defines `scan`.
 *
 *   Few queries: lanes are dimensions. Keys are read in the order of their addresses, what is fetched ahead stands at the same distance
 *     throughout, and the sums of VEC_LANES keys are transposed and added together.
 *   Many queries: lanes are keys. A panel of keys is transposed into the workspace and meets the queries ROWS at a time; a row of the panel is
 *     loaded once for ROWS broadcasts of an element of a query. Each score is one chain of multiply-adds in the order of the dimensions.
 * A vector of scores costs one comparison with the query's bound; what passes is rare and is dealt with out of line.
 */
#include "kernel/search/search.h"

enum {
    ROWS = 6, /* queries of a block of scores, as they meet a panel */
    PANEL = VECTORS * VEC_LANES,
    FEW = ATTN_SEARCH_FEW,
    LINE = 16, /* floats of a cache line */
    LINES = 2, /* of a turn */
    CHAINS = LINE / VEC_LANES,
    AHEAD = 2048 /* floats */
};

/* Those of `count` scores whose bit is set pass the query's bound: to its list, which is cut when it is full. `at`: the place of the first key. */
static __attribute__((noinline)) void take(const struct attn_search_chunk *c, struct attn_search_list *list, const float *scores, int count,
                                           int64_t at, uint64_t bits) {
    const uint32_t first = c->first + (uint32_t)at;
    const int64_t keys = c->keys - at;
    if (keys < 64) bits &= (UINT64_C(1) << keys) - 1;
    for (; bits; bits &= bits - 1) {
        const int i = __builtin_ctzll(bits);
        list->entries[list->count++] = attn_search_entry(scores[i], first + (uint32_t)i);
    }
    if (list->count >= attn_search_full(c->top)) {
        attn_search_list_cut(list, c->top, c->scratch);
        attn_search_list_from(list, first + (uint32_t)count);
    }
}

/* Vectors of scores of a query with the keys from place `at`. */
VEC_INLINE void offer(const struct attn_search_chunk *c, int64_t query, const vec *scores, int vectors, int64_t at) {
    struct attn_search_list *list = &c->lists[query];
    const vec bound = vec_set1(list->bound);
    vec_mask passes = vec_at_least(scores[0], bound);
    for (int v = 1; v < vectors; v++) passes = (vec_mask)(passes | vec_at_least(scores[v], bound));
    if (__builtin_expect(vec_any(passes), 0)) {
        uint64_t bits = 0;
        for (int v = 0; v < vectors; v++) bits |= (uint64_t)vec_word(vec_at_least(scores[v], bound)) << (v * VEC_LANES);
        float stored[PANEL];
        for (int v = 0; v < vectors; v++) vec_store(stored + v * VEC_LANES, scores[v]);
        take(c, list, stored, vectors * VEC_LANES, at, bits);
    }
}

/* ------------------------------------------------------------------------------------------------ few queries */

/* A line of a key, and of the row `ahead`, which is fetched past the second-level cache. */
VEC_INLINE void multiply_line(const struct attn_search_chunk *c, int rows, const float *k, const float *ahead, int32_t d,
                              vec chain[FEW][CHAINS]) {
    __builtin_prefetch(ahead + d, 0, 0);
#pragma GCC unroll 4
    for (int n = 0; n < CHAINS; n++) {
        const vec x = vec_load(k + d + n * VEC_LANES);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) vec_accumulate(&chain[i][n], vec_load(c->q + i * c->q_stride + d + n * VEC_LANES), x);
    }
}

/* The products of a key with `rows` queries, added up by lanes, in chains of multiply-adds over the lines; what is no line goes to the first chain. */
VEC_INLINE void multiply_key(const struct attn_search_chunk *c, int rows, const float *k, const float *ahead, vec sum[FEW][VEC_LANES],
                             int j) {
    vec chain[FEW][CHAINS];
    int32_t d = 0;
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int n = 0; n < CHAINS; n++) chain[i][n] = vec_set1(0.0f);
    for (; d + LINES * LINE <= c->dim; d += LINES * LINE)
#pragma GCC unroll 4
        for (int n = 0; n < LINES; n++) multiply_line(c, rows, k, ahead, d + n * LINE, chain);
    for (; d + LINE <= c->dim; d += LINE) multiply_line(c, rows, k, ahead, d, chain);
    if (d < c->dim) __builtin_prefetch(ahead + d, 0, 0);
    for (; d < c->dim; d += VEC_LANES) {
        const vec x = vec_load_first(k + d, c->dim - d);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) vec_accumulate(&chain[i][0], vec_load_first(c->q + i * c->q_stride + d, c->dim - d), x);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int n = 1; n < CHAINS; n++) chain[i][0] = vec_add(chain[i][0], chain[i][n]);
        sum[i][j] = chain[i][0];
    }
}

/* Scores of a vector of keys from their products. */
VEC_INLINE void add_lanes(const struct attn_search_chunk *c, int rows, int64_t at, vec sum[FEW][VEC_LANES]) {
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        vec_transpose(sum[i]);
#pragma GCC unroll 4
        for (int half = VEC_LANES / 2; half > 0; half /= 2)
#pragma GCC unroll 8
            for (int n = 0; n < half; n++) sum[i][n] = vec_add(sum[i][n], sum[i][n + half]);
        offer(c, i, sum[i], 1, at);
    }
}

VEC_INLINE void scan_rows(const struct attn_search_chunk *c, int rows) {
    const int64_t ahead = attn_max64(1, AHEAD / c->k_stride), last = attn_max64(0, c->keys + c->behind - VEC_LANES);
    vec sum[FEW][VEC_LANES];
    int64_t at = 0;
    for (; at + VEC_LANES <= c->keys; at += VEC_LANES) {
        const float *k = c->k + at * c->k_stride, *next = c->k + attn_min64(at + ahead, last) * c->k_stride;
        for (int j = 0; j < VEC_LANES; j++) multiply_key(c, rows, k + j * c->k_stride, next + j * c->k_stride, sum, j);
        add_lanes(c, rows, at, sum);
    }
    if (at == c->keys) return;
    for (int j = 0; j < VEC_LANES; j++) {
        const float *k = c->k + attn_min64(at + j, c->keys - 1) * c->k_stride;
        multiply_key(c, rows, k, k, sum, j);
    }
    add_lanes(c, rows, at, sum);
}

/* A function for each number of queries, so that the registers of one do not suffer from the others. */
#define FOR_ROWS(rows)                                                                                                                     \
    static __attribute__((noinline)) void scan_rows_##rows(const struct attn_search_chunk *c) {                                            \
        scan_rows(c, rows);                                                                                                                \
    }
FOR_ROWS(1)
FOR_ROWS(2)
FOR_ROWS(3)
FOR_ROWS(4)
#undef FOR_ROWS

/* ----------------------------------------------------------------------------------------------- many queries */

/* VEC_LANES dimensions of VEC_LANES keys, of which `keys` and `dims` exist: r[i] lane j is dimension i of key j. */
VEC_INLINE void load_block(const float *k, int64_t stride, int64_t keys, int32_t dims, vec r[VEC_LANES]) {
#pragma GCC unroll 16
    for (int i = 0; i < VEC_LANES; i++)
        r[i] = i >= keys ? vec_set1(0.0f) : dims >= VEC_LANES ? vec_load(k + i * stride) : vec_load_first(k + i * stride, dims);
    vec_transpose(r);
}

static void pack(const struct attn_search_chunk *c, int64_t at) {
    vec r[VEC_LANES];
    for (int first = 0; first < PANEL; first += VEC_LANES) {
        const float *k = c->k + (at + first) * c->k_stride;
        const int64_t keys = c->keys - at - first;
        float *to = c->panel + first;
        int32_t d = 0;
        for (; d + VEC_LANES <= c->dim && keys >= VEC_LANES; d += VEC_LANES) {
            load_block(k + d, c->k_stride, VEC_LANES, VEC_LANES, r);
            for (int i = 0; i < VEC_LANES; i++) vec_store(to + (int64_t)(d + i) * PANEL, r[i]);
        }
        for (; d < c->dim; d += VEC_LANES) {
            load_block(k + d, c->k_stride, keys, c->dim - d, r);
            for (int i = 0; i < VEC_LANES && d + i < c->dim; i++) vec_store(to + (int64_t)(d + i) * PANEL, r[i]);
        }
    }
}

/* Scores of the packed panel at `at` with `rows` queries from `first` on. */
VEC_INLINE void score_panel(const struct attn_search_chunk *c, int rows, int64_t first, int64_t at) {
    const float *q = c->q + first * c->q_stride;
    vec sum[ROWS][VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) sum[i][v] = vec_set1(0.0f);
    for (int32_t d = 0; d < c->dim; d++) {
        vec right[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) right[v] = vec_load(c->panel + (int64_t)d * PANEL + v * VEC_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const vec left = vec_set1(q[i * c->q_stride + d]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) vec_accumulate(&sum[i][v], left, right[v]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) offer(c, first + i, sum[i], VECTORS, at);
}

#define FOR_ROWS(rows)                                                                                                                     \
    static __attribute__((noinline)) void score_panel_##rows(const struct attn_search_chunk *c, int64_t first, int64_t at) {               \
        score_panel(c, rows, first, at);                                                                                                   \
    }
FOR_ROWS(1)
FOR_ROWS(2)
FOR_ROWS(3)
FOR_ROWS(4)
FOR_ROWS(5)
FOR_ROWS(6)
#undef FOR_ROWS

/* Fetches key `at` of the chunk or behind it. */
VEC_INLINE void fetch(const struct attn_search_chunk *c, int64_t at) {
    if (at >= c->keys + c->behind) return;
    for (int32_t d = 0; d < c->dim; d += LINE) __builtin_prefetch(c->k + at * c->k_stride + d, 0, 0);
}

/* The panel at `at` with all queries; a share of the next panel's keys is fetched with each block of them. */
static void score_all(const struct attn_search_chunk *c, int64_t at) {
    static void (*const score[])(const struct attn_search_chunk *, int64_t, int64_t) = {
        NULL, score_panel_1, score_panel_2, score_panel_3, score_panel_4, score_panel_5, score_panel_6};
    const int64_t blocks = (c->queries + ROWS - 1) / ROWS, share = (PANEL + blocks - 1) / blocks;
    int64_t fetched = 0;
    for (int64_t i = 0; i < c->queries; i += ROWS) {
        for (const int64_t end = attn_min64(fetched + share, PANEL); fetched < end; fetched++) fetch(c, at + PANEL + fetched);
        score[attn_min64(ROWS, c->queries - i)](c, i, at);
    }
}

/* ---------------------------------------------------------------------------------------------------- a chunk */

static void scan(const struct attn_search_chunk *c) {
    static void (*const few[FEW + 1])(const struct attn_search_chunk *) = {NULL, scan_rows_1, scan_rows_2, scan_rows_3, scan_rows_4};
    if (c->few) {
        few[c->queries](c);
        return;
    }
    for (int64_t at = 0; at < c->keys; at += PANEL) {
        pack(c, at);
        score_all(c, at);
    }
}
