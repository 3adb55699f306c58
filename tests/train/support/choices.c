/* Rotation by position, rows by number and the greatest numbers: loops in double, written from the formulas. */
#include "support/sequences.h"

#include <math.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

static int64_t count_of(const int64_t *size) {
    int64_t count = 1;
    for (int i = 0; i < ATTN_TENSOR_DIMS && size[i] > 0; i++) count *= size[i];
    return count;
}

/* -------------------------------------------------------------------------------------------------------- rotary */

enum { FIRST = 3 };

static attn_tensor *rope_halves(attn_tensor *const *x) {
    return attn_rope(x[0], ATTN_ROTARY_HALVES, 0, 100, FIRST);
}
static attn_tensor *rope_interleaved(attn_tensor *const *x) {
    return attn_rope(x[0], ATTN_ROTARY_INTERLEAVED, 4, 10000, FIRST);
}
/* [B, H, T, D] with heads in front, of which the first tokens and all numbers but two go in. */
static attn_tensor *rope_of_a_view(attn_tensor *const *x) {
    attn_tensor *view = attn_narrow(attn_permute(x[0], (const int[]){0, 2, 1, 3}), 3, 1, 4);
    return attn_mul(attn_rope(view, ATTN_ROTARY_HALVES, 0, 100, FIRST), view);
}

/* Rows [T, H, D], from a number `lead` of each row on, D2 = dim + rest of them. */
static void turn(const double *x, int64_t tokens, int64_t token, int64_t dim, double base, bool halves, int64_t n, double *y) {
    const double position = (double)(FIRST + token % tokens);
    for (int64_t i = 0; i < n; i++) y[i] = x[i];
    for (int64_t i = 0; i < dim / 2; i++) {
        const double angle = position * pow(base, -2.0 * (double)i / (double)dim);
        const int64_t a = halves ? i : 2 * i, b = halves ? i + dim / 2 : 2 * i + 1;
        y[a] = x[a] * cos(angle) - x[b] * sin(angle);
        y[b] = x[a] * sin(angle) + x[b] * cos(angle);
    }
}

static void naive_rope(const double *x, const int64_t *size, int dims, int64_t dim, double base, bool halves, double *y) {
    const int64_t n = size[dims - 1], heads = size[dims - 2], tokens = size[dims - 3];
    for (int64_t row = 0; row < count_of(size) / n; row++) turn(x + row * n, tokens, row / heads, dim, base, halves, n, y + row * n);
}
static void naive_rope_halves(const double *const *x, sizes size, double *y) {
    naive_rope(x[0], size[0], size[0][3] > 0 ? 4 : 3, size[0][size[0][3] > 0 ? 3 : 2], 100, true, y);
}
static void naive_rope_interleaved(const double *const *x, sizes size, double *y) {
    naive_rope(x[0], size[0], 4, 4, 10000, false, y);
}
static void naive_rope_of_a_view(const double *const *x, sizes size, double *y) {
    const int64_t heads = size[0][1], tokens = size[0][2], n = size[0][3];
    for (int64_t b = 0; b < size[0][0]; b++)
        for (int64_t t = 0; t < tokens; t++)
            for (int64_t h = 0; h < heads; h++, y += 4) {
                const double *from = x[0] + ((b * heads + h) * tokens + t) * n + 1;
                turn(from, tokens, t, 4, 100, true, 4, y);
                for (int i = 0; i < 4; i++) y[i] *= from[i];
            }
}

/* ------------------------------------------------------------------------------------------- gather, scatter, top k */

enum { CHOSEN = 4, ROOM = 5 };
static const int32_t places[] = {1, 3, -1, 1, 0, 0, 2, 4}; /* [2, CHOSEN], into ROOM */

static attn_tensor *gather(attn_tensor *const *x) {
    return attn_gather(x[0], CHOSEN, places);
}
static attn_tensor *scatter(attn_tensor *const *x) {
    return attn_scatter(x[0], ROOM, places);
}
static attn_tensor *gather_twice(attn_tensor *const *x) {
    return attn_mul(attn_gather(x[0], CHOSEN, places),
                    attn_gather(attn_scatter(attn_gather(x[0], CHOSEN, places), ROOM, places), CHOSEN, places));
}

