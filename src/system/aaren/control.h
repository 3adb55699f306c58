/* The task aaren/control: a job's own memory, and what is done with it besides training. */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_H
#define ATTN_SYSTEM_AAREN_CONTROL_H

#include "system/aaren/control_source.h"
#include "train/job.h"

enum { ATTN_CONTROL_ROWS = 128 /* sequences of an evaluation side by side */ };

struct attn_aaren_control {
    const struct attn_aaren_world *world; /* NULL: none to be tried in */
    struct attn_aaren_control_source source;
    struct attn_aaren_control_scale scale;
    struct attn_aaren_decision model;
    struct attn_aaren_control_batch batch; /* room for a step of training, or ATTN_CONTROL_ROWS, of `context` steps */
    int64_t examples, context;             /* of a training step; steps of an example (K) */
    uint64_t seed;
    int32_t *row;      /* [examples * context]: the batch's steps that have an action, */
    attn_real *action; /* [examples * context][A]: and those actions */
    const char **name; /* [1 + S + A]: of the stream's inputs and outputs */
    attn_real *before; /* [ATTN_CONTROL_ROWS][A]: scaled actions of the step before */
};

/* The recipe's episodes, which a saved model reads when they are asked for. */
attn_status attn_aaren_control_episodes(struct attn_job *job);

/* attn_task.evaluate, .predict, .picture, .stream and .push: control_evaluate.c, control_predict.c, control_picture.c, control_stream.c. */
attn_status attn_aaren_control_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_aaren_control_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
attn_status attn_aaren_control_picture(struct attn_job *job, int64_t index, struct attn_picture *out);
attn_status attn_aaren_control_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out);
attn_status attn_aaren_control_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in,
                                    double *out);
/* attn_task.export_c: control_export.c. */
attn_status attn_aaren_control_export(struct attn_job *job, struct attn_c_source *c);

#endif
