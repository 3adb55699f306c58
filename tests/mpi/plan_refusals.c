/* What is wrong, or differs, on one rank is told by all; a rank that is lost is named. */
#include "base/clock.h"
#include "mpi/plan.h"

static void refused(attn_ctx *ctx, const attn_problem *p, const attn_mask *mask, const attn_mpi_plan_config *config, attn_status status,
                    const char *piece) {
    attn_mpi_plan *plan;
    expect(ctx, attn_mpi_plan_create(ctx, p, mask, config, &plan), status, piece);
    if (plan) stop("refusal", "a plan that was refused");
}

static void what_differs_from_rank_0_is_named_on_all_ranks(void **state) {
    attn_ctx *ctx = test_context(1);
    const bool last = rank == ranks - 1;
    char want[256], field[64];
    (void)state;
    for (int i = 0; i < 12 && ranks > 1; i++) {
        static const int64_t half[] = {10, 10}, other[] = {11, 9};
        attn_problem p = problem_of(20);
        attn_mpi_plan_config c;
        attn_mpi_plan_config_init(&c);
        const char *mask = "causal", *name = "";
        c.document_lengths = half;
        c.documents = 2;
        if (i == 0 && (name = "problem.heads is 48, but rank 0 has 24", last)) p.heads = 48;
        if (i == 1 && (name = "problem.q_len is 21, but rank 0 has 20", p.q_len = 20, c.documents = 0, c.document_lengths = NULL, last))
            p.q_len = 21;
        if (i == 2 && (name = "problem.dtype is 2, but rank 0 has 0", last)) p.dtype = ATTN_BF16;
        if (i == 3 && (name = "problem.scale is 0.5, but rank 0 has 0.25", p.scale = 0.25, last)) p.scale = 0.5;
        if (i == 4 && (name = "problem.features is 0, but rank 0 has 1", last)) p.features = 0;
        if (i == 5 && (name = "the mask's number of allowed pairs is 400, but rank 0 has 210", last)) mask = "full";
        if (i == 6 && (name = "the mask (the ", last)) mask = "!causal | band:0,0"; /* as many pairs */
        if (i == 7 && (name = "config.mechanism is 3, but rank 0 has -1", last)) c.mechanism = ATTN_MPI_USP;
        if (i == 8 && (name = "config.sharding is 2, but rank 0 has -1", last)) c.sharding = ATTN_MPI_SHARD_STRIPE;
        if (i == 9 && (name = "config.document_lengths (the ", last)) c.document_lengths = other;
        if (i == 10 && (name = "config.sparse is 0, but rank 0 has 1", last)) c.sparse = 0;
        if (i == 11 && (name = "config.capacity is 100, but rank 0 has 0", last)) c.capacity = 100;
        attn_mask *m = mask_of(ctx, mask, p.q_len);
        snprintf(want, sizeof want, "rank %d: attention over ranks: %s", ranks - 1, name);
        snprintf(field, sizeof field, "%s", "expected the same on all ranks");
        refused(ctx, &p, m, &c, ATTN_EINVAL, want);
        refused(ctx, &p, m, &c, ATTN_EINVAL, field);
        attn_mask_destroy(m);
    }
    attn_ctx_destroy(ctx);
}

