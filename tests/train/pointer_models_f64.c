/* The three nets: losses against their definition in loops, gradients against differences, and what a loss may not depend on. */
#include "support/pointer_nets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HIDDEN = 5, MOST = 8, INPUT = 2 * HIDDEN };

static const int64_t lengths[4] = {6, 3, 5, 4};
static const enum attn_pointer_kind kinds[] = {ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP};

/* ------------------------------------------------------------------------------------------------- the definition */

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* y[rows] += w [rows, columns] x. */
static void multiply(attn_tensor *w, int64_t columns, const double *x, double *y) {
    for (int64_t i = 0; i < attn_size(w, 0); i++)
        for (int64_t j = 0; j < columns; j++) y[i] += attn_data(w)[i * columns + j] * x[j];
}

static void cell(const attn_recurrent_weights *w, const double *x, double *h, double *c) {
    double a[4 * HIDDEN];
    memcpy(a, attn_data(w->input_bias), sizeof a);
    multiply(w->input, attn_size(w->input, 1), x, a);
    multiply(w->recurrent, HIDDEN, h, a);
    for (int i = 0; i < HIDDEN; i++) {
        c[i] = sigmoid(a[HIDDEN + i]) * c[i] + sigmoid(a[i]) * tanh(a[2 * HIDDEN + i]);
        h[i] = sigmoid(a[3 * HIDDEN + i]) * tanh(c[i]);
    }
}

static double log_sum(const double *u, int64_t count) {
    double sum = 0;
    for (int64_t j = 0; j < count; j++) sum += exp(u[j]);
    return log(sum);
}

/* u[j] = v . tanh(W1 e[j] + W2 d), j = 0 .. n; e[0] stands for the end, if there is one. */
static void point(const struct attn_pointer_model *m, double (*e)[HIDDEN], int64_t n, const double *d, double *u) {
    for (int64_t j = 0; j <= n; j++) {
        double sum[HIDDEN] = {0};
        multiply(m->w1, HIDDEN, e[j], sum);
        multiply(m->w2, HIDDEN, d, sum);
        u[j] = 0;
        for (int i = 0; i < HIDDEN; i++) u[j] += attn_data(m->v)[i] * tanh(sum[i]);
    }
    if (m->config.no_end) u[0] = -(double)INFINITY;
}

/* What the decoder takes after token `last` (-1: first): its coordinates or its word. */
static int64_t feed(const struct attn_pointer_model *m, const double *xy, int32_t last, double *x) {
    const double *word = m->words ? attn_data(m->words) + (last < 0 ? TEST_NET_DICTIONARY + 1 : last) * HIDDEN : NULL;
    if (word)
        memcpy(x, word, HIDDEN * sizeof *x);
    else
        memcpy(x, last < 0 ? attn_data(m->start) : xy + 2 * (last - 1), 2 * sizeof *x);
    return word ? HIDDEN : 2;
}

/* Logits of the dictionary, of d or of [d; d']; d' is the glimpse, put into `glimpse`. */
static void say(const struct attn_pointer_model *m, double (*e)[HIDDEN], int64_t n, const double *d, double *glimpse, double *logits) {
    double u[MOST + 1], both[2 * HIDDEN];
    memcpy(logits, attn_data(m->out_bias), (TEST_NET_DICTIONARY + 1) * sizeof *logits);
    memcpy(both, d, HIDDEN * sizeof *d);
    if (m->config.net == ATTN_ATTENDING) {
        point(m, e, n, d, u);
        memset(glimpse, 0, HIDDEN * sizeof *glimpse);
        for (int64_t j = 1; j <= n; j++)
            for (int i = 0; i < HIDDEN; i++) glimpse[i] += exp(u[j] - log_sum(u + 1, n)) * e[j][i];
        memcpy(both + HIDDEN, glimpse, HIDDEN * sizeof *glimpse);
    }
    multiply(m->out, attn_size(m->out, 1), both, logits);
}

