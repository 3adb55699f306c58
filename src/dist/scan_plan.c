/* Prefix attention over ranks: made, checked against the other ranks, freed. */
#include "dist/scan.h"
#include "dist/start.h"

#include <assert.h>
#include <string.h>

void attn_mpi_config_init(attn_mpi_config *config) {
    *config = (attn_mpi_config){.size = sizeof *config, .comm = MPI_COMM_WORLD, .deadline = 60.0};
}

static const char what[] = "scan over ranks";

static attn_status check_problem(attn_ctx *ctx, const attn_mpi_config *config, const attn_plan *plan) {
    const attn_problem *p = &plan->problem;
    const attn_status status = attn_mpi_check_deadline(ctx, what, config->deadline);
    if (status) return status;
    if (p->score != ATTN_SCORE_LEARNED_QUERY)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "scan over ranks: problem.score is %s; expected ATTN_SCORE_LEARNED_QUERY",
                         attn_score_name(p->score));
    if (attn_dtype_is_half(p->dtype))
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "scan over ranks: problem.dtype is %s; expected ATTN_F32 or ATTN_F64",
                         attn_dtype_name(p->dtype));
    if (strcmp(plan->kernel->name, "scan") != 0 && strcmp(plan->kernel->name, "naive") != 0)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "scan over ranks: problem.kernel is %s; expected scan or naive", plan->kernel->name);
    return attn_mpi_check_threads(ctx, what, p->threads);
}

/* What must be the same on all ranks. */
enum { FIELDS = 9 };
static const char *const field_names[FIELDS] = {"dtype", "heads", "kv_heads", "dim", "v_dim", "batch", "scale", "features", "version"};

static void fields_of(const attn_plan *plan, double fields[FIELDS]) {
    const attn_problem *p = &plan->problem;
    const double values[FIELDS] = {(double)p->dtype, (double)p->heads, (double)p->kv_heads, (double)p->dim,      (double)p->v_dim,
                                   (double)p->batch, p->scale,         (double)p->features, (double)ATTN_VERSION};
    memcpy(fields, values, sizeof values);
}

/* All ranks must come here. */
static attn_status compare(struct attn_link *link, const struct attn_link_call *call, const attn_plan *plan) {
    double own[FIELDS], first[FIELDS];
    fields_of(plan, own);
    memcpy(first, own, sizeof first);
    attn_status status = attn_link_share(link, call, first, FIELDS);
    if (status) return status;
    for (int i = 0; i < FIELDS && !status; i++)
        if (memcmp(&own[i], &first[i], sizeof own[i]) != 0)
            status =
                attn_fail(call->ctx, ATTN_EINVAL, "scan over ranks: %s%s is %.17g, but rank 0 has %.17g; expected the same on all ranks",
                          i < FIELDS - 1 ? "problem." : "the library's ", field_names[i], own[i], first[i]);
    return attn_link_agree(link, call, status, "nothing", 0);
}

bool attn_scan_memory_lay_out(const attn_plan *plan, char *at, struct attn_scan_memory *m) {
    const struct attn_shape *p = &plan->shape;
    const bool backward = p->features & ATTN_BACKWARD;
    const size_t real = attn_dtype_bytes(p->dtype), width = (size_t)p->v_dim + 2;
    const struct {
        void **to;
        size_t numbers, bytes; /* for each sequence and head */
    } arrays[] = {{(void **)&m->own, width, sizeof(double)},
                  {(void **)&m->beyond, width, sizeof(double)},
                  {(void **)&m->incoming, width, sizeof(double)},
                  {&m->carry_o, (size_t)p->v_dim, real},
                  {&m->carry_lse, 1, real},
                  {&m->carry_c, 1, real},
                  {(void **)&m->pieces, backward ? ATTN_SCAN_PIECES * width : 0, sizeof(double)},
                  {(void **)&m->dq_sum, backward ? (size_t)p->dim : 0, sizeof(double)},
                  {&m->dq, backward ? (size_t)p->dim : 0, real}};
    size_t heads, bytes;
    *m = (struct attn_scan_memory){.plan = plan->workspace, .bytes = plan->workspace};
    if (!attn_mul_size((size_t)attn_max64(p->batch, 1), (size_t)p->heads, &heads)) return false; /* dq is there without a sequence */
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        if (at) *arrays[i].to = at + m->bytes;
        if (!attn_mul_size(heads, arrays[i].numbers * arrays[i].bytes, &bytes) || bytes > SIZE_MAX / 2) return false;
        if (!attn_add_size(m->bytes, attn_round64(bytes), &m->bytes)) return false;
    }
    return true;
}