static void what_is_wrong_on_one_rank_is_told_by_all(void **state) {
    attn_ctx *ctx = test_context(1);
    const bool last = rank == ranks - 1;
    char begin[32];
    attn_mpi_plan_config c;
    attn_problem p = problem_of(20);
    attn_mask *mask = mask_of(ctx, "causal", 20), *short_mask = mask_of(ctx, "causal", 19);
    (void)state;
    snprintf(begin, sizeof begin, "rank %d: ", ranks - 1);
    p.heads = last ? 0 : HEADS;
    refused(ctx, &p, mask, NULL, ATTN_EINVAL, begin);
    p = problem_of(20);
    attn_mpi_plan_config_init(&c);
    c.deadline = last ? -1.0 : 60.0;
    refused(ctx, &p, mask, &c, ATTN_EINVAL, "config.deadline is -1, expected seconds above 0");
    attn_mpi_plan_config_init(&c);
    if (last) c.mechanism = (attn_mpi_mechanism)9;
    refused(ctx, &p, mask, &c, ATTN_EINVAL, "config.mechanism is 9, expected -1 to 5");
    attn_mpi_plan_config_init(&c);
    const int64_t long_ones[] = {10, 11}, short_ones[] = {10, 9}, halves[] = {10, 10};
    if (last) c.documents = 2, c.document_lengths = long_ones;
    refused(ctx, &p, mask, &c, ATTN_EINVAL, "config.document_lengths[1] is 11; expected 1 to 10, what 20 tokens have left");
    if (last) c.document_lengths = short_ones;
    refused(ctx, &p, mask, &c, ATTN_EINVAL, "config.document_lengths add up to 19; expected 20");
    attn_mpi_plan_config_init(&c);
    refused(ctx, &p, short_mask, &c, ATTN_EMASK, "rank 0: ");
    c.mechanism = ATTN_MPI_HYBRID;
    c.documents = 2;
    c.document_lengths = halves;
    refused(ctx, &p, mask, &c, ATTN_EUNSUPPORTED, "pairs cross documents");
    attn_mpi_plan_config_init(&c);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    refused(ctx, &p, NULL, &c, ATTN_EUNSUPPORTED, "problem.score is learned-query; expected ATTN_SCORE_DOT");
    attn_mask_destroy(mask);
    attn_mask_destroy(short_mask);
    attn_ctx_destroy(ctx);
}

