/* The task zoology/stacked: associative recall without a shift to learn. A key and its value share one position:
 *
 *   rows     [k1; v1] [k2; v2] ... [kD; vD]  ...  [k7; 0] [k3; 0] ...     pairs in a drawn order, `passes` times, then every key in another order
 *   answers                                        v7      v3             among all values
 *
 * Rows go through a linear layer from 2 d to d into the blocks, and through another behind them; the answer's logits are products with the values' table, which
 * is learned; what goes in are the tables as they began. One layer of a mixer can solve it. */
#include "base/hash.h"
#include "system/zoology/distinct.h"
#include "system/zoology/labelled.h"
#include "system/zoology/zoology.h"
#include "tape/token_split.h"
#include "train/sequence_fields.h"

#include <string.h>

enum { TEST_BATCH = 64 };
static const uint64_t test_seeds = (uint64_t)1 << 31; /* from here on; below, as far as a recipe's seed goes: of training */

struct stacked {
    attn_sequence *sequence;
    attn_projection in, out;
    attn_real *keys, *values; /* [V / 2, d], as they began */
    int64_t half, width, pairs, passes, length, batch, test_examples;
    uint64_t seed;
    attn_real *rows; /* [batch, N, 2 d] */
    int32_t *labels; /* [batch, N] */
    int32_t *shown;  /* [batch, N, 2]: key and value of each row; value -1: it is asked for */
    int32_t *drawn;  /* of one example: keys, values, an order */
    unsigned char *seen;
    struct attn_labelled labelled;
};

static const struct attn_recipe_field fields[] = {
    ATTN_SEQUENCE_FIELDS("64", "1", "attention", "identity"),
    {"vocabulary", "tokens: half of them are keys, half values", ATTN_WHOLE, "1024", 4, 1e7, NULL},
    {"pairs", "pairs of key and value in an example (D)", ATTN_WHOLE, "8", 1, 1e5, NULL},
    {"passes", "how often the pairs are shown before they are asked for", ATTN_WHOLE, "1", 1, 100, NULL},
    {"test_examples", "examples of an evaluation", ATTN_WHOLE, "1000", 1, 1e9, NULL},
};
static const char *const changes[] = {"steps=2000", "batch=128", "positions=no", "lr=0.002", NULL};

/* --------------------------------------------------------------------------------------------------------- setting up */

static attn_status make_room(attn_ctx *ctx, struct stacked *s) {
    const int64_t batch = attn_max64(s->batch, TEST_BATCH);
    const size_t tokens = (size_t)(batch * s->length);
    s->rows = attn_alloc(ctx, tokens * 2 * (size_t)s->width * sizeof *s->rows);
    s->labels = attn_alloc(ctx, tokens * sizeof *s->labels);
    s->shown = attn_alloc(ctx, tokens * 2 * sizeof *s->shown);
    s->drawn = attn_alloc(ctx, 3 * (size_t)s->pairs * sizeof *s->drawn);
    s->seen = attn_alloc(ctx, attn_distinct_scratch(s->half));
    if (!s->rows || !s->labels || !s->shown || !s->drawn || !s->seen)
        return attn_no_memory(ctx, "a batch", tokens * 2 * (size_t)s->width * sizeof *s->rows);
    return attn_labelled_open(ctx, batch * s->pairs, &s->labelled);
}

static attn_status make_model(struct attn_job *job, struct stacked *s) {
    attn_status status = attn_sequence_from_recipe(job, s->half, s->length, &s->sequence);
    if (status) return status;
    const int64_t size[] = {s->half, s->width};
    const size_t bytes = (size_t)(s->half * s->width) * sizeof(attn_real);
    s->in = attn_projection_make(job->model, "in", 2 * s->width, s->width, true, 0.02);
    s->out = attn_projection_make(job->model, "out", s->width, s->width, true, 0.02);
    s->keys = attn_model_memory(job->model, bytes);
    s->values = attn_model_memory(job->model, bytes);
    attn_tensor *keys = attn_constant(attn_model_tape(job->model), 2, size, 0);
    if (!s->keys || !s->values || !keys) return attn_tape_status(attn_model_tape(job->model));
    attn_fill_normal(keys, 0, 0.02, attn_model_seed(job->model));
    memcpy(s->keys, attn_data(keys), bytes);
    memcpy(s->values, attn_data(attn_sequence_embedding(s->sequence)), bytes);
    return attn_tape_status(attn_model_tape(job->model));
}

static attn_status open_task(struct attn_job *job) {
    struct stacked *s = job->self;
    const struct attn_recipe *r = job->recipe;
    const int64_t vocabulary = attn_recipe_whole(r, "vocabulary");
    s->half = vocabulary / 2;
    s->width = attn_recipe_whole(r, "width");
    s->pairs = attn_recipe_whole(r, "pairs");
    s->passes = attn_recipe_whole(r, "passes");
    s->length = (s->passes + 1) * s->pairs;
    s->batch = attn_recipe_whole(r, "batch");
    s->test_examples = attn_recipe_whole(r, "test_examples");
    s->seed = (uint64_t)attn_recipe_whole(r, "seed");
    if (vocabulary % 2 != 0 || s->pairs > s->half)
        return attn_fail(job->ctx, ATTN_EINVAL,
                         "recipe: vocabulary=%lld, pairs=%lld: expected an even vocabulary with at least as many keys",
                         (long long)vocabulary, (long long)s->pairs);
    if (strcmp(attn_recipe_words(r, "positions"), "no") != 0)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: positions=%s: expected no: rows of pairs have no positions",
                         attn_recipe_words(r, "positions"));
    const attn_status status = make_room(job->ctx, s);
    return status ? status : make_model(job, s);
}