/* The chunked scan, which alone gives the state behind its rows, where the planner might take a textbook's for a short part. */
static attn_status plan_part(attn_ctx *ctx, const attn_problem *problem, attn_plan **plan) {
    if (!problem || problem->size != sizeof *problem) return attn_plan_create(ctx, problem, plan); /* says what is wrong */
    attn_problem own = *problem;
    if (!own.kernel && own.dtype == ATTN_F32 && own.score == ATTN_SCORE_LEARNED_QUERY) own.kernel = "scan";
    return attn_plan_create(ctx, &own, plan);
}

static attn_status make(attn_ctx *ctx, const attn_problem *problem, const attn_mpi_config *config, attn_mpi_scan **out) {
    struct attn_scan_memory m;
    attn_plan *plan = NULL;
    attn_status status = plan_part(ctx, problem, &plan);
    if (!status) status = check_problem(ctx, config, plan);
    if (!status && !attn_scan_memory_lay_out(plan, NULL, &m))
        status = attn_fail(ctx, ATTN_ESHAPE, "scan over ranks: the workspace of %lld sequences and %d heads passes memory's addresses",
                           (long long)plan->problem.batch, plan->problem.heads);
    attn_mpi_scan *scan = status ? NULL : attn_alloc(ctx, sizeof *scan);
    if (!status && !scan) status = attn_no_memory(ctx, "scan over ranks", sizeof *scan);
    if (status) {
        attn_plan_destroy(plan);
        return status;
    }
    *scan = (attn_mpi_scan){.ctx = ctx, .plan = plan, .workspace = m.bytes};
    *out = scan;
    return ATTN_OK;
}

attn_status attn_mpi_scan_create(attn_ctx *ctx, const attn_problem *problem, const attn_mpi_config *config, attn_mpi_scan **out) {
    const struct attn_link_call call = {ctx, "scan over ranks", 0};
    attn_mpi_config defaults;
    attn_mpi_scan *scan = NULL;
    attn_mpi_config_init(&defaults);
    if (!config) config = &defaults;
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "scan over ranks: out is NULL, expected a place for the object");
    *out = NULL;
    attn_status status = attn_mpi_check_alone(ctx, what, "attn_mpi_config_init", config->size, sizeof *config, config->comm);
    if (status) return status;
    struct attn_link *link = attn_alloc(ctx, sizeof *link); /* where calls that are under way may find it for ever */
    if (!link) return attn_no_memory(ctx, "scan over ranks", sizeof *link);
    status = attn_link_open(link, ctx, config->comm, config->deadline > 0.0 ? config->deadline : defaults.deadline);
    if (!status) status = attn_link_agree(link, &call, make(ctx, problem, config, &scan), "nothing", 0);
    assert(status || scan); /* none has failed: this one has not */
    if (!status) status = compare(link, &call, scan->plan);
    if (status) {
        if (scan) attn_plan_destroy(scan->plan);
        attn_free(ctx, scan);
        attn_link_close(link);
        if (!link->lost) attn_free(ctx, link);
        return status;
    }
    scan->link = link;
    *out = scan;
    return ATTN_OK;
}

void attn_mpi_scan_destroy(attn_mpi_scan *scan) {
    if (!scan || scan->link->lost) return;
    attn_ctx *ctx = scan->ctx;
    attn_link_close(scan->link);
    attn_free(ctx, scan->link);
    attn_plan_destroy(scan->plan);
    attn_free(ctx, scan);
}

size_t attn_mpi_scan_workspace(const attn_mpi_scan *scan) {
    return scan->workspace;
}
