/* Random expressions, cuts, offsets, alignments, stacks, predicates, bits and blocks against dense booleans. */
#include "support/mask_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEN = 150, TEXT = 4096 };

struct dense {
    int64_t q_len, k_len;
    bool at[LEN * LEN];
};

static int64_t below(struct attn_random *r, int64_t n) {
    return n > 0 ? (int64_t)attn_random_below(r, (uint64_t)n) : 0;
}

static void must(attn_ctx *ctx, attn_status status) {
    char error[1024];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, error, sizeof error));
}

static int quick(int count) {
    return getenv("ATTN_TEST_QUICK") ? count / 20 + 1 : count;
}

static int hint_exact(void *user, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const struct dense *d = user;
    bool any = false, all = true;
    for (int64_t q = q0; q < q1; q++)
        for (int64_t k = k0; k < k1; k++) {
            any |= d->at[q * d->k_len + k];
            all &= d->at[q * d->k_len + k];
        }
    return !any ? 0 : all ? 1 : 2;
}

static int pair_of(void *user, int64_t q, int64_t k) {
    const struct dense *d = user;
    return d->at[q * d->k_len + k];
}

static void fill_band(struct dense *d, int64_t low, int64_t high, attn_align align) {
    int64_t shift = align == ATTN_BOTTOM_RIGHT ? d->k_len - d->q_len : 0;
    for (int64_t q = 0; q < d->q_len; q++)
        for (int64_t k = 0; k < d->k_len; k++) d->at[q * d->k_len + k] = k - q - shift >= low && k - q - shift <= high;
}

/* Dense bits in blobs of random size, so that tiles of all classes occur. */
static void fill_blobs(struct dense *d, struct attn_random *r) {
    int64_t n = 1 + below(r, 40);
    for (int64_t q = 0; q < d->q_len; q++)
        for (int64_t k = 0; k < d->k_len; k++) d->at[q * d->k_len + k] = ((q / n) * 7 + (k / n) * 5 + (q / n) * (k / n)) % 3 == 0;
}

static attn_mask *band(attn_ctx *ctx, struct dense *d, struct attn_random *r) {
    attn_mask *m = NULL;
    int64_t low = below(r, 2 * LEN) - LEN, high = low + below(r, LEN);
    attn_align align = attn_random_below(r, 2) ? ATTN_TOP_LEFT : ATTN_BOTTOM_RIGHT;
    low = attn_random_below(r, 4) ? low : -ATTN_UNLIMITED;
    high = attn_random_below(r, 4) ? high : ATTN_UNLIMITED;
    fill_band(d, low, high, align);
    must(ctx, attn_mask_band(ctx, low, high, align, &m));
    return m;
}

static attn_mask *slices(attn_ctx *ctx, struct dense *d, struct attn_random *r) {
    attn_slice s[12];
    attn_mask *m = NULL;
    int64_t count = below(r, 13);
    memset(d->at, 0, sizeof d->at);
    for (int64_t n = 0; n < count; n++) {
        int64_t q0 = below(r, d->q_len + 1), k0 = below(r, d->k_len + 1), low = below(r, 2 * LEN) - LEN;
        s[n] = (attn_slice){q0, q0 + below(r, d->q_len - q0 + 1), k0, k0 + below(r, d->k_len - k0 + 1), low, low + below(r, LEN) - 3};
        if (below(r, 2)) s[n].low = -ATTN_UNLIMITED;
        if (below(r, 3) == 0) s[n].high = ATTN_UNLIMITED;
        for (int64_t q = s[n].q_begin; q < s[n].q_end; q++)
            for (int64_t k = s[n].k_begin; k < s[n].k_end; k++) d->at[q * d->k_len + k] |= k - q >= s[n].low && k - q <= s[n].high;
    }
    must(ctx, attn_mask_slices(ctx, d->q_len, d->k_len, s, count, &m));
    return m;
}

