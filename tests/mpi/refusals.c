/* What is wrong on one rank is refused on all of them, by name, and a rank that does not come is named: nobody waits for ever. */
#include "attn_mpi.h"
#include "base/clock.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { ROWS = 5, HEADS = 2, DIM = 3 };
static int rank, ranks;
static char text[1024];

/* A failure here would leave the others waiting. */
static void stop(const char *what) {
    fprintf(stderr, "rank %d of %d: %s\n", rank, ranks, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static attn_problem problem_of(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.features = ATTN_BACKWARD;
    p.heads = HEADS;
    p.dim = DIM;
    p.q_len = ROWS;
    p.batch = 2;
    return p;
}

static void expect(attn_ctx *ctx, attn_status got, attn_status want, const char *piece) {
    char line[2048];
    attn_ctx_error(ctx, text, sizeof text);
    if (got == want && strstr(text, piece)) return;
    snprintf(line, sizeof line, "%s, \"%s\"; expected %s, \"%s\"", attn_status_name(got), text, attn_status_name(want), piece);
    stop(line);
}

static void create_refused(attn_ctx *ctx, const attn_problem *p, const attn_mpi_config *config, attn_status status, const char *piece) {
    attn_mpi_scan *scan;
    expect(ctx, attn_mpi_scan_create(ctx, p, config, &scan), status, piece);
    if (scan) stop("an object that was refused");
}

static void what_differs_from_rank_0_is_named_on_all_ranks(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const bool last = rank == ranks - 1;
    char want[8][128];
    const struct {
        const char *name;
        double theirs, own;
    } fields[] = {{"heads", 2, 4}, {"kv_heads", 2, 1},   {"dim", 3, 7},      {"v_dim", 3, 8},
                  {"batch", 2, 1}, {"scale", 0.5, 0.25}, {"features", 1, 0}, {"dtype", 0, 1}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && ranks > 1; i++) {
        attn_problem p = problem_of();
        if (strcmp(fields[i].name, "scale") == 0) p.scale = 0.5;
        if (last && i == 0) p.heads = 4;
        if (last && i == 1) p.kv_heads = 1;
        if (last && i == 2) p.dim = 7, p.v_dim = 3;
        if (last && i == 3) p.v_dim = 8;
        if (last && i == 4) p.batch = 1;
        if (last && i == 5) p.scale = 0.25;
        if (last && i == 6) p.features = 0;
        if (last && i == 7) p.dtype = ATTN_F64;
        snprintf(want[i], sizeof want[i], "rank %d: scan over ranks: problem.%s is %g, but rank 0 has %g; expected the same on all ranks",
                 ranks - 1, fields[i].name, fields[i].own, fields[i].theirs);
        create_refused(ctx, &p, NULL, ATTN_EINVAL, want[i]);
    }
    attn_ctx_destroy(ctx);
}

static void what_is_wrong_on_one_rank_is_told_by_all(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const bool last = rank == ranks - 1;
    attn_mpi_config config;
    char begin[32];
    snprintf(begin, sizeof begin, "rank %d: ", ranks - 1);
    attn_problem p = problem_of();
    p.heads = last ? 0 : HEADS;
    create_refused(ctx, &p, NULL, ATTN_EINVAL, begin);
    p = problem_of();
    if (last) p.score = ATTN_SCORE_DOT;
    create_refused(ctx, &p, NULL, ATTN_EUNSUPPORTED, "problem.score is dot; expected ATTN_SCORE_LEARNED_QUERY");
    p = problem_of();
    if (last) p.dtype = ATTN_BF16;
    create_refused(ctx, &p, NULL, ATTN_EUNSUPPORTED, "problem.dtype is bf16; expected ATTN_F32 or ATTN_F64");
    p = problem_of();
    if (last) p.kernel = "scan-blelloch";
    create_refused(ctx, &p, NULL, ATTN_EUNSUPPORTED, "problem.kernel is scan-blelloch; expected scan or naive");
    p = problem_of();
    attn_mpi_config_init(&config);
    config.deadline = last ? -1.0 : 20.0;
    create_refused(ctx, &p, &config, ATTN_EINVAL, "config.deadline is -1, expected seconds above 0");
    attn_ctx_destroy(ctx);
}

static void what_no_other_rank_needs_to_know_is_told_at_once(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    attn_problem p = problem_of();
    attn_mpi_config config = {0};
    attn_mpi_scan *scan;
    create_refused(ctx, &p, &config, ATTN_EINVAL, "call attn_mpi_config_init first");
    attn_mpi_config_init(&config);
    config.comm = MPI_COMM_NULL;
    create_refused(ctx, &p, &config, ATTN_EINVAL, "config.comm is MPI_COMM_NULL");
    assert_int_equal(attn_mpi_scan_create(NULL, &p, NULL, &scan), ATTN_EINVAL);
    assert_int_equal(attn_mpi_scan_create(ctx, &p, NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_scan_forward(NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_scan_backward(NULL, NULL, NULL), ATTN_EINVAL);
    attn_mpi_scan_destroy(NULL);
    attn_ctx_destroy(ctx);
}

/* Arguments that are right, on arrays that stay. */
struct right {
    float q[HEADS * DIM], x[2 * HEADS * ROWS * DIM], o[2 * HEADS * ROWS * DIM], lse[2 * HEADS * ROWS];
    float dq[HEADS * DIM], dk[2 * HEADS * ROWS * DIM], dv[2 * HEADS * ROWS * DIM];
    attn_args args;
    attn_gradients gradients;
};

static struct right *open_right(const attn_mpi_scan *scan) {
    struct right *r = calloc(1, sizeof *r);
    attn_args_init(&r->args);
    attn_gradients_init(&r->gradients);
    r->args.q.data = r->q;
    r->args.k.data = r->args.v.data = r->gradients.d_o.data = r->x;
    r->args.o.data = r->o;
    r->args.lse.data = r->lse;
    r->gradients.dq.data = r->dq;
    r->gradients.dk.data = r->dk;
    r->gradients.dv.data = r->dv;
    r->args.workspace_bytes = attn_mpi_scan_workspace(scan);
    r->args.workspace = aligned_alloc(64, r->args.workspace_bytes);
    return r;
}

static void close_right(struct right *r) {
    free(r->args.workspace);
    free(r);
}

static void wrong_arguments_on_one_rank_are_told_by_all_and_write_nothing(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of();
    const bool last = rank == ranks - 1;
    attn_mpi_scan *scan;
    expect(ctx, attn_mpi_scan_create(ctx, &p, NULL, &scan), ATTN_OK, "");
    struct right *r = open_right(scan);
    const attn_args args = r->args;
    const attn_gradients gradients = r->gradients;
    for (int i = 0; i < 2 * HEADS * ROWS * DIM; i++) r->o[i] = 7.0f;
    if (last) r->args.q_len = ROWS + 1;
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_ESHAPE, "args.q_len is 6; the plan has room for 5");
    r->args = args;
    if (last) r->args.v.data = NULL;
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_EINVAL, "args.v is NULL");
    r->args = args;
    if (last) r->args.workspace_bytes -= 64;
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_EWORKSPACE, "(attn_mpi_scan_workspace)");
    r->args = args;
    if (last) r->args.workspace = NULL;
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_EWORKSPACE, "args.workspace is NULL");
    r->args = args;
    if (last) r->args.state_o.data = r->args.state_lse.data = r->x;
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_EUNSUPPORTED, "args.state_o is given; expected NULL");
    r->args = args;
    if (last) r->args.batch = 1;
    if (ranks > 1) expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_EINVAL, "args.batch is 1 on one rank and 2 on another");
    r->args = args;
    expect(ctx, attn_mpi_scan_forward(scan, last ? NULL : &r->args), ATTN_EINVAL, "args is NULL");
    for (int i = 0; i < 2 * HEADS * ROWS * DIM; i++) assert_true(r->o[i] == 7.0f);
    expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_OK, "");
    if (last) r->gradients.d_last_o.data = r->x;
    expect(ctx, attn_mpi_scan_backward(scan, &r->args, &r->gradients), ATTN_EUNSUPPORTED, "gradients.d_last_o is given; expected NULL");
    r->gradients = gradients;
    expect(ctx, attn_mpi_scan_backward(scan, &r->args, last ? NULL : &r->gradients), ATTN_EINVAL, "gradients is NULL");
    if (last) r->args.lse.data = NULL;
    expect(ctx, attn_mpi_scan_backward(scan, &r->args, &r->gradients), ATTN_EINVAL, "args.lse is NULL");
    r->args = args;
    expect(ctx, attn_mpi_scan_backward(scan, &r->args, &r->gradients), ATTN_OK, "");
    close_right(r);
    attn_mpi_scan_destroy(scan);
    attn_ctx_destroy(ctx);
}

