/* Attention at selected positions from the formula: y = u + f attention(u). */
#include "support/naive.h"

#include <math.h>
#include <string.h>

typedef void (*factor_fn)(const struct test_naive_sequence *s, double *f);

static void define(const struct test_naive_sequence *s, int64_t heads, factor_fn factor, double *y) {
    const double *o = test_naive_attend(s, heads, test_naive_causal, 0);
    double *f = test_naive_memory(s->m, s->tokens);
    factor(s, f);
    for (int64_t i = 0; i < s->tokens * s->width; i++) y[i] = s->u[i] + f[i / s->width] * o[i];
}

/* The factors that have fewer than k greater ones (or equal ones before them) stay. */
static void keep_greatest(const struct test_naive_sequence *s, int64_t k, double *f) {
    double *all = test_naive_memory(s->m, s->tokens);
    if (s->training) return;
    memcpy(all, f, (size_t)s->tokens * sizeof *all);
    for (int64_t i = 0; i < s->tokens; i++) {
        int64_t before = 0;
        for (int64_t j = 0; j < s->tokens; j++) before += all[j] > all[i] || (all[j] == all[i] && j < i);
        if (before >= k) f[i] = 0;
    }
}

static int64_t root_of(int64_t tokens) {
    int64_t root = 0;
    while (root * root < tokens) root++;
    return root;
}

static void all(const struct test_naive_sequence *s, double *f) {
    for (int64_t i = 0; i < s->tokens; i++) f[i] = 1;
}

static void repeats(const struct test_naive_sequence *s, double *f) {
    for (int64_t i = 0; i < s->tokens; i++)
        for (int64_t j = 0; j < i; j++)
            if (s->token[i] == s->token[j]) f[i] = 1;
}

static void sigmoid_of(const struct test_naive_sequence *s, int64_t k, double *f) {
    const double *x = test_naive_project(s->m, "select", s->tokens, s->u);
    for (int64_t i = 0; i < s->tokens; i++) f[i] = 1 / (1 + exp(-x[i]));
    keep_greatest(s, k, f);
}
static void sigmoid(const struct test_naive_sequence *s, double *f) {
    sigmoid_of(s, root_of(s->tokens), f);
}
static void sigmoid_7(const struct test_naive_sequence *s, double *f) {
    sigmoid_of(s, 7, f);
}

static void softmax(const struct test_naive_sequence *s, double *f) {
    const double *x = test_naive_project(s->m, "select", s->tokens, s->u);
    double total = 0;
    for (int64_t i = 0; i < s->tokens; i++) total += exp(x[i]);
    for (int64_t i = 0; i < s->tokens; i++) f[i] = exp(x[i]) / total;
    keep_greatest(s, root_of(s->tokens), f);
}

static void two_way(const struct test_naive_sequence *s, double *f) {
    const double *x = test_naive_project(s->m, "select", s->tokens, s->u), t = *test_naive_parameter(s->m, "temperature");
    for (int64_t i = 0; i < s->tokens; i++) f[i] = exp(x[2 * i + 1] / t) / (exp(x[2 * i] / t) + exp(x[2 * i + 1] / t));
    keep_greatest(s, root_of(s->tokens), f);
}

static void select_full(const struct test_naive_sequence *s, double *y) {
    define(s, 2, all, y);
}
static void select_programmatic(const struct test_naive_sequence *s, double *y) {
    define(s, 1, repeats, y);
}
static void select_sigmoid(const struct test_naive_sequence *s, double *y) {
    define(s, 1, sigmoid, y);
}
static void select_sigmoid_7(const struct test_naive_sequence *s, double *y) {
    define(s, 2, sigmoid_7, y);
}
static void select_softmax(const struct test_naive_sequence *s, double *y) {
    define(s, 1, softmax, y);
}
static void select_two_way(const struct test_naive_sequence *s, double *y) {
    define(s, 1, two_way, y);
}

const struct test_naive test_naive_select[] = {
    {{"select:selector=full:heads=2", 8, 20, 0, 2}, select_full, 0.4, true},
    {{"select:selector=programmatic", 8, 12, 0, 2}, select_programmatic, 0.4, true},
    {{"select:selector=programmatic", 8, 12, 0, 2}, select_programmatic, 0.4, false},
    {{"select", 8, 70, 0, 2}, select_sigmoid, 0.4, true},
    {{"select", 8, 70, 0, 2}, select_sigmoid, 0.4, false},
    {{"select", 8, 1, 0, 2}, select_sigmoid, 0.4, false},
    {{"select:k=7:heads=2", 8, 57, 0, 2}, select_sigmoid_7, 0.4, false},
    {{"select:k=7:heads=2", 8, 56, 0, 2}, select_sigmoid_7, 0.4, false}, /* an eighth of the positions: computed with all */
    {{"select:k=7:heads=2", 8, 5, 0, 2}, select_sigmoid_7, 0.4, false},  /* more than there are */
    {{"select:selector=softmax", 8, 70, 0, 2}, select_softmax, 0.4, true},
    {{"select:selector=softmax", 8, 70, 0, 2}, select_softmax, 0.4, false},
    {{"select:selector=two_way", 8, 70, 0, 2}, select_two_way, 0.4, true},
    {{"select:selector=two_way", 8, 70, 0, 2}, select_two_way, 0.4, false},
};
const int test_naive_select_count = sizeof test_naive_select / sizeof *test_naive_select;