static void naive_gather(const double *const *x, sizes size, double *y) {
    const int64_t columns = count_of(size[0]) / size[0][0] / ROOM;
    for (int64_t b = 0; b < 2; b++)
        for (int64_t i = 0; i < CHOSEN; i++)
            for (int64_t c = 0; c < columns; c++, y++) {
                const int32_t from = places[b * CHOSEN + i];
                *y = from < 0 ? 0 : x[0][(b * ROOM + from) * columns + c];
            }
}
static void naive_scatter(const double *const *x, sizes size, double *y) {
    const int64_t columns = count_of(size[0]) / size[0][0] / CHOSEN;
    for (int64_t i = 0; i < 2 * ROOM * columns; i++) y[i] = 0;
    for (int64_t b = 0; b < 2; b++)
        for (int64_t i = 0; i < CHOSEN; i++)
            for (int64_t c = 0; c < columns && places[b * CHOSEN + i] >= 0; c++)
                y[(b * ROOM + places[b * CHOSEN + i]) * columns + c] += x[0][(b * CHOSEN + i) * columns + c];
}
/* Each row that goes to a place is multiplied by the sum of all that go there. */
static void naive_gather_twice(const double *const *x, sizes size, double *y) {
    const int64_t columns = count_of(size[0]) / size[0][0] / ROOM;
    for (int64_t b = 0; b < 2; b++)
        for (int64_t i = 0; i < CHOSEN; i++)
            for (int64_t c = 0; c < columns; c++, y++) {
                const int32_t from = places[b * CHOSEN + i];
                const double value = from < 0 ? 0 : x[0][(b * ROOM + from) * columns + c];
                int same = 0;
                for (int64_t j = 0; j < CHOSEN; j++) same += places[b * CHOSEN + j] == from;
                *y = value * value * same;
            }
}

static attn_tensor *top_3(attn_tensor *const *x) {
    return attn_top_k(attn_permute(x[0], (const int[]){1, 0}), 3, NULL);
}
static attn_tensor *top_all(attn_tensor *const *x) {
    attn_tensor *all = attn_top_k(x[0], attn_size(x[0], -1), NULL);
    return attn_mul(all, attn_add(attn_mean(x[0], 0), attn_mean(all, 0)));
}
static void naive_top(const double *x, int64_t n, int64_t step, int64_t k, double *y) {
    for (int64_t i = 0; i < n; i++) {
        int64_t rank = 0;
        for (int64_t j = 0; j < n; j++) rank += x[j * step] > x[i * step];
        if (rank < k) y[rank] = x[i * step];
    }
}
static void naive_top_3(const double *const *x, sizes size, double *y) {
    for (int64_t c = 0; c < size[0][1]; c++) naive_top(x[0] + c, size[0][0], size[0][1], 3, y + 3 * c);
}
static void naive_top_all(const double *const *x, sizes size, double *y) {
    const int64_t rows = size[0][0], n = size[0][1];
    for (int64_t r = 0; r < rows; r++) naive_top(x[0] + r * n, n, 1, n, y + r * n);
    for (int64_t c = 0; c < n; c++) {
        double mean = 0;
        for (int64_t r = 0; r < rows; r++) mean += (x[0][r * n + c] + y[r * n + c]) / (double)rows;
        for (int64_t r = 0; r < rows; r++) y[r * n + c] *= mean;
    }
}

/* ---------------------------------------------------------------------------------------------------------- cases */

const struct test_sequence test_choices[] = {
    {"rope in halves", rope_halves, naive_rope_halves, {{2, 5, 3, 6}}, true},
    {"rope of one token without a batch", rope_halves, naive_rope_halves, {{1, 1, 2}}, true},
    {"rope of many heads", rope_halves, naive_rope_halves, {{3, 90, 8, 64}}, false},
    {"rope of pairs side by side, two numbers beyond", rope_interleaved, naive_rope_interleaved, {{2, 4, 2, 6}}, true},
    {"rope of a permuted piece, times itself", rope_of_a_view, naive_rope_of_a_view, {{2, 2, 3, 6}}, true},
    {"gather", gather, naive_gather, {{2, ROOM, 3}}, true},
    {"gather of numbers", gather, naive_gather, {{2, ROOM}}, true},
    {"gather of long rows", gather, naive_gather, {{2, ROOM, 3, 700}}, false},
    {"scatter", scatter, naive_scatter, {{2, CHOSEN, 3}}, true},
    {"scatter of numbers", scatter, naive_scatter, {{2, CHOSEN}}, true},
    {"scatter of long rows", scatter, naive_scatter, {{2, CHOSEN, 5, 333}}, false},
    {"gather, scatter, gather", gather_twice, naive_gather_twice, {{2, ROOM, 2}}, true},
    {"the three greatest", top_3, naive_top_3, {{7, 4}}, true},
    {"the three greatest of three", top_3, naive_top_3, {{3, 5}}, true},
    {"the three greatest of many", top_3, naive_top_3, {{900, 40}}, false},
    {"all, the greatest first", top_all, naive_top_all, {{3, 6}}, true},
};
const int test_choices_count = (int)(sizeof test_choices / sizeof *test_choices);
