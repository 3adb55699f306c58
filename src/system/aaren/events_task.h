/* The task aaren/events: a job's own memory, and what is done with it besides training. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_TASK_H
#define ATTN_SYSTEM_AAREN_EVENTS_TASK_H

#include "system/aaren/events_model.h"
#include "system/aaren/events_process.h"
#include "system/aaren/events_score.h"

enum { ATTN_EVENT_TEST_BATCH = 16 };

/* What a stream needs besides its state. */
struct attn_event_face {
    const char **name; /* of the outputs */
    char *text;        /* that they lie in */
    attn_real *code;   /* of one event */
};

struct attn_event_task {
    struct attn_events_options options;
    enum attn_event_split split;
    enum attn_event_last last;
    bool compat, generated; /* generated: there is no file, but a process */
    int64_t length;         /* rows of a piece at most */
    double jitter;          /* by which times of files are moved at most */
    struct attn_process process;
    struct attn_vocabulary marks;
    struct attn_event_facts facts;
    struct attn_event_model model;

    bool loaded;
    struct attn_events events[ATTN_EVENT_PARTS]; /* one file has all parts */
    struct attn_event_part part[ATTN_EVENT_PARTS];
    int64_t *order; /* of training's pieces in an epoch, [epoch_steps batches] */
    int64_t epoch;  /* whose order it is, from 1 on; 0: none's */
    int64_t batch_size;
    uint64_t seed;
    struct attn_event_batch batch;
    struct attn_event_face face;
};

/* Sequences and parts of the recipe's data, if they are not there yet: events_data.c. */
attn_status attn_event_task_load(struct attn_job *job);
/* A table in the recipe's form, its times moved by the recipe's jitter. known: as in attn_events_read. */
attn_status attn_event_task_read(struct attn_job *job, const char *path, const struct attn_vocabulary *known, struct attn_events *out);
/* The first `count` sequences of a generated part. */
attn_status attn_event_task_draw(struct attn_job *job, int part, int64_t count, struct attn_events *out);

/* What a saved model keeps, as JSON: marks and facts. events_extra.c. */
attn_status attn_event_extra_write(attn_ctx *ctx, const struct attn_event_task *task, char **text);
attn_status attn_event_extra_read(attn_ctx *ctx, const char *text, struct attn_event_task *task);

/* Scores a part: events_evaluate.c. */
attn_status attn_event_measure(struct attn_job *job, const struct attn_event_part *part, struct attn_event_score *score);
/* The model's mixtures and logits of marks for a batch, in the tape's memory until its next reset. */
attn_status attn_event_say(struct attn_job *job, const attn_real **times, attn_tensor **marks);

attn_status attn_event_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_event_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
attn_status attn_event_picture(struct attn_job *job, int64_t index, struct attn_picture *out);
attn_status attn_event_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out);
attn_status attn_event_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out);
attn_status attn_event_export(struct attn_job *job, struct attn_c_source *c);
void attn_event_face_close(attn_ctx *ctx, struct attn_event_face *face);

#endif
