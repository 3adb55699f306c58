/* Messages over MPI: whole and in order, in pieces too, and a rank that is missing is named. */
#include "dist/transport_mpi.h"
#include "support/problem.h"
#include "support/transports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int rank, ranks;

static void need(bool right, const char *what) {
    if (right) return;
    fprintf(stderr, "rank %d of %d: %s\n", rank, ranks, what);
    MPI_Abort(MPI_COMM_WORLD, 1); /* the others would wait */
}

static void on_transport(double deadline, size_t piece, void *user, bool (*run)(void *, attn_ctx *, struct attn_transport *),
                         const char *what) {
    attn_ctx *ctx = test_context(1);
    struct attn_transport *t;
    need(!attn_mpi_transport_open(ctx, MPI_COMM_WORLD, deadline, piece, &t), "no transport");
    need(t->rank == rank && t->count == ranks, "another rank");
    need(run(user, ctx, t), what);
    const bool lost = t->lost;
    MPI_Barrier(MPI_COMM_WORLD);
    t->close(t);
    if (!lost) attn_ctx_destroy(ctx); /* else the transport is still there */
}

static void messages_come_whole_and_in_order(void **state) {
    static const size_t pieces[] = {0, 300, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) on_transport(60.0, pieces[i], NULL, test_messages_arrive, "messages");
}

static void a_failure_of_one_is_that_of_all(void **state) {
    (void)state;
    on_transport(60.0, 0, NULL, test_all_agree, "agreement");
    on_transport(60.0, 7, NULL, test_all_agree, "agreement in pieces");
}

/* Long ones, which MPI moves only while both sides call it. */
static bool pass_long(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "long messages", 0};
    enum { BYTES = 3 << 20 };
    const int to = (t->rank + 1) % t->count, from = (t->rank + t->count - 1) % t->count;
    uint8_t *in = calloc(1, BYTES), *out = malloc(BYTES);
    int sent, received;
    (void)user;
    for (int i = 0; i < BYTES; i++) out[i] = (uint8_t)(i * 7 + t->rank);
    IS(!t->receive(t, &call, ATTN_TRAFFIC_KEYS, from, in, BYTES, &received));
    IS(!t->send(t, &call, ATTN_TRAFFIC_KEYS, to, out, BYTES, &sent));
    for (int i = 0; i < 100; i++) t->progress(t);
    IS(!t->wait(t, &call, sent));
    IS(!t->wait(t, &call, received));
    for (int i = 0; i < BYTES; i++) IS(in[i] == (uint8_t)(i * 7 + from));
    IS(t->sent[ATTN_TRAFFIC_KEYS].bytes == (t->count > 1 ? BYTES : 0) && t->waited > 0.0);
    free(in);
    free(out);
    return true;
}

static void long_messages_arrive(void **state) {
    (void)state;
    on_transport(60.0, 0, NULL, pass_long, "a long message");
    on_transport(60.0, 1 << 20, NULL, pass_long, "a long message in pieces");
}

/* The last rank comes when the others have given up. */
static bool wait_in_vain(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "ring", 3};
    static char in[100], out[100];
    char text[128];
    const int to = (t->rank + 1) % t->count, from = (t->rank + t->count - 1) % t->count;
    int ticket;
    (void)user;
    if (ranks == 1) return true;
    IS(!attn_transport_agree(t, &call, ATTN_OK));
    if (rank == ranks - 1) MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0 || rank == ranks - 1) {
        attn_status status = ATTN_OK;
        while (!status) status = attn_transport_pass(t, &call, ATTN_TRAFFIC_KEYS, to, out, from, in, sizeof out);
        IS(status == ATTN_ESYSTEM && t->lost);
        snprintf(text, sizeof text, "rank %d: step 3: ring with rank ", rank);
        IS(test_says(ctx, t, text) && test_says(ctx, t, "no answer within the deadline"));
        if (rank == 0) snprintf(text, sizeof text, "ring with rank %d:", from);
        IS(test_says(ctx, t, text));
        IS(t->send(t, &call, ATTN_TRAFFIC_KEYS, to, out, 1, &ticket) == ATTN_ESYSTEM && test_says(ctx, t, "a rank was lost before"));
        IS(t->receive(t, &call, ATTN_TRAFFIC_KEYS, to, in, 1, &ticket) == ATTN_ESYSTEM);
        IS(attn_transport_agree(t, &call, ATTN_OK) == ATTN_ESYSTEM);
        t->progress(t);
    }
    if (rank < ranks - 1) MPI_Barrier(MPI_COMM_WORLD);
    return true;
}

static void a_missing_rank_is_named(void **state) {
    (void)state;
    on_transport(3.0, 0, NULL, wait_in_vain, "a missing rank");
}

/* Whether MPI notices it between waits or in one. */
static bool receive_too_little(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "ring", 3};
    static char in[100], out[100];
    const bool asks = *(const bool *)user;
    int ticket;
    if (rank == 0 && ranks > 1) {
        IS(!t->send(t, &call, ATTN_TRAFFIC_KEYS, 1, out, sizeof out, &ticket));
        IS(!t->wait(t, &call, ticket));
    }
    if (rank == 1) IS(!t->receive(t, &call, ATTN_TRAFFIC_KEYS, 0, in, sizeof in / 2, &ticket));
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 1000 && asks; i++) t->progress(t);
    if (rank == 1) IS(t->wait(t, &call, ticket) == ATTN_ESYSTEM && t->lost && test_says(ctx, t, "ring with rank 0: MPI failed"));
    return true;
}

static void a_message_that_is_too_long_is_no_success(void **state) {
    bool asks = false;
    (void)state;
    on_transport(60.0, 0, &asks, receive_too_little, "a message that is too long");
    asks = true;
    on_transport(60.0, 0, &asks, receive_too_little, "a message that is too long, noticed between");
}

int main(int argc, char **argv) {
    int level;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank > 0 && !freopen("/dev/null", "w", stdout)) return 1; /* the first one tells */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole_and_in_order),
        cmocka_unit_test(a_failure_of_one_is_that_of_all),
        cmocka_unit_test(long_messages_arrive),
        cmocka_unit_test(a_missing_rank_is_named),
        cmocka_unit_test(a_message_that_is_too_long_is_no_success),
    };
    const int failures = cmocka_run_group_tests_name("messages over MPI", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
