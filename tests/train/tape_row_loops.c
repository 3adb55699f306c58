/* The loops over rows of a norm, of weights and of a pointer, of every instruction set that the machine has, against loops in double.
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_norms_are_those_of_their_definition),
        cmocka_unit_test(logits_and_gradients_of_keys_are_those_of_their_definition),
        cmocka_unit_test(weights_and_slopes_are_those_of_the_polynomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