static double define_loss(const struct attn_pointer_model *m, const double *xy, int64_t n, const int32_t *target, int64_t tokens) {
    double h[HIDDEN] = {0}, c[HIDDEN] = {0}, e[MOST + 1][HIDDEN] = {{0}}, glimpse[HIDDEN] = {0}, x[INPUT], u[TEST_NET_DICTIONARY + 1],
           loss = 0;
    if (m->first_h) memcpy(h, attn_data(m->first_h), sizeof h);
    if (m->first_c) memcpy(c, attn_data(m->first_c), sizeof c);
    if (m->end) memcpy(e[0], attn_data(m->end), sizeof e[0]);
    for (int64_t j = 1; j <= n; j++) {
        cell(&m->encoder, xy + 2 * (j - 1), h, c);
        memcpy(e[j], h, sizeof h);
    }
    for (int64_t t = 0; t < tokens && target[t] >= 0; t++) {
        const int64_t fed = feed(m, xy, t > 0 ? target[t - 1] : -1, x);
        memcpy(x + fed, glimpse, sizeof glimpse);
        cell(&m->decoder, x, h, c);
        if (m->config.net == ATTN_PTRNET)
            point(m, e, n, h, u);
        else
            say(m, e, n, h, glimpse, u);
        loss += log_sum(u, m->config.net == ATTN_PTRNET ? n + 1 : TEST_NET_DICTIONARY + 1) - u[target[t]];
    }
    return loss;
}

static void losses_of_every_net_are_those_of_the_papers_formulas(void **state) {
    (void)state;
    for (int i = 0; i < test_nets_count * 3; i++) {
        struct test_pointer t;
        double want = 0;
        test_pointer_open(&t, 1, &test_nets[i / 3], kinds[i % 3]);
        test_pointer_examples(&t, 0, 4, lengths, i % 2 ? MOST : 0);
        const struct attn_pointer_batch *b = &t.batch;
        for (int64_t e = 0; e < b->count; e++)
            want += define_loss(&t.m, b->xy + 2 * e * b->points, b->length[e], b->target + e * b->tokens, b->tokens);
        const double loss = test_pointer_loss(&t);
        if (!(fabs(loss - want) <= 1e-12 * want)) fail_msg("%s: %.17g, by its definition %.17g", test_nets[i / 3].name, loss, want);
        test_pointer_close(&t);
    }
}

/* ------------------------------------------------------------------------------------------------------- gradients */

/* With four values: the formula's error falls with h^4, and losses of 80, rounded by 1e-14, make less than 1e-10 at this h. */
static double difference(struct test_pointer *t, double *number) {
    static const double weight[] = {1, -8, 8, -1}, step[] = {-2, -1, 1, 2}, h = 1e-3;
    const double middle = *number;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *number = middle + step[i] * h;
        sum += weight[i] * test_pointer_loss(t);
    }
    *number = middle;
    return sum / (12 * h);
}

/* Of each parameter, relative to its gradient's length; no parameter is without a gradient. */
static void compare_with_differences(struct test_pointer *t, const char *name) {
    for (int64_t p = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        const size_t bytes = (size_t)attn_count(x) * sizeof(double);
        double *gradient = malloc(bytes), error = 0, length = 0;
        assert_non_null(gradient);
        test_pointer_gradients(t);
        memcpy(gradient, attn_grad(x), bytes);
        for (int64_t i = 0; i < attn_count(x); i++) {
            error = hypot(error, difference(t, &attn_data(x)[i]) - gradient[i]);
            length = hypot(length, gradient[i]);
        }
        free(gradient);
        if (!(length > 1e-3 && error <= 1e-7 * length))
            fail_msg("%s, %s: a gradient of length %g, from which differences are %g off", name, attn_model_name(t->model, p), length,
                     error);
    }
}

static void gradients_of_every_parameter_of_every_net_are_differences(void **state) {
    (void)state;
    for (int i = 0; i < test_nets_count; i++) {
        struct test_pointer t;
        test_pointer_open(&t, 1, &test_nets[i], kinds[i % 3]);
        test_pointer_examples(&t, 0, 4, lengths, 0);
        compare_with_differences(&t, test_nets[i].name);
        test_pointer_close(&t);
    }
}

static double gradient_length(attn_tensor *x) {
    double length = 0;
    for (int64_t i = 0; i < attn_count(x); i++) length = hypot(length, attn_grad(x)[i]);
    return length;
}

static void the_ends_vector_and_the_start_symbol_have_gradients(void **state) {
    (void)state;
    for (int i = 0; i < test_nets_count; i++) {
        struct test_pointer t;
        test_pointer_open(&t, 1, &test_nets[i], ATTN_POINTER_HULL);
        test_pointer_examples(&t, 0, 4, lengths, 0);
        test_pointer_gradients(&t);
        if (t.m.end) assert_true(gradient_length(t.m.end) > 1e-3);
        if (t.m.start) assert_true(gradient_length(t.m.start) > 1e-3);
        test_pointer_close(&t);
    }
}

