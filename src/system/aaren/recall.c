/* The task aaren/recall: associative recall, in which the value of a key is asked for once all pairs have been seen. What it takes is to look up by the
 * newest token: a state of constant size has to hold all pairs at once, since the query of Aaren does not depend on the token.
 *
 * Tokens and learned positions are added, go through the stack (norms before the branches, another behind the last block), and the rows of the keys that
 * are asked for give logits of all values. Examples are fresh in every step; tests are of another seed. */
#include "base/context.h"
#include "system/aaren/aaren.h"
#include "system/aaren/recall_example.h"
#include "system/aaren/stack.h"

#include <stdio.h>

enum { TEST_BATCH = 64 };
static const uint64_t test_seeds = (uint64_t)1 << 31; /* from here on; below, as far as a recipe's seed goes: of training */

struct recall {
    struct attn_aaren_recall_size size;
    int64_t width, batch, test_examples;
    uint64_t seed;
    attn_tensor *embedding, *position; /* [keys + values, D], [3 pairs, D] */
    struct attn_aaren_stack *stack;
    attn_projection out; /* [values, D] */
    /* Of a batch. */
    int32_t *token, *label; /* [batch, 3 pairs], [batch, pairs] */
    int32_t *best;          /* [batch, pairs]: answers */
    attn_real *loss;        /* [batch, pairs] */
    int32_t *keys;          /* scratch of an example */
};

static const struct attn_recipe_field fields[] = {
    {"pairs", "pairs of key and value in an example, a third of its tokens", ATTN_WHOLE, "16", 1, 65536, NULL},
    {"keys", "keys that there are", ATTN_WHOLE, "64", 1, 1048576, NULL},
    {"values", "values that there are", ATTN_WHOLE, "64", 2, 1048576, NULL},
    ATTN_AAREN_STACK_FIELDS,
    {"test_examples", "examples of an evaluation", ATTN_WHOLE, "1000", 1, 1e9, NULL},
};
static const char *const changes[] = {"mixer=aaren:heads=1", "width=64", "ffn=256",  "layers=2", "dropout=0",
                                      "steps=4000",          "batch=64", "lr=0.002", NULL};

/* --------------------------------------------------------------------------------------------------------- setting up */

static attn_status make_room(attn_ctx *ctx, struct recall *s) {
    const size_t asked = (size_t)(attn_max64(s->batch, TEST_BATCH) * s->size.pairs), bytes = asked * sizeof *s->label;
    s->token = attn_alloc(ctx, ATTN_AAREN_RECALL_TOKENS * bytes);
    s->label = attn_alloc(ctx, bytes);
    s->best = attn_alloc(ctx, bytes);
    s->loss = attn_alloc(ctx, asked * sizeof *s->loss);
    s->keys = attn_alloc(ctx, (size_t)s->size.keys * sizeof *s->keys);
    return s->token && s->label && s->best && s->loss && s->keys ? ATTN_OK : attn_no_memory(ctx, "a batch of examples", 6 * bytes);
}

static attn_tensor *table(attn_model *model, const char *name, int64_t rows, int64_t width) {
    attn_tensor *x = attn_model_parameter(model, name, 2, (const int64_t[]){rows, width});
    if (x) attn_fill_normal(x, 0, 0.02, attn_model_seed(model));
    return x;
}

