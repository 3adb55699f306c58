/* Answers of the attention model: always tours, told from point 1 on, with the log probability of the order in which they were found. */
#include "support/setting.h"
#include "system/pointer/decode.h"
#include "system/pointer/pointer.h"
#include "system/pointer/rollout.h"
#include "system/pointer/shortest.h"

#include "metric/tour.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 9, BATCH = 5, TOURS = 24 };

/* Sums of some hundred products in float, at 2e-7 each of numbers around 1; in double they do not show. */
static const double bound = sizeof(attn_real) == 4 ? 1e-4 : 1e-11;

static const struct attn_transformer_config configs[] = {{8, 2, 2, 10, false}, {12, 1, 3, 3, true}, {16, 1, 1, 10, false}};
enum { CONFIGS = sizeof configs / sizeof configs[0] };

struct net {
    attn_ctx *ctx;
    attn_model *model;
    struct attn_transformer transformer;
    struct attn_pointer_model m;
    struct attn_pointer_problem problem;
    struct attn_pointer_batch batch;
    struct attn_pointer_answers answers;
};

/* BATCH examples of n points, with random permutations as labels. */
static void open_net(struct net *t, const struct attn_transformer_config *config, bool close, int64_t n) {
    double xy[2 * MOST];
    *t = (struct net){.ctx = test_context(1), .problem = {.kind = ATTN_POINTER_TSP, .close = close, .exact_most = 3}};
    assert_int_equal(attn_model_create(t->ctx, 3, &t->model), ATTN_OK);
    attn_transformer_make(t->model, config, false, &t->transformer);
    t->m = (struct attn_pointer_model){.tape = t->transformer.tape, .transformer = &t->transformer};
    for (int64_t p = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] *= 2; /* so that some cities are far likelier than others */
    }
    attn_tape_record(t->m.tape, false);
    const int64_t tokens = attn_pointer_most_tokens(&t->problem, n);
    assert_int_equal(attn_pointer_batch_open(t->ctx, BATCH, n, tokens, &t->batch), ATTN_OK);
    assert_int_equal(attn_pointer_answers_open(t->ctx, &t->problem, BATCH, n, &t->answers), ATTN_OK);
    attn_pointer_batch_begin(&t->batch, BATCH, n, tokens);
    for (int64_t i = 0; i < BATCH; i++) {
        int32_t label[MOST + 2], numbers[MOST];
        attn_pointer_draw(&t->problem, n, 8, (uint64_t)i, xy);
        for (int32_t k = 0; k < n; k++) numbers[k] = (int32_t)(((int64_t)k + i) % n);
        attn_pointer_batch_put(&t->batch, i, xy, n, label, attn_pointer_tokens(&t->problem, numbers, n, label));
    }
}

static void close_net(struct net *t) {
    attn_pointer_answers_close(t->ctx, &t->answers);
    attn_pointer_batch_close(t->ctx, &t->batch);
    attn_model_destroy(t->model);
    attn_ctx_destroy(t->ctx);
}

static void decode(struct net *t, const struct attn_pointer_decoding *how, double *weights) {
    char text[1024];
    if (attn_pointer_decode(t->ctx, &t->m, &t->problem, how, &t->batch, &t->answers, weights))
        fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
}

/* Log probabilities of tours [BATCH, count, n]. */
static void probabilities(struct net *t, int64_t count, const int32_t *tours, double *log_p) {
    struct attn_transformer_encoding e;
    attn_tape_reset(t->m.tape);
    assert_true(attn_transformer_encode(&t->transformer, BATCH, t->batch.points, t->batch.x, &e));
    attn_tensor *p = attn_transformer_tours(&e, count, tours);
    assert_non_null(p);
    for (int64_t i = 0; i < BATCH * count; i++) log_p[i] = (double)attn_data(p)[i];
}

static void answers_are_tours_from_point_1_on_with_or_without_the_constraint(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int how = 0; how < 16; how++)
            for (int64_t n = 1; n <= MOST; n += 2) {
                const struct attn_pointer_decoding decoding = {how / 4 + 1, how % 2 == 0, how % 3 == 0};
                unsigned char scratch[1024];
                struct net t;
                assert_true(attn_tour_valid_scratch(n) <= sizeof scratch);
                open_net(&t, &configs[c], how / 2 % 2 == 0, n);
                decode(&t, &decoding, NULL);
                for (int64_t b = 0; b < BATCH; b++) {
                    const int32_t *tokens = t.answers.tokens + b * t.answers.room;
                    int32_t tour[MOST + 1];
                    assert_true(t.answers.ended[b]);
                    assert_int_equal(t.answers.length[b], n + t.problem.close);
                    assert_int_equal(attn_pointer_numbers(&t.problem, tokens, t.answers.length[b], tour), n);
                    assert_int_equal(tour[0], 0);
                    assert_true(attn_tour_valid(tour, n, n, scratch));
                    if (t.problem.close) assert_int_equal(tokens[n], tokens[0]);
                }
                close_net(&t);
            }
}

