/* A task, and a job: one recipe of a task being trained, evaluated or asked.
 *
 * A batch is cut into micro-batches: attn_task.loss records one of them, and the gradients are added in a fixed tree, so that they are the same
 * bits wherever the micro-batches are computed. What a step sees depends on the recipe and on the step's number alone: there is no position
 * in the data to be saved. */
#ifndef ATTN_TRAIN_JOB_H
#define ATTN_TRAIN_JOB_H

#include "attn_train.h"
#include "base/watch.h"
#include "io/safetensors.h"
#include "train/picture.h"
#include "train/recipe.h"

#include <stdio.h>

enum { ATTN_FIGURES = 96 };

/* Figures of an evaluation: the first is the one that decides. */
struct attn_figure {
    char name[48];
    double value;
};
struct attn_figures {
    struct attn_figure at[ATTN_FIGURES];
    int count;
};
void attn_figures_add(struct attn_figures *figures, const char *name, double value);
/* NaN: there is none of this name. */
double attn_figures_get(const struct attn_figures *figures, const char *name);

/* Losses in bins: of tokens by how often training has seen the pair of each and the token before it, apart for pairs that stand earlier in the context. */
enum { ATTN_LOSS_BINS = 8 };
struct attn_loss_sum {
    double loss; /* summed */
    int64_t tokens;
};
struct attn_loss_bin {
    char name[32]; /* the counts, "4-15" */
    struct attn_loss_sum repeated, fresh;
};
struct attn_loss_bins {
    struct attn_loss_bin at[ATTN_LOSS_BINS];
    int count;
};

/* What a model takes (train/cost.h). */
struct attn_cost {
    double forward_flops, step_flops; /* of one example: forward alone, and with its gradients; as attn_tape_flops counts. NaN: not known */
    int64_t state_bytes, paper_state_bytes; /* of one sequence of `length` tokens, token by token, in floats: attn_sequence_state,
                                               attn_sequence_paper_state; of a stream of as many rows: attn_stream_face.state. -1: it has no such
                                               form */
};

struct attn_job {
    attn_ctx *ctx;
    const struct attn_task *task;
    const struct attn_recipe *recipe;
    attn_model *model;
    const attn_mixer_kind *const *kinds; /* mixers of plugins */
    int kind_count;
    const char *saved;       /* in open: attn_task.extra of the saved model, "" where it has none; NULL: a new model */
    int64_t epoch_steps;     /* set by attn_task.open: batches of one pass over the data; 0: data do not repeat */
    void *self;              /* the task's own, of attn_task.bytes, zeros before open */
    attn_sequence *sequence; /* set by attn_sequence_from_recipe, with length; NULL: another kind of model */
    int64_t length; /* set by attn_task.open: tokens that a sequence has at most, or rows of a stream that are seen at once; 0: neither */
    struct attn_cost cost; /* where costed */
    bool costed;
};

/* How a model answers; a task reads what it has a use for. */
struct attn_predict_options {
    int64_t tokens;     /* of a continuation */
    double temperature; /* 0: the likeliest token; 1: drawn as the model says */
    uint64_t seed;
    const char *input;              /* the name of `in`, for messages */
    bool check;                     /* exact answers stand beside the model's */
    const struct attn_watch *watch; /* told of each of them that takes minutes; NULL: nobody watches */
    struct attn_picture *picture;   /* of the first thing that is asked, filled in; freed by attn_picture_free. NULL: not wanted */
};

/* A model as a function of rows of numbers, one after another. names live as long as the job. */
enum { ATTN_STREAM_COLUMNS = 1024 };
struct attn_stream_face {
    int inputs, outputs; /* at most ATTN_STREAM_COLUMNS */
    const char *const *input_name, *const *output_name;
    int64_t state; /* numbers; -1: the model has no such form */
    bool constant; /* state does not depend on `tokens`: rows may come for ever */
};

/* Fields that a model reads only where another field has one of some values. */
struct attn_field_condition {
    const char *fields; /* "hidden+init" */
    const char *by;     /* the other field */
    const char *values; /* "lstm+attention"; "": where it is empty */
};

/* Asks a measurement to end early. */
struct attn_halt {
    bool (*asked)(void *user); /* NULL: nobody does */
    void *user;
    bool heard; /* set by who was asked and has ended: its figures are none */
};

struct attn_c_source;
struct attn_task {
    const char *name;    /* "zoology/mqar" */
    const char *summary; /* one line */
    const struct attn_recipe_field *fields;
    int field_count;
    const char *const *changes;                    /* "lr=0.001": defaults of its own for the trainer's fields; NULL behind the last */
    const struct attn_field_condition *conditions; /* the last one has NULLs; NULL: none */
    const char *figure;                            /* the first of evaluate's figures */
    bool lower;                                    /* it is the better the lower it is */
    const char *along, *panel; /* fields along the axis and of the panels of the paper's plot of it; NULL: those that vary most */
    const char *series;        /* figures by size, SERIES_N, as "accuracy" of accuracy_5 and accuracy_10; NULL: none */
    const char *series_axis;   /* what N counts, and the field that says of which sizes training's examples are, "10" or "5-10" */
    bool beside;               /* reports show what the arms of an experiment answer beside each other (picture) */
    size_t bytes;

