/* Comparison of masks with dense booleans; everything is recounted pair by pair. */
#include "support/mask_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct frame {
    const struct attn_mask_view *view;
    const bool *dense;
    const char *what;
    int64_t q_len, k_len;
};

#define REQUIRE(f, condition, ...)                                                                                                         \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            print_error("%s, %lld x %lld: ", (f)->what, (long long)(f)->q_len, (long long)(f)->k_len);                                     \
            print_error(__VA_ARGS__);                                                                                                      \
            print_error("\n");                                                                                                             \
            fail();                                                                                                                        \
        }                                                                                                                                  \
    } while (0)

static int64_t below(struct attn_random *r, int64_t n) {
    return n > 0 ? (int64_t)attn_random_below(r, (uint64_t)n) : 0;
}

/* Line x, element y of the dense mask, or of its transpose. */
static bool at(const struct frame *f, bool transposed, int64_t x, int64_t y) {
    return transposed ? f->dense[y * f->k_len + x] : f->dense[x * f->k_len + y];
}

static void check_runs(const struct frame *f, bool transposed, int64_t x0, int lanes, int64_t y0, int64_t y1) {
    uint32_t words[ATTN_MASK_SPAN];
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    memset(words, 0xa5, sizeof words);
    int count = transposed ? attn_mask_runs_of_queries(f->view, x0, lanes, y0, y1, words, runs)
                           : attn_mask_runs_of_keys(f->view, x0, lanes, y0, y1, words, runs);
    REQUIRE(f, count >= 0 && count <= ATTN_MASK_RUNS, "%d runs", count);
    uint32_t all = lanes == 32 ? UINT32_MAX : (1u << lanes) - 1;
    for (int64_t y = y0, n = 0; y < y1; y++) {
        int64_t e = y - y0;
        uint32_t want = 0;
        for (int r = 0; r < lanes; r++) want |= (uint32_t)at(f, transposed, x0 + r, y) << r;
        while (n < count && runs[n].end <= e) n++;
        uint32_t got = n < count && e >= runs[n].begin ? (runs[n].full ? all : words[e]) : 0;
        REQUIRE(f, got == want, "%s of line %lld, %d lanes, from %lld: element %lld is %08x, must be %08x", transposed ? "queries" : "keys",
                (long long)x0, lanes, (long long)y0, (long long)y, got, want);
    }
    for (int n = 0; n < count; n++)
        REQUIRE(f,
                runs[n].begin < runs[n].end && runs[n].end <= y1 - y0 && (n == 0 || runs[n].begin >= runs[n - 1].end) &&
                    (n == 0 || runs[n].begin > runs[n - 1].end || runs[n].full != runs[n - 1].full),
                "run %d [%d, %d) is empty, out of order or not merged", n, runs[n].begin, runs[n].end);
}

static void check_stretches(const struct frame *f, bool transposed, int64_t x0, int64_t x1, int64_t from, bool exact) {
    int64_t len = transposed ? f->q_len : f->k_len, y0 = 0, y1 = 0, done = from;
    for (bool more = true, first = true; more; first = false) {
        more = transposed ? attn_mask_next_queries(f->view, x0, x1, done, &y0, &y1) : attn_mask_next_keys(f->view, x0, x1, done, &y0, &y1);
        int64_t end = more ? y1 : len, begin = more ? y0 : len;
        REQUIRE(f, !more || (y0 >= done && y0 < y1 && y1 <= len && (first || y0 > done)), "stretch [%lld, %lld) after %lld", (long long)y0,
                (long long)y1, (long long)done);
        for (int64_t y = done; y < end; y++) {
            bool seen = false;
            for (int64_t x = x0; x < x1 && !seen; x++) seen = at(f, transposed, x, y);
            REQUIRE(f, y >= begin ? seen || !exact : !seen, "%s of lines [%lld, %lld): element %lld, stretch [%lld, %lld)",
                    transposed ? "queries" : "keys", (long long)x0, (long long)x1, (long long)y, (long long)begin, (long long)end);
        }
        done = end;
    }
}

static void check_rectangle(const struct frame *f, int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    int64_t area = 0, all = (q1 - q0) * (k1 - k0);
    for (int64_t q = q0; q < q1; q++)
        for (int64_t k = k0; k < k1; k++) area += at(f, false, q, k);
    int64_t got = attn_mask_view_area(f->view, q0, q1, k0, k1);
    int tile = attn_mask_view_tile(f->view, q0, q1, k0, k1);
    REQUIRE(f, got == area, "area of [%lld, %lld) x [%lld, %lld): %lld, must be %lld", (long long)q0, (long long)q1, (long long)k0,
            (long long)k1, (long long)got, (long long)area);
    REQUIRE(f, tile == (area == 0 ? 0 : area == all ? 1 : 2), "class %d of an area %lld of %lld", tile, (long long)area, (long long)all);
}

