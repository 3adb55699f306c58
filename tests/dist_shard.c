/* Shards against their definition: every token is held once, parts restore the whole, padding is what the rule says, and loads are what they must be. */
#include "base/random.h"
#include "dist/cp/cut.h"
#include "support/counts.h"
#include "support/failing_memory.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENTS = 40, ROW = 12 };

static const int rings[][2] = {{1, 1}, {2, 1}, {1, 2}, {3, 1}, {1, 3}, {4, 1}, {2, 2}, {1, 4},
                               {5, 1}, {1, 5}, {8, 1}, {4, 2}, {2, 4}, {1, 8}, {3, 2}};
enum { RINGS = (int)(sizeof rings / sizeof *rings) };

static int64_t up(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

static int64_t gcd(int64_t a, int64_t b) {
    return b ? gcd(b, a % b) : a;
}

static void open_shards(const struct attn_shard_config *c, struct attn_shards *s) {
    if (attn_shards_open(test_ctx, c, s) != ATTN_OK) fail_msg("%s", test_sentence());
}

/* The token at each place of position y by the words of the specification; -1: padding. */
static void define(const struct attn_shard_config *c, int64_t position_places, int64_t *token) {
    const int64_t ring = c->ring;
    for (int64_t i = 0; i < ring * position_places; i++) token[i] = -1;
    int64_t base = 0, sequence = 0;
    for (int64_t u = 0; u < c->documents; u++) {
        const struct attn_document *d = &c->document[u];
        int64_t padded = up(d->length, ring > 1 ? 2 * ring : 1);
        if (u == c->documents - 1) padded = position_places * ring - base * ring;
        const int64_t chunk = padded / (2 * ring);
        for (int64_t i = 0; i < d->length; i++, sequence++) {
            int64_t y, place;
            if (c->sharding == ATTN_SHARD_STRIPE) {
                y = sequence % ring;
                place = sequence / ring;
            } else if (c->sharding == ATTN_SHARD_CONTIGUOUS || ring == 1) {
                y = sequence / position_places;
                place = sequence % position_places;
            } else {
                const int64_t x = i / chunk;
                y = x < ring ? x : 2 * ring - 1 - x;
                place = base + (x < ring ? 0 : chunk) + i % chunk;
            }
            token[y * position_places + place] = d->begin + i;
        }
        base += padded / ring;
    }
}

/* What padding must be. */
static int64_t padded_of(const struct attn_shard_config *c) {
    const int64_t ring = c->ring, chunks = c->chunks ? c->chunks : 16;
    int64_t all = 0, tokens = 0;
    for (int64_t u = 0; u < c->documents; u++) {
        tokens += c->document[u].length;
        all += up(c->document[u].length, ring > 1 ? 2 * ring : 1);
    }
    if (c->sharding == ATTN_SHARD_ZIGZAG) return up(all, (ring > 1 ? 2 * ring : 1) * c->pieces);
    if (c->sharding == ATTN_SHARD_MINHEAP)
        return up(up(tokens, ring * chunks) / (ring * chunks), c->pieces / gcd(c->pieces, chunks)) * ring * chunks;
    return up(tokens, ring * c->pieces);
}

/* Runs rise by place, do not overlap, and are of the one stride. */
static void check_runs(const struct attn_shards *s, const struct attn_run *run, int64_t count, int64_t places) {
    for (int64_t i = 0; i < count; i++) {
        assert_true(run[i].count >= 1 && run[i].stride == s->stride);
        assert_true(run[i].place >= (i ? run[i - 1].place + run[i - 1].count : 0));
        assert_true(i == 0 || run[i].first > run[i - 1].first + (run[i - 1].count - 1) * s->stride);
    }
    assert_true(count == 0 || run[count - 1].place + run[count - 1].count <= places);
}

static void check_position(const struct attn_shards *s, int y, const int64_t *token) {
    const int64_t places = s->places * s->pieces, count = attn_shards_position_runs(s, y);
    struct attn_run *run = calloc((size_t)count + 1, sizeof *run);
    int64_t *seen = malloc((size_t)places * sizeof *seen);
    assert_int_equal(attn_shards_position(s, y, run), count);
    check_runs(s, run, count, places);
    for (int64_t p = 0; p < places; p++) seen[p] = -1;
    for (int64_t i = 0; i < count; i++)
        for (int64_t n = 0; n < run[i].count; n++) seen[run[i].place + n] = run[i].first + n * run[i].stride;
    assert_memory_equal(seen, token, (size_t)places * sizeof *seen);
    for (int64_t i = 1; i < count; i++) /* joined */
        assert_false(run[i].place == run[i - 1].place + run[i - 1].count &&
                     run[i].first == run[i - 1].first + run[i - 1].count * s->stride);
    free(run);
    free(seen);
}

/* Rows of random bytes go out to the parts and come back. */
static void check_identity(const struct attn_shards *s, int64_t end) {
    const size_t stride = ROW + 5, own_stride = ROW + 3, bytes = (size_t)end * stride;
    unsigned char *whole = malloc(bytes), *back = malloc(bytes), *own = malloc((size_t)s->places * own_stride);
    int64_t *token = malloc((size_t)s->places * sizeof *token);
    char *held = calloc((size_t)end, 1);
    int64_t tokens = 0;
    for (size_t i = 0; i < bytes; i++) whole[i] = (unsigned char)(1 + i * 2654435761u % 255);
    memset(back, 0, bytes);
    for (int part = 0; part < s->ring * s->pieces; part++) {
        attn_shards_tokens(s, part, token);
        memset(own, 0xee, (size_t)s->places * own_stride);
        attn_shards_dispatch(s, part, ROW, whole, stride, own, own_stride);
        for (int64_t p = 0; p < s->places; p++) {
            static const unsigned char zero[ROW];
            assert_memory_equal(own + (size_t)p * own_stride, token[p] < 0 ? zero : whole + (size_t)token[p] * stride, ROW);
            if (p + 1 < s->places) assert_int_equal(own[(size_t)p * own_stride + ROW], 0xee);
            if (token[p] < 0) continue;
            assert_int_equal(held[token[p]]++, 0);
            tokens++;
        }
        attn_shards_undispatch(s, part, ROW, own, own_stride, back, stride);
    }
    assert_int_equal(tokens, s->tokens);
    for (int64_t n = 0; n < end; n++)
        for (size_t b = 0; b < stride; b++)
            assert_int_equal(back[(size_t)n * stride + b], held[n] && b < ROW ? whole[(size_t)n * stride + b] : 0);
    free(whole);
    free(back);
    free(own);
    free(token);
    free(held);
}

static void check_shards(const struct attn_shard_config *c) {
    struct attn_shards s;
    open_shards(c, &s);
    const int64_t places = s.places * s.pieces, parts = (int64_t)c->ring * c->pieces;
    int64_t *token = malloc((size_t)(places * c->ring) * sizeof *token), *own = malloc((size_t)s.places * sizeof *own);
    assert_int_equal(s.padded, padded_of(c));
    assert_int_equal(s.places * parts, s.padded);
    assert_int_equal(s.stride, c->sharding == ATTN_SHARD_STRIPE ? c->ring : 1);
    if (c->sharding != ATTN_SHARD_MINHEAP) define(c, places, token);
    for (int part = 0; part < parts; part++) {
        check_runs(&s, s.run + s.begin[part], s.begin[part + 1] - s.begin[part], s.places);
        attn_shards_tokens(&s, part, own);
        if (c->sharding != ATTN_SHARD_MINHEAP)
            assert_memory_equal(own, token + part * s.places, (size_t)s.places * sizeof *own);
        else
            memcpy(token + part * s.places, own, (size_t)s.places * sizeof *own);
    }
    for (int y = 0; y < c->ring; y++) check_position(&s, y, token + y * places);
    check_identity(&s, c->document[c->documents - 1].begin + c->document[c->documents - 1].length);
    free(token);
    free(own);
    attn_shards_close(&s);
}

/* Documents with and without gaps; many of length 1, some shorter than twice the ring. */
static int64_t some_documents(struct attn_random *r, struct attn_document *d) {
    const int64_t count = attn_random_between(r, 1, attn_random_below(r, 2) ? DOCUMENTS : 3), longest = attn_random_below(r, 2) ? 9 : 97;
    const bool gaps = attn_random_below(r, 3) == 0, ones = attn_random_below(r, 5) == 0;
    int64_t at = gaps ? 3 : 0;
    for (int64_t u = 0; u < count; u++) {
        d[u] = (struct attn_document){at, ones ? 1 : attn_random_between(r, 1, longest)};
        at += d[u].length + (gaps ? (int64_t)attn_random_below(r, 4) : 0);
    }
    return count;
}

static void every_token_is_held_once_and_parts_restore_the_whole(void **state) {
    struct attn_random r;
    struct attn_document d[DOCUMENTS];
    (void)state;
    attn_random_init(&r, 71);
    for (int64_t round = 0; round < test_share(60); round++)
        for (int n = 0; n < RINGS; n++)
            for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++) {
                const int64_t chunks[] = {0, 1, 2, 3, 7};
                struct attn_shard_config c = {
                    .sharding = (enum attn_sharding)sharding, .ring = rings[n][0], .pieces = rings[n][1], .document = d};
                c.documents = some_documents(&r, d);
                c.chunks = chunks[attn_random_below(&r, 5)];
                check_shards(&c);
            }
}

