/* Context parallelism of a training: groups of neighbouring processes share each sequence, and the groups share a step's micro-batches. */
#ifndef ATTN_TRAIN_CONTEXT_PARALLEL_H
#define ATTN_TRAIN_CONTEXT_PARALLEL_H

#include "dist/ranks.h"
#include "train/job.h"

struct attn_context_parallel {
    int group, groups, number;        /* processes of a group; groups; that of this process */
    struct attn_transport *transport; /* NULL: sequences are whole, as is split */
    struct attn_token_split *split;
};

/* The groups of `processes` processes. ATTN_EINVAL: the recipe wants others. */
attn_status attn_context_groups(attn_ctx *ctx, const struct attn_recipe *recipe, int processes, int *group);

/* The same of an open job, whose model must be one whose sequences can be split: ATTN_EUNSUPPORTED. Nothing is opened. */
attn_status attn_context_check(const struct attn_job *job, int processes);

/* For a job that has been checked; all processes call it. ranks NULL: one. Closed by attn_context_close, also after a failure. */
attn_status attn_context_open(struct attn_job *job, const struct attn_ranks *ranks, struct attn_context_parallel *out);
void attn_context_close(struct attn_context_parallel *context);

/* From here on the job's sequences are split, or whole again. */
void attn_context_split(const struct attn_context_parallel *context, struct attn_job *job, bool split);

/* attn_job_cost with the group's processes, which must all come: memory is that of a part. */
attn_status attn_context_cost(const struct attn_context_parallel *context, struct attn_job *job);

/* What the machine refuses one process, or a process that is lost, ends a pass in its midst: the others wait for messages of that pass, so nothing can be
 * agreed on. Such a process goes, with its sentence. */
bool attn_context_refused(const struct attn_context_parallel *context, attn_status status);
/* Any process's failure becomes that of all in its group, but for what attn_context_refused says, which comes back at once. */
attn_status attn_context_agree(const struct attn_context_parallel *context, attn_ctx *ctx, int64_t step, attn_status status);

#endif
