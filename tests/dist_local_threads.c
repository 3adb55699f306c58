/* Messages between ranks that are threads: each comes whole, in order, once both sides have begun; a rank that is missing is named. */
#include "base/clock.h"
#include "dist/cp/count.h"
#include "support/ranks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static bool is(bool right, const struct attn_transport *t, const char *what) {
    if (!right) fprintf(stderr, "rank %d of %d: %s\n", t->rank, t->count, what);
    return right;
}

#define IS(condition)                                                                                                                      \
    do {                                                                                                                                   \
        if (!is((condition), t, #condition)) return false;                                                                                 \
    } while (0)

static bool says(attn_ctx *ctx, const struct attn_transport *t, const char *piece) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (strstr(text, piece)) return true;
    fprintf(stderr, "rank %d: \"%s\"; expected \"%s\"\n", t->rank, text, piece);
    return false;
}

/* ----------------------------------------------------------------------------------------------- messages */

enum { MESSAGES = 6, MOST = 3000 };

static size_t bytes_of(int from, int to, int kind, int number) {
    return (size_t)((from * 977 + to * 331 + kind * 71 + number * 1201) % MOST);
}

static uint8_t byte_of(int from, int to, int kind, int number, size_t at) {
    return (uint8_t)((size_t)(from * 7 + to * 5 + kind * 3 + number) + at * 11);
}

struct letters {
    uint8_t at[8][ATTN_TRAFFIC_KINDS][MESSAGES][MOST]; /* by peer */
    int ticket[8][ATTN_TRAFFIC_KINDS][MESSAGES];
};

/* Everybody to everybody, himself too, all tags, all under way at once; waited for in another order than begun. */
static bool everybody_writes(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "letters", 0};
    struct letters *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    bool right = true;
    (void)user;
    for (int round = 0; round < 3; round++) {
        for (int peer = 0; peer < t->count; peer++)
            for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++)
                for (int i = 0; i < MESSAGES; i++) {
                    const size_t n = bytes_of(t->rank, peer, kind, i);
                    for (size_t j = 0; j < n; j++) out->at[peer][kind][i][j] = byte_of(t->rank, peer, kind, i + round, j);
                    memset(in->at[peer][kind][i], 0, MOST);
                    right = right &&
                            !t->send(t, &call, (enum attn_traffic_kind)kind, peer, out->at[peer][kind][i], n, &out->ticket[peer][kind][i]);
                    right = right && !t->receive(t, &call, (enum attn_traffic_kind)kind, peer, in->at[peer][kind][i],
                                                 bytes_of(peer, t->rank, kind, i), &in->ticket[peer][kind][i]);
                }
        for (int peer = t->count; peer-- > 0 && right;)
            for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++)
                for (int i = MESSAGES; i-- > 0;) {
                    right = right && !t->wait(t, &call, in->ticket[peer][kind][i]) && !t->wait(t, &call, out->ticket[peer][kind][i]);
                    for (size_t j = 0; right && j < bytes_of(peer, t->rank, kind, i); j++)
                        right = in->at[peer][kind][i][j] == byte_of(peer, t->rank, kind, i + round, j);
                }
    }
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) {
        int64_t bytes = 0;
        for (int peer = 0; peer < t->count; peer++)
            for (int i = 0; i < MESSAGES && peer != t->rank; i++) bytes += (int64_t)bytes_of(t->rank, peer, kind, i);
        right = right && t->sent[kind].bytes == 3 * bytes && t->sent[kind].messages == 3 * MESSAGES * (t->count - 1);
    }
    free(in);
    free(out);
    return is(right, t, "a message is not what was sent, or not counted as such");
}

static void messages_come_whole_and_in_order(void **state) {
    const struct attn_local_delay slow = {1e-5, 1e9, 700};
    (void)state;
    for (int count = 1; count <= 5; count++) {
        assert_true(test_on_ranks(count, 60.0, NULL, everybody_writes, NULL));
        assert_true(test_on_ranks(count, 60.0, &slow, everybody_writes, NULL));
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

/* ---------------------------------------------------------------------------------------------- all agree */

static bool one_fails(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "meeting", 4};
    const char *const names[] = {"one", "two"};
    char text[128];
    (void)user;
    IS(attn_transport_agree(t, &call, ATTN_OK) == ATTN_OK);
    for (int who = 0; who < t->count; who++) {
        attn_status status = t->rank >= who && t->rank <= who + 2 ? attn_fail(ctx, ATTN_ESHAPE, "wrong at %d", t->rank) : ATTN_OK;
        IS(attn_transport_agree(t, &call, status) == ATTN_ESHAPE);
        snprintf(text, sizeof text, "rank %d: wrong at %d", who, who);
        IS(says(ctx, t, text));
        const double numbers[] = {1.5, t->rank == who ? -2.0 : -1.0};
        status = attn_transport_compare(t, &call, numbers, names, 2);
        IS(status == (t->count > 1 ? ATTN_EINVAL : ATTN_OK));
        snprintf(text, sizeof text, "rank %d: meeting: two is %d, but rank 0 has %d; expected the same on all ranks", who ? who : 1,
                 who ? -2 : -1, who ? -1 : -2);
        if (t->count > 1) IS(says(ctx, t, text));
    }
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) IS(t->sent[kind].messages == 0);
    return true;
}

static void a_failure_of_one_is_that_of_all(void **state) {
    (void)state;
    for (int count = 2; count <= 7; count++) assert_true(test_on_ranks(count, 60.0, NULL, one_fails, NULL));
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
        return says(ctx, t, "has given up");
    }
    const double begun = attn_clock();
    attn_status status = ATTN_OK;
    while (!status) status = attn_transport_pass(t, &call, ATTN_TRAFFIC_KEYS, to, out, from, in, sizeof out);
    IS(status == ATTN_ESYSTEM && t->lost);
    snprintf(text, sizeof text, "rank %d: step 5: ring with rank ", t->rank);
    IS(says(ctx, t, text));
    if (leaves) {
        snprintf(text, sizeof text, "rank %d has given up", t->count - 1);
        IS(says(ctx, t, text));
        IS(attn_clock() - begun < 20.0);
    }
    IS(t->send(t, &call, ATTN_TRAFFIC_KEYS, to, out, sizeof out, &ticket) == ATTN_ESYSTEM && says(ctx, t, "a rank was lost before"));
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
        return says(ctx, t, "rank 1: step 0: sizes with rank 0: a message of 12 bytes came; expected 8");
    }
    IS(!t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, data, 12, &ticket));
    IS(t->wait(t, &call, ticket) == ATTN_ESYSTEM);
    return says(ctx, t, "rank 1 has given up");
}

static void a_message_of_another_size_is_refused(void **state) {
    (void)state;
    assert_true(test_on_ranks(2, 30.0, NULL, sizes_differ, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_and_in_order),  cmocka_unit_test(counting_carries_nothing),
        cmocka_unit_test(a_failure_of_one_is_that_of_all),   cmocka_unit_test(without_progress_nothing_moves),
        cmocka_unit_test(a_missing_rank_is_an_error_of_all), cmocka_unit_test(a_message_of_another_size_is_refused),
    };
    return cmocka_run_group_tests_name("ranks that are threads", tests, NULL, NULL);
}
