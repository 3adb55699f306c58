/* Attention over the ranks of MPI equals that of one rank, forward and backward; rows go to their places and back; plans say what they do. */
#include "mpi/plan.h"

static void run_case(attn_ctx *ctx, const struct test_whole *whole, const attn_mpi_plan_config *config, const char *name) {
    attn_mpi_plan *plan;
    struct rank_part p;
    need(ctx, attn_mpi_plan_create(ctx, &whole->problem, whole->mask, config, &plan), name);
    open_part(plan, whole, &p);
    for (int round = 0; round < 2; round++) {
        need(ctx, attn_mpi_forward(plan, &p.part.args), name);
        need(ctx, attn_mpi_backward(plan, &p.part.args, &p.part.gradients), name);
    }
    if (!test_part_near(&p.part, name, 1e-5)) stop(name, "other numbers than one rank has");
    close_part(&p);
    attn_mpi_plan_destroy(plan);
}

static void every_mechanism_equals_one_rank(void **state) {
    static const char *const masks[] = {NULL, "causal", "sliding_window_causal:20", "document:100,40,3,68",
                                        "causal & document:100,40,3,68"};
    static const struct {
        attn_mpi_mechanism mechanism;
        attn_mpi_sharding sharding;
        int exchanges, sparse, keep;
    } ways[] = {
        {ATTN_MPI_AUTO, ATTN_MPI_SHARD_AUTO, 1, 1, 0},         {ATTN_MPI_ULYSSES, ATTN_MPI_SHARD_AUTO, 3, 0, 0},
        {ATTN_MPI_RING, ATTN_MPI_SHARD_STRIPE, 1, 0, 1},       {ATTN_MPI_RING, ATTN_MPI_SHARD_CONTIGUOUS, 1, 1, 0},
        {ATTN_MPI_ALLGATHER, ATTN_MPI_SHARD_MINHEAP, 1, 0, 0}, {ATTN_MPI_USP, ATTN_MPI_SHARD_AUTO, 1, 1, 0},
        {ATTN_MPI_LOONGTRAIN, ATTN_MPI_SHARD_ZIGZAG, 1, 0, 0}, {ATTN_MPI_HYBRID, ATTN_MPI_SHARD_AUTO, 1, 0, 0},
    };
    attn_ctx *ctx = test_context(ranks > 2 ? 1 : 2);
    (void)state;
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++) {
        const attn_problem p = problem_of(211);
        struct test_whole whole;
        test_whole_make(ctx, &p, mask_of(ctx, masks[m], 211), 7 + m, &whole);
        for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
            char name[128];
            attn_mpi_plan_config config;
            attn_mpi_plan_config_init(&config);
            config.mechanism = ways[w].mechanism;
            config.sharding = ways[w].sharding;
            config.exchanges = ways[w].exchanges;
            config.sparse = ways[w].sparse;
            config.keep = ways[w].keep;
            config.capacity = 64;
            if (config.mechanism == ATTN_MPI_USP && ranks % 2 == 0) config.ulysses = 2;
            if (config.mechanism == ATTN_MPI_LOONGTRAIN) {
                config.ulysses = 1;
                config.windows = ranks % 2 ? 1 : 2;
                config.head_first = w % 2;
            }
            snprintf(name, sizeof name, "mechanism %d, %s", (int)ways[w].mechanism, masks[m] ? masks[m] : "full");
            run_case(ctx, &whole, &config, name);
        }
        test_whole_free(&whole);
    }
    attn_ctx_destroy(ctx);
}

/* Sequences shorter than ranks, of lengths that nothing divides; two of them; a sink. */
static void any_length_equals_one_rank(void **state) {
    static const int64_t lengths[] = {1, 5, 97};
    attn_ctx *ctx = test_context(1);
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        attn_problem p = problem_of(lengths[i]);
        struct test_whole whole;
        p.batch = 2;
        p.layout = i ? ATTN_BHTD : ATTN_BTHD;
        p.features |= ATTN_SINK;
        test_whole_make(ctx, &p, mask_of(ctx, "causal", lengths[i]), 3, &whole);
        for (int mechanism = ATTN_MPI_AUTO; mechanism <= ATTN_MPI_HYBRID; mechanism++) {
            const int64_t documents[] = {lengths[i] / 2, lengths[i] - lengths[i] / 2};
            attn_mpi_plan_config config;
            attn_mpi_plan_config_init(&config);
            config.mechanism = (attn_mpi_mechanism)mechanism;
            config.document_lengths = documents;
            config.documents = mechanism == ATTN_MPI_RING && i ? 2 : 0;
            if (!config.documents) config.document_lengths = NULL;
            run_case(ctx, &whole, &config, "lengths");
        }
        test_whole_free(&whole);
    }
    attn_ctx_destroy(ctx);
}

/* ----------------------------------------------------------------------------------------------------- rows */

static uint8_t byte_of(int64_t token, size_t at) {
    return (uint8_t)((size_t)token * 31 + at * 7 + 1);
}

