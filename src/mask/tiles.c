/* The tile map: what a lowered expression allows, in 64 x 64 tiles.
 *
 * A row of tiles is asked as a whole first and halved where the answer is neither none nor all, so that hints and operands'
 * lists skip what they can. A tile that stays partial is evaluated pair by pair into 64 words. Full tiles become spans, partial
 * ones spans with a bitmap; the columns are the same tiles sorted by key.
 */
#include "mask/stretch.h"

#include <string.h>

enum { TILE = 64, VISIT = 4, EVALUATION = 8 /* visits, in time */ };
static const int64_t LENGTH_MAX = INT64_C(1) << 31;

struct rect {
    int64_t q0, q1, k0, k1;
};

static const struct attn_side *leaf_side(const struct attn_lowered *l, int64_t *q_shift, int64_t *k_shift) {
    *q_shift = l->listed ? 0 : l->mask->q_shift;
    *k_shift = l->listed ? 0 : l->mask->k_shift;
    return l->listed ? &l->side : &l->mask->form->rows;
}

static int64_t count_nodes(const struct attn_lowered *l) {
    return l ? 1 + count_nodes(l->operand[0]) + count_nodes(l->operand[1]) : 0;
}

/* 0 none, 1 all, 2 not known. */
static int classify(const struct attn_lowered *l, struct rect r) {
    if (l->listed || l->mask->kind == ATTN_MASK_COMPILED) {
        int64_t dq, dk;
        const struct attn_side *side = leaf_side(l, &dq, &dk);
        attn_wide area = attn_side_area(side, r.q0 + dq, r.q1 + dq, r.k0 + dk, r.k1 + dk);
        return area == 0 ? 0 : area == ((attn_wide)r.q1 - r.q0) * ((attn_wide)r.k1 - r.k0) ? 1 : 2;
    }
    if (l->mask->kind == ATTN_MASK_PREDICATE) {
        int hint = l->mask->hint ? l->mask->hint(l->mask->user, r.q0, r.q1, r.k0, r.k1) : 2;
        return hint == 0 || hint == 1 ? hint : 2;
    }
    if (l->mask->kind == ATTN_MASK_BITS) return 2;
    int a = classify(l->operand[0], r);
    if (l->mask->kind == ATTN_MASK_NOT) return a == 2 ? 2 : 1 - a;
    int decides = l->mask->kind == ATTN_MASK_OR;
    int b = a == decides ? a : classify(l->operand[1], r);
    return b == decides ? b : a == 2 || b == 2 ? 2 : a;
}

