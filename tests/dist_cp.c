/* Attention over ranks equals that of one rank, forward and backward: every mechanism, under every mask. Ranks are threads. */
#include "base/random.h"
#include "dist/cp/count.h"
#include "dist/cp/cp.h"
#include "mask/generate.h"
#include "support/counts.h"
#include "support/failing_memory.h"
#include "support/problem.h"
#include "support/ranks.h"
#include "support/whole.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64 }; /* bytes behind a workspace */

struct trial {
    char name[256];
    struct test_whole whole;
    struct attn_cp_config config;
    double bound;
    double area[16];      /* by rank */
    float d_sink[16][24]; /* by rank and head */
};

static bool fails(attn_ctx *ctx, attn_status status, const char *name) {
    char text[1024];
    if (status) fprintf(stderr, "%s: %s: %s\n", name, attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
    return status != ATTN_OK;
}

static bool run_twice(struct attn_cp *cp, attn_ctx *ctx, struct test_part *part, struct trial *t) {
    const bool backward = t->whole.problem.features & ATTN_BACKWARD;
    for (int round = 0; round < 2; round++) { /* nothing is left of an execution that another minds */
        if (fails(ctx, attn_cp_forward(cp, &part->args), t->name)) return false;
        if (!t->config.keep) memset(part->args.workspace, 0xff, part->args.workspace_bytes);
        if (backward && fails(ctx, attn_cp_backward(cp, &part->args, &part->gradients), t->name)) return false;
    }
    return test_part_near(part, t->name, t->bound);
}

static bool run_rank(void *user, attn_ctx *ctx, struct attn_transport *transport) {
    struct trial *t = user;
    struct attn_cp *cp;
    struct test_part part;
    if (fails(ctx, attn_cp_open(ctx, &t->whole.problem, t->whole.mask, &t->config, transport, &cp), t->name)) return false;
    int64_t *token = calloc((size_t)cp->places + 1, sizeof *token);
    attn_cp_tokens(cp, token);
    test_part_make(&t->whole, token, cp->places, &part);
    part.args.workspace_bytes = cp->workspace;
    part.args.workspace = aligned_alloc(64, cp->workspace + GUARD);
    memset((char *)part.args.workspace + cp->workspace, 0x5a, GUARD);
    t->area[transport->rank] = cp->own_area;
    bool right = run_twice(cp, ctx, &part, t);
    for (size_t i = 0; i < GUARD; i++) right = right && ((char *)part.args.workspace)[cp->workspace + i] == 0x5a;
    memcpy(t->d_sink[transport->rank], part.d_sink, (size_t)t->whole.problem.heads * sizeof *part.d_sink);
    free(part.args.workspace);
    test_part_free(&part);
    free(token);
    attn_cp_close(cp);
    return right;
}

static attn_mask *compiled(attn_ctx *ctx, const char *text, int64_t tokens) {
    attn_mask *mask = NULL, *out = NULL;
    char error[1024];
    if (attn_mask_parse(ctx, text, &mask) || attn_mask_compile(ctx, mask, tokens, tokens, &out))
        fail_msg("%s: %s", text, attn_ctx_error(ctx, error, sizeof error));
    attn_mask_destroy(mask);
    return out;
}

/* The benchmark's mask `n`, or blocks of 16. */
static attn_mask *pattern(attn_ctx *ctx, int n, int64_t tokens, uint64_t seed, const char **name) {
    char *text = NULL;
    attn_mask *out = NULL, *blocks = NULL;
    *name = n < ATTN_PATTERN_COUNT ? attn_generate_pattern_names[n] : "blocks";
    if (n == ATTN_PATTERN_COUNT) {
        assert_int_equal(attn_generate_block_sparse(ctx, tokens, tokens, 16, 0.3, seed, NULL, &blocks), ATTN_OK);
        assert_int_equal(attn_mask_compile(ctx, blocks, tokens, tokens, &out), ATTN_OK);
        attn_mask_destroy(blocks);
        return out;
    }
    assert_int_equal(attn_generate_pattern(ctx, *name, -1, tokens, seed, &text), ATTN_OK);
    out = compiled(ctx, text, tokens);
    attn_free(ctx, text);
    return out;
}

/* Areas of all ranks together are those of the mask. */
static bool areas_add_up(const struct trial *t, int ranks) {
    const attn_problem *p = &t->whole.problem;
    const bool stack = attn_mask_heads(t->whole.mask) > 1;
    double sum = 0.0;
    for (int i = 0; i < ranks; i++) sum += t->area[i];
    const double want =
        (double)p->batch * p->heads * (t->whole.mask ? (double)attn_mask_area(t->whole.mask) : (double)p->q_len * (double)p->q_len);
    if (stack || sum == want) return true;
    fprintf(stderr, "%s: areas add up to %.17g, the mask has %.17g\n", t->name, sum, want);
    return false;
}

/* So do the gradients of the sinks. */
static bool sinks_add_up(const struct trial *t, int ranks) {
    const struct test_whole *w = &t->whole;
    double most = 1.0;
    bool right = true;
    if (!w->sink || !(w->problem.features & ATTN_BACKWARD)) return true;
    for (int32_t h = 0; h < w->problem.heads; h++) most = fmax(most, fabs(w->d_sink[h]));
    for (int32_t h = 0; h < w->problem.heads && right; h++) {
        double sum = 0.0;
        for (int i = 0; i < ranks; i++) sum += (double)t->d_sink[i][h];
        right = fabs(sum - w->d_sink[h]) <= 1e-5 * most; /* false for NaN */
        if (!right) fprintf(stderr, "%s: dsink of head %d is %.9g, one rank has %.9g\n", t->name, h, sum, w->d_sink[h]);
    }
    return right;
}

static bool run_trial(struct trial *t, int ranks) {
    const bool right = test_on_ranks(ranks, 60.0, NULL, run_rank, t) && areas_add_up(t, ranks) && sinks_add_up(t, ranks);
    test_whole_free(&t->whole);
    return right;
}

static void describe(attn_problem *p, int64_t tokens, int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim) {
    attn_problem_init(p);
    p->layout = ATTN_BTHD;
    p->features = ATTN_BACKWARD;
    p->heads = heads;
    p->kv_heads = kv_heads;
    p->dim = dim;
    p->v_dim = v_dim;
    p->q_len = tokens;
}

static void every_mechanism_under_every_mask_equals_one_rank(void **state) {
    static const int counts[] = {1, 2, 3, 4, 6, 8};
    attn_ctx *ctx = test_context(1);
    bool right = true;
    int64_t number = 0;
    (void)state;
    for (int mechanism = 0; mechanism < ATTN_CP_MECHANISMS; mechanism++)
        for (int n = 0; n < 6; n++)
            for (int mask = 0; mask <= ATTN_PATTERN_COUNT; mask++) {
                if (test_thinned() && number++ % 7) continue;
                struct trial t = {.bound = 2e-6};
                struct attn_document *document = NULL;
                attn_problem p;
                const char *name;
                const int64_t tokens = mask < ATTN_PATTERN_COUNT && strstr(attn_generate_pattern_names[mask], "block_causal") ? 1024 : 211;
                describe(&p, tokens, 24, 6, 8, 12);
                attn_mask *m = pattern(ctx, mask, tokens, (uint64_t)(mask + 1), &name);
                test_whole_make(ctx, &p, m, 7, &t.whole);
                snprintf(t.name, sizeof t.name, "%s, %s, %d ranks", attn_mechanism_name((enum attn_mechanism)mechanism), name, counts[n]);
                if (mechanism == ATTN_CP_HYBRID) {
                    t.config.grid = (struct attn_grid){ATTN_CP_HYBRID, 0, 1, counts[n], 1, false};
                    t.config.capacity = n ? 64 : 0;
                    assert_int_equal(attn_mask_documents(ctx, m, tokens, &document, &t.config.documents), ATTN_OK);
                    t.config.document = document;
                } else {
                    assert_int_equal(attn_grid_make(ctx, (enum attn_mechanism)mechanism, counts[n], 24, 6,
                                                    mechanism == ATTN_CP_LOONGTRAIN ? counts[n] == 6 ? 3 : 1 : 0,
                                                    mechanism == ATTN_CP_LOONGTRAIN && counts[n] == 8 ? 4 : 0, true, &t.config.grid),
                                     ATTN_OK);
                }
                t.config.sharding = ATTN_SHARD_ZIGZAG;
                t.config.keep = n % 2;
                right = run_trial(&t, counts[n]) && right;
                attn_free(ctx, document);
            }
    attn_ctx_destroy(ctx);
    assert_true(right);
}

/* -------------------------------------------------------------------------------------------------- random */

/* One mask for each head of keys, or of queries. */
static attn_mask *stacked(attn_ctx *ctx, struct attn_random *r, int32_t heads, int64_t tokens) {
    attn_mask *member[24], *out = NULL;
    const char *name;
    for (int32_t h = 0; h < heads; h++)
        member[h] = pattern(ctx, (int)attn_random_below(r, ATTN_PATTERN_COUNT - 1), tokens, attn_random_below(r, 1000), &name);
    assert_int_equal(attn_mask_stack(ctx, 1, heads, (const attn_mask *const *)member, &out), ATTN_OK);
    for (int32_t h = 0; h < heads; h++) attn_mask_destroy(member[h]);
    return out;
}

static int pick(struct attn_random *r, int count) {
    return (int)attn_random_below(r, (uint64_t)count);
}

static attn_mask *random_mask(attn_ctx *ctx, struct attn_random *r, const attn_problem *p, const char **name) {
    const int kind = pick(r, ATTN_PATTERN_COUNT + 4);
    int n = kind;
    *name = "full";
    if (kind == ATTN_PATTERN_COUNT + 1) return NULL;
    if (kind > ATTN_PATTERN_COUNT + 1) {
        *name = "stack";
        return stacked(ctx, r, kind % 2 ? p->heads : p->kv_heads, p->q_len);
    }
    if (n < ATTN_PATTERN_COUNT && strstr(attn_generate_pattern_names[n], "block_causal")) n = 1; /* it takes lengths of 1024 alone */
    return pattern(ctx, n, p->q_len, attn_random_below(r, 1000), name);
}

static void random_problem(struct attn_random *r, attn_problem *p) {
    static const int32_t heads[][2] = {{24, 24}, {24, 3}, {24, 2}, {24, 12}, {24, 1}};
    const int h = pick(r, 5);
    describe(p, 1 + pick(r, pick(r, 3) ? 200 : 20), heads[h][0], heads[h][1], 1 + pick(r, 12), 1 + pick(r, 12));
    p->layout = pick(r, 2) ? ATTN_BTHD : ATTN_BHTD;
    p->batch = 1 + pick(r, 3) / 2;
    if (pick(r, 3) == 0) p->features |= ATTN_SINK;
    if (pick(r, 4) == 0) p->softcap = 3.0;
    if (pick(r, 3) == 0) {
        p->dtype = pick(r, 2) ? ATTN_BF16 : ATTN_F16;
        p->kernel = "flash"; /* which computes in float32 */
        p->o_dtype = ATTN_F32;
    }
}

/* U divides the ranks; 24 heads are divided by all. */
static int random_pieces(struct attn_random *r, int ranks) {
    int u = 1 + pick(r, ranks);
    while (ranks % u || 24 % u) u--;
    return u;
}

static void random_config(attn_ctx *ctx, struct attn_random *r, int ranks, const attn_problem *p, struct attn_cp_config *c) {
    const int mechanism = pick(r, ATTN_CP_HYBRID);
    const bool grid = mechanism == ATTN_CP_USP || mechanism == ATTN_CP_LOONGTRAIN;
    const int u = grid ? random_pieces(r, ranks) : 0, ring = grid ? ranks / u : ranks;
    int windows = mechanism == ATTN_CP_LOONGTRAIN ? 1 + pick(r, ring) : 0;
    while (windows && ring % windows) windows--;
    assert_int_equal(attn_grid_make(ctx, (enum attn_mechanism)mechanism, ranks, p->heads, p->kv_heads, u, windows, pick(r, 2), &c->grid),
                     ATTN_OK);
    c->sharding = (enum attn_sharding)pick(r, ATTN_SHARDINGS);
    c->chunks = pick(r, 3);
    c->exchanges = 1 + pick(r, 3);
    c->sparse = pick(r, 2);
    c->keep = pick(r, 2);
}

static bool one_of_many(attn_ctx *ctx, uint64_t seed) {
    struct attn_random r;
    struct trial t = {.bound = 2e-6};
    struct attn_document *document = NULL;
    attn_problem p;
    const char *name;
    attn_random_init(&r, seed);
    const int counts[] = {1, 2, 3, 4, 6, 8}, ranks = counts[pick(&r, 6)];
    random_problem(&r, &p);
    random_config(ctx, &r, ranks, &p, &t.config);
    attn_mask *mask = random_mask(ctx, &r, &p, &name);
    if (mask && attn_mask_heads(mask) == 1 && pick(&r, 2)) {
        assert_int_equal(attn_mask_documents(ctx, mask, p.q_len, &document, &t.config.documents), ATTN_OK);
        t.config.document = document;
    }
    test_whole_make(ctx, &p, mask, seed, &t.whole);
    snprintf(t.name, sizeof t.name,
             "seed %llu: %s %d x %d, windows %d, %s, %s, %lld tokens, batch %lld, heads %d:%d, type %d, exchanges %d%s%s%s",
             (unsigned long long)seed, attn_mechanism_name(t.config.grid.mechanism), t.config.grid.ulysses, t.config.grid.ring,
             t.config.grid.windows, attn_sharding_name(t.config.sharding), name, (long long)p.q_len, (long long)p.batch, p.heads,
             p.kv_heads, (int)p.dtype, t.config.exchanges, t.config.sparse ? ", sparse" : "", t.config.keep ? ", keep" : "",
             p.features & ATTN_SINK ? ", sink" : "");
    const bool right = run_trial(&t, ranks);
    attn_free(ctx, document);
    return right;
}

static void any_options_equal_one_rank(void **state) {
    attn_ctx *ctx = test_context(1);
    uint64_t seed;
    const int64_t rounds = test_rounds(400, &seed);
    bool right = true;
    (void)state;
    for (int64_t i = 0; i < rounds && right; i++) right = one_of_many(ctx, seed + (uint64_t)i);
    attn_ctx_destroy(ctx);
    assert_true(right);
}

/* Messages of 16 bits that are no multiples of 4 bytes, and floats beside them: the sanitizer sees where these lie. */
static void odd_sizes_of_16_bits_equal_one_rank(void **state) {
    attn_ctx *ctx = test_context(1);
    bool right = true;
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct trial t = {.name = "odd sizes", .bound = 2e-6};
        attn_problem p;
        describe(&p, 10, 6, 2, 3, 3);
        p.dtype = ATTN_BF16;
        p.kernel = "flash";
        p.o_dtype = ATTN_F32;
        test_whole_make(ctx, &p, NULL, 5, &t.whole);
        assert_int_equal(attn_grid_make(ctx, ATTN_CP_ULYSSES, 2, 6, 2, 0, 0, false, &t.config.grid), ATTN_OK);
        t.config.keep = keep;
        right = run_trial(&t, 2) && right;
    }
    attn_ctx_destroy(ctx);
    assert_true(right);
}