static void rows_go_to_their_places_and_back(attn_ctx *ctx, attn_mpi_plan *plan, int64_t tokens, int root, size_t bytes) {
    const int64_t places = attn_mpi_plan_places(plan);
    int64_t *token = calloc((size_t)places + 1, sizeof *token);
    uint8_t *whole = rank == root ? malloc((size_t)tokens * bytes + 1) : NULL, *own = malloc((size_t)places * bytes + 1);
    attn_mpi_plan_tokens(plan, token);
    for (int64_t i = 0; whole && i < tokens; i++)
        for (size_t j = 0; j < bytes; j++) whole[(size_t)i * bytes + j] = byte_of(i, j);
    memset(own, 0xee, (size_t)places * bytes + 1);
    need(ctx, attn_mpi_dispatch(plan, root, bytes, whole, own), "dispatch");
    for (int64_t i = 0; i < places; i++)
        for (size_t j = 0; j < bytes; j++)
            if (own[(size_t)i * bytes + j] != (token[i] < 0 ? 0 : byte_of(token[i], j))) stop("dispatch", "another row");
    if (whole) memset(whole, 0, (size_t)tokens * bytes);
    need(ctx, attn_mpi_undispatch(plan, root, bytes, own, whole), "undispatch");
    for (int64_t i = 0; whole && i < tokens; i++)
        for (size_t j = 0; j < bytes; j++)
            if (whole[(size_t)i * bytes + j] != byte_of(i, j)) stop("undispatch", "another row");
    free(token);
    free(whole);
    free(own);
}

static void dispatch_then_undispatch_is_the_identity(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(103);
    attn_mask *mask = mask_of(ctx, "document:50,1,52", 103);
    (void)state;
    for (int mechanism = ATTN_MPI_AUTO; mechanism <= ATTN_MPI_HYBRID; mechanism++) {
        attn_mpi_plan_config config;
        attn_mpi_plan *plan;
        attn_mpi_traffic traffic;
        attn_mpi_plan_config_init(&config);
        config.mechanism = (attn_mpi_mechanism)mechanism;
        config.capacity = 16;
        need(ctx, attn_mpi_plan_create(ctx, &p, mask, &config, &plan), "dispatch");
        rows_go_to_their_places_and_back(ctx, plan, 103, 0, 12);
        rows_go_to_their_places_and_back(ctx, plan, 103, ranks - 1, 1);
        if (mechanism == ATTN_MPI_HYBRID || mechanism == ATTN_MPI_RING)
            rows_go_to_their_places_and_back(ctx, plan, 103, ranks / 2, 400000); /* pieces of some rows */
        expect(ctx, attn_mpi_dispatch(plan, ranks, 4, NULL, NULL), ATTN_EINVAL, "root is ");
        if (ranks > 1)
            expect(ctx, attn_mpi_undispatch(plan, 0, rank == ranks - 1 ? 4 : 8, (char[103 * 8]){0}, (char[103 * 8]){0}), ATTN_EINVAL,
                   "bytes is 4, but rank 0 has 8");
        attn_mpi_plan_traffic(plan, &traffic);
        for (int kind = 0; kind < ATTN_MPI_TRAFFIC_KINDS; kind++) assert_true(traffic.bytes[kind] == 0);
        attn_mpi_plan_destroy(plan);
    }
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

/* ----------------------------------------------------------------------------------------------------- words */

static void a_plan_says_what_it_does(void **state) {
    attn_ctx *ctx = test_context(1);
    const attn_problem p = problem_of(64 * ranks);
    struct test_whole whole;
    attn_mpi_plan_config config;
    attn_mpi_plan *plan;
    attn_mpi_traffic traffic;
    struct rank_part part;
    char text[2048], line[256];
    (void)state;
    test_whole_make(ctx, &p, NULL, 3, &whole);
    attn_mpi_plan_config_init(&config);
    config.mechanism = ATTN_MPI_RING;
    need(ctx, attn_mpi_plan_create(ctx, &p, NULL, &config, &plan), "words");
    const size_t length = attn_mpi_plan_text(plan, NULL, 0);
    assert_int_equal(attn_mpi_plan_text(plan, text, 20), length);
    assert_int_equal(strlen(text), 19);
    assert_int_equal(attn_mpi_plan_text(plan, text, sizeof text), length);
    assert_int_equal(strlen(text), length);
    snprintf(line, sizeof line, "mechanism  ring on %d ranks: 1 exchange heads, %d pass keys around; rank %d has piece 0 of position %d\n",
             ranks, ranks, rank, rank);
    assert_non_null(strstr(text, line));
    const long long sent = (ranks - 1LL) * 64 * KV_HEADS * (8 + 12) * 4; /* (P - 1) t G (D + E) e */
    snprintf(line, sizeof line, "sends      forward %lld bytes, backward %lld bytes\n", sent, 2 * sent);
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, "sharding   zigzag, 64 places on this rank\n"));
    open_part(plan, &whole, &part);
    need(ctx, attn_mpi_forward(plan, &part.part.args), "words");
    attn_mpi_plan_traffic(plan, &traffic);
    assert_int_equal(traffic.bytes[ATTN_MPI_TRAFFIC_KEYS], sent);
    need(ctx, attn_mpi_backward(plan, &part.part.args, &part.part.gradients), "words");
    attn_mpi_plan_traffic(plan, &traffic);
    assert_int_equal(traffic.bytes[ATTN_MPI_TRAFFIC_KEYS], 2 * sent);
    assert_int_equal(traffic.bytes[ATTN_MPI_TRAFFIC_GRADIENTS], sent);
    close_part(&part);
    attn_mpi_plan_destroy(plan);
    test_whole_free(&whole);
    attn_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    if (!open_ranks(&argc, &argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mechanism_equals_one_rank),
        cmocka_unit_test(any_length_equals_one_rank),
        cmocka_unit_test(dispatch_then_undispatch_is_the_identity),
        cmocka_unit_test(a_plan_says_what_it_does),
    };
    const int failures = cmocka_run_group_tests_name("attention over ranks", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