    /* Reads what the recipe names and makes the model's parameters. */
    attn_status (*open)(struct attn_job *job);
    /* The loss of micro-batch `micro` of `micros` of step `step`, recorded: those of a step add up to the batch's. NULL: the tape says why. */
    attn_tensor *(*loss)(struct attn_job *job, int64_t step, int64_t micro, int64_t micros);
    /* Figures on data that no step sees. Nothing is recorded. data: a file of the user's own in the task's format, NULL: the recipe's. */
    attn_status (*evaluate)(struct attn_job *job, const char *data, struct attn_figures *out);
    /* The same data seen by another model of the task: figures of both and their differences. NULL: the task compares no models. */
    attn_status (*compare)(struct attn_job *job, struct attn_job *against, const char *data, struct attn_figures *out);
    /* Losses by how often training has seen what is predicted. NULL: the task has no such bins. */
    attn_status (*bins)(struct attn_job *job, const char *data, struct attn_loss_bins *out);
    /* Logits [1, T, vocabulary] at each of T tokens; NULL: the tape says why. NULL: the task's examples are no tokens. */
    attn_tensor *(*logits)(struct attn_job *job, int64_t tokens, const int32_t *token);
    /* Answers what is read, line by line; NULL: the task has no such use. */
    attn_status (*predict)(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
    /* Picture number `index`, from 0 on, of what the model answers; *out is zeros before, stays empty where there are no more, and is freed by
     * attn_picture_free. NULL: the task has no pictures. */
    attn_status (*picture)(struct attn_job *job, int64_t index, struct attn_picture *out);
    /* The model as a stream of at most `tokens` rows. Inputs and outputs are in the units of the user's files. NULL, as push: the task has none. */
    attn_status (*stream)(struct attn_job *job, int64_t tokens, struct attn_stream_face *out);
    /* One row: in [inputs], a missing one is NaN, whose meaning is the task's; out [outputs]. position: rows pushed before, below tokens; a row may be
     * several tokens inside. state: zeros before the first. Allocates nothing after the first; the rows one by one are what loss sees at once, up to
     * roundings. */
    attn_status (*push)(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out);
    /* Describes the model as C for microcontrollers: what a push computes of a row (train/c_source.h). ATTN_EUNSUPPORTED: this model cannot be written so, with what
     * can. NULL: no model of the task can. */
    attn_status (*export_c)(struct attn_job *job, struct attn_c_source *out);
    /* Writes the data that training would see as text, `count` examples; NULL: none are generated. */
    attn_status (*generate)(struct attn_job *job, int64_t count, FILE *out);
    /* A text that belongs to the model, as the tokenizer's, freed by attn_free; NULL, or *text NULL: none. */
    attn_status (*extra)(struct attn_job *job, char **text);
    /* Adds to a run's figures those of its test examples that no model has a part in, as what another method makes of them, for claims and tables to compare
     * with; they follow from the recipe. What the run has told itself stays. NULL: none. */
    attn_status (*references)(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_figures *figures);
    void (*close)(struct attn_job *job);

    /* A task that is measured, not trained (train/measured.h): the figures of what a recipe describes, whose seed is the number of the repeat. It has no
     * model and no other function but `seconds`, and the seed alone of the trainer's fields. NULL: the task is trained. */
    attn_status (*measure)(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_halt *halt, struct attn_figures *out);
    double (*seconds)(const struct attn_recipe *recipe); /* that it takes, about */
};

/* For the predict of tasks that have no exact answers and no pictures: ATTN_EUNSUPPORTED where either is asked for. */
attn_status attn_predict_plain(const struct attn_job *job, const struct attn_predict_options *options);

/* The trainer's own fields, which every task has that is trained; the first is the seed. */
extern const struct attn_recipe_field attn_trainer_fields[];
extern const int attn_trainer_field_count;

/* The recipe of a task with its defaults. */
attn_status attn_task_recipe(attn_ctx *ctx, const struct attn_task *task, struct attn_recipe **out);

/* Where by the task's or the trainer's conditions a recipe's field is not read: the value of the other field that says so; NULL: it is read. */
const struct attn_recipe_value *attn_task_unread(const struct attn_task *task, const struct attn_recipe *recipe, const char *field);

/* Makes the model and opens the task. `extra`: the text of a saved model, or NULL. Closed by attn_job_close, also after a failure. */
attn_status attn_job_open(attn_ctx *ctx, const struct attn_task *task, const struct attn_recipe *recipe,
                          const attn_mixer_kind *const *kinds, int kind_count, const char *extra, struct attn_job *out);
void attn_job_close(struct attn_job *job);

#endif
