/* LSTM and GRU: loops in double, written from the formulas. */
#include "support/sequences.h"

#include <math.h>
#include <string.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

static int64_t count_of(const int64_t *size) {
    int64_t count = 1;
    for (int i = 0; i < ATTN_TENSOR_DIMS && size[i] > 0; i++) count *= size[i];
    return count;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* --------------------------------------------------------------------------------------------------- recurrent layers */

/* Weighted sums of one token: to [n] = w [n, in] x + bias (NULL: 0), added to what is there. */
static void add_sums(int64_t n, int64_t in, const double *w, const double *x, const double *bias, double *to) {
    for (int64_t g = 0; g < n; g++) {
        to[g] += bias ? bias[g] : 0;
        for (int64_t i = 0; i < in; i++) to[g] += w[g * in + i] * x[i];
    }
}

enum { HIDDEN_MOST = 64 };
struct recurrent {
    int64_t batch, length, in, hidden;
    const double *x, *h, *c, *w, *u, *a, *b; /* weights and biases of input and states */
    const int32_t *lengths;                  /* NULL: length */
};

/* All tokens of the first sequence; of others from none to all, in no order. */
static const int32_t *lengths_of(int64_t batch, int64_t length) {
    static int32_t lengths[128];
    for (int64_t b = 0; b < batch; b++) lengths[b] = (int32_t)((length + b * 3) % (length + 1));
    return lengths;
}

/* y [B, T, H], the cells at the end [B, H]. */
static void naive_lstm(const struct recurrent *r, double *y, double *cells) {
    for (int64_t s = 0; s < r->batch; s++) {
        const int64_t n = r->hidden;
        double h[HIDDEN_MOST] = {0}, *c = cells + s * n;
        for (int64_t l = 0; l < n; l++) {
            h[l] = r->h ? r->h[s * n + l] : 0;
            c[l] = r->c ? r->c[s * n + l] : 0;
        }
        for (int64_t t = 0; t < r->length; t++) {
            double gate[4 * HIDDEN_MOST] = {0};
            if (r->lengths && t >= r->lengths[s]) {
                memset(y + (s * r->length + t) * n, 0, (size_t)n * sizeof *y);
                continue;
            }
            add_sums(4 * n, r->in, r->w, r->x + (s * r->length + t) * r->in, r->a, gate);
            add_sums(4 * n, n, r->u, h, r->b, gate);
            for (int64_t l = 0; l < n; l++) {
                c[l] = sigmoid(gate[n + l]) * c[l] + sigmoid(gate[l]) * tanh(gate[2 * n + l]);
                y[(s * r->length + t) * n + l] = h[l] = sigmoid(gate[3 * n + l]) * tanh(c[l]);
            }
        }
    }
}
static void naive_gru(const struct recurrent *r, double *y) {
    for (int64_t s = 0; s < r->batch; s++) {
        const int64_t n = r->hidden;
        double h[HIDDEN_MOST] = {0};
        for (int64_t l = 0; l < n; l++) h[l] = r->h ? r->h[s * n + l] : 0;
        for (int64_t t = 0; t < r->length; t++) {
            double of_x[3 * HIDDEN_MOST] = {0}, of_h[3 * HIDDEN_MOST] = {0};
            add_sums(3 * n, r->in, r->w, r->x + (s * r->length + t) * r->in, r->a, of_x);
            add_sums(3 * n, n, r->u, h, r->b, of_h);
            for (int64_t l = 0; l < n; l++) {
                const double z = sigmoid(of_x[n + l] + of_h[n + l]);
                const double fresh = tanh(of_x[2 * n + l] + sigmoid(of_x[l] + of_h[l]) * of_h[2 * n + l]);
                y[(s * r->length + t) * n + l] = h[l] = (1 - z) * fresh + z * h[l];
            }
        }
    }
}

/* Weights scaled down, so that gates are not all at their ends: x, then W, U and, if they are there, both biases, h and c. */
static attn_recurrent_weights weights_of(attn_tensor *const *x, bool biases) {
    return (attn_recurrent_weights){attn_affine(x[1], (attn_real)0.5, 0), attn_affine(x[2], (attn_real)0.5, 0), biases ? x[3] : NULL,
                                    biases ? x[4] : NULL};
}
/* All states, to which the last ones are added, h as often as it stands there. */
static attn_tensor *with_last(attn_tensor *y, attn_tensor *last_h, attn_tensor *last_c) {
    if (attn_dims(y) == 2) return attn_add(attn_add(y, last_h), last_c);
    const int64_t size[] = {attn_size(y, 0), 1, attn_size(y, 2)};
    attn_tensor *sum = attn_add(y, attn_reshape(attn_contiguous(last_h), 3, size));
    return last_c ? attn_add(sum, attn_reshape(last_c, 3, size)) : sum;
}
static attn_tensor *lstm(attn_tensor *const *x) {
    attn_tensor *h, *c;
    const attn_recurrent_weights w = weights_of(x, true);
    attn_tensor *y = attn_lstm(x[0], x[5], x[6], &w, &h, &c);
    return with_last(y, h, c);
}
static attn_tensor *lstm_of_lengths(attn_tensor *const *x) {
    attn_tensor *h, *c;
    const attn_recurrent_weights w = weights_of(x, true);
    const int64_t length = attn_dims(x[0]) == 3 ? attn_size(x[0], 1) : 1;
    attn_tensor *y = attn_lstm_lengths(x[0], x[5], x[6], &w, lengths_of(attn_size(x[0], 0), length), &h, &c);
    return with_last(y, h, c);
}
static attn_tensor *lstm_plain(attn_tensor *const *x) {
    const attn_recurrent_weights w = weights_of(x, false);
    return attn_lstm(x[0], NULL, NULL, &w, NULL, NULL);
}
static attn_tensor *lstm_twice(attn_tensor *const *x) { /* input first in time; the same weights for both, of one output's cells alone */
    attn_tensor *c;
    const attn_recurrent_weights w = weights_of(x, false);
    attn_tensor *y = attn_lstm(attn_permute(x[0], (const int[]){1, 0, 2}), NULL, NULL, &w, NULL, &c);
    return attn_lstm(attn_permute(y, (const int[]){0, 1, 2}), c, NULL, &w, NULL, &c) ? c : NULL;
}
static attn_tensor *gru(attn_tensor *const *x) {
    attn_tensor *h;
    const attn_recurrent_weights w = weights_of(x, true);
    attn_tensor *y = attn_gru(x[0], x[5], &w, &h);
    return attn_dims(y) == 2 ? attn_add(y, h) : with_last(y, h, NULL);
}
static attn_tensor *gru_plain(attn_tensor *const *x) {
    const attn_recurrent_weights w = weights_of(x, false);
    return attn_gru(x[0], NULL, &w, NULL);
}

static double halved[2][1 << 13]; /* W and U */
static struct recurrent recurrent_of(const double *const *x, sizes size, bool all) {
    const int64_t three = size[0][2] > 0;
    struct recurrent r = {.batch = size[0][0], .length = three ? size[0][1] : 1, .in = size[0][three ? 2 : 1], .hidden = size[2][1]};
    for (int n = 0; n < 2; n++)
        for (int64_t i = 0; i < count_of(size[n + 1]); i++) halved[n][i] = x[n + 1][i] / 2;
    r.x = x[0];
    r.w = halved[0];
    r.u = halved[1];
    if (all) {
        r.a = x[3];
        r.b = x[4];
        r.h = x[5];
        r.c = x[6];
    }
    return r;
}
static void add_last(const struct recurrent *r, const double *cells, double *y) {
    for (int64_t s = 0; s < r->batch; s++)
        for (int64_t l = 0; l < r->hidden; l++) {
            const int64_t end = r->lengths ? r->lengths[s] : r->length;
            const double last = end > 0 ? y[(s * r->length + end - 1) * r->hidden + l] : r->h[s * r->hidden + l];
            for (int64_t t = 0; t < r->length; t++) y[(s * r->length + t) * r->hidden + l] += last + (cells ? cells[s * r->hidden + l] : 0);
        }
}
static void naive_lstm_all(const double *const *x, sizes size, double *y) {
    double cells[4096];
    const struct recurrent r = recurrent_of(x, size, true);
    naive_lstm(&r, y, cells);
    add_last(&r, cells, y);
}
static void naive_lstm_of_lengths(const double *const *x, sizes size, double *y) {
    double cells[4096];
    struct recurrent r = recurrent_of(x, size, true);
    r.lengths = lengths_of(r.batch, r.length);
    naive_lstm(&r, y, cells);
    add_last(&r, cells, y);
}
static void naive_lstm_plain(const double *const *x, sizes size, double *y) {
    double cells[8192];
    const struct recurrent r = recurrent_of(x, size, false);
    naive_lstm(&r, y, cells);
}
static void naive_lstm_twice(const double *const *x, sizes size, double *y) {
    struct recurrent r = recurrent_of(x, size, false);
    static double turned[4096], between[4096], cells[4096], behind[4096];
    r.batch = size[0][1];
    r.length = size[0][0];
    for (int64_t t = 0; t < r.length; t++)
        for (int64_t s = 0; s < r.batch; s++)
            memcpy(turned + (s * r.length + t) * r.in, x[0] + (t * r.batch + s) * r.in, (size_t)r.in * sizeof *turned);
    r.x = turned;
    naive_lstm(&r, between, cells);
    r.x = between;
    r.h = cells;
    naive_lstm(&r, behind, y);
}
static void naive_gru_all(const double *const *x, sizes size, double *y) {
    const struct recurrent r = recurrent_of(x, size, true);
    naive_gru(&r, y);
    add_last(&r, NULL, y);
}
static void naive_gru_plain(const double *const *x, sizes size, double *y) {
    const struct recurrent r = recurrent_of(x, size, false);
    naive_gru(&r, y);
}

/* ---------------------------------------------------------------------------------------------------------- cases */

const struct test_sequence test_recurrent[] = {
    {"LSTM with all inputs", lstm, naive_lstm_all, {{3, 4, 2}, {12, 2}, {12, 3}, {12}, {12}, {3, 3}, {3, 3}}, true},
    {"LSTM of one token", lstm, naive_lstm_all, {{2, 1, 3}, {4, 3}, {4, 1}, {4}, {4}, {2, 1}, {2, 1}}, true},
    {"LSTM cell", lstm, naive_lstm_all, {{2, 3}, {8, 3}, {8, 2}, {8}, {8}, {2, 2}, {2, 2}}, true},
    {"LSTM without biases and states", lstm_plain, naive_lstm_plain, {{1, 5, 2}, {8, 2}, {8, 2}}, true},
    {"LSTM over LSTM, cells alone", lstm_twice, naive_lstm_twice, {{4, 2, 3}, {12, 3}, {12, 3}}, true},
    {"LSTM of many sequences", lstm, naive_lstm_all, {{70, 6, 5}, {148, 5}, {148, 37}, {148}, {148}, {70, 37}, {70, 37}}, false},
    {"LSTM of lengths", lstm_of_lengths, naive_lstm_of_lengths, {{5, 4, 2}, {12, 2}, {12, 3}, {12}, {12}, {5, 3}, {5, 3}}, true},
    {"LSTM of lengths, cell", lstm_of_lengths, naive_lstm_of_lengths, {{3, 3}, {8, 3}, {8, 2}, {8}, {8}, {3, 2}, {3, 2}}, true},
    {"LSTM of many lengths",
     lstm_of_lengths,
     naive_lstm_of_lengths,
     {{70, 6, 5}, {148, 5}, {148, 37}, {148}, {148}, {70, 37}, {70, 37}},
     false},
    {"GRU with all inputs", gru, naive_gru_all, {{3, 4, 2}, {9, 2}, {9, 3}, {9}, {9}, {3, 3}}, true},
    {"GRU of one token", gru, naive_gru_all, {{2, 1, 3}, {3, 3}, {3, 1}, {3}, {3}, {2, 1}}, true},
    {"GRU cell", gru, naive_gru_all, {{2, 3}, {6, 3}, {6, 2}, {6}, {6}, {2, 2}}, true},
    {"GRU without biases and states", gru_plain, naive_gru_plain, {{1, 5, 2}, {6, 2}, {6, 2}}, true},
    {"GRU of many sequences", gru, naive_gru_all, {{70, 6, 5}, {111, 5}, {111, 37}, {111}, {111}, {70, 37}}, false},
};
const int test_recurrent_count = (int)(sizeof test_recurrent / sizeof *test_recurrent);
