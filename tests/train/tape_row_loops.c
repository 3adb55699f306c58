/* The loops over rows of a norm, of weights, of a pointer and of an LSTM, of every instruction set that the machine has, against loops in double.
 *
 * Bounds: a sum of n terms, however they are added, is within n u of the sum of their sizes, u = 2^-24. */
#include "base/random.h"
#include "support/sets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 90, ROWS = 5, ROUNDS = 400 };
static const double u = 0x1p-24;

/* What lies behind the arrays of a case is not theirs. */
static float *numbers(struct attn_random *random, int64_t n, float spread) {
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    attn_random_fill_normal(random, x, n, spread);
    return x;
}

static void near(const struct test_set *set, const char *what, double got, double want, double bound) {
    if (!(fabs(got - want) <= bound)) fail_msg("%s: %s is %.9g, must be %.9g, within %.2g", set->name, what, got, want, bound);
}

/* A row in double. size: of what h is the difference of, |x - m| r and the mean of |x| r. */
struct row {
    double mean, r, h[MOST], size[MOST];
};

static struct row row_of(const struct attn_norm_rows *n, const float *x) {
    struct row row = {.mean = 0};
    double squares = 0, sizes = 0;
    const double count = (double)n->columns;
    for (int64_t c = 0; c < n->columns; c++) {
        row.mean += n->centred ? (double)x[c] / count : 0;
        sizes += fabs((double)x[c]) / count;
    }
    for (int64_t c = 0; c < n->columns; c++) squares += ((double)x[c] - row.mean) * ((double)x[c] - row.mean);
    row.r = 1 / sqrt(squares / count + (double)n->epsilon);
    for (int64_t c = 0; c < n->columns; c++) {
        row.h[c] = ((double)x[c] - row.mean) * row.r;
        row.size[c] = fabs(row.h[c]) + sizes * row.r;
    }
    return row;
}

static double gain_of(const struct attn_norm_rows *n, int64_t c) {
    return n->gain ? (double)n->gain[c] : 1;
}

struct norm_case {
    struct attn_norm_rows n;
    float *x, *y, *stat, *dy, *dx, *before, *d_gain, *d_bias;
    bool add;
};

static void check_forward(const struct test_set *set, const struct norm_case *t) {
    const double share = (double)(t->n.columns + 8) * u;
    for (int64_t i = 0; i < t->n.rows * t->n.columns; i++) {
        const int64_t c = i % t->n.columns;
        const struct row row = row_of(&t->n, t->x + i - c);
        const double bias = t->n.bias ? (double)t->n.bias[c] : 0, gain = gain_of(&t->n, c);
        near(set, "y", (double)t->y[i], gain * row.h[c] + bias, share * (fabs(gain) * row.size[c] + fabs(bias)));
    }
}

static void check_row_back(const struct test_set *set, const struct norm_case *t, int64_t first) {
    const struct row row = row_of(&t->n, t->x + first);
    const double count = (double)t->n.columns;
    double mean = 0, along = 0, means = 0, alongs = 0;
    for (int64_t c = 0; c < t->n.columns; c++) {
        const double g = gain_of(&t->n, c) * (double)t->dy[first + c];
        mean += t->n.centred ? g / count : 0;
        means += fabs(g) / count;
        along += g * row.h[c] / count;
        alongs += fabs(g) * row.size[c] / count;
    }
    for (int64_t c = 0; c < t->n.columns; c++) {
        const double g = gain_of(&t->n, c) * (double)t->dy[first + c], old = t->add ? (double)t->before[first + c] : 0;
        const double sizes = fabs(old) + row.r * (fabs(g) + means + row.size[c] * alongs);
        near(set, "dx", (double)t->dx[first + c], old + row.r * (g - mean - row.h[c] * along), 3 * (count + 8) * u * sizes);
    }
}