static inline uint64_t below(int64_t n) {
    return n <= 0 ? 0 : n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* Keys [y0, y1) of row x of a list, as bits. */
static uint64_t row_bits(const struct attn_side *side, int64_t x, int64_t y0, int64_t y1) {
    uint64_t word = 0;
    int64_t n = attn_side_find(side, x);
    for (int64_t i = attn_side_first_after(side, n, x, y0); i < side->segment[n + 1].first; i++) {
        const struct attn_span *s = &side->span[i];
        int64_t a = attn_bound_at(s->a, s->a_slope, x), b = attn_min64(attn_bound_at(s->b, s->b_slope, x), y1);
        if (a >= y1) break;
        a = attn_max64(a, y0);
        if (s->tile < 0) word |= below(b - y0) & ~below(a - y0);
        for (int64_t y = a; s->tile >= 0 && y < b; y++)
            word |= (side->bits[s->tile * TILE + y - s->a] >> (x - side->segment[n].begin) & 1) << (y - y0);
    }
    return word;
}

static uint64_t leaf_bits(const struct attn_lowered *l, int64_t q, struct rect r) {
    uint64_t word = 0;
    if (l->listed || l->mask->kind == ATTN_MASK_COMPILED) {
        int64_t dq, dk;
        const struct attn_side *side = leaf_side(l, &dq, &dk);
        return row_bits(side, q + dq, r.k0 + dk, r.k1 + dk);
    }
    const uint8_t *bits = l->mask->bits ? l->mask->bits + (size_t)q * l->mask->row_bytes : NULL;
    for (int64_t k = r.k0; k < r.k1; k++) {
        int allowed = bits ? bits[k / 8] >> (k % 8) & 1 : l->mask->allowed(l->mask->user, q, k) != 0;
        word |= (uint64_t)allowed << (k - r.k0);
    }
    return word;
}

/* words[q - q0]: bit k - k0. Bits beyond the rectangle are 0. An operand that decides alone leaves the other one unasked. */
static void evaluate(const struct attn_lowered *l, struct rect r, uint64_t words[TILE]) {
    const int64_t rows = r.q1 - r.q0;
    const uint64_t row = below(r.k1 - r.k0);
    const enum attn_mask_kind kind = l->mask->kind;
    memset(words, 0, TILE * sizeof *words);
    if (!l->operand[0]) {
        const int known = classify(l, r);
        for (int64_t q = 0; known != 0 && q < rows; q++) words[q] = known == 1 ? row : leaf_bits(l, r.q0 + q, r);
        return;
    }
    evaluate(l->operand[0], r, words);
    if (kind == ATTN_MASK_NOT) {
        for (int64_t q = 0; q < rows; q++) words[q] = ~words[q] & row;
        return;
    }
    bool decided = true;
    for (int64_t q = 0; q < rows && decided; q++) decided = words[q] == (kind == ATTN_MASK_OR ? row : 0);
    if (decided) return;
    uint64_t other[TILE];
    evaluate(l->operand[1], r, other);
    for (int64_t q = 0; q < rows; q++) words[q] = kind == ATTN_MASK_AND ? words[q] & other[q] : words[q] | other[q];
}

/* Stores a bitmap and its transpose. */
static int64_t store(struct attn_tile_map *map, const uint64_t words[TILE]) {
    attn_ctx *ctx = map->rows.ctx;
    if (map->tiles == map->capacity) {
        int64_t wanted = map->capacity ? 2 * map->capacity : TILE;
        size_t bytes = (size_t)wanted * TILE * sizeof *words, used = (size_t)map->tiles * TILE * sizeof *words;
        uint64_t *larger[2] = {attn_alloc(ctx, bytes), attn_alloc(ctx, bytes)};
        if (!larger[0] || !larger[1]) {
            attn_free(ctx, larger[0]);
            attn_free(ctx, larger[1]);
            map->rows.status = attn_no_memory(ctx, "the tile map of a mask", bytes);
            return 0;
        }
        if (used) {
            memcpy(larger[0], map->by_query, used);
            memcpy(larger[1], map->by_key, used);
        }
        attn_free(ctx, map->by_query);
        attn_free(ctx, map->by_key);
        map->by_query = larger[0];
        map->by_key = larger[1];
        map->capacity = wanted;
    }
    uint64_t *by_query = map->by_query + map->tiles * TILE, *by_key = map->by_key + map->tiles * TILE;
    memcpy(by_query, words, TILE * sizeof *words);
    memset(by_key, 0, TILE * sizeof *words);
    for (int q = 0; q < TILE; q++)
        for (uint64_t left = words[q]; left; left &= left - 1) by_key[__builtin_ctzll(left)] |= (uint64_t)1 << q;
    return map->tiles++;
}

/* Appends [a, b) to the open segment, to its last span if both are full and touch. */
static void push(struct attn_segs *s, int64_t a, int64_t b, int64_t tile) {
    struct attn_span *last = s->count && s->spans > s->segment[s->count - 1].first ? &s->span[s->spans - 1] : NULL;
    if (last && tile < 0 && last->tile < 0 && last->b == a)
        last->b = b;
    else
        attn_segs_push(s, (struct attn_span){.a = a, .b = b, .tile = tile});
}

/* The part of a row of tiles between tile columns [c0, c1). */
static void visit(struct attn_tile_map *map, const struct attn_lowered *l, struct rect row, int64_t c0, int64_t c1) {
    struct rect r = {row.q0, row.q1, c0 * TILE, attn_min64(c1 * TILE, row.k1)};
    if (!attn_segs_step(&map->rows, map->visit_steps)) return;
    int known = classify(l, r);
    if (known == 0) return;
    if (known == 2 && c1 - c0 > 1) {
        int64_t mid = c0 + (c1 - c0) / 2;
        visit(map, l, row, c0, mid);
        visit(map, l, row, mid, c1);
        return;
    }
    uint64_t words[TILE], any = 0, all = below(r.k1 - r.k0);
    if (known == 2) {
        if (!attn_segs_step(&map->rows, map->visit_steps * EVALUATION)) return;
        evaluate(l, r, words);
        for (int64_t q = 0; q < r.q1 - r.q0; q++) {
            any |= words[q];
            all &= words[q];
        }
        if (!any) return;
    }
    bool full = known == 1 || all == below(r.k1 - r.k0);
    push(&map->rows, r.k0, r.k1, full ? -1 : store(map, words));
}

/* Entries of the columns: which span of which segment, by tile column. */
struct entry {
    int64_t segment, span;
};

static int64_t tile_of(int64_t key) {
    return (key + TILE - 1) / TILE;
}

/* Spans of the rows sorted by tile column: entry[first[c] .. first[c + 1]). Counting sort, stable in rows. */
static void sort_entries(const struct attn_side *rows, int64_t *first, int64_t columns, struct entry *entry) {
    for (int64_t i = 0; i < rows->segment[rows->count].first; i++)
        for (int64_t c = tile_of(rows->span[i].a); c < tile_of(rows->span[i].b); c++) first[c + 1]++;
    for (int64_t c = 0; c < columns; c++) first[c + 1] += first[c];
    for (int64_t n = 0; n < rows->count; n++)
        for (int64_t i = rows->segment[n].first; i < rows->segment[n + 1].first; i++)
            for (int64_t c = tile_of(rows->span[i].a); c < tile_of(rows->span[i].b); c++) entry[first[c]++] = (struct entry){n, i};
}

static attn_status transpose(attn_ctx *ctx, struct attn_tile_map *map, int64_t k_len) {
    struct attn_side rows;
    attn_status status = attn_segs_finish(&map->rows, &rows);
    if (status != ATTN_OK) return status;
    int64_t columns = tile_of(k_len), entries = 0;
    for (int64_t i = 0; i < map->rows.spans; i++) entries += tile_of(rows.span[i].b) - tile_of(rows.span[i].a);
    size_t first_bytes = attn_round64((size_t)(columns + 1) * sizeof(int64_t)),
           bytes = first_bytes + (size_t)entries * sizeof(struct entry);
    int64_t *first = attn_alloc(ctx, bytes);
    if (!first) return attn_no_memory(ctx, "the columns of a tile map", bytes);
    struct entry *entry = (struct entry *)(void *)((char *)first + first_bytes);
    memset(first, 0, first_bytes);
    sort_entries(&rows, first, columns, entry);
    int64_t e = 0;
    for (int64_t c = 0; c < columns; c++) {
        if (map->cols.status != ATTN_OK) break;
        attn_segs_open(&map->cols);
        for (; e < first[c]; e++) /* sorting moved first[c] to the end of column c */
            push(&map->cols, rows.segment[entry[e].segment].begin, rows.segment[entry[e].segment + 1].begin, rows.span[entry[e].span].tile);
        attn_segs_close(&map->cols, attn_min64((c + 1) * TILE, k_len));
    }
    attn_free(ctx, first);
    return map->cols.status;
}

attn_status attn_tile_map_build(attn_ctx *ctx, const struct attn_lowered *l, int64_t q_len, int64_t k_len, int64_t *steps,
                                struct attn_tile_map *map) {
    memset(map, 0, sizeof *map);
    attn_segs_init(&map->rows, ctx, steps);
    attn_segs_init(&map->cols, ctx, steps);
    map->visit_steps = VISIT * count_nodes(l);
    if (q_len > LENGTH_MAX || k_len > LENGTH_MAX)
        return attn_fail(ctx, ATTN_EMASK,
                         "mask: %lld x %lld; a mask with no short list of intervals (more than %d a row, predicate, bits) is "
                         "held as a tile map, and its lengths must not pass 2^31",
                         (long long)q_len, (long long)k_len, ATTN_MASK_INTERVALS);
    for (int64_t q = 0; q < q_len && map->rows.status == ATTN_OK; q += TILE) {
        struct rect row = {q, attn_min64(q + TILE, q_len), 0, k_len};
        attn_segs_open(&map->rows);
        if (k_len > 0) visit(map, l, row, 0, tile_of(k_len));
        attn_segs_close(&map->rows, row.q1);
    }
    return map->rows.status == ATTN_OK ? transpose(ctx, map, k_len) : map->rows.status;
}

void attn_tile_map_free(attn_ctx *ctx, struct attn_tile_map *map) {
    attn_segs_free(&map->rows);
    attn_segs_free(&map->cols);
    attn_free(ctx, map->by_key);
    attn_free(ctx, map->by_query);
}
