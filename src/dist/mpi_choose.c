/* Context parallelism over MPI: mechanism, grid and sharding where the caller leaves them to the plan. Rank 0 chooses, as processors may differ. */
#include "dist/mpi_machine.h"
#include "dist/mpi_plan.h"

#include "dist/cp/predict.h"

#include <stdio.h>

/* May the caller's other wishes have this? */
static bool is_allowed(const attn_mpi_plan_config *config, const struct attn_cp_choice *choice) {
    const struct attn_cp_config *c = &choice->config;
    return choice->prediction.status == ATTN_OK && (config->documents == 0 || c->grid.mechanism != ATTN_CP_HYBRID) &&
           (config->sharding == ATTN_MPI_SHARD_AUTO || c->grid.ring == 1 || (int)config->sharding == (int)c->sharding) &&
           (config->ulysses == 0 || config->ulysses == c->grid.ulysses) && (config->windows == 0 || config->windows == c->grid.windows);
}

/* Rank 0's choice: the fastest, forward and backward, by the cost model. */
static attn_status choose(attn_mpi_plan *plan, const attn_problem *filled, const attn_mask *mask, struct attn_grid *grid,
                          enum attn_sharding *sharding, double *seconds) {
    struct attn_cp_machine machine;
    struct attn_cp_choice *choice = NULL;
    int count = 0, best = 0;
    attn_status status = attn_mpi_machine_topology(plan->ctx, plan->config.machine, &machine.topology);
    if (!status) status = attn_speed_usual(plan->ctx, filled, &machine.speed);
    if (status) return status;
    machine.speed.flops = machine.topology.flops;
    status = attn_cp_choose(plan->ctx, filled, mask, plan->transport->count, &machine, &choice, &count);
    while (!status && best < count && !is_allowed(&plan->config, &choice[best])) best++;
    if (!status && best == count)
        status =
            attn_fail(plan->ctx, ATTN_EUNSUPPORTED,
                      ATTN_MPI_PLAN ": no mechanism fits %d ranks with %d heads, config.ulysses %d, config.windows %d and the machine's "
                                    "memory; %s",
                      plan->transport->count, filled->heads, plan->config.ulysses, plan->config.windows,
                      count > 0 && choice[0].prediction.why[0] ? choice[0].prediction.why : "leave them 0");
    if (!status) {
        *grid = choice[best].config.grid;
        *sharding = choice[best].config.sharding;
        *seconds = choice[best].prediction.seconds[0] + choice[best].prediction.seconds[1];
    }
    attn_free(plan->ctx, choice);
    return status;
}

static attn_status choose_for_all(attn_mpi_plan *plan, const attn_problem *filled, const attn_mask *mask, struct attn_cp_config *out) {
    const struct attn_link_call call = {plan->ctx, ATTN_MPI_PLAN, 0};
    struct attn_transport *t = plan->transport;
    struct attn_grid *g = &out->grid;
    double seconds = 0;
    attn_status status = t->rank == 0 ? choose(plan, filled, mask, g, &out->sharding, &seconds) : ATTN_OK;
    status = attn_transport_agree(t, &call, status);
    if (status) return status;
    double numbers[] = {g->mechanism, g->ulysses, g->ring, g->windows, g->head_first, out->sharding, seconds};
    status = attn_transport_share(t, &call, numbers, sizeof numbers / sizeof numbers[0]);
    if (status) return status;
    *g = (struct attn_grid){.mechanism = (enum attn_mechanism)numbers[0],
                            .ulysses = (int)numbers[1],
                            .ring = (int)numbers[2],
                            .windows = (int)numbers[3],
                            .head_first = numbers[4] != 0};
    out->sharding = (enum attn_sharding)numbers[5];
    snprintf(plan->why, sizeof plan->why, "of all mechanisms, grids and shardings the fastest by the cost model: %.3g s %s", numbers[6],
             filled->features & ATTN_BACKWARD ? "forward and backward" : "forward");
    return ATTN_OK;
}

attn_status attn_mpi_plan_choose(attn_mpi_plan *plan, const attn_problem *filled, const attn_mask *mask, struct attn_cp_config *out) {
    const attn_mpi_plan_config *config = &plan->config;
    const enum attn_mechanism mechanism = (enum attn_mechanism)config->mechanism;
    const bool given = config->sharding != ATTN_MPI_SHARD_AUTO;
    *out = (struct attn_cp_config){.chunks = config->chunks,
                                   .capacity = config->capacity,
                                   .exchanges = config->exchanges,
                                   .sparse = config->sparse != 0,
                                   .keep = config->keep != 0};
    if (config->mechanism == ATTN_MPI_AUTO) return choose_for_all(plan, filled, mask, out);
    snprintf(plan->why, sizeof plan->why, "config.mechanism asks for it");
    out->sharding = given ? (enum attn_sharding)config->sharding : mechanism == ATTN_CP_ULYSSES ? ATTN_SHARD_CONTIGUOUS : ATTN_SHARD_ZIGZAG;
    out->grid = (struct attn_grid){.mechanism = mechanism, .ulysses = 1, .ring = plan->transport->count, .windows = 1};
    if (mechanism == ATTN_CP_HYBRID) return ATTN_OK;
    return attn_grid_make(plan->ctx, mechanism, plan->transport->count, filled->heads, filled->kv_heads, config->ulysses, config->windows,
                          config->head_first != 0, &out->grid);
}