static void check_sums(const struct test_set *set, const struct norm_case *t) {
    for (int64_t c = 0; c < t->n.columns; c++) {
        double gain = 1, bias = 1, gains = 1, biases = 1; /* they begin at 1 */
        for (int64_t i = 0; i < t->n.rows; i++) {
            const struct row row = row_of(&t->n, t->x + i * t->n.columns);
            const double d = (double)t->dy[i * t->n.columns + c];
            gain += d * row.h[c];
            gains += fabs(d) * row.size[c];
            bias += d;
            biases += fabs(d);
        }
        near(set, "dgain", (double)t->d_gain[c], gain, (double)(t->n.rows + t->n.columns + 8) * u * gains);
        near(set, "dbias", (double)t->d_bias[c], bias, (double)t->n.rows * u * biases);
    }
}

static void norm(const struct test_set *set, const struct attn_functions *table, struct attn_random *random, int round) {
    const int64_t columns = attn_random_between(random, 1, MOST), rows = attn_random_between(random, 1, ROWS), count = rows * columns;
    float *gain = numbers(random, columns, 1), *bias = numbers(random, columns, 1);
    struct norm_case t = {.n = {rows, columns, round % 3 ? gain : NULL, round % 4 ? bias : NULL, 1e-5f, round % 2}, .add = round / 2 % 2};
    float **const arrays[] = {&t.x, &t.y, &t.dy, &t.dx, &t.before}, **const sums[] = {&t.d_gain, &t.d_bias};
    for (int i = 0; i < 5; i++) *arrays[i] = numbers(random, count, 2);
    for (int i = 0; i < 2; i++) *sums[i] = numbers(random, columns, 1);
    t.stat = numbers(random, 2 * rows, 1);
    memcpy(t.dx, t.before, (size_t)count * sizeof *t.dx);
    for (int64_t c = 0; c < columns; c++) t.d_gain[c] = t.d_bias[c] = 1;
    table->norm_forward(&t.n, t.x, t.y, t.stat);
    check_forward(set, &t);
    table->norm_backward(&t.n, t.x, t.stat, t.dy, t.dx, t.add, t.d_gain, t.d_bias);
    for (int64_t i = 0; i < rows; i++) check_row_back(set, &t, i * columns);
    check_sums(set, &t);
    table->norm_backward(&t.n, t.x, t.stat, t.dy, NULL, false, NULL, NULL); /* nothing is wanted */
    for (int i = 0; i < 5; i++) free(*arrays[i]);
    for (int i = 0; i < 2; i++) free(*sums[i]);
    free(t.stat);
    free(gain);
    free(bias);
}

static void check_norms(const struct test_set *set, const attn_ctx *ctx) {
    struct attn_random random;
    attn_random_init(&random, 17);
    for (int round = 0; round < ROUNDS; round++) norm(set, attn_functions_for(ctx), &random, round);
}
static void rows_of_norms_are_those_of_their_definition(void **state) {
    (void)state;
    test_with_every_set(check_norms);
}

static void check_weights(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 19);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t n = attn_random_between(&random, 1, MOST);
        const float scale = 0.3f, along = (float)attn_random_uniform(&random);
        float *x = numbers(&random, n, 5), *w = numbers(&random, n, 1), *again = numbers(&random, n, 1), *d = numbers(&random, n, 1);
        float *dw = numbers(&random, n, 1);
        memcpy(w, x, (size_t)n * sizeof *w);
        memcpy(again, x, (size_t)n * sizeof *w);
        memcpy(d, dw, (size_t)n * sizeof *d);
        const double got = (double)table->taylor_weights(n, scale, w);
        double total = 0, sizes = 0;
        table->taylor_slopes(n, scale, along, again, d);
        for (int64_t i = 0; i < n; i++) {
            const double s = (double)scale * (double)x[i], want = 1 + s + s * s / 2, size = 1 + fabs(s) + s * s / 2;
            total += want;
            sizes += size;
            near(set, "a weight", (double)w[i], want, 4 * u * size);
            assert_true(again[i] == w[i]);
            near(set, "a slope", (double)d[i], (double)scale * (1 + s) * ((double)dw[i] + (double)along),
                 5 * u * (double)scale * (1 + fabs(s)) * (fabs((double)dw[i]) + fabs((double)along)));
        }
        near(set, "the sum of weights", got, total, (double)(n + 4) * u * sizes);
        free(x);
        free(w);
        free(again);
        free(d);
        free(dw);
    }
}
static void weights_and_slopes_are_those_of_the_polynomial(void **state) {
    (void)state;
    test_with_every_set(check_weights);
}