/* -------------------------------------------------------------------------------------------------- mistakes */

/* Rank 1 of 4, by a transport that carries nothing. */
static attn_status open_alone(attn_ctx *ctx, const attn_problem *p, const attn_mask *mask, const struct attn_cp_config *config) {
    struct attn_transport transport;
    struct attn_cp *cp = NULL;
    attn_count_open(1, 4, &transport);
    const attn_status status = attn_cp_open(ctx, p, mask, config, &transport, &cp);
    attn_cp_close(cp);
    return status;
}

static void refused(attn_ctx *ctx, const attn_problem *p, const attn_mask *mask, const struct attn_cp_config *config, attn_status status,
                    const char *piece) {
    char text[1024];
    assert_int_equal(open_alone(ctx, p, mask, config), status);
    if (!strstr(attn_ctx_error(ctx, text, sizeof text), piece)) fail_msg("\"%s\"; expected \"%s\"", text, piece);
}

static void what_ranks_cannot_do_is_refused_with_a_sentence(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_cp_config ring = {.grid = {ATTN_CP_RING, 0, 1, 4, 1, false}, .sharding = ATTN_SHARD_ZIGZAG}, other = ring;
    attn_problem p, wrong;
    attn_mask *mask = compiled(ctx, "causal", 100);
    (void)state;
    describe(&p, 100, 4, 2, 8, 8);
    assert_int_equal(open_alone(ctx, &p, mask, &ring), ATTN_OK);
    wrong = p, wrong.layout = ATTN_THD;
    refused(ctx, &wrong, mask, &ring, ATTN_EUNSUPPORTED, "layout is ATTN_THD");
    wrong = p, wrong.dtype = ATTN_F64;
    refused(ctx, &wrong, mask, &ring, ATTN_EUNSUPPORTED, "dtype is f64");
    wrong = p, wrong.features |= ATTN_ALIBI;
    refused(ctx, &wrong, mask, &ring, ATTN_EUNSUPPORTED, "problem.features is 0x3");
    wrong = p, wrong.kv_len = 99;
    refused(ctx, &wrong, mask, &ring, ATTN_ESHAPE, "q_len is 100 and kv_len 99");
    wrong = p, wrong.batch = 0;
    refused(ctx, &wrong, mask, &ring, ATTN_EINVAL, "problem.batch is 0");
    wrong = p, wrong.q_len = wrong.kv_len = 101;
    refused(ctx, &wrong, mask, &ring, ATTN_EMASK, "100");
    other.grid.ring = 2;
    refused(ctx, &p, mask, &other, ATTN_EINVAL, "a grid of 1 x 2 for 4 ranks");
    struct attn_document document[2] = {{0, 60}, {60, 39}};
    other = ring, other.document = document, other.documents = 2;
    refused(ctx, &p, mask, &other, ATTN_EINVAL, "99 tokens together, the sequence has 100");
    document[1].length = 40;
    other.grid.mechanism = ATTN_CP_HYBRID;
    refused(ctx, &p, mask, &other, ATTN_EUNSUPPORTED, "cross documents");
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

/* Of so many pairs that their number has no double. */
static void hybrid_takes_documents_of_any_length(void **state) {
    static const int64_t lengths[] = {(INT64_C(1) << 29) + 3, (INT64_C(1) << 27) + 1, 5, (INT64_C(1) << 28) - 7};
    attn_ctx *ctx = test_context(1);
    struct attn_document document[4];
    int64_t end = 0;
    char text[128] = "causal & document:", error[1024];
    attn_problem p;
    (void)state;
    for (int n = 0; n < 4; n++) {
        document[n] = (struct attn_document){end, lengths[n]};
        end += lengths[n];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%lld", n ? "," : "", (long long)lengths[n]);
    }
    attn_mask *mask = compiled(ctx, text, end);
    struct attn_cp_config config = {.grid = {ATTN_CP_HYBRID, 0, 1, 4, 1, false}, .document = document, .documents = 4};
    describe(&p, end, 40, 8, 24, 24);
    p.batch = 3;
    if (open_alone(ctx, &p, mask, &config)) fail_msg("%s", attn_ctx_error(ctx, error, sizeof error));
    document[1].length += 5;
    document[2] = document[3];
    config.documents = 3;
    assert_int_equal(open_alone(ctx, &p, mask, &config), ATTN_OK); /* coarser */
    document[0].length--;
    document[1].begin--;
    document[1].length++;
    char piece[128];
    snprintf(piece, sizeof piece, "lets %lld pairs cross documents, from document 1", (long long)lengths[0] - 1);
    refused(ctx, &p, mask, &config, ATTN_EUNSUPPORTED, piece);
    p.batch = INT32_MAX;
    p.q_len = p.kv_len = 4;
    attn_problem few = p;
    refused(ctx, &few, NULL, &(struct attn_cp_config){.grid = {ATTN_CP_ULYSSES, 0, 4, 1, 1, false}}, ATTN_ESHAPE, "messages at once");
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
}

static attn_status (*send_of_threads)(struct attn_transport *, const struct attn_link_call *, enum attn_traffic_kind, int, const void *,
                                      size_t, int *);

static attn_status send_no_keys(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                                const void *data, size_t bytes, int *ticket) {
    if (kind == ATTN_TRAFFIC_KEYS) return attn_no_memory(call->ctx, call->name, bytes);
    return send_of_threads(t, call, kind, peer, data, bytes, ticket);
}

/* Rank 1 fails in the midst of messages. */
static bool fail_once(void *user, attn_ctx *ctx, struct attn_transport *transport) {
    struct trial *t = user;
    struct attn_cp *cp;
    struct test_part part;
    if (fails(ctx, attn_cp_open(ctx, &t->whole.problem, NULL, &t->config, transport, &cp), t->name)) return false;
    int64_t *token = calloc((size_t)cp->places + 1, sizeof *token);
    attn_cp_tokens(cp, token);
    test_part_make(&t->whole, token, cp->places, &part);
    part.args.workspace_bytes = cp->workspace;
    part.args.workspace = aligned_alloc(64, cp->workspace + GUARD);
    if (transport->rank == 1) transport->send = send_no_keys;
    const attn_status status = attn_cp_forward(cp, &part.args);
    bool right = status == (transport->rank == 1 ? ATTN_ENOMEM : ATTN_ESYSTEM) && transport->lost;
    right = right && attn_cp_forward(cp, &part.args) == ATTN_ESYSTEM;
    attn_cp_close(cp);
    transport->close(transport); /* messages are under way to what is freed now */
    free(part.args.workspace);
    test_part_free(&part);
    free(token);
    return right;
}

static void a_rank_that_fails_between_messages_is_lost(void **state) {
    attn_ctx *ctx = test_context(1);
    struct trial t = {.name = "a rank that fails", .config = {.grid = {ATTN_CP_RING, 0, 1, 3, 1, false}}};
    struct attn_local_world *world;
    struct attn_transport *transport;
    attn_problem p;
    (void)state;
    assert_int_equal(attn_local_world_open(ctx, 1, 1.0, NULL, &world), ATTN_OK);
    assert_int_equal(attn_local_open(world, 0, &transport), ATTN_OK);
    send_of_threads = transport->send;
    transport->close(transport);
    attn_local_world_close(world);
    describe(&p, 50, 2, 2, 8, 8);
    test_whole_make(ctx, &p, NULL, 3, &t.whole);
    assert_true(test_on_ranks(3, 60.0, NULL, fail_once, &t));
    test_whole_free(&t.whole);
    attn_ctx_destroy(ctx);
}

static attn_status open_and_run(attn_ctx *ctx) {
    static const struct attn_cp_config config = {.grid = {ATTN_CP_USP, 0, 2, 2, 1, false}, .sharding = ATTN_SHARD_ZIGZAG, .exchanges = 2};
    struct attn_transport transport;
    struct attn_cp *cp = NULL;
    attn_mask *mask = NULL, *document = NULL;
    attn_problem p;
    describe(&p, 50, 4, 4, 8, 8);
    attn_count_open(3, 4, &transport);
    attn_status status = attn_mask_parse(ctx, "causal & document:20,30", &document);
    if (!status) status = attn_mask_compile(ctx, document, 50, 50, &mask);
    if (!status) status = attn_cp_open(ctx, &p, mask, &config, &transport, &cp);
    if (!status) status = attn_cp_forward(cp, NULL);
    if (!status) status = attn_cp_backward(cp, NULL, NULL);
    attn_cp_close(cp);
    attn_mask_destroy(mask);
    attn_mask_destroy(document);
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(open_and_run, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_mechanism_under_every_mask_equals_one_rank),
                                       cmocka_unit_test(any_options_equal_one_rank),
                                       cmocka_unit_test(odd_sizes_of_16_bits_equal_one_rank),
                                       cmocka_unit_test(what_ranks_cannot_do_is_refused_with_a_sentence),
                                       cmocka_unit_test(hybrid_takes_documents_of_any_length),
                                       cmocka_unit_test(a_rank_that_fails_between_messages_is_lost),
                                       cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
