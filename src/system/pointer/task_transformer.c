/* pointer/tsp with model=transformer: its part of the recipe, and its parameters. */
#include "system/pointer/task.h"

static attn_status refuse(const struct attn_job *job, const char *found, const char *expected) {
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: %s with model=transformer: expected %s", found, expected);
}

/* Fields of what the other models are fed, and of batches that it cannot take. */
attn_status attn_pointer_transformer_check(struct attn_job *job) {
    const struct attn_recipe *r = job->recipe;
    const long long width = attn_recipe_whole(r, "width"), heads = attn_recipe_whole(r, "heads");
    if (width % heads != 0)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: width=%lld with heads=%lld: expected a multiple of the heads", width, heads);
    if (attn_recipe_whole(r, "batching") == 1) return refuse(job, "batching=mixed", "batching=equal");
    if (attn_recipe_whole(r, "feed") == 1) return refuse(job, "feed=words", "feed=points, as nothing is fed back");
    if (attn_recipe_whole(r, "start") == 1) return refuse(job, "start=learned", "start=zeros, as there are no first states");
    if (attn_recipe_whole(r, "tie_end") != 0) return refuse(job, "tie_end=true", "tie_end=false, as it has no end");
    if (attn_recipe_whole(r, "end_slot") == 0) return refuse(job, "end_slot=false", "end_slot=true, as its tours end by themselves");
    if (attn_recipe_whole(r, "augment") > 0 && (attn_recipe_whole(r, "beam") > 1 || attn_recipe_whole(r, "wide_beam") > 0))
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: augment=%lld with a beam: expected beam=1 and wide_beam=0",
                         (long long)attn_recipe_whole(r, "augment"));
    return ATTN_OK;
}

attn_status attn_pointer_transformer_open(struct attn_job *job) {
    const struct attn_recipe *r = job->recipe;
    struct attn_pointer_task *s = job->self;
    const struct attn_reinforce_config reinforce = {.baseline = (enum attn_baseline)attn_recipe_whole(r, "baseline"),
                                                    .epoch = attn_recipe_whole(r, "baseline_steps"),
                                                    .examples = attn_recipe_whole(r, "baseline_tests")};
    const struct attn_transformer_config config = {.width = attn_recipe_whole(r, "width"),
                                                   .layers = attn_recipe_whole(r, "layers"),
                                                   .heads = attn_recipe_whole(r, "heads"),
                                                   .clip = attn_recipe_number(r, "logit_clip"),
                                                   .any_start = reinforce.baseline == ATTN_BASELINE_STARTS};
    attn_transformer_make(job->model, &config, false, &s->transformer);
    s->model = (struct attn_pointer_model){
        .tape = s->transformer.tape, .augment = attn_recipe_whole(r, "augment"), .transformer = &s->transformer};
    return attn_reinforce_open(job->ctx, job->model, &s->transformer, &reinforce, job->saved ? NULL : &s->source, &s->reinforce);
}