/* Of keys within the bound powers give the same within the accuracy of tanh, also of queries far beyond the others; one key beyond it is noticed. */
static void check_powers(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 29);
    if (!table->pointer_powers) return;
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t dim = attn_random_between(&random, 1, MOST), count = attn_random_between(&random, 1, ROWS);
        const float scale = (float[]){1, 4, 16}[round % 3];
        float *q = numbers(&random, dim, round % 5 ? scale : 60), *w = numbers(&random, dim, 1), *k = numbers(&random, ROWS * dim, scale);
        float *q_power = calloc((size_t)dim, sizeof *q), *k_power = calloc((size_t)(count * dim), sizeof *k), u_got[ROWS];
        for (int64_t i = 0; i < count * dim; i++) k[i] = fminf(16.5f, fmaxf(-16.5f, k[i]));
        if (round % 7 == 0) k[count * dim - 1] = q[dim - 1] = -16.5f;
        assert_true(table->pointer_powers(count * dim, k, k_power));
        (void)table->pointer_powers(dim, q, q_power);
        table->pointer_logits_of_powers(&(struct attn_pointer_keys){count, dim, dim, q_power, k_power, w}, u_got);
        for (int64_t n = 0; n < count; n++) {
            double want = 0, size = 0;
            for (int64_t c = 0; c < dim; c++) {
                want += (double)w[c] * tanh((double)q[c] + (double)k[n * dim + c]);
                size += fabs((double)w[c]);
            }
            near(set, "a logit of powers", (double)u_got[n], want, ((double)(dim + 4) * u + 5e-7) * size);
        }
        const float beyond = (float[]){NAN, INFINITY, -INFINITY}[round % 3];
        for (int64_t c = 0; c < dim; c++) q[c] = beyond;
        (void)table->pointer_powers(dim, q, q_power);
        table->pointer_logits_of_powers(&(struct attn_pointer_keys){1, dim, dim, q_power, k_power, w}, u_got);
        double sum = 0, size = 0;
        for (int64_t c = 0; c < dim; c++) {
            sum += (double)(beyond > 0 ? w[c] : -w[c]);
            size += fabs((double)w[c]);
        }
        if (isnan(beyond))
            assert_true(isnan(u_got[0]));
        else
            near(set, "a logit of an infinite query", (double)u_got[0], sum, ((double)(dim + 4) * u + 5e-7) * size);
        k[attn_random_between(&random, 0, count * dim - 1)] = (float[]){16.6f, -17, NAN, INFINITY, -INFINITY}[round % 5];
        assert_false(table->pointer_powers(count * dim, k, k_power));
        float *const all[] = {q, w, k, q_power, k_power};
        for (int i = 0; i < 5; i++) free(all[i]);
    }
}
static void powers_of_keys_and_queries_give_their_logits(void **state) {
    (void)state;
    test_with_every_set(check_powers);
}

