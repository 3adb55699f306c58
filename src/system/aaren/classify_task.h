/* The task aaren/classify: a job's own memory, and what is done with it besides training. */
#ifndef ATTN_SYSTEM_AAREN_CLASSIFY_TASK_H
#define ATTN_SYSTEM_AAREN_CLASSIFY_TASK_H

#include "system/aaren/classify_data.h"
#include "system/aaren/classify_model.h"

enum { ATTN_AAREN_CLASSIFY_TEST_BATCH = 64 };

struct attn_aaren_classify_task {
    struct attn_aaren_classify_source source;
    struct attn_aaren_classify_data data;
    struct attn_aaren_classify_model model;
    int64_t batch;
    int64_t *order, *index; /* [train.cases] the epoch's order, [batch] */
    int64_t epoch;          /* whose order that is; -1: none */
    double nearest;         /* accuracy of the nearest neighbour on the tests; NaN: not computed yet */
    /* Of streams. */
    char (*input_name)[32];
    const char **input, **output;
    attn_real *row; /* [channels] */
    double *sums;   /* [classes] */
};

/* attn_task.evaluate: classify_evaluate.c; .predict: classify_predict.c; .picture: classify_picture.c; .stream and .push: classify_stream.c. */
attn_status attn_aaren_classify_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_aaren_classify_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
attn_status attn_aaren_classify_picture(struct attn_job *job, int64_t index, struct attn_picture *out);
attn_status attn_aaren_classify_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out);
attn_status attn_aaren_classify_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in,
                                     double *out);

/* attn_task.export_c: classify_export.c. */
attn_status attn_aaren_classify_export(struct attn_job *job, struct attn_c_source *c);

/* Reads the data of a saved model, where that has not been done. */
attn_status attn_aaren_classify_load(struct attn_job *job);

/* The accuracy of the class of the nearest case of `a` and `b` (b NULL: of `a` alone) by Euclidean distance over all steps and channels, of equal distances the first,
 * for the cases of `test`; threads share the cases. */
attn_status attn_aaren_classify_nearest(attn_ctx *ctx, const struct attn_aaren_classify_set *a, const struct attn_aaren_classify_set *b,
                                        const struct attn_aaren_classify_set *test, double *accuracy);

/* Confusion of a set's cases, counts [classes, classes] as attn_confusion_count, and the mean loss. */
attn_status attn_aaren_classify_measure(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t *counts, double *loss);

/* The picture of one case: probabilities of the classes behind each step, the channels above. */
attn_status attn_aaren_classify_draw(struct attn_job *job, const struct attn_aaren_classify_set *set, int64_t index,
                                     struct attn_picture *out);

#endif
