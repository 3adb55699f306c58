#include "support/sequences.h"

#include "base/random.h"
#include "support/counts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef const int64_t (*sizes)[ATTN_TENSOR_DIMS];

static int dims_of(const int64_t *size) {
    int dims = 0;
    while (dims < ATTN_TENSOR_DIMS && size[dims] > 0) dims++;
    return dims;
}

static int64_t count_of(const int64_t *size) {
    int64_t count = 1;
    for (int i = 0; i < dims_of(size); i++) count *= size[i];
    return count;
}

/* The sizes of [..., T, D], sequences in front counted together. */
struct tokens {
    int64_t sequences, length, channels;
};

static struct tokens tokens_of(const int64_t *size) {
    const int dims = dims_of(size);
    return (struct tokens){count_of(size) / size[dims - 1] / size[dims - 2], size[dims - 2], size[dims - 1]};
}

/* ---------------------------------------------------------------------------------------------- long convolution */

static attn_tensor *convolve(attn_tensor *const *x) {
    return attn_long_convolution(x[0], x[1]);
}

static void naive_convolution(const double *const *x, sizes size, double *y) {
    const struct tokens n = tokens_of(size[0]);
    const int64_t taps = size[1][0];
    for (int64_t b = 0; b < n.sequences; b++)
        for (int64_t i = 0; i < n.length; i++)
            for (int64_t c = 0; c < n.channels; c++) {
                double sum = 0;
                for (int64_t s = 0; s < taps && s <= i; s++)
                    sum += x[1][s * n.channels + c] * x[0][(b * n.length + i - s) * n.channels + c];
                y[(b * n.length + i) * n.channels + c] = sum;
            }
}

/* --------------------------------------------------------------------------------------------- linear recurrence */

static attn_tensor *recur(attn_tensor *const *x) {
    return attn_linear_recurrence(attn_sigmoid(x[0]), x[1]);
}

