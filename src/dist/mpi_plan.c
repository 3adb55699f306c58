/* Context parallelism over MPI: made, executed, freed. */
#include "dist/mpi_plan.h"
#include "dist/start.h"

#include "dist/cp/count.h"

#include <assert.h>
#include <stdio.h>

_Static_assert((int)ATTN_MPI_ULYSSES == ATTN_CP_ULYSSES && (int)ATTN_MPI_RING == ATTN_CP_RING &&
                   (int)ATTN_MPI_ALLGATHER == ATTN_CP_ALLGATHER && (int)ATTN_MPI_USP == ATTN_CP_USP &&
                   (int)ATTN_MPI_LOONGTRAIN == ATTN_CP_LOONGTRAIN && (int)ATTN_MPI_HYBRID == ATTN_CP_HYBRID,
               "mechanisms have the numbers of grid.h");
_Static_assert((int)ATTN_MPI_SHARD_CONTIGUOUS == ATTN_SHARD_CONTIGUOUS && (int)ATTN_MPI_SHARD_ZIGZAG == ATTN_SHARD_ZIGZAG &&
                   (int)ATTN_MPI_SHARD_STRIPE == ATTN_SHARD_STRIPE && (int)ATTN_MPI_SHARD_MINHEAP == ATTN_SHARD_MINHEAP,
               "shardings have the numbers of shard.h");
_Static_assert((int)ATTN_MPI_TRAFFIC_HEADS == ATTN_TRAFFIC_HEADS && (int)ATTN_MPI_TRAFFIC_ROWS == ATTN_TRAFFIC_ROWS &&
                   (int)ATTN_MPI_TRAFFIC_KEYS == ATTN_TRAFFIC_KEYS && (int)ATTN_MPI_TRAFFIC_GRADIENTS == ATTN_TRAFFIC_GRADIENTS &&
                   (int)ATTN_MPI_TRAFFIC_LONG_KEYS == ATTN_TRAFFIC_LONG_KEYS &&
                   (int)ATTN_MPI_TRAFFIC_LONG_GRADIENTS == ATTN_TRAFFIC_LONG_GRADIENTS && (int)ATTN_MPI_TRAFFIC_KINDS == ATTN_TRAFFIC_KINDS,
               "traffic has the numbers of transport.h");

void attn_mpi_plan_config_init(attn_mpi_plan_config *config) {
    *config = (attn_mpi_plan_config){.size = sizeof *config,
                                     .comm = MPI_COMM_WORLD,
                                     .deadline = 60.0,
                                     .mechanism = ATTN_MPI_AUTO,
                                     .sharding = ATTN_MPI_SHARD_AUTO,
                                     .exchanges = 1,
                                     .sparse = 1};
}

attn_status attn_mpi_plan_done(attn_mpi_plan *plan, attn_status status) {
    char text[1024];
    if (!plan->transport->lost || plan->told_of_losing || !plan->config.lost) return status;
    plan->told_of_losing = true;
    plan->config.lost(plan->config.lost_user, status, attn_ctx_error(plan->ctx, text, sizeof text));
    return status;
}

/* -------------------------------------------------------------------------------------------------- created */

/* The documents that are sharded, in memory of the context; of hybrid and a choice of the plan those of the mask where none are given. */
static attn_status list_documents(attn_ctx *ctx, const attn_mpi_plan_config *config, const struct attn_cp_config *cp, const attn_mask *mask,
                                  int64_t tokens, struct attn_document **document, int64_t *documents) {
    int64_t end = 0;
    *document = NULL;
    *documents = config->documents;
    if (!config->documents)
        return cp->grid.mechanism == ATTN_CP_HYBRID || (config->mechanism == ATTN_MPI_AUTO && cp->sharding == ATTN_SHARD_ZIGZAG)
                   ? attn_mask_documents(ctx, mask, tokens, document, documents)
                   : ATTN_OK;
    *document = attn_alloc(ctx, (size_t)config->documents * sizeof **document);
    if (!*document) return attn_no_memory(ctx, ATTN_MPI_PLAN, (size_t)config->documents * sizeof **document);
    for (int64_t n = 0; n < config->documents; n++) {
        (*document)[n] = (struct attn_document){end, config->document_lengths[n]};
        end += config->document_lengths[n];
    }
    return ATTN_OK;
}

