/* Additive attention: loops in double, written from the formulas. */
#include "support/sequences.h"

#include <math.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

enum { MOST = 1 << 10 };

/* Of sequence b: one key first, then others up to all n. */
static int32_t keys_of(int64_t b, int64_t n) {
    return (int32_t)(1 + b * 3 % n);
}

struct choice {
    int32_t keys[MOST], target[MOST];
};

/* own: sequences have their own numbers of keys, else n; labelled: most queries have a target, else none. */
static const struct choice *choose(int64_t batch, int64_t queries, int64_t n, bool own, bool labelled) {
    static struct choice c;
    for (int64_t b = 0; b < batch; b++) {
        c.keys[b] = own ? keys_of(b, n) : (int32_t)n;
        for (int64_t m = 0; m < queries; m++)
            c.target[b * queries + m] = labelled && (b + m) % 4 != 3 ? (int32_t)((5 * m + b) % c.keys[b]) : -1;
    }
    return &c;
}

static double logit(const double *const *x, sizes size, int64_t b, int64_t m, int64_t n) {
    const int64_t d = size[0][2];
    double sum = 0;
    for (int64_t c = 0; c < d; c++) sum += x[2][c] * tanh(x[0][(b * size[0][1] + m) * d + c] + x[1][(b * size[1][1] + n) * d + c]);
    return sum;
}

/* The logarithm of the sum of e^u over the keys. */
static double log_sum(const double *const *x, sizes size, int64_t b, int64_t m, int64_t keys) {
    double most = -(double)INFINITY, sum = 0;
    for (int64_t n = 0; n < keys; n++) most = fmax(most, logit(x, size, b, m, n));
    for (int64_t n = 0; n < keys; n++) sum += exp(logit(x, size, b, m, n) - most);
    return most + log(sum);
}

/* ------------------------------------------------------------------------------------------------------- losses */

static attn_tensor *losses_of(attn_tensor *const *x, bool own, bool labelled) {
    const struct choice *c = choose(attn_size(x[0], 0), attn_size(x[0], 1), attn_size(x[1], 1), own, labelled);
    return attn_pointer_losses(x[0], x[1], x[2], own ? c->keys : NULL, c->target);
}
static void naive_losses_of(const double *const *x, sizes size, bool own, bool labelled, double *y) {
    const int64_t queries = size[0][1];
    const struct choice *c = choose(size[0][0], queries, size[1][1], own, labelled);
    for (int64_t i = 0; i < size[0][0] * queries; i++) {
        const int64_t b = i / queries, m = i % queries;
        y[i] = c->target[i] < 0 ? 0 : log_sum(x, size, b, m, c->keys[b]) - logit(x, size, b, m, c->target[i]);
    }
}
static attn_tensor *losses(attn_tensor *const *x) {
    return losses_of(x, false, true);
}
static void naive_losses(const double *const *x, sizes size, double *y) {
    naive_losses_of(x, size, false, true, y);
}
static attn_tensor *losses_of_lengths(attn_tensor *const *x) {
    return losses_of(x, true, true);
}
static void naive_losses_of_lengths(const double *const *x, sizes size, double *y) {
    naive_losses_of(x, size, true, true, y);
}
static attn_tensor *losses_without_targets(attn_tensor *const *x) {
    return losses_of(x, true, false);
}
static void naive_losses_without_targets(const double *const *x, sizes size, double *y) {
    naive_losses_of(x, size, true, false, y);
}

/* ------------------------------------------------------------------------------------------- logits and glimpses */

static attn_tensor *logits(attn_tensor *const *x) { /* -inf becomes 0 */
    const struct choice *c = choose(attn_size(x[0], 0), attn_size(x[0], 1), attn_size(x[1], 1), true, true);
    return attn_sigmoid(attn_pointer_logits(x[0], x[1], x[2], c->keys));
}
static void naive_logits(const double *const *x, sizes size, double *y) {
    const int64_t queries = size[0][1], keys = size[1][1];
    for (int64_t i = 0; i < size[0][0] * queries * keys; i++) {
        const int64_t b = i / keys / queries, n = i % keys;
        y[i] = n < keys_of(b, keys) ? 1 / (1 + exp(-logit(x, size, b, i / keys % queries, n))) : 0;
    }
}
static attn_tensor *all_logits(attn_tensor *const *x) {
    return attn_pointer_logits(x[0], x[1], x[2], NULL);
}
static void naive_all_logits(const double *const *x, sizes size, double *y) {
    const int64_t queries = size[0][1], keys = size[1][1];
    for (int64_t i = 0; i < size[0][0] * queries * keys; i++) y[i] = logit(x, size, i / keys / queries, i / keys % queries, i % keys);
}