static attn_mask *bits(attn_ctx *ctx, struct dense *d, struct attn_random *r) {
    uint8_t packed[LEN * (LEN / 8 + 2)] = {0};
    size_t row = (size_t)(d->k_len + 7) / 8 + (size_t)below(r, 2);
    attn_mask *m = NULL;
    fill_blobs(d, r);
    for (int64_t q = 0; q < d->q_len; q++)
        for (int64_t k = 0; k < d->k_len; k++)
            if (d->at[q * d->k_len + k]) packed[(size_t)q * row + (size_t)k / 8] |= (uint8_t)(1 << k % 8);
    must(ctx, attn_mask_bits(ctx, d->q_len, d->k_len, packed, row, &m));
    return m;
}

static attn_mask *predicate(attn_ctx *ctx, struct dense *d, struct attn_random *r, struct dense *keep) {
    attn_mask *m = NULL;
    fill_blobs(d, r);
    *keep = *d;
    must(ctx, attn_mask_predicate(ctx, d->q_len, d->k_len, pair_of, attn_random_below(r, 2) ? hint_exact : NULL, keep, &m));
    return m;
}

/* A random tree; *tiles says whether a tile map is needed. kept: one dense array for each predicate. */
static attn_mask *tree(attn_ctx *ctx, struct dense *d, int depth, bool dense_leaves, struct dense *kept, int *used, struct attn_random *r) {
    int kind = depth == 0 ? (int)below(r, dense_leaves ? 4 : 2) : 4 + (int)below(r, 3);
    if (kind == 0) return band(ctx, d, r);
    if (kind == 1) return slices(ctx, d, r);
    if (kind == 2) return bits(ctx, d, r);
    if (kind == 3) return predicate(ctx, d, r, &kept[(*used)++]);
    struct dense *other = malloc(sizeof *other);
    *other = *d;
    attn_mask *m = NULL, *a = tree(ctx, d, depth - 1, dense_leaves, kept, used, r), *b = NULL;
    if (kind != 6) b = tree(ctx, other, depth - 1 - (int)below(r, depth), dense_leaves, kept, used, r);
    for (int64_t i = 0; i < d->q_len * d->k_len; i++)
        d->at[i] = kind == 4 ? d->at[i] && other->at[i] : kind == 5 ? d->at[i] || other->at[i] : !d->at[i];
    must(ctx, kind == 4 ? attn_mask_and(ctx, a, b, &m) : kind == 5 ? attn_mask_or(ctx, a, b, &m) : attn_mask_not(ctx, a, &m));
    attn_mask_destroy(a);
    attn_mask_destroy(b);
    free(other);
    return m;
}

static void check_trees(attn_ctx *ctx, int count, bool dense_leaves) {
    struct dense *d = malloc(sizeof *d), *kept = malloc(64 * sizeof *kept);
    for (int n = 0; n < quick(count); n++) {
        char what[64];
        struct attn_random r;
        attn_random_init(&r, (uint64_t)n + 1000 * dense_leaves);
        int used = 0, small = n % 10 != 0;
        d->q_len = below(&r, small ? 24 : LEN);
        d->k_len = below(&r, 3) ? below(&r, small ? 24 : LEN) : d->q_len;
        snprintf(what, sizeof what, "tree of seed %llu", (unsigned long long)r.seed);
        attn_mask *m = tree(ctx, d, (int)below(&r, 5), dense_leaves, kept, &used, &r), *compiled = NULL;
        must(ctx, attn_mask_compile(ctx, m, d->q_len, d->k_len, &compiled));
        check_mask(compiled, d->at, what, !dense_leaves, &r);
        attn_mask_destroy(m);
        attn_mask_destroy(compiled);
    }
    free(kept);
    free(d);
}

static void trees_of_bands_and_slices_are_what_they_say(void **state) {
    check_trees(*state, 4000, false);
}
static void trees_with_bits_and_predicates_are_what_they_say(void **state) {
    check_trees(*state, 1000, true);
}

