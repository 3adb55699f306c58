/* All mechanisms, grids and shardings, by predicted time. */
#include "dist/cp/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICES = 1024, PIECES = 4 /* of an exchange that is pipelined */ };

struct search {
    attn_ctx *ctx;
    const attn_problem *problem;
    const attn_mask *mask;
    struct attn_cp_machine machine;
    struct attn_document *document; /* of the mask */
    int64_t documents;
    int ranks;
    struct attn_cp_choice *choice;
    int count;
};

static struct attn_cp_choice *next(struct search *s, const struct attn_grid *grid, enum attn_sharding sharding) {
    struct attn_cp_choice *c = &s->choice[s->count];
    memset(c, 0, sizeof *c);
    c->config = (struct attn_cp_config){.grid = *grid, .sharding = sharding, .exchanges = 1, .keep = true};
    c->prediction.ranks = s->ranks;
    s->count++;
    return c;
}

/* A mechanism that has no grid here: the context's sentence says why. */
static void refuse(struct search *s, enum attn_mechanism mechanism) {
    const struct attn_grid grid = {.mechanism = mechanism, .ulysses = 1, .ring = s->ranks, .windows = 1};
    char sentence[1024];
    if (s->count == CHOICES) return;
    struct attn_cp_prediction *p = &next(s, &grid, ATTN_SHARD_CONTIGUOUS)->prediction;
    p->status = ATTN_EUNSUPPORTED;
    attn_append(p->why, sizeof p->why, "%s", attn_ctx_error(s->ctx, sentence, sizeof sentence));
}

static attn_status try_one(struct search *s, const struct attn_grid *grid, enum attn_sharding sharding, int exchanges) {
    if (s->count == CHOICES) return ATTN_OK;
    struct attn_cp_choice *c = next(s, grid, sharding);
    const bool by_document = sharding == ATTN_SHARD_ZIGZAG || grid->mechanism == ATTN_CP_HYBRID;
    c->config.exchanges = exchanges;
    c->config.document = by_document ? s->document : NULL;
    c->config.documents = by_document ? s->documents : 0;
    const attn_status status = attn_cp_predict(s->ctx, s->problem, s->mask, &c->config, &s->machine, &c->prediction);
    c->config.document = NULL;
    c->config.documents = 0;
    return status;
}

/* With heads exchanged at once, and in pieces where a rank has several key/value heads. */
static attn_status try(struct search *s, const struct attn_grid *grid, enum attn_sharding sharding) {
    const int pieces = attn_grid_chunks(grid, PIECES, attn_grid_kv_heads(grid, s->problem->kv_heads));
    const attn_status status = try_one(s, grid, sharding, 1);
    return status || pieces == 1 ? status : try_one(s, grid, sharding, pieces);
}

static attn_status try_shardings(struct search *s, const struct attn_grid *grid) {
    attn_status status = ATTN_OK;
    if (grid->ring == 1) return try(s, grid, ATTN_SHARD_CONTIGUOUS);
    for (int i = 0; i < ATTN_SHARDINGS && !status; i++) status = try(s, grid, (enum attn_sharding)i);
    return status;
}

/* U over the divisors of P but 1 and P, which are ring and ulysses; windows over those of R but 1, which is usp. */
static attn_status try_grids(struct search *s, enum attn_mechanism mechanism) {
    const attn_problem *p = s->problem;
    const bool windowed = mechanism == ATTN_CP_LOONGTRAIN;
    const int before = s->count;
    struct attn_grid grid;
    attn_status status = ATTN_OK;
    for (int u = windowed ? 1 : 2; u < s->ranks && !status; u++) {
        if (s->ranks % u || p->heads % u) continue;
        for (int w = windowed ? 2 : 0; w <= (windowed ? s->ranks / u : 0) && !status; w++)
            if (attn_grid_make(s->ctx, mechanism, s->ranks, p->heads, p->kv_heads, u, w, windowed, &grid) == ATTN_OK)
                status = try_shardings(s, &grid);
    }
    if (status || s->count > before) return status;
    attn_fail(s->ctx, ATTN_EUNSUPPORTED, windowed ? "no ring of %d ranks has windows" : "no number divides %d ranks and %d heads", s->ranks,
              p->heads);
    refuse(s, mechanism);
    return ATTN_OK;
}

