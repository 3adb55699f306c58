/* A tape whose sequences are split over ranks: what depends on a token's index gives the rows that it gives of whole sequences, to the bit. */
#include "support/failing_memory.h"
#include "support/training.h"

#include "base/random.h"
#include "dist/cp/local.h"
#include "tape/token_split.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3, TOKENS = 13, HEADS = 2, DIM = 6, ROW = HEADS * DIM };

static attn_ctx *ctx;
static attn_real numbers[BATCH * TOKENS * ROW];

static int set_up(void **state) {
    struct attn_random random;
    (void)state;
    ctx = test_context(2);
    attn_random_init(&random, 4);
    for (int i = 0; i < BATCH * TOKENS * ROW; i++) numbers[i] = (attn_real)attn_random_normal(&random);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

/* A rank of a grid; nothing is sent. */
struct part {
    struct attn_transport transport;
    struct attn_grid grid;
    struct attn_token_split *split;
    attn_tape *tape;
};

static void open_part(struct part *p, enum attn_mechanism mechanism, int ranks, int rank) {
    *p = (struct part){.transport = {.rank = rank, .count = ranks}};
    assert_int_equal(attn_grid_make(ctx, mechanism, ranks, 4, 4, 0, 0, true, &p->grid), ATTN_OK);
    assert_int_equal(attn_token_split_open(ctx, &p->transport, &p->grid, &p->split), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &p->tape), ATTN_OK);
    p->tape->split = p->split;
}

static void close_part(struct part *p) {
    attn_tape_destroy(p->tape);
    attn_token_split_close(p->split);
}

/* What is done to rows [B, T, ROW] of a parameter. */
typedef attn_tensor *(*operator_fn)(attn_tensor *x);

static attn_tensor *turn(attn_tensor *x) {
    const int64_t size[] = {BATCH, attn_size(x, 1), HEADS, DIM};
    return attn_reshape(attn_rope(attn_reshape(x, 4, size), ATTN_ROTARY_HALVES, 0, 100, 3), 3,
                        (const int64_t[]){BATCH, attn_size(x, 1), ROW});
}

static attn_tensor *drop(attn_tensor *x) {
    return attn_dropout(attn_dropout(x, 0.25), 0.5);
}

/* The results, and the gradient where that of each result is the result itself. */
static void run(attn_tape *tape, operator_fn operate, int64_t places, const attn_real *rows, attn_real *result, attn_real *gradient) {
    attn_tensor *x = attn_parameter(tape, 3, (const int64_t[]){BATCH, places, ROW});
    assert_non_null(x);
    const size_t bytes = (size_t)attn_count(x) * sizeof *rows;
    memcpy(attn_data(x), rows, bytes);
    attn_tape_seed(tape, 9);
    attn_tensor *y = operate(x);
    assert_non_null(y);
    memcpy(result, attn_data(y), bytes);
    attn_tensor *loss = attn_affine(attn_sum(attn_reshape(attn_mul(y, y), 1, (const int64_t[]){-1}), 0), (attn_real)0.5, 0);
    assert_non_null(loss);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    memcpy(gradient, attn_grad(x), bytes);
}

static void expect_rows(operator_fn operate, enum attn_mechanism mechanism, int ranks) {
    static attn_real y[BATCH * TOKENS * ROW], dx[BATCH * TOKENS * ROW], own_y[2 * BATCH * TOKENS * ROW], own_dx[2 * BATCH * TOKENS * ROW];
    attn_tape *tape;
    int held = 0;
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    run(tape, operate, TOKENS, numbers, y, dx);
    attn_tape_destroy(tape);
    for (int r = 0; r < ranks; r++) {
        struct part p;
        open_part(&p, mechanism, ranks, r);
        const attn_real *rows = attn_token_split_rows(p.tape, BATCH, TOKENS, ROW * sizeof *rows, numbers);
        assert_non_null(rows);
        const int64_t places = attn_token_split_places(p.tape, TOKENS);
        run(p.tape, operate, places, rows, own_y, own_dx);
        for (int64_t i = 0; i < BATCH * places; i++) {
            const int64_t token = attn_token_split_token(p.tape, i % places), at = (i / places * TOKENS + token) * ROW;
            if (token < 0) continue;
            assert_memory_equal(own_y + i * ROW, y + at, ROW * sizeof *y);
            assert_memory_equal(own_dx + i * ROW, dx + at, ROW * sizeof *dx);
            held++;
        }
        close_part(&p);
    }
    assert_int_equal(held, BATCH * TOKENS);
}