static void compiled_masks_and_cuts_are_operands_too(void **state) {
    attn_ctx *ctx = *state;
    struct dense *d = malloc(sizeof *d), *cut = malloc(sizeof *cut), *kept = malloc(64 * sizeof *kept);
    for (int n = 0; n < quick(400); n++) {
        struct attn_random r;
        attn_random_init(&r, 5000 + (uint64_t)n);
        int used = 0;
        d->q_len = 1 + below(&r, LEN);
        d->k_len = 1 + below(&r, LEN);
        attn_mask *m = tree(ctx, d, 1, n % 2, kept, &used, &r), *compiled = NULL, *part = NULL, *deeper = NULL, *not = NULL, *again = NULL;
        must(ctx, attn_mask_compile(ctx, m, d->q_len, d->k_len, &compiled));
        attn_mask_destroy(m);
        int64_t q0 = below(&r, d->q_len), k0 = below(&r, d->k_len);
        int64_t q1 = q0 + below(&r, d->q_len - q0 + 1), k1 = k0 + below(&r, d->k_len - k0 + 1);
        must(ctx, attn_mask_cut(ctx, compiled, q0 / 2, d->q_len, k0 / 3, d->k_len, &part));
        must(ctx, attn_mask_cut(ctx, part, q0 - q0 / 2, q1 - q0 / 2, k0 - k0 / 3, k1 - k0 / 3, &deeper));
        attn_mask_destroy(compiled);
        attn_mask_destroy(part);
        cut->q_len = q1 - q0;
        cut->k_len = k1 - k0;
        for (int64_t q = q0; q < q1; q++)
            for (int64_t k = k0; k < k1; k++) cut->at[(q - q0) * cut->k_len + k - k0] = d->at[q * d->k_len + k];
        check_mask(deeper, cut->at, "cut of a cut", n % 2 == 0, &r);
        must(ctx, attn_mask_not(ctx, deeper, &not ));
        must(ctx, attn_mask_compile(ctx, not, cut->q_len, cut->k_len, &again));
        for (int64_t i = 0; i < cut->q_len * cut->k_len; i++) cut->at[i] = !cut->at[i];
        check_mask(again, cut->at, "not of a cut", n % 2 == 0, &r);
        attn_mask_destroy(not );
        attn_mask_destroy(deeper);
        attn_mask_destroy(again);
    }
    free(kept);
    free(cut);
    free(d);
}

/* A part with offsets is the sub-rectangle of the global mask, for free bands and for compiled masks; T < S, T = S, T > S. */
static void offsets_show_a_part_of_the_whole(void **state) {
    attn_ctx *ctx = *state;
    static struct dense d, part;
    for (int n = 0; n < quick(1500); n++) {
        struct attn_random r;
        attn_random_init(&r, 9000 + (uint64_t)n);
        d.q_len = 1 + below(&r, 60);
        d.k_len = 1 + below(&r, 60);
        attn_mask *a = band(ctx, &d, &r), *compiled = NULL;
        part = d;
        attn_mask *b = band(ctx, &part, &r), *both = NULL;
        for (int64_t i = 0; i < d.q_len * d.k_len; i++) d.at[i] = d.at[i] && part.at[i];
        must(ctx, attn_mask_and(ctx, a, b, &both));
        must(ctx, attn_mask_compile(ctx, both, d.q_len, d.k_len, &compiled));
        int64_t q0 = below(&r, d.q_len), k0 = below(&r, d.k_len);
        part.q_len = 1 + below(&r, d.q_len - q0);
        part.k_len = 1 + below(&r, d.k_len - k0);
        for (int64_t q = 0; q < part.q_len; q++)
            for (int64_t k = 0; k < part.k_len; k++) part.at[q * part.k_len + k] = d.at[(q0 + q) * d.k_len + k0 + k];
        for (int c = 0; c < 2; c++) {
            const attn_mask *m = c ? compiled : both;
            struct attn_mask_view v;
            must(ctx, attn_mask_fits(ctx, m, 0, 1, 1, 1, part.q_len, part.k_len, q0, k0, d.q_len, d.k_len));
            attn_mask_view_init(&v, m, 0, 0, 1, 1, part.q_len, part.k_len, q0, k0, d.q_len, d.k_len);
            check_view(&v, part.at, c ? "part of a compiled band" : "part of a band", true, &r);
        }
        attn_mask_destroy(a);
        attn_mask_destroy(b);
        attn_mask_destroy(both);
        attn_mask_destroy(compiled);
    }
}

