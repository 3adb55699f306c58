/* Messages between ranks that are threads: each comes whole, in order, once both sides have begun; a rank that is missing is named. */
#include "base/clock.h"
#include "dist/cp/count.h"
#include "dist/cp/progress.h"
#include "support/failing_memory.h"
#include "support/ranks.h"
#include "support/transports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void messages_come_whole_and_in_order(void **state) {
    const struct attn_local_delay slow = {1e-5, 1e9, 700};
    (void)state;
    for (int count = 1; count <= 5; count++) {
        assert_true(test_on_ranks(count, 60.0, NULL, test_messages_arrive, NULL));
        assert_true(test_on_ranks(count, 60.0, &slow, test_messages_arrive, NULL));
    }
}

static void counting_carries_nothing(void **state) {
    const struct attn_link_call call = {NULL, "counting", 0};
    struct attn_transport counting, *t = &counting;
    int ticket;
    (void)state;
    attn_count_open(2, 5, t);
    assert_true(t->counts_only);
    for (int peer = 0; peer < 5; peer++) {
        assert_int_equal(t->send(t, &call, ATTN_TRAFFIC_KEYS, peer, NULL, 100, &ticket), ATTN_OK);
        assert_int_equal(t->wait(t, &call, ticket), ATTN_OK);
        assert_int_equal(t->receive(t, &call, ATTN_TRAFFIC_KEYS, peer, NULL, 100, &ticket), ATTN_OK);
        assert_int_equal(t->wait(t, &call, ticket), ATTN_OK);
    }
    t->progress(t);
    assert_int_equal(t->sent[ATTN_TRAFFIC_KEYS].bytes, 400);
    assert_int_equal(t->sent[ATTN_TRAFFIC_KEYS].messages, 4);
    assert_int_equal(t->sent[ATTN_TRAFFIC_HEADS].messages, 0);
    assert_int_equal(attn_transport_agree(t, &call, ATTN_ESHAPE), ATTN_ESHAPE);
    assert_int_equal(attn_transport_compare(t, &call, NULL, NULL, 0), ATTN_OK);
    t->close(t);
}

static void a_failure_of_one_is_that_of_all(void **state) {
    (void)state;
    for (int count = 2; count <= 7; count++) assert_true(test_on_ranks(count, 60.0, NULL, test_all_agree, NULL));
}

/* ------------------------------------------------------------------------------------------------- delay */

enum { SEGMENTS = 8, SEGMENT = 1000 };

static void sleep_for(double seconds) {
    const double begun = attn_clock();
    while (attn_clock() - begun < seconds) nanosleep(&(struct timespec){0, 100000}, NULL);
}

/* What is due without a call of progress between is one segment: the rest is still to come. */
static bool sleeps_then_counts_segments(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "segments", 0};
    char data[SEGMENTS * SEGMENT];
    int ticket;
    (void)user;
    memset(data, t->rank ? 0 : 1, sizeof data);
    if (t->rank == 0) {
        IS(!t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, data, sizeof data, &ticket));
        IS(!attn_transport_agree(t, &call, ATTN_OK));
        IS(!t->wait(t, &call, ticket));
        return true;
    }
    IS(!attn_transport_agree(t, &call, ATTN_OK));
    const double begun = attn_clock();
    IS(!t->receive(t, &call, ATTN_TRAFFIC_KEYS, 0, data, sizeof data, &ticket));
    for (int i = 0; i <= SEGMENTS; i++) {
        for (int j = 0; j < SEGMENTS; j++) IS(data[j * SEGMENT] == (j < i - 1 ? 1 : 0) && data[(j + 1) * SEGMENT - 1] == data[j * SEGMENT]);
        if (i < SEGMENTS) t->progress(t);
        sleep_for(3e-3);
    }
    IS(!t->wait(t, &call, ticket));
    IS(attn_clock() - begun >= 2e-3 + SEGMENTS * 1e-3);
    for (int j = 0; j < SEGMENTS * SEGMENT; j++) IS(data[j] == 1);
    return true;
}

static void without_progress_nothing_moves(void **state) {
    const struct attn_local_delay slow = {2e-3, SEGMENT / 1e-3, SEGMENT};
    (void)state;
    assert_true(test_on_ranks(2, 60.0, &slow, sleeps_then_counts_segments, NULL));
}

/* ------------------------------------------------------------------------------------------------- losing */

static bool last_one_does_not_come(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "ring", 5};
    char in[100], out[100] = "";
    char text[128];
    const int to = (t->rank + 1) % t->count, from = (t->rank + t->count - 1) % t->count;
    const bool leaves = *(const bool *)user;
    int ticket;
    if (t->rank == t->count - 1) {
        if (leaves) return !t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, out, 1, &ticket); /* and closes without waiting */
        sleep_for(1.0);
        IS(attn_transport_pass(t, &call, ATTN_TRAFFIC_KEYS, to, out, from, in, sizeof out) == ATTN_ESYSTEM);
        return test_says(ctx, t, "has given up");
    }
    const double begun = attn_clock();
    attn_status status = ATTN_OK;
    while (!status) status = attn_transport_pass(t, &call, ATTN_TRAFFIC_KEYS, to, out, from, in, sizeof out);
    IS(status == ATTN_ESYSTEM && t->lost);
    snprintf(text, sizeof text, "rank %d: step 5: ring with rank ", t->rank);
    IS(test_says(ctx, t, text));
    if (leaves) {
        snprintf(text, sizeof text, "rank %d has given up", t->count - 1);
        IS(test_says(ctx, t, text));
        IS(attn_clock() - begun < 20.0);
    }
    IS(t->send(t, &call, ATTN_TRAFFIC_KEYS, to, out, sizeof out, &ticket) == ATTN_ESYSTEM && test_says(ctx, t, "a rank was lost before"));
    IS(attn_transport_agree(t, &call, ATTN_OK) == ATTN_ESYSTEM);
    return true;
}