/* Without sequences, and with a plan that has room for none. */
static void no_sequences_are_executed(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    for (int room = 0; room < 2; room++) {
        attn_problem p = problem_of();
        attn_mpi_scan *scan;
        p.batch = room;
        p.q_len = room ? ROWS : 0;
        expect(ctx, attn_mpi_scan_create(ctx, &p, NULL, &scan), ATTN_OK, "");
        struct right *r = open_right(scan);
        r->args.batch = 0;
        for (int i = 0; i < HEADS * DIM; i++) r->dq[i] = 7.0f;
        expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_OK, "");
        expect(ctx, attn_mpi_scan_backward(scan, &r->args, &r->gradients), ATTN_OK, "");
        for (int i = 0; i < HEADS * DIM; i++) assert_true(r->dq[i] == 0.0f);
        close_right(r);
        attn_mpi_scan_destroy(scan);
    }
    attn_ctx_destroy(ctx);
}

/* The last rank comes later than the others wait, so that each has waited for another in vain. */
static void a_rank_that_does_not_come_is_an_error_of_the_others(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of();
    attn_mpi_config config;
    attn_mpi_scan *scan;
    attn_mpi_config_init(&config);
    config.deadline = 4.0; /* longer than a busy machine keeps a process from its turn */
    if (ranks == 1) return;
    expect(ctx, attn_mpi_scan_create(ctx, &p, NULL, &scan), ATTN_OK, "");
    attn_mpi_scan_destroy(scan);
    MPI_Barrier(MPI_COMM_WORLD);
    expect(ctx, attn_mpi_scan_create(ctx, &p, &config, &scan), ATTN_OK, "");
    struct right *r = open_right(scan);
    if (rank < ranks - 1) {
        const double begun = attn_clock();
        expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_ESYSTEM, "step 0: forward over ranks: no answer within the deadline");
        assert_true(attn_clock() - begun >= 4.0);
        expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_ESYSTEM, "a rank was lost before");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == ranks - 1) {
        char peer[128];
        snprintf(peer, sizeof peer, "step 0: forward over ranks with rank %d: no answer within the deadline", ranks - 2);
        expect(ctx, attn_mpi_scan_forward(scan, &r->args), ATTN_ESYSTEM, peer);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    attn_mpi_scan_destroy(scan); /* frees nothing, and r must stay */
}

int main(int argc, char **argv) {
    int level;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank > 0 && !freopen("/dev/null", "w", stdout)) return 1; /* the first one tells */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_from_rank_0_is_named_on_all_ranks),
        cmocka_unit_test(what_is_wrong_on_one_rank_is_told_by_all),
        cmocka_unit_test(what_no_other_rank_needs_to_know_is_told_at_once),
        cmocka_unit_test(wrong_arguments_on_one_rank_are_told_by_all_and_write_nothing),
        cmocka_unit_test(no_sequences_are_executed),
        cmocka_unit_test(a_rank_that_does_not_come_is_an_error_of_the_others),
    };
    const int failures = cmocka_run_group_tests_name("prefix attention over ranks: refusals", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
