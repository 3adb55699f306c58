/* What is claimed of context parallelism, checked: the formulas are the benchmark specification's (sec. 7), written out once more. */
#include "system/longctx/ranks.h"

#include <math.h>

/* The greater one; what is no number is worse than any. */
static double worse(double worst, double x) {
    return isnan(worst) || x <= worst ? worst : x;
}

static const int counts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96};
enum { COUNTS = sizeof counts / sizeof counts[0], DRAWS = 3 };

/* ----------------------------------------------------------------------------------------------------------- balance */

/* The balance of a causal mask on 2 to 96 ranks. */
static attn_status balances(attn_ctx *ctx, enum attn_sharding sharding, double balance[COUNTS]) {
    attn_status status = ATTN_OK;
    for (int n = 0; n < COUNTS && !status; n++) {
        struct attn_ranks_case c;
        double padding;
        status = attn_ranks_case_open(ctx, (int64_t)counts[n] * ATTN_RANKS_TOKENS, ATTN_RANKS_CAUSAL, 0, &c);
        if (status) return status;
        status = attn_ranks_balance(&c, sharding, counts[n], &balance[n], &padding);
        attn_ranks_case_close(&c);
    }
    return status;
}

attn_status attn_ranks_check_zigzag(attn_ctx *ctx, double *value) {
    double balance[COUNTS], worst = 0;
    const attn_status status = balances(ctx, ATTN_SHARD_ZIGZAG, balance);
    for (int n = 0; n < COUNTS && !status; n++) worst = worse(worst, balance[n]);
    *value = -worst;
    return status;
}

attn_status attn_ranks_check_documents(attn_ctx *ctx, double *value) {
    static const int ranks[] = {8, 32, 96};
    enum { MASKS = 10 }; /* for each of them */
    double worst = 0;
    attn_status status = ATTN_OK;
    for (uint64_t n = 0; n < 3 * MASKS && !status; n++) {
        struct attn_ranks_case c;
        double balance = (double)NAN, padding;
        status = attn_ranks_case_open(ctx, (int64_t)ranks[n % 3] * ATTN_RANKS_TOKENS, ATTN_RANKS_LONG, n + 1, &c);
        if (status) return status;
        status = attn_ranks_balance(&c, ATTN_SHARD_ZIGZAG, ranks[n % 3], &balance, &padding);
        worst = worse(worst, balance);
        attn_ranks_case_close(&c);
    }
    *value = -worst;
    return status;
}

attn_status attn_ranks_check_contiguous(attn_ctx *ctx, double *value) {
    double balance[COUNTS], worst = 0;
    const attn_status status = balances(ctx, ATTN_SHARD_CONTIGUOUS, balance);
    for (int n = 0; n < COUNTS && !status; n++) worst = worse(worst, fabs(balance[n] * counts[n] / (2.0 * counts[n] - 1) - 1));
    *value = -worst;
    return status;
}