static void expect_rows_everywhere(operator_fn operate) {
    for (int ranks = 1; ranks <= 5; ranks++) expect_rows(operate, ATTN_CP_RING, ranks);
    expect_rows(operate, ATTN_CP_ULYSSES, 4);
    expect_rows(operate, ATTN_CP_USP, 8);
    expect_rows(operate, ATTN_CP_LOONGTRAIN, 8);
}

static void angles_are_those_of_the_tokens(void **state) {
    (void)state;
    expect_rows_everywhere(turn);
}

static void dropout_is_that_of_the_tokens(void **state) {
    (void)state;
    expect_rows_everywhere(drop);
}

static void every_label_is_one_ranks_and_all_are_counted(void **state) {
    int32_t label[BATCH * TOKENS];
    int64_t labelled;
    (void)state;
    for (int i = 0; i < BATCH * TOKENS; i++) label[i] = i % 3 == 0 ? -1 : i;
    for (int ranks = 1; ranks <= 5; ranks++) {
        int found = 0;
        for (int r = 0; r < ranks; r++) {
            struct part p;
            open_part(&p, ATTN_CP_RING, ranks, r);
            const int32_t *own = attn_token_split_labels(p.tape, BATCH, TOKENS, label, &labelled);
            assert_non_null(own);
            assert_int_equal(labelled, BATCH * TOKENS / 3 * 2);
            const int64_t places = attn_token_split_places(p.tape, TOKENS);
            for (int64_t i = 0; i < BATCH * places; i++) {
                const int64_t token = attn_token_split_token(p.tape, i % places);
                assert_int_equal(own[i], token < 0 ? -1 : label[i / places * TOKENS + token]);
                found += own[i] >= 0;
            }
            close_part(&p);
        }
        assert_int_equal(found, labelled);
    }
}

static void what_is_not_of_this_ranks_places_is_refused(void **state) {
    struct part p;
    char text[512];
    (void)state;
    open_part(&p, ATTN_CP_RING, 2, 0);
    assert_non_null(attn_token_split_rows(p.tape, BATCH, TOKENS, ROW * sizeof *numbers, numbers));
    attn_tensor *x = attn_parameter(p.tape, 3, (const int64_t[]){BATCH, TOKENS, ROW});
    assert_null(attn_dropout(x, 0.5));
    assert_int_equal(attn_tape_status(p.tape), ATTN_ESHAPE);
    assert_non_null(
        strstr(attn_ctx_error(ctx, text, sizeof text), "dropout: x is [3, 13, 12]; of sequences over ranks [B, 8, D] is needed"));
    attn_tape_reset(p.tape);
    x = attn_reshape(x, 4, (const int64_t[]){BATCH, TOKENS, HEADS, DIM});
    assert_null(attn_rope(x, ATTN_ROTARY_HALVES, 0, 100, 0));
    assert_int_equal(attn_tape_status(p.tape), ATTN_ESHAPE);
    attn_tape_reset(p.tape);
    assert_null(attn_attention(x, x, x, NULL));
    assert_int_equal(attn_tape_status(p.tape), ATTN_ESHAPE);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "attention over ranks: 13 queries and 13 keys"));
    close_part(&p);
}

/* Attention of rows [B, TOKENS, ROW] of a parameter, forward and backward, on a rank that is alone; the gradients' places are x's. */
static attn_status attend(attn_tape *tape, attn_tensor **out, attn_tensor **in) {
    if (!attn_token_split_choose(tape, TOKENS)) return attn_tape_status(tape);
    const int64_t places = attn_token_split_places(tape, TOKENS), size[] = {BATCH, places, HEADS, DIM};
    const attn_real *rows = attn_token_split_rows(tape, BATCH, TOKENS, ROW * sizeof *rows, numbers);
    *in = attn_parameter(tape, 3, (const int64_t[]){BATCH, places, ROW});
    if (!rows || !*in) return attn_tape_status(tape);
    memcpy(attn_data(*in), rows, (size_t)attn_count(*in) * sizeof *rows);
    attn_tensor *x = attn_reshape(*in, 4, size);
    *out = attn_attention(x, x, x, NULL);
    attn_tensor *loss = attn_sum(attn_reshape(attn_square(*out), 1, (const int64_t[]){-1}), 0);
    return loss ? attn_tape_backward(loss) : attn_tape_status(tape);
}

