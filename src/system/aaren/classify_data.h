/* What the classifier learns from and is tested on: files, or generated series; a part of the training cases is held out for early stopping. */
#ifndef ATTN_SYSTEM_AAREN_CLASSIFY_DATA_H
#define ATTN_SYSTEM_AAREN_CLASSIFY_DATA_H

#include "system/aaren/classify_set.h"
#include "system/aaren/classify_waves.h"

/* What the recipe says of the data. */
struct attn_aaren_classify_source {
    const char *train, *test; /* files; train "": waves, test "": no tests */
    struct attn_aaren_classify_waves waves;
    int64_t train_cases, test_cases; /* of waves */
    double held_out;                 /* share of the training cases */
    bool per_case;
    bool compat; /* as the paper's code base: nothing is held out, tests stop training, and have their own means and deviations */
    uint64_t seed;
};

/* What a model knows of its data, saved with it. */
struct attn_aaren_classify_kind {
    int64_t classes, length; /* length: steps of the longest case, of training or tests */
    char (*name)[ATTN_TS_NAME];
    int64_t *seen; /* [classes]: training cases of each, with those held out */
    struct attn_aaren_classify_scale scale;
};

struct attn_aaren_classify_data {
    struct attn_aaren_classify_kind kind;
    struct attn_aaren_classify_set train, validation, test; /* no cases: there are none */
    bool loaded;
};

/* Reads or makes the cases. known: what a saved model knows, which the data must agree with; NULL: it follows from the data. Closed also after a failure. */
attn_status attn_aaren_classify_data_open(attn_ctx *ctx, const struct attn_aaren_classify_source *source,
                                          struct attn_aaren_classify_data *data);
void attn_aaren_classify_data_close(attn_ctx *ctx, struct attn_aaren_classify_data *data);
void attn_aaren_classify_kind_close(attn_ctx *ctx, struct attn_aaren_classify_kind *kind);

/* The training cases as text, a .ts file: generated ones. */
attn_status attn_aaren_classify_waves_write(attn_ctx *ctx, const struct attn_aaren_classify_source *source, int64_t count, FILE *out);

/* The cases of a file as a model takes them, with labels of its numbers; -1 where the file has none. file stands for it in messages. strict: a class that the
 * model does not know is ATTN_EINVAL, else it is no label. */
attn_status attn_aaren_classify_take(attn_ctx *ctx, const struct attn_aaren_classify_kind *kind, const char *file, struct attn_ts *ts,
                                     bool strict, struct attn_aaren_classify_set *out);

/* The model's knowledge as JSON, freed by attn_free; and back. ATTN_EINVAL with what is wrong. */
attn_status attn_aaren_classify_kind_text(attn_ctx *ctx, const struct attn_aaren_classify_kind *kind, char **text);
attn_status attn_aaren_classify_kind_parse(attn_ctx *ctx, const char *text, struct attn_aaren_classify_kind *out);

/* Splits the cases of `label` [count] into the first *fit numbers of `order` and the rest, held out: of each class its share, by largest remainders, and at least one case
 * of each class is left to learn from. Order and choice depend on the seed. order [count]. */
attn_status attn_aaren_classify_split(attn_ctx *ctx, const int32_t *label, int64_t count, int64_t classes, double held_out, uint64_t seed,
                                      int64_t *order, int64_t *fit);

#endif