/* The answer in one of the N orders that begin somewhere on it. */
static void scores_are_the_log_probabilities_of_the_order_that_was_found(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t beams = 1; beams <= 4; beams += 3)
            for (int64_t n = 2; n <= MOST; n++) {
                int32_t tours[BATCH * MOST * MOST];
                double log_p[BATCH * MOST];
                struct net t;
                open_net(&t, &configs[c], true, n);
                decode(&t, &(struct attn_pointer_decoding){beams, true, true}, NULL);
                for (int64_t i = 0; i < BATCH * n * n; i++) {
                    const int64_t b = i / (n * n), first = i / n % n;
                    tours[i] = t.answers.tokens[b * t.answers.room + (first + i % n) % n] - 1;
                }
                probabilities(&t, n, tours, log_p);
                for (int64_t b = 0; b < BATCH; b++) {
                    double nearest = 1;
                    for (int64_t k = 0; k < n; k++) nearest = fmin(nearest, fabs(log_p[b * n + k] - t.answers.score[b]));
                    if (!(nearest <= bound)) fail_msg("%d, %d cities: score %g is %g off", c, (int)n, t.answers.score[b], nearest);
                }
                close_net(&t);
            }
}

static void a_full_beam_finds_the_likeliest_of_all_tours(void **state) {
    enum { N = 4 };
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        int32_t tours[BATCH * TOURS * N];
        double log_p[BATCH * TOURS];
        struct net t;
        open_net(&t, &configs[c], true, N);
        for (int b = 0, i = 0; b < BATCH; b++)
            for (int32_t code = 0; code < N * N * N * N; code++) {
                const int32_t tour[N] = {code % N, code / N % N, code / (N * N) % N, code / (N * N * N)};
                if ((1 << tour[0] | 1 << tour[1] | 1 << tour[2] | 1 << tour[3]) == (1 << N) - 1) memcpy(tours + N * i++, tour, sizeof tour);
            }
        probabilities(&t, TOURS, tours, log_p);
        decode(&t, &(struct attn_pointer_decoding){TOURS, true, true}, NULL);
        for (int b = 0; b < BATCH; b++) {
            double best = log_p[b * TOURS];
            for (int i = 1; i < TOURS; i++) best = fmax(best, log_p[b * TOURS + i]);
            assert_true(fabs(t.answers.score[b] - best) <= bound);
        }
        close_net(&t);
    }
}

/* Of one example: a row for each token and the end, of what the greedy answer chose from. */
static void weights_are_the_probabilities_whose_product_is_the_answers(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t n = 3; n <= MOST; n += 3) {
            double weights[(MOST + 2) * (MOST + 1)], log_p = 0;
            struct net t;
            open_net(&t, &configs[c], true, n);
            t.batch.count = 1;
            decode(&t, &(struct attn_pointer_decoding){1, true, true}, weights);
            for (int64_t step = 0; step < n + 2; step++) {
                double sum = 0, most = 0;
                for (int64_t j = 0; j <= n; j++) {
                    sum += weights[step * (n + 1) + j];
                    most = fmax(most, weights[step * (n + 1) + j]);
                }
                assert_true(fabs(sum - 1) <= 1e-6);
                log_p += log(most);
            }
            assert_true(fabs(log_p - t.answers.score[0]) <= bound);
            close_net(&t);
        }
}

/* Of the points by themselves in each of the symmetries, from each city: no other of those tours is shorter, and the answer is one of them. */
static void augmented_answers_are_the_shortest_of_the_greedy_tours_of_all_symmetries(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t augment = 1; augment <= ATTN_SYMMETRIES; augment += 7)
            for (int64_t n = 1; n <= MOST; n += 4) {
                double best[BATCH];
                void *scratch = malloc(attn_rollout_scratch(&configs[c], n));
                assert_non_null(scratch);
                struct net t;
                open_net(&t, &configs[c], n % 8 == 1, n);
                for (int b = 0; b < BATCH; b++) best[b] = (double)INFINITY;
                for (int64_t a = 0; a < augment; a++) {
                    attn_real x[BATCH * MOST * 2];
                    for (int64_t i = 0; i < BATCH * n; i++) {
                        const attn_real u = t.batch.x[2 * i], v = t.batch.x[2 * i + 1],
                                        turned[2] = {a % 2 ? 1 - u : u, a / 2 % 2 ? 1 - v : v};
                        for (int k = 0; k < 2; k++) x[2 * i + k] = turned[a / 4 ? 1 - k : k];
                    }
                    const int64_t tours = configs[c].any_start ? n : 1;
                    const struct attn_rollout how = {.tours = tours, .every_start = configs[c].any_start};
                    int32_t tour[BATCH * MOST * MOST];
                    double length[BATCH * MOST];
                    struct attn_transformer_encoding e;
                    attn_tape_reset(t.m.tape);
                    assert_true(attn_transformer_encode(&t.transformer, BATCH, n, x, &e));
                    attn_rollout_tours(t.ctx, &e, &t.batch, &how, scratch, tour, length);
                    for (int64_t i = 0; i < BATCH * tours; i++) best[i / tours] = fmin(best[i / tours], length[i]);
                }
                t.m.augment = augment;
                decode(&t, &(struct attn_pointer_decoding){1, true, true}, NULL);
                for (int64_t b = 0; b < BATCH; b++) {
                    int32_t numbers[MOST + 1];
                    assert_int_equal(attn_pointer_numbers(&t.problem, t.answers.tokens + b * t.answers.room, t.answers.length[b], numbers),
                                     n);
                    assert_int_equal(numbers[0], 0);
                    assert_true(t.answers.ended[b]);
                    assert_true(fabs(attn_tour_length(t.batch.xy + 2 * b * n, numbers, n) - best[b]) <= 1e-12);
                    assert_true(fabs(t.answers.score[b] + best[b]) <= 1e-12);
                }
                free(scratch);
                close_net(&t);
            }
}

