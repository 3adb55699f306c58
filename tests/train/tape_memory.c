/* Memory of a tape: what it asks for, what it gives back, what it does when there is none. */
#include "support/model.h"
#include "tape/tape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZES(...)                                                                                                                         \
    (const int64_t[]) {                                                                                                                    \
        __VA_ARGS__                                                                                                                        \
    }

static void steps_like_the_first_allocate_nothing(void **state) {
    attn_ctx *ctx;
    struct test_model m;
    float loss;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(test_model_open(&m, ctx), ATTN_OK);
    assert_int_equal(test_model_step(&m, 0, 0.1f, &loss), ATTN_OK);
    const size_t bytes = attn_tape_bytes(m.tape);
    const int64_t allocations = attn_tape_allocations(m.tape);
    for (uint64_t i = 1; i < 20; i++) assert_int_equal(test_model_step(&m, i, 0.1f, &loss), ATTN_OK);
    assert_int_equal(attn_tape_bytes(m.tape), bytes);
    assert_int_equal(attn_tape_allocations(m.tape), allocations);
    test_model_close(&m);
    attn_ctx_destroy(ctx);
}

enum { DEEP = 12, ROWS = 2000, WIDE = 32 };

static attn_tensor *layer(void *user, attn_tensor *const *x) {
    (void)user;
    return attn_add(x[0], attn_gelu(attn_linear(attn_layer_norm(attn_dropout(x[0], 0.1), NULL, NULL, 1e-5f), x[1], NULL)));
}

/* What it takes on the way is more than a block of the arena. */
static attn_tensor *wide_layer(void *user, attn_tensor *const *x) {
    attn_tensor *copies[8];
    (void)user;
    for (int i = 0; i < 8; i++) copies[i] = attn_linear(x[0], x[1], NULL);
    return attn_narrow(attn_gelu(attn_concat(8, copies, 1)), 1, WIDE, WIDE);
}

/* The loss of a deep chain, some of its layers wide, and backward. */
static float chain_step(attn_tape *tape, attn_tensor *w, bool checkpoints, int wide) {
    attn_tensor *x = attn_constant(tape, 2, SIZES(ROWS, WIDE), 0);
    attn_fill_normal(x, 0, 1, 2);
    for (int i = 0; i < DEEP; i++) {
        attn_tensor *const both[] = {x, w};
        attn_tensor *(*const compute)(void *, attn_tensor *const *) = i < wide ? wide_layer : layer;
        x = checkpoints ? attn_checkpoint(compute, NULL, 2, both) : compute(NULL, both);
    }
    attn_tensor *mean = attn_mean_all(attn_square(x));
    assert_int_equal(attn_tape_backward(mean), ATTN_OK);
    return *attn_data(mean);
}

/* Loss and gradient of a deep chain; bytes that the tape has held. */
static size_t chain(bool checkpoints, float *loss, float gradient[WIDE * WIDE]) {
    attn_ctx *ctx;
    attn_tape *tape;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    attn_tensor *w = attn_parameter(tape, 2, SIZES(WIDE, WIDE));
    attn_fill_normal(w, 0, 0.2, 1);
    *loss = chain_step(tape, w, checkpoints, 0);
    memcpy(gradient, attn_grad(w), sizeof(float) * WIDE * WIDE);
    const size_t bytes = attn_tape_bytes(tape);
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
    return bytes;
}

static void checkpoints_give_the_same_bits_in_less_memory(void **state) {
    static float gradient[2][WIDE * WIDE];
    float loss[2];
    (void)state;
    const size_t all = chain(false, &loss[0], gradient[0]), pieces = chain(true, &loss[1], gradient[1]);
    assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
    assert_true(pieces < all * 2 / 5);
}

/* Held between steps is what the first one needed, in one block, of which none is left over. */
static void steps_with_checkpoints_hold_no_more_than_the_first(void **state) {
    (void)state;
    for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
        attn_ctx *ctx;
        attn_tape *tape;
        assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
        assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
        attn_tensor *w = attn_parameter(tape, 2, SIZES(WIDE, WIDE));
        attn_fill_normal(w, 0, 0.2, 1);
        const float loss = chain_step(tape, w, checkpoints, 3);
        const size_t most = attn_tape_bytes(tape);
        attn_tape_reset(tape);
        const size_t bytes = attn_tape_bytes(tape);
        const int64_t allocations = attn_tape_allocations(tape);
        assert_true(bytes <= most);
        for (int i = 0; i < 4; i++) {
            assert_true(chain_step(tape, w, checkpoints, 3) == loss);
            assert_int_equal(attn_tape_bytes(tape), bytes);
            attn_tape_reset(tape);
            assert_int_equal(attn_tape_bytes(tape), bytes);
            assert_int_equal(attn_tape_allocations(tape), allocations);
        }
        attn_tape_destroy(tape);
        attn_ctx_destroy(ctx);
    }
}