static void close_task(struct attn_job *job) {
    struct stacked *s = job->self;
    attn_free(job->ctx, s->rows);
    attn_free(job->ctx, s->labels);
    attn_free(job->ctx, s->shown);
    attn_free(job->ctx, s->drawn);
    attn_free(job->ctx, s->seen);
    attn_labelled_close(job->ctx, &s->labelled);
}

/* ------------------------------------------------------------------------------------------------------------- running */

static void put_row(struct stacked *s, int64_t row, int32_t key, int32_t value, bool shown) {
    const size_t bytes = (size_t)s->width * sizeof *s->rows;
    attn_real *to = s->rows + row * 2 * s->width;
    memcpy(to, s->keys + key * s->width, bytes);
    if (shown)
        memcpy(to + s->width, s->values + value * s->width, bytes);
    else
        memset(to + s->width, 0, bytes);
    s->labels[row] = shown ? -1 : value;
    s->shown[2 * row] = key;
    s->shown[2 * row + 1] = shown ? value : -1;
}

static void make_example(struct stacked *s, uint64_t seed, int64_t index, int64_t row) {
    int32_t *keys = s->drawn, *values = keys + s->pairs, *order = values + s->pairs;
    struct attn_random random;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &index, sizeof index));
    attn_draw_distinct(&random, 0, (int32_t)s->half, s->pairs, s->seen, keys);
    attn_draw_distinct(&random, 0, (int32_t)s->half, s->pairs, s->seen, values);
    for (int64_t pass = 0; pass <= s->passes; pass++) {
        attn_draw_distinct(&random, 0, (int32_t)s->pairs, s->pairs, s->seen, order);
        for (int64_t i = 0; i < s->pairs; i++) put_row(s, row++, keys[order[i]], values[order[i]], pass < s->passes);
    }
}

static attn_tensor *logits_of(struct attn_job *job, uint64_t seed, int64_t first, int64_t count, bool training, attn_tensor **penalty) {
    struct stacked *s = job->self;
    for (int64_t i = 0; i < count; i++) make_example(s, seed, first + i, i * s->length);
    attn_tape *tape = attn_model_tape(job->model);
    const attn_real *rows = attn_token_split_rows(tape, count, s->length, 2 * (size_t)s->width * sizeof *rows, s->rows);
    if (!rows) return NULL;
    attn_tensor *x = attn_tensor_input(tape, 3, (const int64_t[]){count, attn_token_split_places(tape, s->length), 2 * s->width}, rows);
    attn_tensor *hidden = attn_sequence_blocks(s->sequence, attn_project(&s->in, x), NULL, training, penalty);
    return attn_sequence_logits(s->sequence, attn_project(&s->out, attn_labelled_rows(&s->labelled, hidden, s->length, s->labels)));
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct stacked *s = job->self;
    const int64_t count = s->batch / micros;
    attn_tensor *penalty, *logits = logits_of(job, s->seed, step * s->batch + micro * count, count, true, &penalty);
    return attn_sequence_loss(logits, s->labelled.label, s->labelled.all, penalty, micros);
}

static attn_status evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct stacked *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    struct attn_labelled_score score = {0};
    if (data) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "%s: zoology/stacked is evaluated on generated examples only", data);
    for (int64_t first = 0; first < s->test_examples; first += TEST_BATCH) {
        attn_tape_reset(tape);
        attn_labelled_count(&s->labelled,
                            logits_of(job, test_seeds + s->seed, first, attn_min64(TEST_BATCH, s->test_examples - first), false, NULL),
                            &score);
        if (attn_tape_status(tape)) return attn_tape_status(tape);
    }
    const attn_status status = attn_labelled_sum(tape, &score);
    if (status) return status;
    attn_figures_add(out, "accuracy", (double)score.right / (double)score.rows);
    attn_figures_add(out, "loss", score.loss / (double)score.rows);
    return ATTN_OK;
}

static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    static const char *const names[] = {"{\"keys\": [", "], \"values\": [", "], \"labels\": ["};
    struct stacked *s = job->self;
    for (int64_t n = 0; n < count; n++) {
        make_example(s, s->seed, n, 0);
        for (int part = 0; part < 3; part++) {
            fputs(names[part], out);
            for (int64_t i = 0; i < s->length; i++)
                fprintf(out, "%s%d", i > 0 ? ", " : "", part < 2 ? s->shown[2 * i + part] : s->labels[i]);
        }
        fputs("]}\n", out);
    }
    return fflush(out) != 0 || ferror(out) ? attn_fail(job->ctx, ATTN_ESYSTEM, "writing the examples failed") : ATTN_OK;
}

const struct attn_task attn_zoology_stacked = {.name = "zoology/stacked",
                                               .summary =
                                                   "associative recall with key and value at one position: one layer of a mixer alone",
                                               .fields = fields,
                                               .field_count = sizeof fields / sizeof fields[0],
                                               .changes = changes,
                                               .figure = "accuracy",
                                               .bytes = sizeof(struct stacked),
                                               .open = open_task,
                                               .loss = loss,
                                               .evaluate = evaluate,
                                               .generate = generate,
                                               .close = close_task};