attn_status attn_ranks_check_padding(attn_ctx *ctx, double *value) {
    struct attn_ranks_case c;
    double balance, padding;
    attn_status status = attn_ranks_case_open(ctx, (int64_t)ATTN_RANKS_MOST * ATTN_RANKS_TOKENS, ATTN_RANKS_SHORT, 1, &c);
    if (status) return status;
    status = attn_ranks_balance(&c, ATTN_SHARD_ZIGZAG, ATTN_RANKS_MOST, &balance, &padding);
    *value = padding - 1;
    attn_ranks_case_close(&c);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- volumes */

/* Bytes that the specification says a rank sends: of exchanged heads, of keys along the ring and of their gradients; e = 4 throughout. */
struct formula {
    int64_t heads[2], keys[2], gradients;
};

static struct formula formula_of(const struct attn_grid *g, int64_t places) {
    const int64_t u = g->ulysses, r = g->ring, w = g->windows, s = r / w, kv_heads = attn_grid_kv_heads(g, ATTN_RANKS_KV_HEADS);
    const int64_t kv = 2 * places * kv_heads * ATTN_RANKS_DIM * 4, q = 2 * places * ATTN_RANKS_HEADS * ATTN_RANKS_DIM * 4;
    const int64_t exchanged = (q + kv) / u * (u - 1), ring = (r - 1) * kv;
    /* Windows: gradients go around each, then on to the next. */
    const int64_t windows = (s > 1 ? w * s : 0) + w;
    return (struct formula){{exchanged, exchanged}, {ring, ring}, w == 1 ? ring : windows * kv};
}

/* Of the exchange's rows of one number, LSE among them, the specification says nothing: they are not counted. */
static bool is_formula(const struct attn_ranks_sent *sent, const struct formula *f) {
    for (int pass = 0; pass < 2; pass++) {
        const int64_t *b = sent->bytes[pass];
        const int64_t gradients = b[ATTN_TRAFFIC_GRADIENTS] + b[ATTN_TRAFFIC_LONG_GRADIENTS];
        if (b[ATTN_TRAFFIC_HEADS] != f->heads[pass] || b[ATTN_TRAFFIC_KEYS] + b[ATTN_TRAFFIC_LONG_KEYS] != f->keys[pass] ||
            gradients != (pass == 1 ? f->gradients : 0))
            return false;
    }
    return true;
}

static attn_status count_case(const struct attn_ranks_case *c, int ranks, int64_t *equal, int64_t *all) {
    attn_status status = ATTN_OK;
    for (int mechanism = 0; mechanism < ATTN_CP_HYBRID; mechanism++) {
        struct attn_grid grid;
        if (!attn_ranks_grid(c->ctx, (enum attn_mechanism)mechanism, ranks, &grid)) continue;
        for (int rank = 0; rank < ranks && !status; rank++) {
            struct attn_ranks_sent sent;
            status = attn_ranks_count(c, &grid, rank, &sent);
            const struct formula f = formula_of(&grid, sent.places);
            *equal += !status && is_formula(&sent, &f);
            ++*all;
        }
    }
    return status;
}

attn_status attn_ranks_check_volume(attn_ctx *ctx, double *value) {
    attn_status status = ATTN_OK;
    int64_t equal = 0, all = 0;
    for (int n = 0; n < COUNTS && !status; n++)
        for (int documents = ATTN_RANKS_CAUSAL; documents <= ATTN_RANKS_LONG && !status; documents += ATTN_RANKS_LONG) {
            struct attn_ranks_case c;
            status = attn_ranks_case_open(ctx, (int64_t)counts[n] * ATTN_RANKS_TOKENS, (enum attn_ranks_documents)documents, 1, &c);
            if (status) return status;
            status = count_case(&c, counts[n], &equal, &all);
            attn_ranks_case_close(&c);
        }
    *value = (double)equal / (double)all;
    return status;
}

attn_status attn_ranks_check_hybrid(attn_ctx *ctx, double *value) {
    static const int ranks[] = {8, 16, 32};
    double worst = 0;
    attn_status status = ATTN_OK;
    for (int n = 0; n < DRAWS && !status; n++)
        for (uint64_t seed = 1; seed <= DRAWS && !status; seed++) {
            struct attn_ranks_case c;
            struct attn_grid ring, hybrid;
            double bytes[2];
            status = attn_ranks_case_open(ctx, (int64_t)ranks[n] * ATTN_RANKS_TOKENS, ATTN_RANKS_SHORT, seed, &c);
            if (status) return status;
            attn_ranks_grid(ctx, ATTN_CP_RING, ranks[n], &ring);
            attn_ranks_grid(ctx, ATTN_CP_HYBRID, ranks[n], &hybrid);
            status = attn_ranks_total(&c, &ring, &bytes[0]);
            if (!status) status = attn_ranks_total(&c, &hybrid, &bytes[1]);
            worst = worse(worst, bytes[1] / bytes[0]);
            attn_ranks_case_close(&c);
        }
    *value = -worst;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- model */

/* A cluster as is usual (topology.h), its ranks at 400 TFLOP/s. */
static attn_status predict(const struct attn_ranks_case *c, const struct attn_grid *grid, struct attn_cp_prediction *out) {
    const struct attn_cp_config config = attn_ranks_config(c, grid);
    struct attn_cp_machine machine = {.speed = {.flops = 400e12}};
    attn_problem problem;
    attn_topology_usual(&machine.topology);
    attn_ranks_problem(c->tokens, &problem);
    return attn_cp_predict(c->ctx, &problem, c->mask, &config, &machine, out);
}

attn_status attn_ranks_check_useless(attn_ctx *ctx, double *value) {
    struct attn_ranks_case c;
    struct attn_grid grid;
    struct attn_cp_prediction p;
    attn_status status = attn_ranks_case_open(ctx, (int64_t)64 * ATTN_RANKS_TOKENS, ATTN_RANKS_CAUSAL, 0, &c);
    if (status) return status;
    attn_ranks_grid(ctx, ATTN_CP_RING, 64, &grid);
    status = predict(&c, &grid, &p);
    *value = -fabs(1 - p.useful - 0.25);
    attn_ranks_case_close(&c);
    return status;
}

attn_status attn_ranks_check_heads(attn_ctx *ctx, double *value) {
    struct attn_grid grid;
    *value = !attn_ranks_grid(ctx, ATTN_CP_ULYSSES, ATTN_RANKS_MOST, &grid) && attn_ranks_grid(ctx, ATTN_CP_USP, ATTN_RANKS_MOST, &grid);
    return ATTN_OK;
}

attn_status attn_ranks_model_at(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, double *seconds) {
    enum { TOKENS = 131072 };
    struct attn_ranks_case c;
    struct attn_grid grid;
    struct attn_cp_prediction p;
    *seconds = (double)NAN;
    if (!attn_ranks_grid(ctx, mechanism, ranks, &grid)) return ATTN_OK;
    attn_status status = attn_ranks_case_open(ctx, TOKENS, ATTN_RANKS_CAUSAL, 0, &c);
    if (status) return status;
    status = predict(&c, &grid, &p);
    if (!status && p.status == ATTN_OK) *seconds = p.seconds[0] + p.seconds[1];
    attn_ranks_case_close(&c);
    return status;
}

attn_status attn_ranks_check_scale(attn_ctx *ctx, double *value) {
    enum { RANKS = 256 };
    double one = (double)INFINITY, two = one;
    attn_status status = ATTN_OK;
    for (int m = 0; m < ATTN_CP_HYBRID && !status; m++) {
        double seconds;
        status = attn_ranks_model_at(ctx, (enum attn_mechanism)m, RANKS, &seconds);
        if (m == ATTN_CP_USP || m == ATTN_CP_LOONGTRAIN)
            two = fmin(two, seconds);
        else
            one = fmin(one, seconds);
    }
    *value = one / two;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ charts */

attn_status attn_ranks_balance_at(attn_ctx *ctx, const char *sharding, enum attn_ranks_documents documents, int ranks, double *balance,
                                  double *padding) {
    struct attn_ranks_case c;
    attn_status status = attn_ranks_case_open(ctx, (int64_t)ranks * ATTN_RANKS_TOKENS, documents, 1, &c);
    if (status) return status;
    status = attn_ranks_balance(&c, (enum attn_sharding)attn_sharding_find(sharding), ranks, balance, padding);
    attn_ranks_case_close(&c);
    return status;
}

attn_status attn_ranks_bytes_at(attn_ctx *ctx, enum attn_mechanism mechanism, enum attn_ranks_documents documents, int ranks,
                                double *bytes) {
    struct attn_ranks_case c;
    struct attn_grid grid;
    *bytes = (double)NAN;
    if (!attn_ranks_grid(ctx, mechanism, ranks, &grid)) return ATTN_OK;
    attn_status status = attn_ranks_case_open(ctx, (int64_t)ranks * ATTN_RANKS_TOKENS, documents, 1, &c);
    if (status) return status;
    status = attn_ranks_total(&c, &grid, bytes);
    *bytes /= ranks;
    attn_ranks_case_close(&c);
    return status;
}
