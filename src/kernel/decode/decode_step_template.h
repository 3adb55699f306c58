/* What the microkernels of decoding have in common: the walk over rows, which of them are fetched meanwhile, logits written. Included after
 * stored__ISA.h and
 *   KEYS(rows)   keys of a step against so many query rows, a multiple of 4, at most 64 / rows and NEAR
 */
#include "kernel/decode/ops.h"

/* Rows are fetched in the order in which they are read: the keys of a tile, its values, the keys of the next tile; into the first-level cache,
 * without a copy in the second. A prefetch is dropped when as many lines as a core may ask for are under way. One query row leaves so little to do
 * between two lines that the processor itself runs far enough ahead to make up for that; on floats, which need no conversion, even far enough
 * to do better alone. With more query rows, each line is asked for several times. */
enum {
    LINE = 64,
    AHEAD = 16384, /* bytes, of one query row */
    APART = 4096,  /* of several, from attempt to attempt */
    ATTEMPTS = 3,
    NEAR = 32 /* rows that stay in the first-level cache while all queries and columns take them */
};

/* What is fetched while near rows are taken: as many rows as those are, 4 at a time, shared out evenly among all passes over them, so that
 * memory never waits. */
struct ahead {
    int64_t rows; /* between a row and what is first fetched beside it, a multiple of 4; 0: nothing is fetched */
    int64_t at;   /* the near row beside which rows are fetched next */
    int passes;   /* over the near rows */
    int wait;     /* steps until then */
    int attempts;
};

VEC_INLINE int attempts_of(int64_t queries) {
    return queries == 1 ? 1 : ATTEMPTS;
}

/* For n rows of so many bytes. Not beyond as many rows after them: in pages, what is read then lies elsewhere. */
VEC_INLINE struct ahead ahead_of(attn_dtype type, int64_t queries, int64_t passes, size_t bytes, int64_t n) {
    const int64_t rows = (int64_t)((queries == 1 ? AHEAD : APART) / (4 * bytes) + 1) * 4, most = n / attempts_of(queries) / 4 * 4;
    const bool alone = type == ATTN_F32 && queries == 1;
    return (struct ahead){.rows = alone ? 0 : rows < most ? rows : most, .passes = (int)passes, .attempts = attempts_of(queries)};
}

/* The near rows from row j on come next. */
VEC_INLINE void ahead_begin(struct ahead *a, int64_t j) {
    a->at = j;
    a->wait = 1;
}

/* A step over 4 near rows. Rows are fetched all at once: a prefetch among others is less often dropped than one alone. */
VEC_INLINE void fetch(struct ahead *a, const struct attn_decode_rows *rows, size_t bytes) {
    if (a->rows == 0 || --a->wait > 0) return;
    a->wait = a->passes;
    const bool together = bytes % LINE != 0 && rows->step == (ptrdiff_t)bytes; /* they share lines */
    int64_t to = a->at;
    a->at += 4;
    for (int attempt = 0; attempt < a->attempts; attempt++) {
        to += a->rows;
        const char *row = to < rows->n ? rows->at + to * rows->step : rows->next + (to - rows->n) * rows->next_step;
        for (size_t line = 0; line < 4 * bytes && together; line += LINE) __builtin_prefetch(row + line, 0, 0);
        for (int i = 0; i < 4 && !together; i++, row += rows->step)
            for (size_t line = 0; line < bytes; line += LINE) __builtin_prefetch(row + line, 0, 0);
    }
}

/* The rows [j, j + 4); the last one for those beyond. */
VEC_INLINE void four_rows(const struct attn_decode_rows *rows, int64_t j, const char *row[4]) {
    row[0] = rows->at + (j < rows->n ? j : rows->n - 1) * rows->step;
    for (int i = 1; i < 4; i++) row[i] = j + i < rows->n ? row[i - 1] + rows->step : row[i - 1];
}

/* The logits of a step from key j on: quarter[g * rows + r] holds in its fours those of the keys j + 4 g to j + 4 g + 3 with query row r.
 * Beyond n nothing is stored. quarter has room for a multiple of VEC_LANES / 4. */
VEC_INLINE void store_logits(int rows, int64_t n, int64_t j, vec *quarter, float *s) {
    enum { FOURS = VEC_LANES / 4 };
    const int count = KEYS(rows) / 4 * rows;
    float sum[16 * 4];
    for (int i = count; i % FOURS; i++) quarter[i] = vec_set1(0.0f);
    for (int i = 0; i < count; i += FOURS) vec_store(sum + 4 * i, vec_join(quarter + i));
    for (int i = 0; i < count; i++) {
        const int64_t at = j + 4 * (i / rows);
        float *to = s + i % rows * ATTN_DECODE_TILE + at;
        if (at + 4 <= n)
            memcpy(to, sum + 4 * i, 4 * sizeof *to);
        else
            for (int lane = 0; at + lane < n; lane++) to[lane] = sum[4 * i + lane];
    }
}
