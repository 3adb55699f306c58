/* The kernel of S4D against its recurrence, and its gradients against differences. */
#include "support/gradients.h"
#include "support/naive.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct model {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *log_step, *log_decay, *frequency, *b, *c;
};

static attn_tensor *uniform(attn_tape *tape, int dims, const int64_t *size, double low, double high, uint64_t seed) {
    attn_tensor *x = attn_parameter(tape, dims, size);
    assert_non_null(x);
    attn_fill_uniform(x, low, high, seed);
    return x;
}

static void open_model(struct model *m, int64_t heads, int64_t states) {
    const int64_t size[] = {heads, states, 2};
    assert_int_equal(attn_ctx_create(NULL, &m->ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(m->ctx, &m->tape), ATTN_OK);
    m->log_step = uniform(m->tape, 1, size, log(1e-3), log(1e-1), 1);
    m->log_decay = uniform(m->tape, 2, size, -2, 1, 2);
    m->frequency = uniform(m->tape, 2, size, -3.2 * (double)states, 3.2 * (double)states, 3);
    m->b = uniform(m->tape, 3, size, -1, 1, 4);
    m->c = uniform(m->tape, 3, size, -1, 1, 5);
}

static void close_model(struct model *m) {
    attn_tape_destroy(m->tape);
    attn_ctx_destroy(m->ctx);
}

static double complex number_at(attn_tensor *x, int64_t at) {
    return test_naive_complex(attn_data(x)[2 * at], attn_data(x)[2 * at + 1]);
}

/* x[0] = b B, x[t + 1] = lambda x[t], K[t] = 2 Re C x[t] */
static void kernels_are_the_outputs_of_the_recurrence(void **state) {
    static const int64_t shapes[][3] = {{1, 1, 1}, {40, 3, 5}, {300, 2, 8}, {1500, 2, 33}, {7, 1, 64}}; /* taps, heads, states */
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int64_t taps = shapes[i][0], heads = shapes[i][1], states = shapes[i][2];
        struct model m;
        open_model(&m, heads, states);
        attn_tensor *kernel = attn_s4d_kernel(taps, m.log_step, m.log_decay, m.frequency, m.b, m.c);
        assert_non_null(kernel);
        double *want = calloc((size_t)(taps * heads), sizeof *want);
        assert_non_null(want);
        for (int64_t at = 0; at < heads * states; at++) {
            const int64_t head = at / states;
            const double step = exp(attn_data(m.log_step)[head]);
            const double complex a = step / 2 * test_naive_complex(-exp(attn_data(m.log_decay)[at]), attn_data(m.frequency)[at]);
            double complex x = step / (1 - a) * number_at(m.b, at);
            for (int64_t t = 0; t < taps; t++) {
                want[t * heads + head] += 2 * creal(number_at(m.c, at) * x);
                x *= (1 + a) / (1 - a);
            }
        }
        for (int64_t j = 0; j < taps * heads; j++)
            if (!(fabs(attn_data(kernel)[j] - want[j]) <= 1e-10)) fail_msg("shape %d: tap %d", (int)i, (int)j);
        free(want);
        close_model(&m);
    }
}

static attn_tensor *compute(attn_tensor *const *x) {
    return attn_s4d_kernel(7, x[0], x[1], x[2], x[3], x[4]);
}

static attn_tensor *compute_of_one_tap(attn_tensor *const *x) {
    return attn_s4d_kernel(1, x[0], x[1], x[2], x[3], x[4]);
}

/* B and C are one tensor: both gradients go to one place. */
static attn_tensor *compute_shared(attn_tensor *const *x) {
    return attn_s4d_kernel(5, x[0], x[1], x[2], x[3], x[3]);
}

static void gradients_are_the_differences(void **state) {
    static const struct test_gradient_case cases[] = {
        {"S4D kernel", compute, {{3}, {3, 5}, {3, 5}, {3, 5, 2}, {3, 5, 2}}, 0, 0},
        {"S4D kernel, two strips of states", compute, {{2}, {2, 9}, {2, 9}, {2, 9, 2}, {2, 9, 2}}, 0, 0},
        {"S4D kernel of one tap", compute_of_one_tap, {{2}, {2, 1}, {2, 1}, {2, 1, 2}, {2, 1, 2}}, 0, 0},
        {"S4D kernel, B is C", compute_shared, {{2}, {2, 3}, {2, 3}, {2, 3, 2}}, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_gradients(&cases[i]);
}

static void wrong_sizes_are_refused_with_those_found(void **state) {
    struct model m;
    char text[512];
    (void)state;
    open_model(&m, 2, 3);
    assert_null(attn_s4d_kernel(4, m.log_decay, m.log_decay, m.frequency, m.b, m.c));
    assert_string_equal(
        attn_ctx_error(m.ctx, text, sizeof text),
        "S4D kernel: log_step must be [H], log_decay and frequency [H, J], b and c [H, J, 2]; log_step is [2, 3], log_decay "
        "[2, 3], b [2, 3, 2]");
    attn_tape_reset(m.tape);
    assert_null(attn_s4d_kernel(4, m.log_step, m.log_decay, m.frequency, m.b, m.frequency));
    attn_tape_reset(m.tape);
    assert_null(attn_s4d_kernel(-1, m.log_step, m.log_decay, m.frequency, m.b, m.c));
    attn_tape_reset(m.tape);
    assert_int_equal(attn_count(attn_s4d_kernel(0, m.log_step, m.log_decay, m.frequency, m.b, m.c)), 0);
    close_model(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_the_outputs_of_the_recurrence),
        cmocka_unit_test(gradients_are_the_differences),
        cmocka_unit_test(wrong_sizes_are_refused_with_those_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