/* tanh is within 5e-7 of itself, 1 - t^2 within twice that of 1. */
static void check_keys(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 23);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t dim = attn_random_between(&random, 1, MOST), count = attn_random_between(&random, 0, ROWS), step = dim + round % 3;
        float *q = numbers(&random, dim, 1), *w = numbers(&random, dim, 1), *k = numbers(&random, ROWS * step, 1);
        float *u_got = numbers(&random, ROWS, 1), *du = numbers(&random, ROWS, 1);
        float *dq = calloc((size_t)dim, sizeof *dq), *dw = calloc((size_t)dim, sizeof *dw), *dk = calloc((size_t)(ROWS * dim), sizeof *dk);
        const struct attn_pointer_keys keys = {count, dim, step, q, k, w};
        table->pointer_logits(&keys, u_got);
        table->pointer_gradients(&keys, du, dq, dk, dim, dw);
        for (int64_t n = 0; n < count; n++) {
            double want = 0, size = 0;
            for (int64_t c = 0; c < dim; c++) {
                want += (double)w[c] * tanh((double)q[c] + (double)k[n * step + c]);
                size += fabs((double)w[c]);
            }
            near(set, "a logit", (double)u_got[n], want, ((double)(dim + 4) * u + 5e-7) * size);
        }
        for (int64_t c = 0; c < dim; c++) {
            double sum_q = 0, sum_w = 0, sizes = 0;
            for (int64_t n = 0; n < count; n++) {
                const double t = tanh((double)q[c] + (double)k[n * step + c]), s = (double)du[n] * (double)w[c] * (1 - t * t);
                const double size = fabs((double)du[n]) * (1 + fabs((double)w[c]));
                near(set, "dk", (double)dk[n * dim + c], s, 2e-6 * size);
                sum_q += s;
                sum_w += (double)du[n] * t;
                sizes += size;
            }
            near(set, "dq", (double)dq[c], sum_q, 2e-6 * sizes);
            near(set, "dw", (double)dw[c], sum_w, 2e-6 * sizes);
        }
        float *const all[] = {q, w, k, u_got, du, dq, dw, dk};
        for (int i = 0; i < 8; i++) free(all[i]);
    }
}
static void logits_and_gradients_of_keys_are_those_of_their_definition(void **state) {
    (void)state;
    test_with_every_set(check_keys);
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

/* One token of an LSTM of so many hidden numbers. */
struct token {
    struct attn_lstm_layer layer;
    struct attn_lstm_token at;
    float *input, *bias, *x, *before, *sum, *gate, *squash, *c, *state, *y, *dy, *dh, *dc, *sums;
};

static void open_token(struct attn_random *random, int64_t hidden, int64_t in, struct token *t) {
    const int64_t gates = ATTN_LSTM_GATES * hidden;
    float **const small[] = {&t->x, &t->before, &t->squash, &t->c, &t->state, &t->y, &t->dy, &t->dh, &t->dc};
    float **const great[] = {&t->input, &t->bias, &t->sum, &t->gate, &t->sums};
    for (int i = 0; i < 9; i++) *small[i] = numbers(random, i == 0 ? in + 1 : hidden, 1);
    for (int i = 0; i < 5; i++) *great[i] = numbers(random, (in + 1) * gates, 1);
    memcpy(t->gate, t->sum, (size_t)gates * sizeof *t->gate);
    memset(t->sums, 0, (size_t)((in + 1) * gates) * sizeof *t->sums);
    t->layer = (struct attn_lstm_layer){hidden, in, t->input, t->bias};
    t->at = (struct attn_lstm_token){t->x, t->before, t->gate, t->squash};
}

static void close_token(struct token *t) {
    float *const all[] = {t->input, t->bias,  t->x, t->before, t->sum, t->gate, t->squash,
                          t->c,     t->state, t->y, t->dy,     t->dh,  t->dc,   t->sums};
    for (int i = 0; i < 14; i++) free(all[i]);
}

/* Sums of at most 5 terms of size 4 or less, through functions within 5e-7 of themselves, whose slopes are at most 1. */
static void check_number(const struct test_set *set, const struct token *t, int64_t l, double dc) {
    const int64_t h = t->layer.hidden, in = t->layer.in;
    double value[ATTN_LSTM_GATES], d_sum[ATTN_LSTM_GATES];
    for (int g = 0; g < ATTN_LSTM_GATES; g++) {
        const int64_t at = g * h + l;
        double sum = (double)t->sum[at] + (double)t->bias[at];
        for (int64_t d = 0; d < in; d++) sum += (double)t->x[d] * (double)t->input[d * ATTN_LSTM_GATES * h + at];
        value[g] = g == 2 ? tanh(sum) : logistic(sum);
    }
    const double i = value[0], f = value[1], g = value[2], o = value[3], before = (double)t->before[l], c = f * before + i * g, s = tanh(c);
    const double bound = 1e-5, d = (double)t->dy[l] + (double)t->dh[l], d_c = dc + d * o * (1 - s * s);
    near(set, "c", (double)t->c[l], c, bound);
    near(set, "h", (double)t->y[l], o * s, bound);
    assert_true(t->y[l] == t->state[l]);
    near(set, "dc", (double)t->dc[l], d_c * f, bound * (1 + fabs(d_c)));
    d_sum[0] = d_c * g * i * (1 - i);
    d_sum[1] = d_c * before * f * (1 - f);
    d_sum[2] = d_c * i * (1 - g * g);
    d_sum[3] = d * s * o * (1 - o);
    for (int n = 0; n < ATTN_LSTM_GATES; n++)
        for (int64_t e = 0; e <= in; e++) {
            const double by = e < in ? (double)t->x[e] : 1, size = (1 + fabs(d_c) + fabs(d)) * (1 + fabs(before)) * (1 + fabs(by));
            near(set, "a gate's gradient", (double)t->gate[n * h + l], d_sum[n], bound * size);
            near(set, "a sum", (double)t->sums[(e * ATTN_LSTM_GATES + n) * h + l], by * d_sum[n], bound * size);
        }
}

static void check_gates(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 27);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t hidden = attn_random_between(&random, 1, MOST);
        struct token t;
        open_token(&random, hidden, round % 5, &t);
        float dc[MOST];
        memcpy(dc, t.dc, (size_t)hidden * sizeof *dc);
        table->lstm_forward(&t.layer, &t.at, t.c, t.state, t.y);
        table->lstm_backward(&t.layer, &t.at, t.dy, t.dh, t.dc, t.sums);
        for (int64_t l = 0; l < hidden; l++) check_number(set, &t, l, (double)dc[l]);
        close_token(&t);
    }
}
static void gates_and_their_gradients_are_those_of_the_formulas(void **state) {
    (void)state;
    test_with_every_set(check_gates);
}