static void parts_may_be_more_than_tokens_and_lengths_prime(void **state) {
    const struct attn_document one = {0, 1}, seven = {0, 7}, prime = {0, 1009};
    const struct attn_document *const all[] = {&one, &seven, &prime};
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++)
            for (int ring = 1; ring <= 14; ring += 3)
                for (int pieces = 1; pieces <= 7; pieces += 2) {
                    const struct attn_shard_config c = {
                        .sharding = (enum attn_sharding)sharding, .ring = ring, .pieces = pieces, .document = all[i], .documents = 1};
                    check_shards(&c);
                }
}

static void a_thousand_documents_of_one_token_go_to_any_parts(void **state) {
    struct attn_document *d = malloc(4096 * sizeof *d);
    (void)state;
    for (int64_t u = 0; u < 4096; u++) d[u] = (struct attn_document){u, 1};
    for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++) {
        const struct attn_shard_config c = {
            .sharding = (enum attn_sharding)sharding, .ring = 4, .pieces = 2, .document = d, .documents = 4096};
        check_shards(&c);
    }
    free(d);
}

/* Allowed pairs of a position's queries with the keys of all positions. */
static double position_area(const struct attn_shards *s, int y, const attn_mask *mask, int64_t len) {
    const int64_t places = s->places * s->pieces;
    struct attn_run q_run[64], k_run[64];
    const struct attn_places queries = {q_run, attn_shards_position(s, y, q_run), places};
    double area = 0.0;
    for (int x = 0; x < s->ring; x++) {
        const struct attn_places keys = {k_run, attn_shards_position(s, x, k_run), places};
        area += attn_cut_area(mask, len, 1, &queries, &keys);
    }
    return area;
}