static attn_status open_task(struct attn_job *job) {
    struct recall *s = job->self;
    const struct attn_recipe *r = job->recipe;
    s->size = (struct attn_aaren_recall_size){
        .keys = attn_recipe_whole(r, "keys"), .values = attn_recipe_whole(r, "values"), .pairs = attn_recipe_whole(r, "pairs")};
    s->width = attn_recipe_whole(r, "width");
    s->batch = attn_recipe_whole(r, "batch");
    s->test_examples = attn_recipe_whole(r, "test_examples");
    s->seed = (uint64_t)attn_recipe_whole(r, "seed");
    if (s->size.pairs > s->size.keys)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: pairs=%lld, keys=%lld: the keys of an example differ, expected at least as many",
                         (long long)s->size.pairs, (long long)s->size.keys);
    const attn_status status = make_room(job->ctx, s);
    if (status) return status;
    s->embedding = table(job->model, "embedding", s->size.keys + s->size.values, s->width);
    s->position = table(job->model, "position", ATTN_AAREN_RECALL_TOKENS * s->size.pairs, s->width);
    s->stack = attn_aaren_stack_from_recipe(job, ATTN_AAREN_RECALL_TOKENS * s->size.pairs, true, false, true, 1e-5);
    s->out = attn_projection_make(job->model, "out", s->width, s->size.values, true, 0.02);
    return attn_tape_status(attn_model_tape(job->model));
}

static void close_task(struct attn_job *job) {
    struct recall *s = job->self;
    void *const arrays[] = {s->token, s->label, s->best, s->loss, s->keys};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(job->ctx, arrays[i]);
}

/* ------------------------------------------------------------------------------------------------------------- running */

static void make_examples(struct recall *s, uint64_t seed, int64_t first, int64_t count) {
    const int64_t pairs = s->size.pairs;
    for (int64_t i = 0; i < count; i++)
        attn_aaren_recall_example(&s->size, seed, first + i, s->token + ATTN_AAREN_RECALL_TOKENS * i * pairs, s->label + i * pairs,
                                  s->keys);
}

/* Of examples that are made here: [count pairs, values]; their labels are in s->label. */
static attn_tensor *logits_of(struct recall *s, uint64_t seed, int64_t first, int64_t count, bool training) {
    const int64_t pairs = s->size.pairs, tokens = ATTN_AAREN_RECALL_TOKENS * pairs;
    make_examples(s, seed, first, count);
    attn_tensor *x = attn_add(attn_rows(s->embedding, 2, (const int64_t[]){count, tokens}, s->token), s->position);
    x = attn_narrow(attn_aaren_stack_forward(s->stack, x, NULL, training), 1, tokens - pairs, pairs);
    return attn_project(&s->out, attn_reshape(attn_contiguous(x), 2, (const int64_t[]){count * pairs, s->width}));
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct recall *s = job->self;
    const int64_t count = s->batch / micros;
    attn_tensor *mean = attn_cross_entropy(logits_of(s, s->seed, step * s->batch + micro * count, count, true), s->label);
    return micros > 1 ? attn_affine(mean, 1 / (attn_real)micros, 0) : mean;
}

static attn_status evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct recall *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const double asked = (double)s->test_examples * (double)s->size.pairs;
    double right = 0, losses = 0;
    if (data) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "%s: aaren/recall is evaluated on generated examples only", data);
    for (int64_t first = 0; first < s->test_examples; first += TEST_BATCH) {
        const int64_t count = attn_min64(TEST_BATCH, s->test_examples - first);
        attn_tape_reset(tape);
        const attn_status status = attn_row_losses(logits_of(s, test_seeds + s->seed, first, count, false), s->label, s->loss, s->best);
        if (status) return status;
        for (int64_t i = 0; i < count * s->size.pairs; i++) {
            right += s->best[i] == s->label[i];
            losses += (double)s->loss[i];
        }
    }
    attn_figures_add(out, "accuracy", right / asked);
    attn_figures_add(out, "loss", losses / asked);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------- picture */

/* Of what is asked: the number of the pair that has this key. */
static int64_t pair_of(const struct recall *s, int64_t asked) {
    int64_t pair = 0;
    while (s->token[2 * pair] != s->token[2 * s->size.pairs + asked]) pair++;
    return pair;
}