/* Without attention there is no other way back. */
static void the_encoder_has_gradients_through_the_decoders_first_state(void **state) {
    (void)state;
    for (int i = 0; i < test_nets_count; i++) {
        struct test_pointer t;
        test_pointer_open(&t, 1, &test_nets[i], ATTN_POINTER_HULL);
        test_pointer_examples(&t, 0, 4, lengths, 0);
        test_pointer_gradients(&t);
        if (t.m.config.net == ATTN_SEQ2SEQ) {
            assert_true(gradient_length(t.m.encoder.input) > 1e-3);
            assert_true(gradient_length(t.m.encoder.recurrent) > 1e-3);
            assert_true(gradient_length(t.m.encoder.input_bias) > 1e-3);
        }
        test_pointer_close(&t);
    }
}

/* ------------------------------------------------------------------------------------------------- what may be changed */

/* The loss by the pointer's keys in the order in which place[j] takes key j, labels with them; the decoder is fed as before. */
static double loss_in_order(struct test_pointer *t, const int32_t *place) {
    const struct attn_pointer_batch *b = &t->batch;
    const int64_t slots = b->points + 1;
    struct attn_pointer_encoding e;
    struct attn_pointer_states s;
    int32_t from[4 * (MOST + 1)], target[4 * (MOST + 2)];
    attn_real x[MOST + 2][4 * 2];
    double loss = 0;
    attn_tape_reset(t->m.tape);
    attn_pointer_encode(&t->m, b, &e, &s);
    for (int64_t i = 0; i < b->count; i++) {
        for (int64_t j = 0; j < slots; j++) from[i * slots + place[j]] = (int32_t)j;
        for (int64_t m = 0; m < b->tokens; m++) target[i * b->tokens + m] = place[b->target[i * b->tokens + m]];
    }
    attn_tensor *keys = attn_gather(e.keys, slots, from), *h = s.h, *c = s.c;
    for (int64_t m = 0; m < b->tokens; m++) {
        int32_t label[4];
        for (int64_t i = 0; i < b->count; i++) {
            for (int k = 0; k < 2; k++) x[m][2 * i + k] = m == 0 ? attn_data(t->m.start)[k] : b->given[2 * (i * b->tokens + m) + k];
            label[i] = target[i * b->tokens + m];
        }
        h = attn_lstm(attn_tensor_input(t->m.tape, 2, (const int64_t[]){b->count, 2}, x[m]), h, c, &t->m.decoder, NULL, &c);
        attn_tensor *query = attn_reshape(attn_linear(h, t->m.w2, NULL), 3, (const int64_t[]){b->count, 1, HIDDEN});
        attn_tensor *sum = attn_sum_all(attn_pointer_losses(query, keys, t->m.v, NULL, label));
        assert_non_null(sum);
        loss += attn_data(sum)[0];
    }
    return loss;
}

/* Tours of one length: no answer is padded, so that every label has a place. */
static void the_order_in_which_places_are_pointed_at_does_not_matter(void **state) {
    static const int64_t n[4] = {MOST, MOST, MOST, MOST};
    static const int32_t as_they_are[MOST + 1] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, turned[MOST + 1] = {8, 7, 6, 5, 4, 3, 2, 1, 0},
                                            mixed[MOST + 1] = {4, 0, 7, 2, 8, 1, 5, 3, 6};
    struct test_pointer t;
    (void)state;
    test_pointer_open(&t, 1, &test_nets[0], ATTN_POINTER_TSP);
    test_pointer_examples(&t, 0, 4, n, 0);
    const double loss = test_pointer_loss(&t);
    assert_true(fabs(loss_in_order(&t, as_they_are) - loss) <= 1e-12 * loss);
    assert_true(fabs(loss_in_order(&t, turned) - loss) <= 1e-12 * loss);
    assert_true(fabs(loss_in_order(&t, mixed) - loss) <= 1e-12 * loss);
    test_pointer_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_every_net_are_those_of_the_papers_formulas),
        cmocka_unit_test(gradients_of_every_parameter_of_every_net_are_differences),
        cmocka_unit_test(the_ends_vector_and_the_start_symbol_have_gradients),
        cmocka_unit_test(the_encoder_has_gradients_through_the_decoders_first_state),
        cmocka_unit_test(the_order_in_which_places_are_pointed_at_does_not_matter),
    };
    return cmocka_run_group_tests_name("pointer: models", tests, NULL, NULL);
}