static attn_tensor *recur_with_itself(attn_tensor *const *x) {
    attn_tensor *a = attn_sigmoid(x[0]);
    return attn_linear_recurrence(a, a);
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* The product of what lies between, for each pair of tokens. */
static void naive_recurrence_of(const double *a, const double *x, bool itself, struct tokens n, double *y) {
    for (int64_t b = 0; b < n.sequences; b++)
        for (int64_t c = 0; c < n.channels; c++)
            for (int64_t i = 0; i < n.length; i++) {
                double sum = 0, product = 1;
                for (int64_t j = i; j >= 0; j--) {
                    const int64_t at = (b * n.length + j) * n.channels + c;
                    sum += product * (itself ? sigmoid(x[at]) : x[at]);
                    product *= sigmoid(a[at]);
                }
                y[(b * n.length + i) * n.channels + c] = sum;
            }
}

static void naive_recurrence(const double *const *x, sizes size, double *y) {
    naive_recurrence_of(x[0], x[1], false, tokens_of(size[0]), y);
}

static void naive_recurrence_with_itself(const double *const *x, sizes size, double *y) {
    naive_recurrence_of(x[0], x[0], true, tokens_of(size[0]), y);
}

/* ---------------------------------------------------------------------------------------------------------- RWKV */

static attn_tensor *decay_of(attn_tensor *theta) {
    return attn_affine(attn_exp(theta), -1, 0);
}

static attn_tensor *mix(attn_tensor *const *x) {
    return attn_rwkv(x[0], x[1], decay_of(x[2]), x[3]);
}

static attn_tensor *mix_far(attn_tensor *const *x) {
    return attn_rwkv(attn_affine(x[0], 5, 0), x[1], decay_of(x[2]), x[3]);
}

static attn_tensor *mix_very_far(attn_tensor *const *x) {
    return attn_rwkv(attn_affine(x[0], 30, 0), x[1], decay_of(x[2]), x[3]);
}

/* Of token t in one channel; the logarithm of its weight of token i less the greatest one's. */
static double naive_mix_at(const double *k, const double *v, int64_t step, int64_t t, double w, double u) {
    double greatest = -(double)INFINITY, above = 0, below = 0;
    for (int64_t i = 0; i <= t; i++) greatest = fmax(greatest, k[i * step] + (i < t ? (double)(t - 1 - i) * w : u));
    for (int64_t i = 0; i <= t; i++) {
        const double weight = exp(k[i * step] + (i < t ? (double)(t - 1 - i) * w : u) - greatest);
        above += weight * v[i * step];
        below += weight;
    }
    return above / below;
}

static void naive_mix_by(double factor, const double *const *x, struct tokens n, double *y) {
    double *k = malloc((size_t)n.length * sizeof *k), *v = malloc((size_t)n.length * sizeof *v);
    assert_non_null(k);
    assert_non_null(v);
    for (int64_t b = 0; b < n.sequences; b++)
        for (int64_t c = 0; c < n.channels; c++) {
            for (int64_t t = 0; t < n.length; t++) {
                k[t] = factor * x[0][(b * n.length + t) * n.channels + c];
                v[t] = x[1][(b * n.length + t) * n.channels + c];
            }
            for (int64_t t = 0; t < n.length; t++)
                y[(b * n.length + t) * n.channels + c] = naive_mix_at(k, v, 1, t, -exp(x[2][c]), x[3][c]);
        }
    free(k);
    free(v);
}

static void naive_mix(const double *const *x, sizes size, double *y) {
    naive_mix_by(1, x, tokens_of(size[0]), y);
}

static void naive_mix_far(const double *const *x, sizes size, double *y) {
    naive_mix_by(5, x, tokens_of(size[0]), y);
}

static void naive_mix_very_far(const double *const *x, sizes size, double *y) {
    naive_mix_by(30, x, tokens_of(size[0]), y);
}

/* ---------------------------------------------------------------------------------------------- linear attention */

static attn_tensor *attend(attn_tensor *const *x) {
    return attn_linear_attention(attn_exp(x[0]), attn_exp(x[1]), x[2]);
}

static double weight_of_exponentials(int64_t n, const double *q, const double *k) {
    double weight = 0;
    for (int64_t f = 0; f < n; f++) weight += exp(q[f] + k[f]);
    return weight;
}

static double weight_of_taylor(int64_t n, const double *q, const double *k) {
    double s = 0;
    for (int64_t f = 0; f < n; f++) s += q[f] * k[f] / sqrt((double)n);
    return 1 + s + s * s / 2;
}

static void naive_weighted(double (*weight_of)(int64_t n, const double *q, const double *k), const double *const *x, sizes size,
                           double *y) {
    const struct tokens n = tokens_of(size[0]), v = tokens_of(size[2]);
    for (int64_t row = 0; row < n.sequences * n.length; row++) {
        double total = 1e-12, *to = y + row * v.channels;
        for (int64_t e = 0; e < v.channels; e++) to[e] = 0;
        for (int64_t j = row - row % n.length; j <= row; j++) {
            const double weight = weight_of(n.channels, x[0] + row * n.channels, x[1] + j * n.channels);
            for (int64_t e = 0; e < v.channels; e++) to[e] += weight * x[2][j * v.channels + e];
            total += weight;
        }
        for (int64_t e = 0; e < v.channels; e++) to[e] /= total;
    }
}

static void naive_attention(const double *const *x, sizes size, double *y) {
    naive_weighted(weight_of_exponentials, x, size, y);
}

static attn_tensor *attend_by_taylor(attn_tensor *const *x) {
    return attn_taylor_attention(x[0], x[1], x[2]);
}

static void naive_taylor(const double *const *x, sizes size, double *y) {
    naive_weighted(weight_of_taylor, x, size, y);
}

/* ------------------------------------------------------------------------------------------------------- rotation */

static attn_tensor *rotate(attn_tensor *const *x) {
    return attn_rope(x[0], ATTN_ROTARY_HALVES, 0, 100, 5);
}

static void naive_rotation(const double *const *x, sizes size, double *y) {
    const int dims = dims_of(size[0]);
    const int64_t d = size[0][dims - 1], heads = size[0][dims - 2], tokens = size[0][dims - 3];
    for (int64_t i = 0; i < count_of(size[0]); i++) {
        const int64_t c = i % d, t = i / d / heads % tokens;
        const double angle = (double)(5 + t) * pow(100, -2 * (double)(c % (d / 2)) / (double)d);
        y[i] = c < d / 2 ? x[0][i] * cos(angle) - x[0][i + d / 2] * sin(angle) : x[0][i] * cos(angle) + x[0][i - d / 2] * sin(angle);
    }
}

/* ----------------------------------------------------------------------------------------------------- retention */

static const double decays[] = {0.97, 1, 0.5};

static attn_tensor *retain(attn_tensor *const *x) {
    return attn_retention(x[0], x[1], x[2], decays);
}

static attn_tensor *retain_itself(attn_tensor *const *x) {
    return attn_retention(x[0], x[0], x[0], decays);
}

static void naive_retention_of(const double *q, const double *k, const double *v, sizes size, int64_t features, int64_t columns,
                               double *y) {
    const struct tokens n = tokens_of(size[0]);
    const int64_t heads = size[0][dims_of(size[0]) - 3];
    for (int64_t row = 0; row < n.sequences * n.length; row++) {
        for (int64_t e = 0; e < columns; e++) y[row * columns + e] = 0;
        for (int64_t j = row - row % n.length; j <= row; j++) {
            double weight = 0;
            for (int64_t f = 0; f < features; f++) weight += q[row * features + f] * k[j * features + f];
            weight *= pow(decays[row / n.length % heads], (double)(row - j));
            for (int64_t e = 0; e < columns; e++) y[row * columns + e] += weight * v[j * columns + e];
        }
    }
}

static void naive_retention(const double *const *x, sizes size, double *y) {
    naive_retention_of(x[0], x[1], x[2], size, tokens_of(size[0]).channels, tokens_of(size[2]).channels, y);
}

static void naive_retention_of_itself(const double *const *x, sizes size, double *y) {
    naive_retention_of(x[0], x[0], x[0], size, tokens_of(size[0]).channels, tokens_of(size[0]).channels, y);
}

/* ------------------------------------------------------------------------------------------------ selective scan */

static attn_tensor *scan(attn_tensor *const *x) {
    return attn_selective_scan(x[0], attn_softplus(x[1]), decay_of(x[2]), x[3], x[4], x[5]);
}

/* State i of channel c is the sum of what earlier tokens left, each decayed by all that lies between. */
static void naive_scan(const double *const *x, sizes size, double *y) {
    const struct tokens n = tokens_of(size[0]);
    const int64_t states = size[2][1];
    for (int64_t row = 0; row < n.sequences * n.length; row++)
        for (int64_t c = 0; c < n.channels; c++) {
            double sum = x[5][c] * x[0][row * n.channels + c], time = 0;
            for (int64_t j = row; j >= row - row % n.length; j--) {
                const int64_t at = j * n.channels + c;
                const double delta = log1p(exp(x[1][at]));
                for (int64_t i = 0; i < states; i++)
                    sum += x[4][row * states + i] * exp(-exp(x[2][c * states + i]) * time) * delta * x[3][j * states + i] * x[0][at];
                time += delta;
            }
            y[row * n.channels + c] = sum;
        }
}

/* --------------------------------------------------------------------------------------------------------- cases */

const struct test_sequence test_sequences[] = {
    {"convolution, few tokens", convolve, naive_convolution, {{2, 7, 3}, {7, 3}}, true},
    {"convolution of one token", convolve, naive_convolution, {{3, 1, 2}, {1, 2}}, true},
    {"convolution of one tap", convolve, naive_convolution, {{2, 9, 3}, {1, 3}}, true},
    {"convolution of one sequence without an axis", convolve, naive_convolution, {{40, 33}, {5, 33}}, false},
    {"convolution of two axes of sequences", convolve, naive_convolution, {{2, 2, 5, 2}, {4, 2}}, true},
    {"convolution, the longest direct one", convolve, naive_convolution, {{2, 383, 35}, {383, 35}}, false},
    {"convolution of few taps in many tokens", convolve, naive_convolution, {{1, 1500, 3}, {100, 3}}, false},
    {"convolution by transforms, one channel", convolve, naive_convolution, {{2, 390, 1}, {390, 1}}, true},
    {"convolution by transforms, three channels", convolve, naive_convolution, {{390, 3}, {390, 3}}, true},
    {"convolution by transforms, a power of two", convolve, naive_convolution, {{2, 512, 34}, {512, 34}}, false},
    {"convolution by transforms, fewer taps", convolve, naive_convolution, {{3, 700, 17}, {250, 17}}, false},
    {"convolution by transforms that just fit", convolve, naive_convolution, {{1, 513, 2}, {512, 2}}, false},
    {"convolution by transforms, many tokens", convolve, naive_convolution, {{1, 2500, 2}, {2500, 2}}, false},
    {"recurrence", recur, naive_recurrence, {{2, 6, 3}, {2, 6, 3}}, true},
    {"recurrence of one token", recur, naive_recurrence, {{1, 2}, {1, 2}}, true},
    {"recurrence with itself", recur_with_itself, naive_recurrence_with_itself, {{2, 2, 5, 2}}, true},
    {"recurrence, many tokens", recur, naive_recurrence, {{3, 300, 37}, {3, 300, 37}}, false},
    {"RWKV", mix, naive_mix, {{2, 6, 3}, {2, 6, 3}, {3}, {3}}, true},
    {"RWKV of one token", mix, naive_mix, {{2, 1, 2}, {2, 1, 2}, {2}, {2}}, true},
    {"RWKV of far keys", mix_far, naive_mix_far, {{2, 7, 2}, {2, 7, 2}, {2}, {2}}, true},
    {"RWKV of very far keys", mix_very_far, naive_mix_very_far, {{2, 50, 5}, {2, 50, 5}, {5}, {5}}, false},
    {"RWKV, many tokens", mix, naive_mix, {{3, 150, 37}, {3, 150, 37}, {37}, {37}}, false},
    {"linear attention", attend, naive_attention, {{2, 5, 3}, {2, 5, 3}, {2, 5, 2}}, true},
    {"linear attention of one token", attend, naive_attention, {{1, 2}, {1, 2}, {1, 3}}, true},
    {"linear attention, two chunks", attend, naive_attention, {{67, 2}, {67, 2}, {67, 1}}, true},
    {"linear attention, whole chunks", attend, naive_attention, {{2, 2, 128, 9}, {2, 2, 128, 9}, {2, 2, 128, 5}}, false},
    {"linear attention, many chunks", attend, naive_attention, {{3, 300, 7}, {3, 300, 7}, {3, 300, 33}}, false},
    {"Taylor attention", attend_by_taylor, naive_taylor, {{2, 5, 3}, {2, 5, 3}, {2, 5, 2}}, true},
    {"Taylor attention of one token", attend_by_taylor, naive_taylor, {{1, 2}, {1, 2}, {1, 3}}, true},
    {"Taylor attention, two blocks", attend_by_taylor, naive_taylor, {{35, 2}, {35, 2}, {35, 1}}, true},
    {"Taylor attention, whole blocks", attend_by_taylor, naive_taylor, {{2, 2, 64, 9}, {2, 2, 64, 9}, {2, 2, 64, 5}}, false},
    {"Taylor attention, many blocks", attend_by_taylor, naive_taylor, {{3, 110, 7}, {3, 110, 7}, {3, 110, 33}}, false},
    {"rotation", rotate, naive_rotation, {{2, 4, 3, 6}}, true},
    {"rotation of one token", rotate, naive_rotation, {{1, 1, 2}}, true},
    {"rotation, many tokens", rotate, naive_rotation, {{2, 700, 2, 34}}, false},
    {"retention", retain, naive_retention, {{2, 3, 5, 3}, {2, 3, 5, 3}, {2, 3, 5, 2}}, true},
    {"retention of one token", retain, naive_retention, {{1, 1, 2}, {1, 1, 2}, {1, 1, 3}}, true},
    {"retention, two chunks", retain, naive_retention, {{2, 67, 2}, {2, 67, 2}, {2, 67, 1}}, true},
    {"retention, whole chunks", retain, naive_retention, {{2, 2, 128, 9}, {2, 2, 128, 9}, {2, 2, 128, 5}}, false},
    {"retention, many chunks", retain, naive_retention, {{3, 300, 7}, {3, 300, 7}, {3, 300, 33}}, false},
    {"retention of itself", retain_itself, naive_retention_of_itself, {{3, 70, 2}}, true},
    {"scan", scan, naive_scan, {{2, 5, 3}, {2, 5, 3}, {3, 2}, {2, 5, 2}, {2, 5, 2}, {3}}, true},
    {"scan of one token", scan, naive_scan, {{1, 2}, {1, 2}, {2, 3}, {1, 3}, {1, 3}, {2}}, true},
    {"scan, two chunks", scan, naive_scan, {{1, 37, 1}, {1, 37, 1}, {1, 2}, {1, 37, 2}, {1, 37, 2}, {1}}, true},
    {"scan, two strips", scan, naive_scan, {{2, 2, 35}, {2, 2, 35}, {35, 1}, {2, 2, 1}, {2, 2, 1}, {35}}, true},
    {"scan, many tokens", scan, naive_scan, {{3, 100, 37}, {3, 100, 37}, {37, 16}, {3, 100, 16}, {3, 100, 16}, {37}}, false},
};
const int test_sequences_count = (int)(sizeof test_sequences / sizeof *test_sequences);

const struct test_sequence *test_sequence_at(int i) {
    const struct test_sequence *const list[] = {test_sequences, test_choices, test_recurrent, test_images, test_pointers, test_prefixes};
    const int count[] = {test_sequences_count, test_choices_count,  test_recurrent_count,
                         test_images_count,    test_pointers_count, test_prefixes_count};
    for (int n = 0; n < 6; i -= count[n++])
        if (i < count[n]) return &list[n][i];
    return NULL;
}

int test_sequence_inputs(attn_tape *tape, const struct test_sequence *c, attn_tensor *x[TEST_INPUTS_MOST]) {
    int count = 0;
    struct attn_random random;
    attn_random_init(&random, 29);
    for (; count < TEST_INPUTS_MOST && dims_of(c->size[count]) > 0; count++) {
        x[count] = attn_parameter(tape, dims_of(c->size[count]), c->size[count]);
        assert_non_null(x[count]);
        for (int64_t i = 0; i < attn_count(x[count]); i++) attn_data(x[count])[i] = (attn_real)(4 * attn_random_uniform(&random) - 2);
    }
    return count;
}

static void compare(const struct test_sequence *c, attn_tensor *got, const double *want, double bound) {
    double greatest = 0;
    for (int64_t i = 0; i < attn_count(got); i++) greatest = fmax(greatest, fabs(want[i]));
    for (int64_t i = 0; i < attn_count(got); i++)
        if (!(fabs((double)attn_data(got)[i] - want[i]) <= bound * greatest))
            fail_msg("%s: element %lld is %.12g, must be %.12g", c->name, (long long)i, (double)attn_data(got)[i], want[i]);
}

static double *doubles_of(attn_tensor *x) {
    double *copy = malloc((size_t)attn_count(x) * sizeof *copy + 1);
    assert_non_null(copy);
    for (int64_t i = 0; i < attn_count(x); i++) copy[i] = (double)attn_data(x)[i];
    return copy;
}

/* A case's tape, its inputs on it and in double, its result, and room for the naive one. */
struct opened {
    attn_tape *tape;
    attn_tensor *x[TEST_INPUTS_MOST], *y;
    double *copy[TEST_INPUTS_MOST], *want;
    int count;
};

static void open_case(attn_ctx *ctx, const struct test_sequence *c, struct opened *o) {
    char text[512];
    assert_int_equal(attn_tape_create(ctx, &o->tape), ATTN_OK);
    o->count = test_sequence_inputs(o->tape, c, o->x);
    for (int n = 0; n < o->count; n++) o->copy[n] = doubles_of(o->x[n]);
    o->y = c->compute(o->x);
    if (!o->y) fail_msg("%s: %s", c->name, attn_ctx_error(ctx, text, sizeof text));
    o->want = malloc((size_t)attn_count(o->y) * sizeof *o->want + 1);
    assert_non_null(o->want);
}

static void close_case(struct opened *o) {
    for (int n = 0; n < o->count; n++) free(o->copy[n]);
    free(o->want);
    attn_tape_destroy(o->tape);
}

static void check_values(attn_ctx *ctx, const struct test_sequence *c, double bound) {
    struct opened o;
    open_case(ctx, c, &o);
    c->naive((const double *const *)o.copy, c->size, o.want);
    compare(c, o.y, o.want, bound);
    close_case(&o);
}

void test_sequence_values(double bound) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int i = 0; test_sequence_at(i); i++) check_values(ctx, test_sequence_at(i), bound);
    attn_ctx_destroy(ctx);
}