/* cell [pairs, pairs]: the probability that the model gives each pair's value when a pair's key comes again. */
static void fill_cells(const struct recall *s, const attn_real *probability, double *cell) {
    const int64_t pairs = s->size.pairs;
    for (int64_t asked = 0; asked < pairs; asked++)
        for (int64_t j = 0; j < pairs; j++)
            cell[pair_of(s, asked) * pairs + j] = (double)probability[asked * s->size.values + s->token[2 * j + 1] - (int32_t)s->size.keys];
}

static void describe(const struct recall *s, const double *cell, struct attn_picture *out) {
    const int64_t pairs = s->size.pairs;
    double right = 0;
    out->full = 1;
    for (int64_t i = 0; i < pairs; i++) {
        right += cell[i * pairs + i] / (double)pairs;
        snprintf(out->label[i], sizeof out->label[i], "%d", (int)s->token[2 * i]);
        snprintf(out->label[pairs + i], sizeof out->label[i], "%d", (int)(s->token[2 * i + 1] - (int32_t)s->size.keys));
    }
    attn_append(out->row_title, sizeof out->row_title, "key that is asked for");
    attn_append(out->column_title, sizeof out->column_title, "value");
    attn_append(out->title, sizeof out->title, "Recall of %lld pairs", (long long)pairs);
    attn_append(
        out->caption, sizeof out->caption,
        "The probability of each pair's value, in a test example, when a key comes again: %.3g on average of the right ones. Right is the "
        "diagonal, and other columns of the same value.",
        right);
    attn_append(out->description, sizeof out->description, "A matrix of %lld pairs; the right values have the probability %.3g on average.",
                (long long)pairs, right);
}

/* The first test example. */
static attn_status draw(struct attn_job *job, int64_t index, struct attn_picture *out) {
    struct recall *s = job->self;
    enum { MOST = 64 /* pairs of a matrix that can be read */ };
    const int64_t pairs = s->size.pairs;
    if (index > 0 || pairs > MOST) return ATTN_OK;
    const size_t bytes = (size_t)(pairs * pairs) * sizeof(double);
    attn_tape_reset(attn_model_tape(job->model));
    attn_tensor *probability = attn_softmax(logits_of(s, test_seeds + s->seed, 0, 1, false));
    if (!probability) return attn_tape_status(attn_model_tape(job->model));
    double *cell = attn_alloc(job->ctx, bytes);
    if (!cell) return attn_no_memory(job->ctx, "a picture", bytes);
    fill_cells(s, attn_data(probability), cell);
    const attn_status status = attn_picture_matrix(job->ctx, out, cell, pairs, pairs);
    if (!status) describe(s, cell, out);
    attn_free(job->ctx, cell);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------------- data */

static void write_numbers(const char *name, const int32_t *at, int64_t count, FILE *out) {
    fprintf(out, "\"%s\": [", name);
    for (int64_t i = 0; i < count; i++) fprintf(out, "%s%d", i > 0 ? ", " : "", at[i]);
    fputc(']', out);
}

static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    struct recall *s = job->self;
    for (int64_t n = 0; n < count; n++) {
        make_examples(s, s->seed, n, 1);
        fputc('{', out);
        write_numbers("tokens", s->token, ATTN_AAREN_RECALL_TOKENS * s->size.pairs, out);
        fputs(", ", out);
        write_numbers("labels", s->label, s->size.pairs, out);
        fputs("}\n", out);
    }
    return fflush(out) != 0 || ferror(out) ? attn_fail(job->ctx, ATTN_ESYSTEM, "writing the examples failed") : ATTN_OK;
}

const struct attn_task attn_aaren_recall = {.name = "aaren/recall",
                                            .summary = "associative recall, the limit of a query that does not depend on the token",
                                            .fields = fields,
                                            .field_count = sizeof fields / sizeof fields[0],
                                            .changes = changes,
                                            .figure = "accuracy",
                                            .beside = true,
                                            .bytes = sizeof(struct recall),
                                            .open = open_task,
                                            .loss = loss,
                                            .evaluate = evaluate,
                                            .picture = draw,
                                            .generate = generate,
                                            .close = close_task};
