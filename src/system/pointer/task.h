/* What the tasks of Pointer Networks share: a job's own memory, and what is done with it besides training. */
#ifndef ATTN_SYSTEM_POINTER_TASK_H
#define ATTN_SYSTEM_POINTER_TASK_H

#include "system/pointer/decode.h"
#include "system/pointer/reinforce.h"
#include "system/pointer/shortest.h"
#include "system/pointer/source.h"
#include "train/job.h"

enum {
    ATTN_POINTER_FIGURES = 4, /* at most, of one number of points by one way of decoding; and of all together */
    ATTN_POINTER_TESTS = 16,
    ATTN_POINTER_TEST_BATCH = 128
};

struct attn_pointer_task {
    struct attn_pointer_problem problem;
    struct attn_pointer_model model;
    struct attn_transformer transformer; /* model=transformer, and its training */
    struct attn_reinforce reinforce;
    struct attn_pointer_source source; /* of training */
    struct attn_pointer_batch batch;
    struct attn_pointer_decoding decoding;
    int64_t test[ATTN_POINTER_TESTS]; /* numbers of points that it is tested on */
    int tests;
    int64_t test_examples, wide_beams; /* wide_beams: of further figures; 0: none */
    bool by_token;                     /* the loss is a mean over tokens */
    void *scratch;                     /* the source's */
};

/* From here on seeds are of tests; below, as far as a recipe's seed goes, of training. */
#define ATTN_POINTER_TEST_SEEDS ((uint64_t)1 << 31)

/* attn_task.evaluate, .predict and .picture: task_evaluate.c, task_predict.c, task_picture.c. */
attn_status attn_pointer_evaluate(struct attn_job *job, const char *data, struct attn_figures *out);
attn_status attn_pointer_predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out);
attn_status attn_pointer_picture(struct attn_job *job, int64_t index, struct attn_picture *out);

/* attn_task.references of pointer/tsp: "nearest_5", "a1_5", "a2_5", "a3_5" and, where all answers were tours, "optimal_5", mean lengths up to 50 cities. */
attn_status attn_pointer_references(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_figures *figures);

/* model=transformer, of the words of the field: task_transformer.c checks the recipe, and makes the model when the source is open. */
enum { ATTN_POINTER_TRANSFORMER = 3 };
attn_status attn_pointer_transformer_check(struct attn_job *job);
attn_status attn_pointer_transformer_open(struct attn_job *job);

/* Whether the model has words for answers among n points. */
bool attn_pointer_can_say(const struct attn_pointer_task *task, int64_t n);
/* Whether the recipe's tests have a number of points that it has words for, and no more figures than an evaluation can tell. */
attn_status attn_pointer_tests_fit(const struct attn_job *job);

/* attn_pointer_can_say; if not, ATTN_EUNSUPPORTED with what it has. */
attn_status attn_pointer_task_fits(const struct attn_job *job, int64_t n);

#endif
