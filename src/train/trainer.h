/* The trainer: steps, evaluations, checkpoints and the run's lines, from a job. */
#ifndef ATTN_TRAIN_TRAINER_H
#define ATTN_TRAIN_TRAINER_H

#include "dist/ranks.h"
#include "train/job.h"
#include "train/run.h"

struct attn_train_progress {
    int64_t step, steps;
    double loss;                        /* of the last step */
    double seconds, left;               /* of training so far; predicted for the rest, NaN before it is known */
    double rate;                        /* steps a second */
    const struct attn_figures *figures; /* of an evaluation that was made just now; NULL: none */
};

/* How a training is run: nothing here changes a number. */
struct attn_train_options {
    const struct attn_file_system *system;                                    /* NULL: the operating system's */
    double checkpoint_seconds;                                                /* between checkpoints; 0: only where it is stopped */
    double time_limit;                                                        /* seconds after which it saves and stops; 0: none */
    const struct attn_ranks *ranks;                                           /* NULL: one process */
    bool (*stop)(void *user);                                                 /* asked after every step */
    void (*progress)(void *user, const struct attn_train_progress *progress); /* after every step; NULL */
    void *user;
};

enum attn_train_end { ATTN_TRAIN_DONE, ATTN_TRAIN_STOPPED };

/* Trains `job` in `run` (NULL: nothing is written, as in processes but the first), from its checkpoint where `resume`, which those get from the first,
 * to the end or to a stop, after which there is a checkpoint. figures: of the last evaluation. A loss or gradient that is no number is ATTN_EINVAL, with step, tensor and checkpoint. */
attn_status attn_train(struct attn_job *job, struct attn_run *run, bool resume, const struct attn_train_options *options,
                       enum attn_train_end *end, struct attn_figures *figures);

/* Whether an open job can be trained in so many processes (NULL: one), as attn_train asks too. ATTN_EINVAL: its steps, micro-batches or evaluations cannot
 * be. */
attn_status attn_train_check(const struct attn_job *job, const struct attn_ranks *ranks);

/* The same of a recipe alone, but for its steps, which may follow from the data. */
attn_status attn_train_check_recipe(attn_ctx *ctx, const struct attn_recipe *recipe, const struct attn_ranks *ranks);

/* Steps that the recipe asks of an open job. ATTN_EINVAL: none. */
attn_status attn_train_steps(const struct attn_job *job, int64_t *steps);

#endif