/* Greatest area of a position over the mean. */
static double balance(enum attn_sharding sharding, int ring, int64_t len) {
    const struct attn_document whole = {0, len};
    attn_mask *causal = NULL;
    assert_int_equal(attn_mask_parse(test_ctx, "causal", &causal), ATTN_OK);
    const struct attn_shard_config c = {
        .sharding = sharding, .ring = ring, .pieces = 1, .document = &whole, .documents = 1, .mask = causal, .mask_len = len};
    struct attn_shards s;
    double sum = 0.0, most = 0.0;
    open_shards(&c, &s);
    for (int y = 0; y < ring; y++) {
        const double area = position_area(&s, y, causal, len);
        sum += area;
        most = area > most ? area : most;
    }
    assert_true(sum == (double)len * (double)(len + 1) / 2.0);
    attn_shards_close(&s);
    attn_mask_destroy(causal);
    return most * ring / sum;
}

static void zigzag_balances_causal_exactly_and_contiguous_does_not(void **state) {
    (void)state;
    for (int ring = 1; ring <= 16; ring++) {
        const int64_t c = 64, t = 2 * c, len = t * ring;
        assert_true(balance(ATTN_SHARD_ZIGZAG, ring, len) == 1.0);
        /* The last position's rows see (R - 1) t keys each, and a triangle. */
        const double last = (double)((ring - 1) * t * t) + (double)(t * (t + 1) / 2), mean = (double)len * (double)(len + 1) / 2.0 / ring;
        assert_true(fabs(balance(ATTN_SHARD_CONTIGUOUS, ring, len) - last / mean) < 1e-12);
        assert_true(fabs(balance(ATTN_SHARD_CONTIGUOUS, ring, (int64_t)ring << 20) - (2.0 * ring - 1.0) / ring) < 1e-5);
        assert_true(balance(ATTN_SHARD_STRIPE, ring, len) < 1.0 + (double)ring / (double)len + 1e-9);
        assert_true(balance(ATTN_SHARD_MINHEAP, ring, len) < 1.05);
    }
}