/* Rows `wide` numbers apart, a token of each, with y and without. */
static void check_states(const struct test_set *set, const attn_ctx *ctx) {
    const struct attn_functions *table = attn_functions_for(ctx);
    struct attn_random random;
    attn_random_init(&random, 31);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t hidden = attn_random_between(&random, 1, MOST), wide = hidden + round % 3, in = round % 5,
                      gates = ATTN_LSTM_GATES * hidden;
        struct token t;
        open_token(&random, hidden, in, &t);
        float *sum = numbers(&random, ROWS * gates, 1), *x = numbers(&random, ROWS * (in + 1), 1), *c = numbers(&random, ROWS * wide, 1);
        float *h = calloc((size_t)(ROWS * wide), sizeof *h), *y = calloc((size_t)(ROWS * wide), sizeof *y),
              *before = malloc(sizeof *c * ROWS * MOST * 2);
        memcpy(before, c, (size_t)(ROWS * wide) * sizeof *c);
        const struct attn_lstm_rows rows = {ROWS, in + 1, wide, hidden, x, c, sum, c, h, round % 2 ? y : NULL};
        table->lstm_states(&t.layer, &rows);
        for (int64_t r = 0; r < ROWS; r++) {
            const struct attn_lstm_token token = {x + r * (in + 1), before + r * wide, sum + r * gates, t.squash};
            table->lstm_forward(&t.layer, &token, t.c, t.state, t.y);
            if (memcmp(t.c, c + r * wide, (size_t)hidden * sizeof *c) != 0 ||
                memcmp(t.state, h + r * wide, (size_t)hidden * sizeof *c) != 0)
                fail_msg("%s: states of row %lld have other bits", set->name, (long long)r);
            if (rows.y) assert_memory_equal(t.state, y + r * hidden, (size_t)hidden * sizeof *c);
        }
        float *const all[] = {sum, x, c, h, y, before};
        for (int i = 0; i < 6; i++) free(all[i]);
        close_token(&t);
    }
}
static void states_alone_are_the_bits_of_the_whole_token(void **state) {
    (void)state;
    test_with_every_set(check_states);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_norms_are_those_of_their_definition),
        cmocka_unit_test(logits_and_gradients_of_keys_are_those_of_their_definition),
        cmocka_unit_test(powers_of_keys_and_queries_give_their_logits),
        cmocka_unit_test(states_alone_are_the_bits_of_the_whole_token),
        cmocka_unit_test(gates_and_their_gradients_are_those_of_the_formulas),
        cmocka_unit_test(weights_and_slopes_are_those_of_the_polynomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
