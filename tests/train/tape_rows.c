/* Rows that are chosen, ordered, rotated and evaluated: edges, ties and NaNs. */
#include "attn_train.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SIZES(...)                                                                                                                         \
    (const int64_t[]) {                                                                                                                    \
        __VA_ARGS__                                                                                                                        \
    }

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    return attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape);
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

static void of_equal_numbers_the_first_is_greater_and_nan_is_the_last(void **state) {
    struct fixture *f = *state;
    static const float x[] = {1, NAN, 3, 3, -INFINITY, 3, NAN, 0.0f, -0.0f, INFINITY};
    static const int32_t order[] = {9, 2, 3, 5, 0, 7, 8, 4, 1, 6};
    attn_tape_reset(f->tape);
    for (int64_t k = 0; k <= 10; k++) {
        const int32_t *index = NULL;
        attn_tensor *y = attn_top_k(attn_tensor_input(f->tape, 1, SIZES(10), x), k, &index);
        assert_int_equal(attn_count(y), k);
        for (int64_t i = 0; i < k; i++) {
            assert_int_equal(index[i], order[i]);
            assert_memory_equal(&attn_data(y)[i], &x[order[i]], sizeof *x);
        }
    }
}

/* Every number that is not among them is smaller, or equal and later. */
static void the_greatest_of_many_numbers_with_ties_are_found(void **state) {
    struct fixture *f = *state;
    struct attn_random random;
    attn_random_init(&random, 3);
    for (int round = 0; round < 100; round++) {
        const int64_t n = attn_random_between(&random, 1, 300), k = attn_random_between(&random, 1, n);
        const int32_t *index;
        float x[300];
        bool chosen[300] = {false};
        attn_tape_reset(f->tape);
        for (int64_t i = 0; i < n; i++) x[i] = round % 3 ? (float)attn_random_below(&random, 20) : (float)i;
        assert_non_null(attn_top_k(attn_tensor_input(f->tape, 1, SIZES(n), x), k, &index));
        for (int64_t i = 0; i < k; i++) {
            const int32_t at = index[i];
            assert_false(chosen[at]);
            chosen[at] = true;
            if (i > 0) assert_true(x[index[i - 1]] > x[at] || (x[index[i - 1]] == x[at] && index[i - 1] < at));
        }
        const int32_t last = index[k - 1];
        for (int32_t i = 0; i < n; i++)
            if (!chosen[i]) assert_true(x[i] < x[last] || (x[i] == x[last] && i > last));
    }
}

static void nothing_is_chosen_from_nothing(void **state) {
    struct fixture *f = *state;
    static const int32_t none[] = {-1, -1};
    attn_tape_reset(f->tape);
    attn_tensor *empty = attn_constant(f->tape, 3, SIZES(2, 0, 3), 0);
    assert_int_equal(attn_count(attn_gather(empty, 0, NULL)), 0);
    attn_tensor *zeros = attn_gather(empty, 1, none);
    assert_int_equal(attn_count(zeros), 6);
    for (int i = 0; i < 6; i++) assert_true(attn_data(zeros)[i] == 0);
    attn_tensor *spread = attn_scatter(empty, 2, NULL);
    assert_int_equal(attn_count(spread), 12);
    for (int i = 0; i < 12; i++) assert_true(attn_data(spread)[i] == 0);
    assert_int_equal(attn_count(attn_gather(attn_constant(f->tape, 2, SIZES(0, 5), 1), 3, NULL)), 0);
    assert_int_equal(attn_count(attn_top_k(empty, 2, NULL)), 0);
    assert_int_equal(attn_count(attn_top_k(attn_constant(f->tape, 2, SIZES(4, 0), 0), 0, NULL)), 0);
    assert_int_equal(attn_count(attn_rope(attn_constant(f->tape, 4, SIZES(2, 0, 3, 4), 0), ATTN_ROTARY_HALVES, 0, 100, 0)), 0);
    assert_int_equal(attn_tape_status(f->tape), ATTN_OK);
}

static void the_greater_of_a_number_and_nan_is_nan(void **state) {
    struct fixture *f = *state;
    static const float x[] = {1, NAN, 2, -INFINITY}, y[] = {NAN, 1, 3, INFINITY};
    attn_tape_reset(f->tape);
    attn_tensor *a = attn_tensor_input(f->tape, 1, SIZES(4), x), *b = attn_tensor_input(f->tape, 1, SIZES(4), y);
    const float *most = attn_data(attn_maximum(a, b)), *least = attn_data(attn_minimum(a, b));
    assert_true(isnan(most[0]) && isnan(most[1]) && most[2] == 3 && most[3] == INFINITY);
    assert_true(isnan(least[0]) && isnan(least[1]) && least[2] == 2 && least[3] == -INFINITY);
}

