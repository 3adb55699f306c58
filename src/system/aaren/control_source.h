/* Where training's steps come from: a file's episodes or the point mass's, some of them held out. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_SOURCE_H
#define ATTN_SYSTEM_AAREN_CONTROL_SOURCE_H

#include "system/aaren/control_model.h"
#include "system/aaren/control_point.h"

/* Zeros: not read. */
struct attn_aaren_control_source {
    struct attn_aaren_episodes episodes;
    bool *train;    /* [episodes]; the others are held out */
    int64_t *index; /* [trained]: episodes to train on */
    int64_t *first; /* [trained + 1]: where their steps begin among those of training */
    int64_t trained;
};

/* path "": `count` episodes of the point mass. held: share of the episodes that are held out, evenly spread, at least one; one at least is trained on. */
attn_status attn_aaren_control_source_open(attn_ctx *ctx, const char *path, enum attn_aaren_behaviour behaviour, uint64_t seed,
                                           int64_t count, double held, struct attn_aaren_control_source *out);
void attn_aaren_control_source_close(attn_ctx *ctx, struct attn_aaren_control_source *source);

/* Where example `example` of a step begins: an episode by its length, and in it any step, which is any step of training. */
struct attn_aaren_control_place {
    int64_t episode, step;
};
struct attn_aaren_control_place attn_aaren_control_draw(const struct attn_aaren_control_source *source, uint64_t seed, int64_t step,
                                                        int64_t example);

/* As many steps from there as sequence `sequence` of the batch has room for; what is behind the episode's end is empty, on the right: causal models never see it
 * (the paper has it on the left, and masks it). */
void attn_aaren_control_fill(const struct attn_aaren_episodes *episodes, const struct attn_aaren_control_scale *scale,
                             struct attn_aaren_control_place place, int64_t sequence, struct attn_aaren_control_batch *batch);

#endif