static attn_status try_mechanism(struct search *s, enum attn_mechanism mechanism) {
    struct attn_grid grid = {.mechanism = ATTN_CP_HYBRID, .ulysses = 1, .ring = s->ranks, .windows = 1};
    if (mechanism == ATTN_CP_USP || mechanism == ATTN_CP_LOONGTRAIN) return try_grids(s, mechanism);
    if (mechanism == ATTN_CP_HYBRID) {
        if (s->documents > 1) return try(s, &grid, ATTN_SHARD_ZIGZAG);
        attn_fail(s->ctx, ATTN_EUNSUPPORTED, "the mask is one document: hybrid is the ring");
        refuse(s, mechanism);
        return ATTN_OK;
    }
    const attn_status status = attn_grid_make(s->ctx, mechanism, s->ranks, s->problem->heads, s->problem->kv_heads, 0, 0, false, &grid);
    if (status == ATTN_OK) return try_shardings(s, &grid);
    if (status != ATTN_EUNSUPPORTED) return status;
    refuse(s, mechanism);
    return ATTN_OK;
}

static double seconds(const struct attn_cp_choice *c) {
    return c->prediction.status ? (double)INFINITY : c->prediction.seconds[0] + c->prediction.seconds[1];
}

/* What is as fast: fewer bytes, then the simpler mechanism. */
static int compare(const void *a, const void *b) {
    const struct attn_cp_choice *x = a, *y = b;
    const double p = seconds(x), q = seconds(y);
    const double m = x->prediction.total_bytes[0] + x->prediction.total_bytes[1],
                 n = y->prediction.total_bytes[0] + y->prediction.total_bytes[1];
    if (p < q || p > q) return p < q ? -1 : 1;
    if (m < n || m > n) return m < n ? -1 : 1;
    if (x->config.grid.mechanism != y->config.grid.mechanism) return x->config.grid.mechanism < y->config.grid.mechanism ? -1 : 1;
    return (x->config.sharding > y->config.sharding) - (x->config.sharding < y->config.sharding);
}

/* Of what does not fit, the first of each mechanism. */
static void thin(struct search *s) {
    bool told[ATTN_CP_MECHANISMS] = {false};
    int kept = 0;
    for (int i = 0; i < s->count; i++) {
        const struct attn_cp_choice *c = &s->choice[i];
        bool *mechanism = &told[c->config.grid.mechanism];
        if (c->prediction.status == ATTN_OK || !*mechanism) s->choice[kept++] = *c;
        *mechanism = true;
    }
    s->count = kept;
}

attn_status attn_cp_choose(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, int ranks,
                           const struct attn_cp_machine *machine, struct attn_cp_choice **out, int *count) {
    struct search s = {.ctx = ctx, .mask = mask, .machine = *machine, .ranks = ranks};
    const size_t bytes = CHOICES * sizeof *s.choice;
    attn_problem checked;
    if (s.machine.exact == 0) s.machine.exact = ATTN_CP_EXACT_CHOICE;
    *out = NULL;
    *count = 0;
    attn_status status = attn_problem_check(ctx, problem, &checked);
    if (!status && ranks < 1) status = attn_fail(ctx, ATTN_EINVAL, "context parallelism: %d ranks; expected at least 1", ranks);
    if (status) return status;
    s.problem = &checked;
    s.choice = attn_alloc(ctx, bytes);
    if (!s.choice) return attn_no_memory(ctx, "a choice", bytes);
    status = attn_mask_documents(ctx, mask, checked.kv_len, &s.document, &s.documents);
    for (int m = 0; m < ATTN_CP_MECHANISMS && !status; m++) status = try_mechanism(&s, (enum attn_mechanism)m);
    if (!status) qsort(s.choice, (size_t)s.count, sizeof *s.choice, compare);
    if (!status) thin(&s);
    attn_free(ctx, s.document);
    if (status) {
        attn_free(ctx, s.choice);
        return status;
    }
    *out = s.choice;
    *count = s.count;
    return ATTN_OK;
}