static attn_tensor *glimpses(attn_tensor *const *x) {
    const struct choice *c = choose(attn_size(x[0], 0), attn_size(x[0], 1), attn_size(x[1], 1), true, true);
    return attn_pointer_attention(x[0], x[1], x[2], x[3], c->keys);
}
static void naive_glimpses(const double *const *x, sizes size, double *y) {
    const int64_t queries = size[0][1], keys = size[1][1], e = size[3][2];
    for (int64_t i = 0; i < size[0][0] * queries; i++) {
        const int64_t b = i / queries, m = i % queries, mine = keys_of(b, keys);
        const double lse = log_sum(x, size, b, m, mine);
        for (int64_t c = 0; c < e; c++) y[i * e + c] = 0;
        for (int64_t n = 0; n < mine; n++) {
            const double weight = exp(logit(x, size, b, m, n) - lse);
            for (int64_t c = 0; c < e; c++) y[i * e + c] += weight * x[3][(b * keys + n) * e + c];
        }
    }
}

/* Queries and keys are pieces of one tensor [B, T, 2 D], side by side and in rows that overlap; glimpses of the keys themselves. */
static attn_tensor *glimpses_of_pieces(attn_tensor *const *x) {
    attn_tensor *q = attn_narrow(attn_narrow(x[0], 2, 0, 3), 1, 0, 2), *k = attn_narrow(attn_narrow(x[0], 2, 2, 3), 1, 1, 3);
    return attn_pointer_attention(q, k, x[1], k, NULL);
}
static void naive_glimpses_of_pieces(const double *const *x, sizes size, double *y) {
    enum { B = 2, T = 4, M = 2, N = 3, D = 3 };
    static const int64_t part[4][ATTN_TENSOR_DIMS] = {{B, M, D}, {B, N, D}, {D}, {B, N, D}};
    double q[B * M * D], k[B * N * D];
    for (int i = 0; i < B * M * D; i++) q[i] = x[0][(i / (M * D) * T + i / D % M) * size[0][2] + i % D];
    for (int i = 0; i < B * N * D; i++) k[i] = x[0][(i / (N * D) * T + i / D % N + 1) * size[0][2] + i % D + 2];
    const double *const parts[] = {q, k, x[1], k};
    for (int i = 0; i < B * M; i++) {
        const double lse = log_sum(parts, part, i / M, i % M, N);
        for (int c = 0; c < D; c++) {
            y[i * D + c] = 0;
            for (int n = 0; n < N; n++) y[i * D + c] += exp(logit(parts, part, i / M, i % M, n) - lse) * k[(i / M * N + n) * D + c];
        }
    }
}

const struct test_sequence test_pointers[] = {
    {"pointer losses", losses, naive_losses, {{2, 3, 5}, {2, 4, 5}, {5}}, true},
    {"pointer losses, one query", losses, naive_losses, {{3, 1, 2}, {3, 5, 2}, {2}}, true},
    {"pointer losses, one number", losses, naive_losses, {{1, 3, 1}, {1, 4, 1}, {1}}, true},
    {"pointer losses, unequal keys", losses_of_lengths, naive_losses_of_lengths, {{4, 5, 3}, {4, 5, 3}, {3}}, true},
    {"pointer losses without targets", losses_without_targets, naive_losses_without_targets, {{2, 3, 2}, {2, 4, 2}, {2}}, true},
    {"pointer losses, many", losses_of_lengths, naive_losses_of_lengths, {{9, 5, 37}, {9, 70, 37}, {37}}, false},
    {"pointer logits", logits, naive_logits, {{3, 2, 5}, {3, 4, 5}, {5}}, true},
    {"pointer logits, one key", logits, naive_logits, {{3, 2, 3}, {3, 1, 3}, {3}}, true},
    {"pointer logits, many", all_logits, naive_all_logits, {{5, 3, 70}, {5, 33, 70}, {70}}, false},
    {"glimpses", glimpses, naive_glimpses, {{3, 2, 5}, {3, 4, 5}, {5}, {3, 4, 3}}, true},
    {"glimpses, one key", glimpses, naive_glimpses, {{3, 2, 3}, {3, 1, 3}, {3}, {3, 1, 2}}, true},
    {"glimpses of one number", glimpses, naive_glimpses, {{2, 2, 1}, {2, 3, 1}, {1}, {2, 3, 1}}, true},
    {"glimpses, many", glimpses, naive_glimpses, {{3, 18, 37}, {3, 70, 37}, {37}, {3, 70, 18}}, false},
    {"glimpses of pieces", glimpses_of_pieces, naive_glimpses_of_pieces, {{2, 4, 6}, {3}}, true},
};
const int test_pointers_count = (int)(sizeof test_pointers / sizeof *test_pointers);