static void a_missing_rank_is_an_error_of_all(void **state) {
    bool leaves = false;
    (void)state;
    assert_true(test_on_ranks(4, 0.25, NULL, last_one_does_not_come, &leaves));
    leaves = true;
    assert_true(test_on_ranks(4, 30.0, NULL, last_one_does_not_come, &leaves));
}

static bool sizes_differ(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "sizes", 0};
    char data[16] = "";
    int ticket;
    (void)user;
    if (t->rank) {
        IS(!t->receive(t, &call, ATTN_TRAFFIC_KEYS, 0, data, 8, &ticket));
        IS(t->wait(t, &call, ticket) == ATTN_ESYSTEM);
        return test_says(ctx, t, "rank 1: step 0: sizes with rank 0: a message of 12 bytes came; expected 8");
    }
    IS(!t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, data, 12, &ticket));
    IS(t->wait(t, &call, ticket) == ATTN_ESYSTEM);
    return test_says(ctx, t, "rank 1 has given up");
}

static void a_message_of_another_size_is_refused(void **state) {
    (void)state;
    assert_true(test_on_ranks(2, 30.0, NULL, sizes_differ, NULL));
}

/* One thread as one rank, which writes to itself more often than there is room at first. */
static attn_status writes_to_itself(attn_ctx *ctx) {
    enum { LETTERS = 20 };
    const struct attn_link_call call = {ctx, "letters", 0};
    struct attn_local_world *world = NULL;
    struct attn_transport *t = NULL;
    attn_ctx *child = NULL;
    int sent[LETTERS], received[LETTERS], in[LETTERS], begun = 0;
    attn_status status = attn_local_world_open(ctx, 3, 10.0, NULL, &world);
    if (!status) status = attn_local_open(world, 1, &t);
    if (!status) status = attn_progress_context(ctx, t, &child);
    for (; begun < LETTERS && !status; begun++) {
        status = t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, &begun, sizeof begun, &sent[begun]);
        if (!status) status = t->receive(t, &call, ATTN_TRAFFIC_KEYS, 1, &in[begun], sizeof *in, &received[begun]);
    }
    for (int i = 0; i < LETTERS && !status; i++) {
        status = t->wait(t, &call, received[i]);
        if (!status) status = t->wait(t, &call, sent[i]);
    }
    attn_ctx_destroy(child);
    if (t) t->close(t);
    attn_local_world_close(world);
    return status;
}

static void without_memory_a_sentence_comes(void **state) {
    (void)state;
    test_survives(writes_to_itself, false);
}

struct counted {
    int64_t allocations;
};

static void *count_and_allocate(void *user, size_t bytes, size_t alignment) {
    ((struct counted *)user)->allocations++;
    return aligned_alloc(alignment, bytes);
}

static void count_not_and_free(void *user, void *memory) {
    (void)user;
    free(memory);
}

static void reserved_messages_allocate_nothing(void **state) {
    enum { MESSAGES = 37 };
    struct counted counted = {0};
    struct attn_local_world *world;
    struct attn_transport *t;
    int ticket[MESSAGES][2];
    char in[MESSAGES], out[MESSAGES];
    attn_ctx_config config;
    attn_ctx *ctx;
    (void)state;
    attn_ctx_config_init(&config);
    config.allocate = count_and_allocate;
    config.release = count_not_and_free;
    config.allocator_user = &counted;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    const struct attn_link_call call = {ctx, "reserved", 0};
    assert_int_equal(attn_local_world_open(ctx, 1, 10.0, NULL, &world), ATTN_OK);
    assert_int_equal(attn_local_open(world, 0, &t), ATTN_OK);
    for (int round = 0; round < 3; round++) {
        const int count = round == 1 ? MESSAGES / 2 : MESSAGES;
        assert_int_equal(t->reserve(t, &call, 2 * count), ATTN_OK);
        const int64_t before = counted.allocations;
        for (int i = 0; i < count; i++) {
            out[i] = (char)(i + round);
            assert_int_equal(t->send(t, &call, ATTN_TRAFFIC_KEYS, 0, &out[i], 1, &ticket[i][0]), ATTN_OK);
            assert_int_equal(t->receive(t, &call, ATTN_TRAFFIC_KEYS, 0, &in[i], 1, &ticket[i][1]), ATTN_OK);
        }
        for (int i = 0; i < count; i++) {
            for (int side = 1; side >= 0; side--) assert_int_equal(t->wait(t, &call, ticket[i][side]), ATTN_OK);
            assert_int_equal(in[i], i + round);
        }
        assert_int_equal(counted.allocations, before);
    }
    t->close(t);
    attn_local_world_close(world);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_and_in_order),  cmocka_unit_test(counting_carries_nothing),
        cmocka_unit_test(a_failure_of_one_is_that_of_all),   cmocka_unit_test(without_progress_nothing_moves),
        cmocka_unit_test(a_missing_rank_is_an_error_of_all), cmocka_unit_test(a_message_of_another_size_is_refused),
        cmocka_unit_test(without_memory_a_sentence_comes),   cmocka_unit_test(reserved_messages_allocate_nothing),
    };
    return cmocka_run_group_tests_name("ranks that are threads", tests, NULL, NULL);
}
