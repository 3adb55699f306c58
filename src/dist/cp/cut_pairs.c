/* A mask with bitmaps, cut: a predicate over places. The mask compiler asks for 64 rows of places after 64 rows; what these see is written down
 * at the first question, a word of 64 rows for each key, and answers all others. */
#include "dist/cp/cut_walk.h"

#include <string.h>

enum { ROWS = 64 };

struct pairs {
    const attn_mask *mask;
    int64_t mask_len;
    const struct attn_places *q, *k;
    int64_t first;  /* row that bit 0 of the words is; -1: none yet */
    uint64_t *word; /* of each key */
};

static uint64_t below(int64_t n) {
    return n <= 0 ? 0 : n >= ROWS ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* Every stride-th bit from `row` on. */
static uint64_t gathered(uint64_t bits, int64_t row, int64_t stride, int64_t count) {
    uint64_t word = 0;
    for (int64_t a = 0; a < count; a++) word |= (bits >> (row + a * stride) & 1) << a;
    return word;
}

static bool write_down(void *user, const struct attn_cut_piece *piece) {
    const struct pairs *p = user;
    const attn_slice *s = &piece->places;
    const int64_t from = s->q_begin - p->first, to = s->q_end - p->first;
    for (int64_t k = s->k_begin; k < s->k_end; k++) {
        if (!piece->bits) { /* row i sees k where low <= k - i <= high */
            const int64_t least = attn_max64(k - s->high - p->first, from), most = attn_min64(k - s->low - p->first + 1, to);
            p->word[k] |= below(most) & ~below(least);
            continue;
        }
        const uint64_t bits = piece->bits[(k - s->k_begin) * piece->stride];
        p->word[k] |= (piece->stride == 1 ? bits >> piece->row & below(to - from) : gathered(bits, piece->row, piece->stride, to - from))
                      << from;
    }
    return true;
}

/* The runs of places [begin, begin + ROWS), cut to these. */
static struct attn_places rows_of(const struct attn_places *all, int64_t begin, struct attn_run run[ROWS]) {
    struct attn_places rows = {run, 0, all->places};
    int64_t low = 0, high = all->runs;
    while (low < high) {
        const int64_t mid = low + (high - low) / 2;
        if (all->run[mid].place + all->run[mid].count > begin)
            high = mid;
        else
            low = mid + 1;
    }
    for (; low < all->runs && all->run[low].place < begin + ROWS; low++) {
        const struct attn_run r = all->run[low];
        const int64_t skip = attn_max64(begin - r.place, 0);
        run[rows.runs++] =
            (struct attn_run){r.first + skip * r.stride, r.stride, attn_min64(r.count, begin + ROWS - r.place) - skip, r.place + skip};
    }
    return rows;
}

static void turn_to(struct pairs *p, int64_t row) {
    struct attn_run run[ROWS];
    if (p->first == row - row % ROWS) return;
    p->first = row - row % ROWS;
    memset(p->word, 0, (size_t)p->k->places * sizeof *p->word);
    const struct attn_places rows = rows_of(p->q, p->first, run);
    (void)attn_cut_walk(p->mask, p->mask_len, &rows, p->k, write_down, p);
}

static int allowed(void *user, int64_t q, int64_t k) {
    struct pairs *p = user;
    turn_to(p, q);
    return p->word[k] >> (q - p->first) & 1;
}

static int hint(void *user, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    struct pairs *p = user;
    turn_to(p, q0);
    if (q1 > p->first + ROWS || k0 >= k1) return 2;
    const uint64_t rows = below(q1 - p->first) & ~below(q0 - p->first), word = p->word[k0] & rows;
    if (word != 0 && word != rows) return 2;
    for (int64_t k = k0 + 1; k < k1; k++)
        if ((p->word[k] & rows) != word) return 2;
    return word != 0;
}

attn_status attn_cut_by_pairs(attn_ctx *ctx, const attn_mask *mask, int64_t mask_len, const struct attn_places *q,
                              const struct attn_places *k, attn_mask **out) {
    struct pairs p = {.mask = mask, .mask_len = mask_len, .q = q, .k = k, .first = -1};
    attn_mask *rule = NULL;
    size_t bytes;
    if (!attn_mul_size((size_t)k->places, sizeof *p.word, &bytes)) return attn_no_memory(ctx, "the keys of a cut mask", SIZE_MAX);
    p.word = attn_alloc(ctx, bytes);
    if (!p.word) return attn_no_memory(ctx, "the keys of a cut mask", bytes);
    attn_status status = attn_mask_predicate(ctx, q->places, k->places, allowed, hint, &p, &rule);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, rule, q->places, k->places, out);
    attn_mask_destroy(rule);
    attn_free(ctx, p.word);
    return status;
}
