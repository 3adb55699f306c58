/* Context parallelism over MPI: what must be right on each rank, and the same on all. */
#include "dist/mpi_plan.h"
#include "dist/start.h"

#include "base/hash.h"
#include "mask/mask.h"

static attn_status check_range(attn_ctx *ctx, const char *field, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, ATTN_MPI_PLAN ": config.%s is %lld, expected %lld to %lld", field, (long long)value,
                     (long long)least, (long long)most);
}

static attn_status check_config(attn_ctx *ctx, const attn_mpi_plan_config *c) {
    const struct {
        const char *field;
        int64_t value, least, most;
    } ranges[] = {{"mechanism", c->mechanism, ATTN_MPI_AUTO, ATTN_CP_MECHANISMS - 1},
                  {"sharding", c->sharding, ATTN_MPI_SHARD_AUTO, ATTN_SHARDINGS - 1},
                  {"ulysses", c->ulysses, 0, INT32_MAX},
                  {"windows", c->windows, 0, INT32_MAX},
                  {"head_first", c->head_first, 0, 1},
                  {"exchanges", c->exchanges, 1, INT32_MAX},
                  {"sparse", c->sparse, 0, 1},
                  {"keep", c->keep, 0, 1},
                  {"documents", c->documents, c->document_lengths ? 1 : 0, c->document_lengths ? INT32_MAX : 0},
                  {"chunks", c->chunks, 0, INT32_MAX},
                  {"capacity", c->capacity, 0, INT64_MAX}};
    attn_status status = attn_mpi_check_deadline(ctx, ATTN_MPI_PLAN, c->deadline);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && !status; i++)
        status = check_range(ctx, ranges[i].field, ranges[i].value, ranges[i].least, ranges[i].most);
    return status;
}

/* So that their sums are sums. */
static attn_status check_documents(attn_ctx *ctx, const attn_mpi_plan_config *c, int64_t tokens) {
    int64_t end = 0;
    for (int64_t n = 0; n < c->documents; n++) {
        const int64_t length = c->document_lengths[n];
        if (length < 1 || length > tokens - end)
            return attn_fail(ctx, ATTN_EINVAL,
                             ATTN_MPI_PLAN ": config.document_lengths[%lld] is %lld; expected 1 to %lld, what %lld tokens have left",
                             (long long)n, (long long)length, (long long)(tokens - end), (long long)tokens);
        end += length;
    }
    if (!c->documents || end == tokens) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, ATTN_MPI_PLAN ": config.document_lengths add up to %lld; expected %lld, the tokens of the sequence",
                     (long long)end, (long long)tokens);
}

attn_status attn_mpi_plan_check(attn_ctx *ctx, const attn_problem *problem, const attn_mpi_plan_config *config, attn_problem *filled) {
    attn_status status = check_config(ctx, config);
    if (!status) status = attn_problem_check(ctx, problem, filled);
    if (!status) status = check_documents(ctx, config, filled->q_len);
    return status ? status : attn_mpi_check_threads(ctx, ATTN_MPI_PLAN, filled->threads);
}

attn_status attn_mpi_plan_compare(attn_ctx *ctx, const attn_problem *p, const attn_mask *mask, const attn_mpi_plan_config *c,
                                  struct attn_transport *transport) {
    const struct attn_link_call call = {ctx, ATTN_MPI_PLAN, 0};
    const uint64_t pairs = attn_mask_hash(mask),
                   documents = attn_hash(ATTN_HASH_START, c->document_lengths, (size_t)c->documents * sizeof *c->document_lengths);
    const struct {
        const char *name;
        double number;
    } same[] = {
        {"the library's version", ATTN_VERSION},
        {"problem.dtype", (double)p->dtype},
        {"problem.o_dtype", (double)p->o_dtype},
        {"problem.grad_dtype", (double)p->grad_dtype},
        {"problem.features", (double)p->features},
        {"problem.heads", (double)p->heads},
        {"problem.kv_heads", (double)p->kv_heads},
        {"problem.dim", (double)p->dim},
        {"problem.v_dim", (double)p->v_dim},
        {"problem.batch", (double)p->batch},
        {"problem.q_len", (double)p->q_len},
        {"problem.scale", p->scale},
        {"problem.softcap", p->softcap},
        {"the mask's number of allowed pairs", mask ? (double)attn_mask_area(mask) : -1.0},
        {"the mask (the upper half of its hash)", (double)(pairs >> 32)},
        {"the mask (the lower half of its hash)", (double)(pairs & UINT32_MAX)},
        {"config.mechanism", (double)c->mechanism},
        {"config.sharding", (double)c->sharding},
        {"config.ulysses", (double)c->ulysses},
        {"config.windows", (double)c->windows},
        {"config.head_first", (double)c->head_first},
        {"config.exchanges", (double)c->exchanges},
        {"config.sparse", (double)c->sparse},
        {"config.keep", (double)c->keep},
        {"config.documents", (double)c->documents},
        {"config.document_lengths (the upper half of their hash)", (double)(documents >> 32)},
        {"config.document_lengths (the lower half of their hash)", (double)(documents & UINT32_MAX)},
        {"config.chunks", (double)c->chunks},
        {"config.capacity", (double)c->capacity},
    };
    enum { SAME = sizeof same / sizeof same[0] };
    double numbers[SAME];
    const char *names[SAME];
    _Static_assert((int)SAME <= (int)ATTN_COMPARED, "they are compared at once");
    for (int i = 0; i < SAME; i++) {
        numbers[i] = same[i].number;
        names[i] = same[i].name;
    }
    return attn_transport_compare(transport, &call, numbers, names, SAME);
}
