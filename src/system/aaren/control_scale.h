/* What a trained model knows of its data: how many numbers there are, and how they are scaled. It is saved with the model, as JSON. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_SCALE_H
#define ATTN_SYSTEM_AAREN_CONTROL_SCALE_H

#include "system/aaren/control_episodes.h"

struct attn_aaren_control_scale {
    int64_t observations, actions, horizon; /* horizon: steps that have a learned vector of their own; later ones have the last one's */
    double returns;                         /* a return-to-go is divided by this */
    double target;                          /* the return to go for, where nothing else is asked */
    double *mean, *deviation;               /* [observations]: observations less `mean`, over `deviation` */
    double *middle, *half;                  /* [actions]: actions less `middle`, over `half` */
};

/* Which actions are bounded: of bounded ones middle and half are those of the data's range (0 and 1 where it lies within [-1, 1]), of others mean and deviation. */
struct attn_aaren_control_wish {
    double returns; /* 0: the greatest return-to-go of the episodes, by amount */
    double target;  /* NaN: the greatest return of the episodes */
    int64_t horizon;
    bool bounded;
};

/* From the steps of the episodes that `train` (one truth for each) names; freed by attn_aaren_control_scale_free. */
attn_status attn_aaren_control_scale_make(attn_ctx *ctx, const struct attn_aaren_episodes *episodes, const bool *train,
                                          const struct attn_aaren_control_wish *wish, struct attn_aaren_control_scale *out);
void attn_aaren_control_scale_free(attn_ctx *ctx, struct attn_aaren_control_scale *scale);

/* As JSON, freed by attn_free, and back. ATTN_EINVAL: the text is no such object, with what is wrong. */
attn_status attn_aaren_control_scale_text(attn_ctx *ctx, const struct attn_aaren_control_scale *scale, char **text);
attn_status attn_aaren_control_scale_parse(attn_ctx *ctx, const char *text, struct attn_aaren_control_scale *out);

#endif