/* The naive result times the weights, summed. */
static double naive_loss(const struct test_sequence *c, struct opened *o, const double *weight) {
    double sum = 0;
    c->naive((const double *const *)o->copy, c->size, o->want);
    for (int64_t i = 0; i < attn_count(o->y); i++) sum += weight[i] * o->want[i];
    return sum;
}

static void compare_gradient(const struct test_sequence *c, struct opened *o, const double *weight, int n, double bound) {
    const double h = 1e-5;
    const attn_real *gradient = attn_grad(o->x[n]);
    const int64_t count = attn_count(o->x[n]), most = test_thinned() ? 2 : 7, step = count > most ? count / most : 1;
    double greatest = 0;
    for (int64_t i = 0; i < count; i++) greatest = fmax(greatest, fabs((double)gradient[i]));
    for (int64_t i = 0; i < count; i += step) {
        const double before = o->copy[n][i];
        o->copy[n][i] = before + h;
        const double above = naive_loss(c, o, weight);
        o->copy[n][i] = before - h;
        const double difference = (above - naive_loss(c, o, weight)) / (2 * h);
        const double off = 1e-10 * fmax(1, fabs(above)); /* of the difference itself */
        o->copy[n][i] = before;
        if (!(fabs((double)gradient[i] - difference) <= bound * greatest + off))
            fail_msg("%s: gradient %lld of input %d is %.9g, must be %.9g; the greatest is %.9g", c->name, (long long)i, n,
                     (double)gradient[i], difference, greatest);
    }
}

static void check_gradients(attn_ctx *ctx, const struct test_sequence *c, double bound) {
    struct opened o;
    open_case(ctx, c, &o);
    int64_t size[ATTN_TENSOR_DIMS];
    for (int i = 0; i < attn_dims(o.y); i++) size[i] = attn_size(o.y, i);
    attn_tensor *weights = attn_constant(o.tape, attn_dims(o.y), size, 0);
    assert_non_null(weights);
    attn_fill_uniform(weights, -1, 1, 31);
    double *weight = doubles_of(weights);
    assert_int_equal(attn_tape_backward(attn_sum_all(attn_mul(o.y, weights))), ATTN_OK);
    for (int n = 0; n < o.count; n++) compare_gradient(c, &o, weight, n, bound);
    free(weight);
    close_case(&o);
}

void test_sequence_gradients(double bound) {
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (int i = 0; test_sequence_at(i); i++) check_gradients(ctx, test_sequence_at(i), bound);
    attn_ctx_destroy(ctx);
}