static void what_no_other_rank_needs_to_know_is_told_at_once(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(20);
    attn_mpi_plan_config c = {0};
    attn_mpi_plan *plan;
    (void)state;
    refused(ctx, &p, NULL, &c, ATTN_EINVAL, "call attn_mpi_plan_config_init first");
    attn_mpi_plan_config_init(&c);
    c.comm = MPI_COMM_NULL;
    refused(ctx, &p, NULL, &c, ATTN_EINVAL, "config.comm is MPI_COMM_NULL");
    assert_int_equal(attn_mpi_plan_create(NULL, &p, NULL, NULL, &plan), ATTN_EINVAL);
    assert_int_equal(attn_mpi_plan_create(ctx, &p, NULL, NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_forward(NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_backward(NULL, NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_dispatch(NULL, 0, 1, NULL, NULL), ATTN_EINVAL);
    assert_int_equal(attn_mpi_undispatch(NULL, 0, 1, NULL, NULL), ATTN_EINVAL);
    attn_mpi_plan_destroy(NULL);
    attn_ctx_destroy(ctx);
}

static void wrong_arguments_on_one_rank_are_told_by_all_and_write_nothing(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(20);
    const bool last = rank == ranks - 1;
    struct test_whole whole;
    struct rank_part r;
    attn_mpi_plan *plan;
    (void)state;
    test_whole_make(ctx, &p, mask_of(ctx, "causal", 20), 1, &whole);
    need(ctx, attn_mpi_plan_create(ctx, &p, whole.mask, NULL, &plan), "arguments");
    open_part(plan, &whole, &r);
    attn_args *args = &r.part.args;
    const attn_args right = *args;
    const attn_gradients gradients = r.part.gradients;
    const size_t bytes = (size_t)r.part.places * HEADS * 12 * sizeof(float);
    memset(args->o.data, 7, bytes);
    if (last) args->workspace_bytes -= 64;
    expect(ctx, attn_mpi_forward(plan, args), ATTN_EWORKSPACE, "a workspace of ");
    *args = right;
    if (last) args->v.data = NULL;
    expect(ctx, attn_mpi_forward(plan, args), ATTN_EINVAL, "args.v is NULL");
    *args = right;
    if (last) args->mask = whole.mask;
    expect(ctx, attn_mpi_forward(plan, args), ATTN_EUNSUPPORTED, "args.mask is given");
    *args = right;
    expect(ctx, attn_mpi_forward(plan, last ? NULL : args), ATTN_EINVAL, "args is NULL");
    for (size_t i = 0; i < bytes; i++) assert_int_equal(((const char *)args->o.data)[i], 7);
    need(ctx, attn_mpi_forward(plan, args), "arguments");
    if (last) r.part.gradients.dk.data = NULL;
    expect(ctx, attn_mpi_backward(plan, args, &r.part.gradients), ATTN_EINVAL, "gradients.dk is NULL");
    r.part.gradients = gradients;
    need(ctx, attn_mpi_backward(plan, args, &r.part.gradients), "arguments");
    if (!test_part_near(&r.part, "arguments", 1e-5)) stop("arguments", "other numbers than one rank has");
    close_part(&r);
    attn_mpi_plan_destroy(plan);
    test_whole_free(&whole);
    attn_ctx_destroy(ctx);
}

/* --------------------------------------------------------------------------------------------------- losing */

static int handled;

static void handle(void *user, attn_status status, const char *text) {
    handled += user == &handled && status == ATTN_ESYSTEM && strstr(text, "no answer within the deadline");
}

/* The last rank comes when the others have given up. */
static void a_rank_that_does_not_come_is_an_error_of_the_others(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(40);
    struct test_whole whole;
    struct rank_part r;
    attn_mpi_plan_config config;
    attn_mpi_plan *plan;
    char text[128];
    (void)state;
    if (ranks == 1) return;
    test_whole_make(ctx, &p, mask_of(ctx, "causal", 40), 1, &whole);
    attn_mpi_plan_config_init(&config);
    config.deadline = 4.0; /* longer than a busy machine keeps a process from its turn */
    config.lost = handle;
    config.lost_user = &handled;
    MPI_Barrier(MPI_COMM_WORLD);
    need(ctx, attn_mpi_plan_create(ctx, &p, whole.mask, &config, &plan), "losing");
    open_part(plan, &whole, &r);
    need(ctx, attn_mpi_forward(plan, &r.part.args), "losing");
    if (rank == ranks - 1) MPI_Barrier(MPI_COMM_WORLD);
    const double begun = attn_clock();
    attn_status status = attn_mpi_backward(plan, &r.part.args, &r.part.gradients);
    if (rank < ranks - 1 || status) {
        snprintf(text, sizeof text, "rank %d: step 1: backward over ranks with rank ", rank);
        expect(ctx, status, ATTN_ESYSTEM, text);
        expect(ctx, status, ATTN_ESYSTEM, "no answer within the deadline");
        assert_true(attn_clock() - begun >= 4.0);
        assert_int_equal(handled, 1);
        expect(ctx, attn_mpi_forward(plan, &r.part.args), ATTN_ESYSTEM, "a rank was lost before");
        expect(ctx, attn_mpi_dispatch(plan, 0, 1, &r, r.part.in[0]), ATTN_ESYSTEM, "a rank was lost before");
        assert_int_equal(handled, 1);
    }
    if (rank < ranks - 1) MPI_Barrier(MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    attn_mpi_plan_destroy(plan); /* frees nothing, and r must stay */
}

int main(int argc, char **argv) {
    if (!open_ranks(&argc, &argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_from_rank_0_is_named_on_all_ranks),
        cmocka_unit_test(what_is_wrong_on_one_rank_is_told_by_all),
        cmocka_unit_test(what_no_other_rank_needs_to_know_is_told_at_once),
        cmocka_unit_test(wrong_arguments_on_one_rank_are_told_by_all_and_write_nothing),
        cmocka_unit_test(a_rank_that_does_not_come_is_an_error_of_the_others),
    };
    const int failures = cmocka_run_group_tests_name("attention over ranks: refusals", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