struct tiles {
    int64_t q_len, k_len;
    uint8_t kind[16][16]; /* of each 64 x 64 tile: 0 empty, 1 full, else a texture */
};

static int pair_of_tile(void *user, int64_t q, int64_t k) {
    const struct tiles *t = user;
    const int kind = t->kind[q / 64][k / 64];
    return kind < 2 ? kind : (q * 5 + k * 3) % (kind + 1) == 0;
}

static int hint_of_tile(void *user, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    const struct tiles *t = user;
    for (int64_t q = q0 / 64; q <= (q1 - 1) / 64; q++)
        for (int64_t k = k0 / 64; k <= (k1 - 1) / 64; k++)
            if (t->kind[q][k] > 1 || t->kind[q][k] != t->kind[q0 / 64][k0 / 64]) return 2;
    return t->kind[q0 / 64][k0 / 64];
}

static void tile_maps_of_many_tiles_lose_no_pair(void **state) {
    attn_ctx *ctx = *state;
    for (int n = 0; n < quick(24); n++) {
        struct attn_random r;
        attn_random_init(&r, 30000 + (uint64_t)n);
        struct tiles t = {.q_len = 1 + below(&r, 450), .k_len = 1 + below(&r, 450)};
        for (int i = 0; i < 256; i++) t.kind[i / 16][i % 16] = (uint8_t)below(&r, n % 3 ? 3 : 2);
        bool *dense = malloc((size_t)(t.q_len * t.k_len));
        for (int64_t i = 0; i < t.q_len * t.k_len; i++) dense[i] = pair_of_tile(&t, i / t.k_len, i % t.k_len);
        for (int hinted = 0; hinted < 2; hinted++) {
            attn_mask *m = NULL, *compiled = NULL;
            must(ctx, attn_mask_predicate(ctx, t.q_len, t.k_len, pair_of_tile, hinted ? hint_of_tile : NULL, &t, &m));
            must(ctx, attn_mask_compile(ctx, m, t.q_len, t.k_len, &compiled));
            check_mask(compiled, dense, hinted ? "hinted predicate of tiles" : "predicate of tiles", false, &r);
            attn_mask_destroy(m);
            attn_mask_destroy(compiled);
        }
        free(dense);
    }
}

/* Block maps: aligned, of any sizes, with rows that have no block; a causal pattern with its diagonal is causal. */
static void blocks_are_their_rectangles(void **state) {
    attn_ctx *ctx = *state;
    static struct dense d;
    for (int n = 0; n < quick(300); n++) {
        struct attn_random r;
        attn_random_init(&r, 20000 + (uint64_t)n);
        int64_t cuts[2][LEN + 1] = {{0}}, count[2] = {0, 0};
        uint8_t keep[LEN * LEN];
        for (int axis = 0; axis < 2; axis++)
            for (int64_t len = 1 + below(&r, LEN), longest = 1 + below(&r, 40); cuts[axis][count[axis]] < len; count[axis]++) {
                int64_t next = cuts[axis][count[axis]] + (n % 2 ? longest : 1 + below(&r, longest));
                cuts[axis][count[axis] + 1] = next < len ? next : len;
            }
        d.q_len = cuts[0][count[0]];
        d.k_len = cuts[1][count[1]];
        for (int64_t a = 0; a < count[0]; a++)
            for (int64_t b = 0; b < count[1]; b++) {
                keep[a * count[1] + b] = below(&r, 3) == 0 && a % 5 != 3;
                for (int64_t q = cuts[0][a]; q < cuts[0][a + 1]; q++)
                    for (int64_t k = cuts[1][b]; k < cuts[1][b + 1]; k++) d.at[q * d.k_len + k] = keep[a * count[1] + b];
            }
        attn_mask *m = NULL, *compiled = NULL;
        must(ctx, attn_mask_blocks(ctx, cuts[0], count[0], cuts[1], count[1], keep, &m));
        must(ctx, attn_mask_compile(ctx, m, d.q_len, d.k_len, &compiled));
        check_mask(compiled, d.at, "blocks", true, &r);
        attn_mask_destroy(m);
        attn_mask_destroy(compiled);
    }
}