struct counting {
    int64_t calls, fail_at, live;
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct counting *c = user;
    void *memory;
    if (++c->calls == c->fail_at || posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes) != 0)
        return NULL;
    c->live++;
    return memory;
}

static void release(void *user, void *memory) {
    struct counting *c = user;
    if (memory) c->live--;
    free(memory);
}

static attn_ctx *counting_context(struct counting *c, int threads) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.allocator_user = c;
    config.threads = threads;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void a_second_step_asks_the_context_for_nothing_at_all(void **state) {
    struct counting c = {0};
    struct test_model m;
    float loss;
    (void)state;
    attn_ctx *ctx = counting_context(&c, 2);
    assert_int_equal(test_model_open(&m, ctx), ATTN_OK);
    assert_int_equal(test_model_step(&m, 0, 0.1f, &loss), ATTN_OK);
    const int64_t calls = c.calls;
    assert_int_equal(test_model_step(&m, 1, 0.1f, &loss), ATTN_OK);
    assert_int_equal(c.calls, calls);
    test_model_close(&m);
    attn_ctx_destroy(ctx);
    assert_int_equal(c.live, 0);
}

static void every_allocation_is_counted_those_of_plans_too(void **state) {
    struct counting c = {0};
    attn_tape *tape;
    (void)state;
    attn_ctx *ctx = counting_context(&c, 2);
    const int64_t before = c.calls;
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    attn_tensor *q = attn_parameter(tape, 4, SIZES(2, 300, 2, 16));
    for (int step = 0; step < 3; step++) {
        for (int64_t tokens = 300; tokens > 0; tokens -= 100) {
            attn_tensor *x = attn_narrow(q, 1, 0, tokens);
            assert_non_null(attn_attention(x, q, q, NULL));
        }
        assert_int_equal(attn_tape_backward(attn_sum_all(attn_attention(q, q, q, NULL))), ATTN_OK);
        attn_tape_reset(tape);
        assert_int_equal(attn_tape_allocations(tape), c.calls - before - 1); /* one is the tape itself */
    }
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
    assert_int_equal(c.live, 0);
}

/* What stays is the result, its log-sum-exp and the node. */
static void the_workspace_of_attention_is_given_back(void **state) {
    attn_ctx *ctx;
    attn_tape *tape;
    (void)state;
    enum { TOKENS = 512, HEADS = 2, DIM = 32 };
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    attn_tensor *q = attn_constant(tape, 4, SIZES(1, TOKENS, HEADS, DIM), 1);
    const size_t taken = tape->step.taken;
    attn_tensor *o = attn_attention(q, q, q, NULL);
    assert_non_null(o);
    const size_t stays = tape->step.taken - taken, needed = sizeof(float) * TOKENS * HEADS * (DIM + 1);
    assert_true(stays <= needed + 1024);
    assert_true(tape->step.most > taken + needed + 1024); /* there was a workspace */
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
}

static void whichever_allocation_fails_the_step_says_so_and_the_next_one_works(void **state) {
    (void)state;
    int64_t failures = 0;
    for (int64_t n = 1;; n++) {
        struct counting c = {0};
        struct test_model m;
        float loss = 0, again = 0;
        attn_ctx *ctx = counting_context(&c, 1);
        c.fail_at = c.calls + n;
        attn_status status = test_model_open(&m, ctx);
        const bool opened = status == ATTN_OK;
        if (opened) status = test_model_step(&m, 0, 0.1f, &loss);
        const bool reached = c.calls >= c.fail_at;
        if (c.calls == c.fail_at && status == ATTN_OK) /* the reset's, which has nobody to tell: the next step takes memory anew */
            assert_true(opened);
        else
            assert_int_equal(status, reached ? ATTN_ENOMEM : ATTN_OK);
        if (opened) assert_int_equal(test_model_step(&m, 0, 0.1f, &again), ATTN_OK);
        test_model_close(&m);
        attn_ctx_destroy(ctx);
        assert_int_equal(c.live, 0);
        if (!reached) break;
        failures++;
    }
    assert_true(failures >= 6); /* tape, mask, parameters, plan, step, and what they are made of */
}