/* Queries that the cache rotates are those that the tape rotates, but for the rounding of sines. */
static void rotations_are_those_of_the_cache(void **state) {
    struct fixture *f = *state;
    enum { TOKENS = 7, HEADS = 3, DIM = 16, FIRST = 1000 };
    for (int pairing = ATTN_ROTARY_INTERLEAVED; pairing <= ATTN_ROTARY_HALVES; pairing++) {
        float x[TOKENS * HEADS * DIM];
        attn_cache_config config;
        attn_cache *cache;
        attn_cache_config_init(&config);
        config.sequences = 1;
        config.blocks = 1;
        config.kv_heads = HEADS;
        config.dim = DIM;
        config.rotary = (attn_rotary)pairing;
        config.rotary_dim = DIM - 4;
        attn_tape_reset(f->tape);
        for (int i = 0; i < TOKENS * HEADS * DIM; i++) x[i] = sinf((float)i);
        attn_tensor *y = attn_rope(attn_tensor_input(f->tape, 3, SIZES(TOKENS, HEADS, DIM), x), config.rotary, DIM - 4, 10000, FIRST);
        assert_non_null(y);
        float turned[TOKENS * HEADS * DIM];
        memcpy(turned, attn_data(y), sizeof turned);
        assert_int_equal(attn_cache_create(f->ctx, &config, &cache), ATTN_OK);
        assert_int_equal(attn_cache_rotate(cache, TOKENS, HEADS, x, 0, FIRST), ATTN_OK);
        for (int i = 0; i < TOKENS * HEADS * DIM; i++)
            assert_true(fabsf(turned[i] - x[i]) <= 2.5e-7f); /* four roundings of at most sqrt 2 */
        attn_cache_destroy(cache);
    }
}

static void losses_and_greatest_logits_are_those_of_each_row(void **state) {
    struct fixture *f = *state;
    struct attn_random random;
    attn_random_init(&random, 4);
    for (int round = 0; round < 40; round++) {
        const int64_t rows = attn_random_between(&random, 0, 300), n = attn_random_between(&random, 1, 90);
        static float x[300 * 90], loss[300];
        static int32_t target[300], best[300];
        double mean = 0;
        int labelled = 0;
        attn_tape_reset(f->tape);
        attn_random_fill_normal(&random, x, rows * n, 4.0f);
        for (int64_t i = 0; i < rows; i++) target[i] = (int32_t)attn_random_between(&random, -1, n - 1);
        attn_tensor *logits = attn_tensor_input(f->tape, 2, SIZES(rows, n), x);
        assert_int_equal(attn_row_losses(logits, target, loss, best), ATTN_OK);
        for (int64_t i = 0; i < rows; i++) {
            double total = 0;
            for (int64_t c = 0; c < n; c++) {
                total += exp((double)x[i * n + c]);
                assert_true(x[i * n + c] < x[i * n + best[i]] || (x[i * n + c] == x[i * n + best[i]] && c >= best[i]));
            }
            const double want = target[i] < 0 ? 0 : log(total) - (double)x[i * n + target[i]];
            assert_true(fabs((double)loss[i] - want) <= 3e-6 * (1 + fabs(want)));
            mean += (double)loss[i];
            labelled += target[i] >= 0;
        }
        const double whole = (double)*attn_data(attn_cross_entropy(logits, target));
        assert_true(fabs(whole - (labelled > 0 ? mean / labelled : 0)) <= 1e-6 * (1 + whole));
    }
}

static void evaluation_names_what_it_cannot_read(void **state) {
    struct fixture *f = *state;
    static const float x[] = {NAN, 2, 1, 2, NAN, NAN, NAN, NAN};
    static const int32_t beyond[] = {0, 4};
    int32_t best[2];
    float loss[2];
    char text[512];
    attn_tape_reset(f->tape);
    attn_tensor *logits = attn_tensor_input(f->tape, 2, SIZES(2, 4), x);
    assert_int_equal(attn_row_losses(logits, NULL, NULL, best), ATTN_OK);
    assert_int_equal(best[0], 1);
    assert_int_equal(best[1], 0);
    assert_int_equal(attn_row_losses(logits, beyond, loss, NULL), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(f->ctx, text, sizeof text), "target 1 is 4; logits have 4 columns"));
    attn_tape_reset(f->tape);
    assert_int_equal(attn_row_losses(attn_tensor_input(f->tape, 2, SIZES(2, 4), x), NULL, loss, NULL), ATTN_EINVAL);
    attn_tape_reset(f->tape);
    assert_int_equal(attn_row_losses(NULL, beyond, loss, NULL), ATTN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_equal_numbers_the_first_is_greater_and_nan_is_the_last),
        cmocka_unit_test(the_greatest_of_many_numbers_with_ties_are_found),
        cmocka_unit_test(nothing_is_chosen_from_nothing),
        cmocka_unit_test(the_greater_of_a_number_and_nan_is_nan),
        cmocka_unit_test(rotations_are_those_of_the_cache),
        cmocka_unit_test(losses_and_greatest_logits_are_those_of_each_row),
        cmocka_unit_test(evaluation_names_what_it_cannot_read),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
