/* The classifier's model: what it computes against loops over its definition, and gradients of the whole host against differences. */
#include "support/series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const paddings[] = {"causal", "circular"}, *const heads[] = {"flatten", "last", "mean"},
                         *const mixers[] = {"aaren:heads=2", "attention:heads=2", "baseconv:kernel=2"};

/* Series of 7, 5 and 1 steps. */
static const char series[] = "@classLabel true a b c\n@data\n"
                             "0.5,-1,2,0.25,1,-0.75,0.1:1,0,-1,2,0.5,0.25,3:a\n"
                             "1,2,-0.5,0.125,-1:0.75,-1.5,0.5,0,1:c\n"
                             "-2:0.5:b\n"
                             "0.1,0.2:0.3,0.5:c\n";

static char folder[64], path[TEST_PATH];

static int set_up(void **state) {
    (void)state;
    test_folder_make(folder);
    test_series_file(folder, "small.ts", series, path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

/* A job that learns from all four cases. */
static void open_series(struct test_series_job *t, const char *words) {
    char all[3 * TEST_PATH];
    snprintf(all, sizeof all, "data=%s test=%s compat=true %s", path, path, words);
    test_series_job_open(t, 1, all, NULL);
}

/* ------------------------------------------------------------------------------------------------- the definition */

/* [N, D]: convolution and positions of one case, as Wu et al.'s library has them. */
static void embed(const struct attn_aaren_classify_model *m, const attn_real *x, double *y) {
    const bool circular = m->padding == ATTN_AAREN_CLASSIFY_CIRCULAR;
    for (int64_t t = 0; t < m->length; t++)
        for (int64_t i = 0; i < m->width; i++) {
            double sum = i % 2 == 0 ? sin((double)t / pow(10000, (double)i / (double)m->width))
                                    : cos((double)t / pow(10000, (double)(i - 1) / (double)m->width));
            for (int64_t k = 0; k < 3; k++)
                for (int64_t c = 0; c < m->channels; c++) {
                    int64_t from = circular ? (t - 1 + k + m->length) % m->length : t - 2 + k;
                    if (from >= 0) sum += attn_data(m->embedding.weight)[(i * 3 + k) * m->channels + c] * x[from * m->channels + c];
                }
            y[t * m->width + i] = sum;
        }
}

static double gelu(double x) {
    return x * erfc(-x / sqrt(2)) / 2;
}

/* Logits of what the stack gives, h [N, D] before the GELU. */
static void classify(const struct attn_aaren_classify_model *m, const double *h, int64_t steps, double *logits) {
    const int64_t columns = attn_size(m->out.weight, 1);
    for (int64_t k = 0; k < m->classes; k++) {
        const double *w = attn_data(m->out.weight) + k * columns;
        logits[k] = attn_data(m->out.bias)[k];
        for (int64_t t = 0; t < steps; t++)
            for (int64_t i = 0; i < m->width; i++) {
                const double value = gelu(h[t * m->width + i]);
                if (m->head == ATTN_AAREN_CLASSIFY_FLATTEN) logits[k] += w[t * m->width + i] * value;
                if (m->head == ATTN_AAREN_CLASSIFY_LAST && t == steps - 1) logits[k] += w[i] * value;
                if (m->head == ATTN_AAREN_CLASSIFY_MEAN) logits[k] += w[i] * value / (double)steps;
            }
    }
}

static void check_logits(const char *words) {
    enum { CASES = 4, CLASSES = 3 };
    struct test_series_job t;
    double got[CASES * CLASSES];
    open_series(&t, words);
    struct attn_aaren_classify_model *m = &t.task->model;
    const struct attn_aaren_classify_set *set = &t.task->data.train;
    attn_tape *tape = attn_model_tape(t.job.model);
    assert_int_equal(set->cases, CASES);
    attn_tensor *logits = attn_aaren_classify_logits(m, set, NULL, 0, CASES, false);
    assert_non_null(logits);
    memcpy(got, attn_data(logits), sizeof got);
    for (int64_t c = 0; c < CASES; c++) {
        const int64_t size[] = {1, m->length, m->width};
        double *e = malloc((size_t)(m->length * m->width) * sizeof *e), wanted[CLASSES];
        assert_non_null(e);
        embed(m, set->x + c * m->length * m->channels, e);
        attn_tape_reset(tape);
        attn_tensor *h = attn_aaren_stack_forward(m->stack, attn_tensor_input(tape, 3, size, e), NULL, false);
        assert_non_null(h);
        classify(m, attn_data(h), set->steps[c], wanted);
        for (int k = 0; k < CLASSES; k++)
            if (!(fabs(got[c * CLASSES + k] - wanted[k]) <= 1e-12 * fmax(1, fabs(wanted[k]))))
                fail_msg("%s, case %d, class %d: %.17g, by its definition %.17g", words, (int)c, k, got[c * CLASSES + k], wanted[k]);
        free(e);
    }
    test_series_job_close(&t);
}

static void logits_are_those_of_the_definition(void **state) {
    (void)state;
    for (int p = 0; p < 2; p++)
        for (int h = 0; h < 3; h++)
            for (int x = 0; x < 3; x++) {
                char words[128];
                snprintf(words, sizeof words, "padding=%s head=%s mixer=%s", paddings[p], heads[h], mixers[x]);
                check_logits(words);
            }
}

/* ------------------------------------------------------------------------------------------------------- gradients */

static double loss_of(struct test_series_job *t) {
    attn_tape_reset(attn_model_tape(t->job.model));
    attn_tensor *loss = t->job.task->loss(&t->job, 0, 0, 1);
    assert_non_null(loss);
    return attn_data(loss)[0];
}

/* The formula's error falls with h^4; losses near 1, rounded by 1e-16, make less than 1e-11 at this h. */
static double difference(struct test_series_job *t, double *number) {
    static const double weight[] = {1, -8, 8, -1}, step[] = {-2, -1, 1, 2}, h = 1e-3;
    const double middle = *number;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *number = middle + step[i] * h;
        sum += weight[i] * loss_of(t);
    }
    *number = middle;
    return sum / (12 * h);
}

static void check_gradients(const char *words) {
    struct test_series_job t;
    open_series(&t, words);
    double most = 0;
    for (int64_t p = 0; p < attn_model_count(t.job.model); p++) {
        attn_tensor *x = attn_model_tensor(t.job.model, p);
        double *gradient = malloc((size_t)attn_count(x) * sizeof *gradient), error = 0, length = 0;
        assert_non_null(gradient);
        loss_of(&t);
        attn_tape_reset(attn_model_tape(t.job.model));
        assert_int_equal(attn_tape_backward(t.job.task->loss(&t.job, 0, 0, 1)), ATTN_OK);
        memcpy(gradient, attn_grad(x), (size_t)attn_count(x) * sizeof *gradient);
        for (int64_t i = 0; i < attn_count(x); i++) {
            error = hypot(error, difference(&t, &attn_data(x)[i]) - gradient[i]);
            length = hypot(length, gradient[i]);
        }
        most = fmax(most, length);
        if (!(error <= 1e-8 * fmax(length, 1e-2)))
            fail_msg("%s: %s: gradient of length %g differs by %g", words, attn_model_name(t.job.model, p), length, error);
        free(gradient);
    }
    assert_true(most > 1e-3);
    test_series_job_close(&t);
}

static void gradients_of_the_whole_host_are_differences(void **state) {
    (void)state;
    check_gradients("width=4 ffn=5 padding=causal head=flatten mixer=aaren:heads=2");
    check_gradients("width=4 ffn=5 padding=circular head=mean mixer=aaren:heads=2 layers=2");
    check_gradients("width=4 ffn=5 padding=causal head=last mixer=attention:heads=2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logits_are_those_of_the_definition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gradients_of_the_whole_host_are_differences, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("aaren: the classifier's model", tests, NULL, NULL);
}