/* The same schedule on a transport that counts. */
static attn_status count_bytes(attn_mpi_plan *plan, const attn_problem *problem, const attn_mask *mask,
                               const struct attn_cp_config *config) {
    struct attn_transport counts;
    struct attn_cp *cp = NULL;
    attn_count_open(plan->transport->rank, plan->transport->count, &counts);
    attn_status status = attn_cp_open(plan->ctx, problem, mask, config, &counts, &cp);
    for (int pass = 0; pass < 2 && !status; pass++) {
        if (pass && !(problem->features & ATTN_BACKWARD)) break;
        int64_t before = plan->sent[0];
        status = pass ? attn_cp_backward(cp, NULL, NULL) : attn_cp_forward(cp, NULL);
        for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) plan->sent[pass] += counts.sent[kind].bytes;
        plan->sent[pass] -= before;
    }
    attn_cp_close(cp);
    return status;
}

static attn_status open_inside(attn_mpi_plan *plan, const attn_problem *problem, const attn_mask *mask) {
    const struct attn_link_call call = {plan->ctx, ATTN_MPI_PLAN, 0};
    struct attn_transport *t = plan->transport;
    attn_ctx *ctx = plan->ctx;
    attn_problem filled = {0};
    struct attn_cp_config config;
    struct attn_document *document = NULL;
    attn_status status = attn_transport_agree(t, &call, attn_mpi_plan_check(ctx, problem, &plan->config, &filled));
    if (!status) status = attn_mpi_plan_compare(ctx, &filled, mask, &plan->config, t);
    if (status) return status;
    status = attn_mpi_plan_choose(plan, &filled, mask, &config);
    if (!status) status = list_documents(ctx, &plan->config, &config, mask, filled.q_len, &document, &plan->documents);
    config.document = document;
    config.documents = plan->documents;
    status = attn_transport_agree(t, &call, status);
    if (!status) status = attn_cp_open(ctx, problem, mask, &config, t, &plan->cp);
    if (!status) status = attn_transport_agree(t, &call, count_bytes(plan, problem, mask, &config));
    attn_free(ctx, document);
    return status;
}

static void free_plan(attn_mpi_plan *plan) {
    attn_cp_close(plan->cp);
    plan->transport->close(plan->transport);
    attn_free(plan->ctx, plan);
}

attn_status attn_mpi_plan_create(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const attn_mpi_plan_config *config,
                                 attn_mpi_plan **out) {
    attn_mpi_plan_config defaults;
    attn_mpi_plan_config_init(&defaults);
    if (!config) config = &defaults;
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, ATTN_MPI_PLAN ": out is NULL, expected a place for the plan");
    *out = NULL;
    attn_status status = attn_mpi_check_alone(ctx, ATTN_MPI_PLAN, "attn_mpi_plan_config_init", config->size, sizeof *config, config->comm);
    if (status) return status;
    attn_mpi_plan *plan = attn_alloc(ctx, sizeof *plan);
    if (!plan) return attn_no_memory(ctx, ATTN_MPI_PLAN, sizeof *plan);
    *plan = (attn_mpi_plan){.ctx = ctx, .config = *config};
    status = attn_mpi_transport_open(ctx, config->comm, config->deadline > 0.0 ? config->deadline : defaults.deadline, 0, &plan->transport);
    if (status) {
        attn_free(ctx, plan);
        return status;
    }
    status = attn_mpi_plan_done(plan, open_inside(plan, problem, mask));
    plan->config.document_lengths = NULL;
    if (!status)
        *out = plan;
    else if (!plan->transport->lost)
        free_plan(plan);
    return status;
}

void attn_mpi_plan_destroy(attn_mpi_plan *plan) {
    if (plan && !plan->transport->lost) free_plan(plan);
}

/* ------------------------------------------------------------------------------------------------- executed */

attn_status attn_mpi_forward(attn_mpi_plan *plan, const attn_args *args) {
    return plan ? attn_mpi_plan_done(plan, attn_cp_forward(plan->cp, args)) : ATTN_EINVAL;
}

attn_status attn_mpi_backward(attn_mpi_plan *plan, const attn_args *args, const attn_gradients *gradients) {
    return plan ? attn_mpi_plan_done(plan, attn_cp_backward(plan->cp, args, gradients)) : ATTN_EINVAL;
}

/* ---------------------------------------------------------------------------------------------------- asked */

int64_t attn_mpi_plan_places(const attn_mpi_plan *plan) {
    return plan->cp->places;
}

void attn_mpi_plan_tokens(const attn_mpi_plan *plan, int64_t *token) {
    attn_cp_tokens(plan->cp, token);
}

size_t attn_mpi_plan_workspace(const attn_mpi_plan *plan) {
    return plan->cp->workspace;
}

void attn_mpi_plan_traffic(const attn_mpi_plan *plan, attn_mpi_traffic *out) {
    const struct attn_transport *t = plan->transport;
    *out = (attn_mpi_traffic){.waited = t->waited};
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) {
        out->messages[kind] = t->sent[kind].messages;
        out->bytes[kind] = t->sent[kind].bytes;
    }
}