static void tours_begin_at_every_city_of_256_and_at_fewer_of_more(void **state) {
    (void)state;
    for (int64_t n = 1; n <= 256; n++) assert_int_equal(attn_pointer_starts(n), n);
    assert_int_equal(attn_pointer_starts(257), 254);
    assert_int_equal(attn_pointer_starts(1000), 16);
    assert_int_equal(attn_pointer_starts(5000), 1);
}

static void losses_are_those_of_labels_that_are_tours(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        enum { N = 6 };
        int32_t tours[BATCH * N];
        double log_p[BATCH], want = 0;
        struct net t;
        open_net(&t, &configs[c], true, N);
        t.batch.target[1 * t.batch.tokens + 2] = t.batch.target[1 * t.batch.tokens + 3]; /* a city twice */
        t.batch.target[4 * t.batch.tokens + 3] = ATTN_POINTER_END;
        for (int64_t i = 0; i < BATCH * N; i++) tours[i] = (int32_t)((i % N + i / N) % N);
        probabilities(&t, 1, tours, log_p);
        for (int b = 0; b < 4; b++) want -= b == 1 ? 0 : log_p[b];
        attn_tape_reset(t.m.tape);
        attn_tensor *loss = attn_pointer_model_loss(&t.m, &t.batch);
        assert_non_null(loss);
        assert_true(fabs((double)attn_data(loss)[0] - want) <= bound * want);
        close_net(&t);
    }
}

/* ---------------------------------------------------------------------------------------------------------- recipes */

static void expect_refused(const char *words, const char *sentence) {
    attn_ctx *ctx = test_context(1);
    struct test_job job;
    char text[1024];
    assert_int_equal(test_job_try(&job, ctx, &attn_pointer_tsp, words, NULL), ATTN_EINVAL);
    attn_ctx_error(ctx, text, sizeof text);
    if (!strstr(text, sentence)) fail_msg("%s: \"%s\", expected \"%s\"", words, text, sentence);
    test_job_close(&job);
    attn_ctx_destroy(ctx);
}

static void fields_that_have_no_meaning_with_a_transformer_are_refused(void **state) {
    (void)state;
    expect_refused("model=transformer width=12 heads=8", "width=12 with heads=8: expected a multiple of the heads");
    expect_refused("model=transformer batching=mixed", "batching=mixed with model=transformer: expected batching=equal");
    expect_refused("model=transformer feed=words", "feed=words with model=transformer");
    expect_refused("model=transformer start=learned", "start=learned with model=transformer");
    expect_refused("model=transformer augment=8 beam=2", "augment=8 with a beam: expected beam=1 and wide_beam=0");
    expect_refused("model=transformer augment=1 wide_beam=2", "augment=1 with a beam");
    expect_refused("model=transformer tie_end=true", "tie_end=true with model=transformer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_tours_from_point_1_on_with_or_without_the_constraint),
        cmocka_unit_test(scores_are_the_log_probabilities_of_the_order_that_was_found),
        cmocka_unit_test(a_full_beam_finds_the_likeliest_of_all_tours),
        cmocka_unit_test(weights_are_the_probabilities_whose_product_is_the_answers),
        cmocka_unit_test(augmented_answers_are_the_shortest_of_the_greedy_tours_of_all_symmetries),
        cmocka_unit_test(tours_begin_at_every_city_of_256_and_at_fewer_of_more),
        cmocka_unit_test(losses_are_those_of_labels_that_are_tours),
        cmocka_unit_test(fields_that_have_no_meaning_with_a_transformer_are_refused),
    };
    return cmocka_run_group_tests_name("pointer: the attention model's answers", tests, NULL, NULL);
}
