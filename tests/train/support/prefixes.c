/* Attention of a learned query over prefixes, from the formula: softmax over the tokens up to each, every pair of them. */
#include "support/sequences.h"

#include <math.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

static attn_tensor *over_prefixes(attn_tensor *const *x) {
    return attn_prefix_attention(x[0], x[1], x[2]);
}

/* Where numbers of a head lie: token t of sequence b at data + (b T + t) row. */
struct head {
    const double *q, *k, *v;
    int64_t k_row, v_row, d, e;
};

static double score(const struct head *h, int64_t token) {
    double sum = 0;
    for (int64_t c = 0; c < h->d; c++) sum += h->q[c] * h->k[token * h->k_row + c];
    return sum / sqrt((double)h->d);
}

static void naive_row(const struct head *h, int64_t first, int64_t token, double *y) {
    double most = -(double)INFINITY, total = 0;
    for (int64_t j = first; j <= token; j++) most = fmax(most, score(h, j));
    for (int64_t c = 0; c < h->e; c++) y[c] = 0;
    for (int64_t j = first; j <= token; j++) {
        const double weight = exp(score(h, j) - most);
        total += weight;
        for (int64_t c = 0; c < h->e; c++) y[c] += weight * h->v[j * h->v_row + c];
    }
    for (int64_t c = 0; c < h->e; c++) y[c] /= total;
}

static void naive_prefixes(const double *const *x, sizes size, double *y) {
    const int64_t tokens = size[1][1], heads = size[0][0], d = size[0][1], e = size[2][3];
    for (int64_t row = 0; row < size[1][0] * tokens; row++)
        for (int64_t h = 0; h < heads; h++) {
            const struct head head = {x[0] + h * d, x[1] + h * d, x[2] + h * e, heads * d, heads * e, d, e};
            naive_row(&head, row - row % tokens, row, y + (row * heads + h) * e);
        }
}

/* Keys and values are one projection [B, T, 2 H, d], the query a token of another view. */
static attn_tensor *of_a_projection(attn_tensor *const *x) {
    return attn_prefix_attention(x[0], attn_narrow(x[1], 2, 0, 2), attn_narrow(x[1], 2, 2, 2));
}
static void naive_projection(const double *const *x, sizes size, double *y) {
    const int64_t tokens = size[1][1], d = size[0][1];
    for (int64_t row = 0; row < size[1][0] * tokens; row++)
        for (int64_t h = 0; h < 2; h++) {
            const struct head head = {x[0] + h * d, x[1] + h * d, x[1] + (2 + h) * d, 4 * d, 4 * d, d, d};
            naive_row(&head, row - row % tokens, row, y + (row * 2 + h) * d);
        }
}

/* Query, keys and values are one tensor [1, T, H, d]: its first token asks. */
static attn_tensor *of_itself(attn_tensor *const *x) {
    attn_tensor *q = attn_reshape(attn_narrow(x[0], 1, 0, 1), 2, (const int64_t[]){attn_size(x[0], 2), attn_size(x[0], 3)});
    return attn_prefix_attention(q, x[0], x[0]);
}
static void naive_of_itself(const double *const *x, sizes size, double *y) {
    const int64_t heads = size[0][2], d = size[0][3];
    for (int64_t row = 0; row < size[0][1]; row++)
        for (int64_t h = 0; h < heads; h++) {
            const struct head head = {x[0] + h * d, x[0] + h * d, x[0] + h * d, heads * d, heads * d, d, d};
            naive_row(&head, 0, row, y + (row * heads + h) * d);
        }
}

const struct test_sequence test_prefixes[] = {
    {"prefixes", over_prefixes, naive_prefixes, {{2, 3}, {3, 5, 2, 3}, {3, 5, 2, 4}}, true},
    {"prefixes of one token", over_prefixes, naive_prefixes, {{2, 3}, {2, 1, 2, 3}, {2, 1, 2, 3}}, true},
    {"prefixes, one of everything", over_prefixes, naive_prefixes, {{1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, true},
    {"prefixes of single numbers", over_prefixes, naive_prefixes, {{3, 1}, {1, 9, 3, 1}, {1, 9, 3, 1}}, true},
    {"prefixes in one head", over_prefixes, naive_prefixes, {{1, 5}, {1, 70, 1, 5}, {1, 70, 1, 2}}, true},
    {"prefixes, many", over_prefixes, naive_prefixes, {{3, 37}, {2, 300, 3, 37}, {2, 300, 3, 33}}, false},
    {"prefixes, one long sequence", over_prefixes, naive_prefixes, {{1, 8}, {1, 1500, 1, 8}, {1, 1500, 1, 8}}, false},
    {"prefixes of a projection", of_a_projection, naive_projection, {{2, 3}, {2, 6, 4, 3}}, true},
    {"prefixes of one tensor", of_itself, naive_of_itself, {{1, 6, 2, 3}}, true},
};
const int test_prefixes_count = (int)(sizeof test_prefixes / sizeof *test_prefixes);