/* All area is in the first chunk, so that the others would all go to the second position. */
static void minheap_gives_each_position_as_many_chunks(void **state) {
    const struct attn_document whole = {0, 960};
    const attn_slice first = {0, 48, 0, 960, -ATTN_UNLIMITED, ATTN_UNLIMITED};
    attn_mask *slices = NULL, *mask = NULL;
    struct attn_shards s;
    (void)state;
    assert_int_equal(attn_mask_slices(test_ctx, 960, 960, &first, 1, &slices), ATTN_OK);
    assert_int_equal(attn_mask_compile(test_ctx, slices, 960, 960, &mask), ATTN_OK);
    const struct attn_shard_config c = {.sharding = ATTN_SHARD_MINHEAP,
                                        .ring = 5,
                                        .pieces = 2,
                                        .document = &whole,
                                        .documents = 1,
                                        .chunks = 4,
                                        .mask = mask,
                                        .mask_len = 960};
    open_shards(&c, &s);
    assert_int_equal(s.places, 96);
    for (int y = 0; y < 5; y++) {
        assert_true(position_area(&s, y, NULL, 960) == 960.0 * 960.0 / 5.0);
        assert_true(position_area(&s, y, mask, 960) == (y == 0 ? 48.0 * 960.0 : 0.0));
    }
    attn_shards_close(&s);
    attn_mask_destroy(slices);
    attn_mask_destroy(mask);
}

static void many_positions_are_laid_without_pairs(void **state) {
    const struct attn_document whole = {0, INT64_C(8192) * 100000};
    (void)state;
    for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++) {
        const struct attn_shard_config c = {
            .sharding = (enum attn_sharding)sharding, .ring = 100000, .pieces = 1, .document = &whole, .documents = 1, .chunks = 2};
        struct attn_shards s;
        open_shards(&c, &s);
        assert_int_equal(s.places, 8192);
        assert_int_equal(s.padded, whole.length);
        attn_shards_close(&s);
    }
}