static void check_panels(const struct frame *f, bool transposed, int width, bool exact, struct attn_random *r) {
    int64_t lines = transposed ? f->k_len : f->q_len, len = transposed ? f->q_len : f->k_len;
    for (int64_t x = 0; x < lines; x += width) {
        int lanes = (int)(lines - x < width ? lines - x : width);
        for (int64_t y = 0; y < len; y += 256) check_runs(f, transposed, x, lanes, y, y + 256 < len ? y + 256 : len);
        check_stretches(f, transposed, x, x + lanes, 0, exact);
    }
    for (int n = 0; n < 20 && lines > 0; n++) {
        int64_t x = below(r, lines), y = below(r, len + 1), left = lines - x < 32 ? lines - x : 32;
        int64_t span = len - y < ATTN_MASK_SPAN ? len - y : ATTN_MASK_SPAN;
        check_runs(f, transposed, x, (int)(1 + below(r, left)), y, y + below(r, span + 1));
        check_stretches(f, transposed, x, x + 1 + below(r, lines - x), y, exact);
    }
}

static void check_border(const struct frame *f, int64_t k0, int64_t k1) {
    const int64_t border = attn_mask_key_border(f->view, k0, k1);
    REQUIRE(f, k0 < border && border <= k1, "border %lld of keys [%lld, %lld)", (long long)border, (long long)k0, (long long)k1);
    for (int64_t q = 0; q < f->q_len && border < k1; q++)
        REQUIRE(f, !at(f, false, q, border - 1) || !at(f, false, q, border), "query %lld sees both sides of the border %lld", (long long)q,
                (long long)border);
}

void check_view(const struct attn_mask_view *view, const bool *dense, const char *what, bool exact, struct attn_random *r) {
    struct frame f = {view, dense, what, view->q_len, view->k_len};
    for (int transposed = 0; transposed < 2; transposed++) {
        check_panels(&f, transposed, 16, exact, r);
        check_panels(&f, transposed, 32, exact, r);
    }
    for (int n = 0; n < 20; n++) {
        int64_t q = below(r, f.q_len + 1), k = below(r, f.k_len + 1);
        check_rectangle(&f, q, q + below(r, f.q_len - q + 1), k, k + below(r, f.k_len - k + 1));
        if (k < f.k_len) check_border(&f, k, k + 1 + below(r, f.k_len - k));
        if (q < f.q_len && k < f.k_len)
            REQUIRE(&f, attn_mask_view_allows(view, q, k) == at(&f, false, q, k), "pair %lld, %lld", (long long)q, (long long)k);
    }
}

/* Intervals of one line against the dense line: sorted, disjoint, not touching, and their count is told when there is no room. */
static void check_line(const struct frame *f, const attn_mask *mask, bool transposed, int64_t x, int64_t len) {
    int64_t *pair = malloc((size_t)(len + 2) * sizeof *pair), want = 0, covered = 0;
    int64_t count = transposed ? attn_mask_column(mask, x, pair, len / 2 + 1) : attn_mask_row(mask, x, pair, len / 2 + 1);
    for (int64_t y = 0; y < len; y++) want += at(f, transposed, x, y) && (y == 0 || !at(f, transposed, x, y - 1));
    REQUIRE(f, count == want, "line %lld has %lld intervals, must have %lld", (long long)x, (long long)count, (long long)want);
    for (int64_t n = 0; n < count; n++) {
        REQUIRE(f, pair[2 * n] < pair[2 * n + 1] && pair[2 * n + 1] <= len && (n == 0 || pair[2 * n] > pair[2 * n - 1]),
                "interval %lld of line %lld", (long long)n, (long long)x);
        for (int64_t y = pair[2 * n]; y < pair[2 * n + 1]; y++, covered++)
            REQUIRE(f, at(f, transposed, x, y), "line %lld, element %lld", (long long)x, (long long)y);
    }
    for (int64_t y = 0; y < len; y++) covered -= at(f, transposed, x, y);
    REQUIRE(f, covered == 0, "line %lld", (long long)x);
    REQUIRE(f, (transposed ? attn_mask_column(mask, x, NULL, 0) : attn_mask_row(mask, x, NULL, 0)) == want, "count of line %lld",
            (long long)x);
    free(pair);
}

void check_mask(const attn_mask *mask, const bool *dense, const char *what, bool exact, struct attn_random *r) {
    int64_t q_len, k_len, area = 0;
    attn_mask_lengths(mask, &q_len, &k_len);
    struct attn_mask_view view;
    attn_mask_view_init(&view, mask, 0, 0, 1, 1, q_len, k_len, 0, 0, q_len, k_len);
    struct frame f = {&view, dense, what, q_len, k_len};
    for (int64_t q = 0; q < q_len; q++) check_line(&f, mask, false, q, k_len);
    for (int64_t k = 0; k < k_len; k++) check_line(&f, mask, true, k, q_len);
    for (int64_t i = 0; i < q_len * k_len; i++) area += dense[i];
    REQUIRE(&f, attn_mask_area(mask) == area, "area %lld, must be %lld", (long long)attn_mask_area(mask), (long long)area);
    for (int64_t q = 0; q < q_len; q += 64)
        for (int64_t k = 0; k < k_len; k += 64) {
            int64_t q1 = q + 64 < q_len ? q + 64 : q_len, k1 = k + 64 < k_len ? k + 64 : k_len;
            check_rectangle(&f, q, q1, k, k1);
            REQUIRE(&f, attn_mask_tile(mask, q, q1, k, k1) == attn_mask_view_tile(&view, q, q1, k, k1), "tile %lld, %lld", (long long)q,
                    (long long)k);
            REQUIRE(&f, attn_mask_allows(mask, q, k) == at(&f, false, q, k), "pair %lld, %lld", (long long)q, (long long)k);
        }
    check_view(&view, dense, what, exact, r);
}