static void the_best_blocks_of_each_row_are_kept(void **state) {
    attn_ctx *ctx = *state;
    const int64_t q_cuts[] = {0, 2, 5}, k_cuts[] = {0, 1, 3, 4, 6};
    const float scores[] = {0.5f, 0.5f, 2.0f, 0.5f, -1.0f, -3.0f, -2.0f, -1.0f};
    static const int64_t want[2][3][2] = {{{0, 4}}, {{0, 1}, {4, 6}}};
    attn_mask *m = NULL, *compiled = NULL;
    int64_t got[8];
    must(ctx, attn_mask_top_blocks(ctx, q_cuts, 2, k_cuts, 4, scores, 3, &m)); /* ties go to the lower index: 0, 1, 2 */
    must(ctx, attn_mask_compile(ctx, m, 5, 6, &compiled));
    assert_int_equal(attn_mask_row(compiled, 0, got, 4), 1);
    assert_memory_equal(got, want[0], 2 * sizeof *got);
    attn_mask_destroy(m);
    attn_mask_destroy(compiled);
    must(ctx, attn_mask_top_blocks(ctx, q_cuts, 2, k_cuts, 4, scores, 2, &m));
    must(ctx, attn_mask_compile(ctx, m, 5, 6, &compiled));
    assert_int_equal(attn_mask_row(compiled, 4, got, 4), 2);
    assert_memory_equal(got, want[1], 4 * sizeof *got);
    assert_int_equal(attn_mask_area(compiled), 2 * 2 + 3 * 3);
    attn_mask_destroy(m);
    attn_mask_destroy(compiled);
}

static void pooled_scores_are_products_of_means(void **state) {
    const float q[] = {1, 2, 9, 3, 4, 9, 5, 6, 9}, k[] = {1, 1, 2, 0};
    const int64_t q_cuts[] = {0, 2, 3}, k_cuts[] = {0, 1, 2};
    float scores[4];
    must(*state, attn_mask_pool_scores(*state, q, 3, k, 2, 2, q_cuts, 2, k_cuts, 2, scores));
    const float want[] = {2 + 3, 4, 5 + 6, 10};
    assert_memory_equal(scores, want, sizeof want);
}

static int make_context(void **state) {
    return attn_ctx_create(NULL, (attn_ctx **)state, NULL, 0) != ATTN_OK;
}
static int free_context(void **state) {
    attn_ctx_destroy(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_of_bands_and_slices_are_what_they_say), cmocka_unit_test(trees_with_bits_and_predicates_are_what_they_say),
        cmocka_unit_test(compiled_masks_and_cuts_are_operands_too),    cmocka_unit_test(offsets_show_a_part_of_the_whole),
        cmocka_unit_test(tile_maps_of_many_tiles_lose_no_pair),        cmocka_unit_test(blocks_are_their_rectangles),
        cmocka_unit_test(the_best_blocks_of_each_row_are_kept),        cmocka_unit_test(pooled_scores_are_products_of_means),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