/* world NULL: sequences are whole. numbers: result and gradient of every token. */
static attn_status attend_alone(attn_ctx *with, struct attn_local_world *world, attn_real *result, attn_real *gradient) {
    struct attn_grid grid = {.mechanism = ATTN_CP_RING, .ulysses = 1, .ring = 1, .windows = 1};
    struct attn_transport *transport = NULL;
    struct attn_token_split *split = NULL;
    attn_tape *tape = NULL;
    attn_tensor *out = NULL, *in = NULL;
    attn_status status = world ? attn_local_open(world, 0, &transport) : ATTN_OK;
    if (!status && world) status = attn_token_split_open(with, transport, &grid, &split);
    if (!status) status = attn_tape_create(with, &tape);
    if (!status) {
        tape->split = split;
        status = attend(tape, &out, &in);
    }
    for (int64_t i = 0; !status && i < BATCH * attn_token_split_places(tape, TOKENS); i++) {
        const int64_t places = attn_token_split_places(tape, TOKENS), token = attn_token_split_token(tape, i % places);
        if (token < 0) continue;
        memcpy(result + (i / places * TOKENS + token) * ROW, attn_data(out) + i * ROW, ROW * sizeof *result);
        memcpy(gradient + (i / places * TOKENS + token) * ROW, attn_grad(in) + i * ROW, ROW * sizeof *result);
    }
    attn_tape_destroy(tape);
    attn_token_split_close(split);
    if (transport) transport->close(transport);
    return status;
}

static bool near(attn_real a, attn_real b) {
    return fabs((double)(a - b)) <= 2e-6 * fmax(1, fabs((double)b));
}

static void attention_of_a_rank_that_is_alone_is_that_of_whole_sequences(void **state) {
    static attn_real y[BATCH * TOKENS * ROW], dx[BATCH * TOKENS * ROW], own_y[BATCH * TOKENS * ROW], own_dx[BATCH * TOKENS * ROW];
    struct attn_local_world *world;
    (void)state;
    assert_int_equal(attn_local_world_open(ctx, 1, 10, NULL, &world), ATTN_OK);
    assert_int_equal(attend_alone(ctx, NULL, y, dx), ATTN_OK);
    assert_int_equal(attend_alone(ctx, world, own_y, own_dx), ATTN_OK);
    for (int i = 0; i < BATCH * TOKENS * ROW; i++) {
        if (!near(own_y[i], y[i])) fail_msg("%d: %.9g, not %.9g", i, (double)own_y[i], (double)y[i]);
        if (!near(own_dx[i], dx[i])) fail_msg("gradient %d: %.9g, not %.9g", i, (double)own_dx[i], (double)dx[i]);
    }
    attn_local_world_close(world);
}

static attn_status without_memory(attn_ctx *with) {
    static attn_real y[BATCH * TOKENS * ROW], dx[BATCH * TOKENS * ROW];
    struct attn_local_world *world;
    assert_int_equal(attn_local_world_open(ctx, 1, 10, NULL, &world), ATTN_OK);
    const attn_status status = attend_alone(with, world, y, dx);
    attn_local_world_close(world);
    return status;
}

static void a_rank_without_memory_says_so_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(without_memory, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angles_are_those_of_the_tokens),
        cmocka_unit_test(dropout_is_that_of_the_tokens),
        cmocka_unit_test(every_label_is_one_ranks_and_all_are_counted),
        cmocka_unit_test(attention_of_a_rank_that_is_alone_is_that_of_whole_sequences),
        cmocka_unit_test(a_rank_without_memory_says_so_and_leaks_nothing),
        cmocka_unit_test(what_is_not_of_this_ranks_places_is_refused),
    };
    return cmocka_run_group_tests_name("tape: sequences over ranks", tests, set_up, tear_down);
}