static void mistakes_are_refused_with_a_sentence(void **state) {
    const struct attn_document good = {0, 8}, zero = {0, 0}, negative = {-1, 4}, far = {INT64_C(1) << 60, 4}, overlap[] = {{0, 8}, {7, 4}};
    const struct attn_document huge = {0, INT64_C(1) << 60};
    attn_mask *many = NULL;
    struct attn_shards s;
    (void)state;
    assert_int_equal(attn_mask_parse(test_ctx, "causal | cols:0,4", &many), ATTN_OK);
    const struct {
        struct attn_shard_config c;
        attn_status status;
        const char *says;
    } cases[] = {
        {{.ring = 1, .pieces = 1}, ATTN_EINVAL, "at least one"},
        {{.ring = 0, .pieces = 1, .document = &good, .documents = 1}, ATTN_EINVAL, "ring of 0"},
        {{.ring = 1, .pieces = -1, .document = &good, .documents = 1}, ATTN_EINVAL, "-1 pieces"},
        {{.ring = 1 << 30, .pieces = 1 << 30, .document = &good, .documents = 1}, ATTN_EINVAL, "2^40"},
        {{.sharding = ATTN_SHARDINGS, .ring = 1, .pieces = 1, .document = &good, .documents = 1}, ATTN_EINVAL, "sharding 4"},
        {{.ring = 1, .pieces = 1, .document = &zero, .documents = 1}, ATTN_EINVAL, "document 0"},
        {{.ring = 1, .pieces = 1, .document = &negative, .documents = 1}, ATTN_EINVAL, "document 0"},
        {{.ring = 1, .pieces = 1, .document = &far, .documents = 1}, ATTN_EINVAL, "2^60"},
        {{.ring = 1, .pieces = 1, .document = overlap, .documents = 2}, ATTN_EINVAL, "document 1"},
        {{.ring = 1, .pieces = 1, .document = &good, .documents = 1, .chunks = -2}, ATTN_EINVAL, "-2 chunks"},
        {{.ring = 7, .pieces = 1, .document = &huge, .documents = 1}, ATTN_ESHAPE, "2^60 places"},
        {{.sharding = ATTN_SHARD_ZIGZAG, .ring = 7, .pieces = 1, .document = &huge, .documents = 1}, ATTN_ESHAPE, "2^60 places"},
        {{.sharding = ATTN_SHARD_MINHEAP, .ring = 7, .pieces = 1, .document = &huge, .documents = 1}, ATTN_ESHAPE, "2^60 places"},
        {{.sharding = ATTN_SHARD_MINHEAP, .ring = 7, .pieces = 1, .document = &good, .documents = 1, .chunks = INT64_MAX},
         ATTN_ESHAPE,
         "2^60"},
        {{.sharding = ATTN_SHARD_MINHEAP, .ring = 2, .pieces = 1, .document = &good, .documents = 1, .mask = many, .mask_len = 8},
         ATTN_EMASK,
         "compile"},
        {{.sharding = ATTN_SHARD_MINHEAP, .ring = 2, .pieces = 1, .document = &good, .documents = 1, .mask = many, .mask_len = 7},
         ATTN_EINVAL,
         "mask"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(attn_shards_open(test_ctx, &cases[i].c, &s), cases[i].status);
        if (!strstr(test_sentence(), cases[i].says)) fail_msg("case %d: %s", (int)i, test_sentence());
    }
    attn_mask_destroy(many);
}

static void names_are_found(void **state) {
    (void)state;
    for (int i = 0; i < ATTN_SHARDINGS; i++) assert_int_equal(attn_sharding_find(attn_sharding_name((enum attn_sharding)i)), i);
    assert_int_equal(attn_sharding_find("zigzags"), -1);
}

static attn_status open_all(attn_ctx *ctx) {
    const struct attn_document d[] = {{0, 8}, {10, 5}};
    attn_status status = ATTN_OK;
    for (int sharding = 0; sharding < ATTN_SHARDINGS && status == ATTN_OK; sharding++) {
        const struct attn_shard_config c = {
            .sharding = (enum attn_sharding)sharding, .ring = 2, .pieces = 2, .document = d, .documents = 2};
        struct attn_shards s;
        status = attn_shards_open(ctx, &c, &s);
        if (status == ATTN_OK) attn_shards_close(&s);
    }
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(open_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_is_held_once_and_parts_restore_the_whole),
        cmocka_unit_test(parts_may_be_more_than_tokens_and_lengths_prime),
        cmocka_unit_test(a_thousand_documents_of_one_token_go_to_any_parts),
        cmocka_unit_test(zigzag_balances_causal_exactly_and_contiguous_does_not),
        cmocka_unit_test(minheap_gives_each_position_as_many_chunks),
        cmocka_unit_test(many_positions_are_laid_without_pairs),
        cmocka_unit_test(mistakes_are_refused_with_a_sentence),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