/* A convolution, pooling, a recurrent layer in a checkpoint, a loss and a step of Adam. */
struct several {
    attn_tape *tape;
    attn_optimizer *optimizer;
    attn_tensor *filter, *input, *recurrent;
};

static attn_tensor *recurrent_layer(void *user, attn_tensor *const *x) {
    const attn_recurrent_weights w = {x[1], x[2], NULL, NULL};
    attn_tensor *last, *y = attn_gru(x[0], NULL, &w, &last);
    (void)user;
    return attn_concat(2, (attn_tensor *const[]){y, attn_short_convolution(y, attn_narrow(x[2], 0, 0, 2), NULL)}, 2);
}

static attn_status several_open(struct several *s, attn_ctx *ctx) {
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    *s = (struct several){.tape = NULL};
    attn_status status = attn_tape_create(ctx, &s->tape);
    if (status) return status;
    s->filter = attn_parameter(s->tape, 4, SIZES(6, 3, 3, 2));
    s->input = attn_parameter(s->tape, 2, SIZES(12, 6));
    s->recurrent = attn_parameter(s->tape, 2, SIZES(12, 4));
    if (!s->recurrent) return attn_tape_status(s->tape);
    attn_fill_normal(s->filter, 0, 1, 1);
    attn_fill_normal(s->input, 0, 1, 2);
    attn_fill_normal(s->recurrent, 0, 1, 3);
    const attn_parameter_group group = {(attn_tensor *const[]){s->filter, s->input, s->recurrent}, 3, 1, 0.1};
    return attn_optimizer_create(ctx, &config, &group, 1, &s->optimizer);
}

static attn_status several_step(struct several *s, float *loss) {
    attn_tensor *image = attn_constant(s->tape, 4, SIZES(40, 40, 40, 2), 1);
    attn_fill_normal(image, 0, 1, 4);
    attn_tensor *x = attn_max_pool2d(attn_conv2d(image, s->filter, NULL, 2, 1), 2, 2, 0);
    attn_tensor *const all[] = {attn_reshape(x, 3, SIZES(40, 100, 6)), s->input, s->recurrent};
    attn_tensor *l = attn_mean_all(attn_square(attn_checkpoint(recurrent_layer, NULL, 3, all)));
    const attn_status status = l ? attn_tape_backward(l) : attn_tape_status(s->tape);
    if (!status) {
        *loss = *attn_data(l);
        attn_optimizer_step(s->optimizer, 0.01);
    }
    attn_tape_reset(s->tape);
    return status;
}

static void layers_checkpoints_and_optimizers_survive_every_failing_allocation(void **state) {
    (void)state;
    int64_t failures = 0;
    for (int64_t n = 1;; n++) {
        struct counting c = {0};
        struct several s;
        float loss;
        attn_ctx *ctx = counting_context(&c, 1);
        c.fail_at = c.calls + n;
        attn_status status = several_open(&s, ctx);
        const bool opened = status == ATTN_OK;
        if (opened) status = several_step(&s, &loss);
        const bool reached = c.calls >= c.fail_at;
        if (c.calls == c.fail_at && status == ATTN_OK) /* the reset's, as above */
            assert_true(opened);
        else
            assert_int_equal(status, reached ? ATTN_ENOMEM : ATTN_OK);
        if (opened) assert_int_equal(several_step(&s, &loss), ATTN_OK);
        attn_optimizer_destroy(s.optimizer);
        attn_tape_destroy(s.tape);
        attn_ctx_destroy(ctx);
        assert_int_equal(c.live, 0);
        if (!reached) break;
        failures++;
    }
    assert_true(failures >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_like_the_first_allocate_nothing),
        cmocka_unit_test(checkpoints_give_the_same_bits_in_less_memory),
        cmocka_unit_test(steps_with_checkpoints_hold_no_more_than_the_first),
        cmocka_unit_test(a_second_step_asks_the_context_for_nothing_at_all),
        cmocka_unit_test(every_allocation_is_counted_those_of_plans_too),
        cmocka_unit_test(the_workspace_of_attention_is_given_back),
        cmocka_unit_test(whichever_allocation_fails_the_step_says_so_and_the_next_one_works),
        cmocka_unit_test(layers_checkpoints_and_optimizers_survive_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
