/* Claims: sentences of a paper, made executable. An experiment says what is trained: arms that differ in some fields, all tuned over the same
 * values of the same fields, with the same seeds. A claim compares arms of an experiment, at each scale on an experiment of its own.
 *
 * Of each arm and seed the best figure over the tuning counts, as in the papers, once all of the tuning is done; a run that failed has none. A claim makes
 * one number of each seed's figures, which must be at least the threshold, and a difference or a sum above it. The verdict comes from the 95% interval of its mean
 * over the seeds. */
#ifndef ATTN_TRAIN_CLAIM_H
#define ATTN_TRAIN_CLAIM_H

#include "metric/interval.h"
#include "train/system.h"
#include "train/work.h"

enum attn_scale { ATTN_SMOKE, ATTN_QUICK, ATTN_FULL, ATTN_NIGHT, ATTN_PAPER, ATTN_SCALES };
extern const char *const attn_scale_names[]; /* NULL behind the last */

enum { ATTN_ARM_ASSIGNMENTS = 10, ATTN_CLAIM_ARMS = 12, ATTN_CLAIM_SEEDS = 64 };

struct attn_arm {
    const char *name;
    const char *assignments[ATTN_ARM_ASSIGNMENTS]; /* NULL behind the last */
};

struct attn_experiment {
    const char *name, *title;
    const struct attn_task *task;
    const char *const *common; /* assignments of all arms; NULL behind the last */
    /* Of all arms, fields that name files of the folder of data: "data=texts/train.txt.gz"; NULL behind the last, or NULL */
    const char *const *files;
    const char *const *tuning; /* "lr=2e-3,5e-3": of all arms; NULL behind the last */
    const struct attn_arm *arms;
    int arm_count, seeds;
};

enum attn_verdict { ATTN_HOLDS, ATTN_DOES_NOT_HOLD, ATTN_INCONCLUSIVE, ATTN_NOT_TESTED };
extern const char *const attn_verdict_names[];

enum attn_claim_kind {
    ATTN_CLAIM_AT_LEAST, /* the least figure of the arms */
    ATTN_CLAIM_AT_MOST,  /* minus the greatest; the threshold is minus the bound */
    ATTN_CLAIM_ABOVE,    /* by how much the first arm is better than the best of the others */
    ATTN_CLAIM_RISING,   /* the least gain from an arm to the next */
    ATTN_CLAIM_SUMS,     /* the least of `sums` */
    ATTN_CLAIM_CHECK     /* what `check` measures; no arms, no seeds */
};

/* weight times a figure of an arm; a sum ends with a term without an arm. */
struct attn_claim_term {
    double weight;
    const char *arm;
    const char *figure; /* NULL: the claim's */
};

struct attn_claim_scale {
    const struct attn_experiment *experiment; /* NULL: not tested at this scale; a check needs none: */
    bool tested;
    double spread; /* between seeds, recorded before: what one seed alone must exceed */
    enum attn_verdict expected;
    const char *reason; /* why, where it is not that the claim holds */
};

struct attn_claim {
    const char *name, *sentence, *place; /* "attention-recalls"; what the paper says, and where */
    enum attn_claim_kind kind;
    bool lower;                                /* `figure` is the better the lower it is; the task knows of its own */
    const char *arms[ATTN_CLAIM_ARMS];         /* NULL behind the last */
    const char *figure;                        /* of the arms' best runs; NULL: the task's, by which they are the best */
    const struct attn_claim_term *const *sums; /* of ATTN_CLAIM_SUMS, with figures as they are; NULL behind the last */
    double threshold;
    attn_status (*check)(attn_ctx *ctx, double *value);
    struct attn_claim_scale at[ATTN_SCALES];
};

/* What an arm came to. */
struct attn_arm_result {
    double figure[ATTN_CLAIM_SEEDS];               /* the best over the tuning, of each seed; NaN: a run is missing, or all failed */
    struct attn_figures figures[ATTN_CLAIM_SEEDS]; /* all figures of that run, and attn_task.references */
    char best[128];                                /* the tuning of the first seed's best, */
    char folder[ATTN_FILE_PATH / 2];               /* and where that run is; "": none */
    struct attn_recipe recipe;                     /* of its first run; without fields before runs have been read */
    struct attn_interval interval;
    int64_t parameters, runs, done, failed; /* the others are missing, or not at their end */
    double seconds;                         /* of all its runs */
    struct attn_version_count versions;
};

struct attn_claim_result {
    enum attn_verdict verdict;
    struct attn_interval interval; /* of the claim's number */
    bool surprise;                 /* another verdict than expected */
};

/* The folder of data that experiments name files of: the environment's ATTN_DATA. False, with what is missing in `size` bytes: it is not set, or has not all of
 * the experiment's files. */
bool attn_experiment_has_data(const struct attn_experiment *experiment, char *missing, size_t size);

/* The recipes of an experiment, arm by arm, each arm's seeds slowest; `seeds` in place of its own number where it is not 0. */
attn_status attn_experiment_recipes(attn_ctx *ctx, const struct attn_experiment *experiment, int seeds, struct attn_sweep *out);

/* Runs in the order of a store's list, with the text of their recipes. */
struct attn_run_view {
    const struct attn_run_summary *summary;
    const char *recipe;
};
struct attn_run_views {
    const struct attn_run_view *at;
    int64_t count;
    bool *used; /* set for each that is a recipe's run, left alone for the others; NULL: not wanted */
};

/* The rule of tuning, in claims and in the report's figures: of one seed's runs over the values that are tuned the best figure counts, once all of them are
 * done or failed. NaN, and *index -1: one is missing (NULL) or not at its end, or none has the figure. */
double attn_tuning_best(const struct attn_run_summary *const *runs, int64_t count, const char *figure, bool lower, int64_t *index);

/* What runs say of an arm. Runs made of other files or plugins than there are now are none, as in attn_store_find; sources NULL: recipes alone decide. */
attn_status attn_experiment_read(attn_ctx *ctx, const struct attn_experiment *experiment, int seeds, const struct attn_run_views *runs,
                                 struct attn_sources *sources, int arm, struct attn_arm_result *out);

/* The claim's arms by their names, each once: of a claim of sums those of its terms. NULL: there are no more. */
const char *attn_claim_arm(const struct attn_claim *claim, int index);
/* Whether the figures that the claim compares are the better the lower they are. */
bool attn_claim_lower(const struct attn_claim *claim, const struct attn_experiment *experiment);

/* The verdict on a claim from its experiment's arms (results in their order). */
void attn_claim_judge(const struct attn_claim *claim, enum attn_scale scale, const struct attn_arm_result *arms, int seeds,
                      struct attn_claim_result *out);
/* The same of a check's value. */
void attn_claim_judge_value(const struct attn_claim *claim, enum attn_scale scale, double value, struct attn_claim_result *out);

#endif
