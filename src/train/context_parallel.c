#include "train/context_parallel.h"

#include "dist/cp/transport.h"
#include "nn/sequence.h"
#include "tape/token_split.h"
#include "train/cost.h"

#include <assert.h>

attn_status attn_context_groups(attn_ctx *ctx, const struct attn_recipe *recipe, int processes, int *group) {
    const int64_t wanted = attn_recipe_whole(recipe, "context_ranks");
    *group = 1;
    if (attn_recipe_whole(recipe, "context_parallel") == 0) return ATTN_OK;
    *group = wanted == 0 ? processes : (int)wanted;
    if (processes % *group == 0) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "recipe: context_ranks=%d and %d %s: expected a multiple of it (mpirun -n N attn-mpi train ...)",
                     *group, processes, processes == 1 ? "process" : "processes");
}

/* Of a model whose mixers have been checked. */
static attn_status make_grid(const struct attn_job *job, int ranks, int64_t heads, struct attn_grid *out) {
    char word[ATTN_RECIPE_TEXT];
    int field;
    attn_status status = attn_recipe_field_of(job->recipe, "recipe", "context_parallel", &field);
    if (status) return status;
    attn_recipe_value_text(&job->recipe->value[field], word, sizeof word);
    const int mechanism = attn_mechanism_find(word);
    if (mechanism < 0) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "recipe: context_parallel=%s is not known here", word);
    return attn_grid_make(job->ctx, (enum attn_mechanism)mechanism, ranks, (int32_t)heads, (int32_t)heads, 0, 0, true, out);
}

/* *grid: of groups of more than one. */
static attn_status check(const struct attn_job *job, int group, struct attn_grid *grid) {
    int64_t heads;
    if (group == 1) return ATTN_OK;
    if (!job->sequence)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "%s: context_parallel needs a model over tokens; expected context_parallel=none",
                         job->task->name);
    const attn_status status = attn_sequence_check_split(job->sequence, &heads);
    return status ? status : make_grid(job, group, heads, grid);
}

attn_status attn_context_check(const struct attn_job *job, int processes) {
    struct attn_grid grid;
    int group;
    const attn_status status = attn_context_groups(job->ctx, job->recipe, processes, &group);
    return status ? status : check(job, group, &grid);
}

attn_status attn_context_open(struct attn_job *job, const struct attn_ranks *ranks, struct attn_context_parallel *out) {
    const int processes = ranks ? ranks->count : 1;
    struct attn_grid grid;
    *out = (struct attn_context_parallel){.group = 1, .groups = processes};
    attn_status status = attn_context_groups(job->ctx, job->recipe, processes, &out->group);
    if (!status) status = check(job, out->group, &grid);
    if (status) return status;
    out->groups = processes / out->group;
    out->number = ranks ? ranks->rank / out->group : 0;
    if (out->group == 1) return ATTN_OK;
    assert(ranks); /* one process makes groups of one */
    if (!ranks->transport) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "context_parallel: these processes have no messages for it");
    status = ranks->transport(ranks->user, job->ctx, out->group, &out->transport);
    return status ? status : attn_token_split_open(job->ctx, out->transport, &grid, &out->split);
}

void attn_context_close(struct attn_context_parallel *context) {
    attn_token_split_close(context->split);
    if (context->transport) context->transport->close(context->transport);
    context->split = NULL;
    context->transport = NULL;
}

void attn_context_split(const struct attn_context_parallel *context, struct attn_job *job, bool split) {
    attn_model_tape(job->model)->split = split ? context->split : NULL;
}

attn_status attn_context_cost(const struct attn_context_parallel *context, struct attn_job *job) {
    attn_context_split(context, job, true);
    attn_status status = attn_context_agree(context, job->ctx, 0, attn_job_cost(job));
    double flops[] = {job->cost.forward_flops, job->cost.step_flops};
    if (!status) status = attn_token_split_sum(attn_model_tape(job->model), flops, 2);
    attn_context_split(context, job, false);
    job->cost.forward_flops = flops[0];
    job->cost.step_flops = flops[1];
    return status;
}

bool attn_context_refused(const struct attn_context_parallel *context, attn_status status) {
    return context->transport && (status == ATTN_ENOMEM || status == ATTN_ESYSTEM);
}

attn_status attn_context_agree(const struct attn_context_parallel *context, attn_ctx *ctx, int64_t step, attn_status status) {
    if (!context->transport || attn_context_refused(context, status)) return status;
    return attn_transport_agree(context->transport, &(struct attn_link_call){ctx, "losses", step}, status);
}
