/* The tasks zoology/mqar and zoology/ar_single: a model over tokens learns associative recall, of all pairs or of one. Training and test examples come from
 * different seeds' sets.
 *
 * A batch is of one segment (length and number of pairs) of the mixture. Of a data set that repeats, every pass takes the batches in one order, drawn from the
 * seed; the last batch of a segment is filled up from its beginning. */
#include "base/random.h"
#include "io/record.h"
#include "system/zoology/ask.h"
#include "system/zoology/labelled.h"
#include "system/zoology/mqar.h"
#include "system/zoology/zoology.h"
#include "train/answers.h"
#include "train/sequence_fields.h"

#include <math.h>
#include <string.h>

enum { SEGMENTS = 16, TEST_BATCH = 64, MOST_LENGTH = 1000000 /* tokens of an example: bytes of a batch stay far from their limit */ };
/* Of a segment: counts of batches, and of the bytes of their order, stay far from their limits. */
static const long long most_examples = 1000000000000;
static const uint64_t test_seeds = (uint64_t)1 << 31; /* from here on; below, as far as a recipe's seed goes: of training */

struct segment {
    struct attn_mqar task;
    int64_t examples, batches; /* 0: examples never repeat */
};

struct mixture {
    struct segment segment[SEGMENTS];
    int count;
};

/* Which batch of which segment. */
struct turn {
    int segment;
    int64_t batch;
};

struct recall {
    bool single; /* one query at the end */
    struct mixture train, test;
    attn_sequence *sequence;
    struct turn *order; /* of a pass */
    int64_t turns, batch;
    uint64_t seed;
    struct attn_labelled rows; /* the labelled rows of a batch */
    int32_t *tokens, *labels;  /* of a batch of the longest */
    void *scratch;
};

static const char *const fillers[] = {"zero", "random", NULL};

#define SIZES(vocabulary_, length_, pairs_)                                                                                                \
    {"vocabulary", "tokens: the lower half are keys, the upper half values", ATTN_WHOLE, vocabulary_, 4, 1e8, NULL},                       \
        {"length", "tokens of an example (N)", ATTN_WHOLE, length_, 3, MOST_LENGTH, NULL},                                                 \
        {"pairs", "pairs of key and value in an example (D)", ATTN_WHOLE, pairs_, 1, 1e6, NULL}, {                                         \
        "passes", "how often the pairs are shown before they are asked for", ATTN_WHOLE, "1", 1, 100, NULL                                 \
    }
#define EXAMPLES(train_)                                                                                                                   \
    {"filler", "what stands between the questions", ATTN_WORD, "zero", 0, 0, fillers},                                                     \
        {"train_examples", "examples that are repeated; 0: fresh ones in every step", ATTN_WHOLE, train_, 0, 1e12, NULL},                  \
        {"test_examples", "examples of an evaluation", ATTN_WHOLE, "3000", 1, 1e9, NULL},                                                  \
        {"mixture", "in place of length, pairs and train_examples: \"64:4:100000+128:8:20000\"", ATTN_TEXT, "", 0, 0, NULL}, {             \
        "test_mixture", "the same for evaluations", ATTN_TEXT, "", 0, 0, NULL                                                              \
    }

static const struct attn_recipe_field fields[] = {
    ATTN_SEQUENCE_FIELDS("64", "2", "attention", "identity"),
    SIZES("8192", "64", "4"),
    {"power", "a: the smaller, the nearer most questions stand", ATTN_NUMBER, "0.01", 1e-6, 100, NULL},
    EXAMPLES("100000"),
};
static const struct attn_recipe_field single_fields[] = {
    ATTN_SEQUENCE_FIELDS("64", "2", "attention", "identity"),
    SIZES("40", "9", "4"),
    EXAMPLES("0"),
};
static const char *const changes[] = {"epochs=64", "schedule=cosine_epoch", "batch=512", "lr=0.00215", NULL};
static const char *const single_changes[] = {"steps=2000", "batch=512", "lr=0.005", "schedule=constant", NULL};

/* --------------------------------------------------------------------------------------------------------- setting up */

static struct segment segment_of(const struct attn_recipe *r, int64_t length, int64_t pairs, int64_t examples) {
    const bool slots = attn_recipe_has(r, "power");
    return (struct segment){.task = {.vocabulary = (int32_t)attn_recipe_whole(r, "vocabulary"),
                                     .passes = (int)attn_recipe_whole(r, "passes"),
                                     .length = length,
                                     .pairs = pairs,
                                     .power = slots ? attn_recipe_number(r, "power") : 1,
                                     .random_filler = attn_recipe_whole(r, "filler") == 1},
                            .examples = examples};
}

static attn_status parse_mixture(attn_ctx *ctx, const struct attn_recipe *r, const char *name, struct mixture *out) {
    const char *text = attn_recipe_words(r, name);
    out->count = 0;
    for (const char *at = text; *at;) {
        long long length, pairs, examples;
        int used = 0;
        if (out->count == SEGMENTS || sscanf(at, "%lld:%lld:%lld%n", &length, &pairs, &examples, &used) != 3 || length > MOST_LENGTH ||
            examples < 1 || examples > most_examples || (at[used] && (at[used] != '+' || !at[used + 1])))
            return attn_fail(ctx, ATTN_EINVAL,
                             "recipe: %s=%s: at byte %d: expected LENGTH:PAIRS:EXAMPLES, at most %d of them with + between, of at most %d "
                             "tokens and of 1 to %lld examples",
                             name, text, (int)(at - text), SEGMENTS, MOST_LENGTH, most_examples);
        out->segment[out->count++] = segment_of(r, length, pairs, examples);
        at += used + (at[used] == '+');
    }
    return ATTN_OK;
}

static attn_status make_mixture(attn_ctx *ctx, const struct attn_recipe *r, const char *name, bool single, int64_t examples,
                                struct mixture *out) {
    attn_status status = parse_mixture(ctx, r, name, out);
    if (!status && out->count == 0)
        out->segment[out->count++] = segment_of(r, attn_recipe_whole(r, "length"), attn_recipe_whole(r, "pairs"), examples);
    for (int i = 0; i < out->count && !status; i++) {
        const struct attn_mqar *task = &out->segment[i].task;
        status = single ? attn_ar_single_check(ctx, task) : attn_mqar_check(ctx, task);
    }
    return status;
}

static attn_status make_order(attn_ctx *ctx, struct recall *s) {
    struct attn_random random;
    for (int i = 0; i < s->train.count; i++) {
        struct segment *g = &s->train.segment[i];
        g->batches = attn_div_up(g->examples, s->batch);
        s->turns += g->batches;
    }
    if (s->turns == 0) return ATTN_OK;
    s->order = attn_alloc(ctx, (size_t)s->turns * sizeof *s->order);
    if (!s->order) return attn_no_memory(ctx, "the order of the batches", (size_t)s->turns * sizeof *s->order);
    struct turn *at = s->order;
    for (int i = 0; i < s->train.count; i++)
        for (int64_t b = 0; b < s->train.segment[i].batches; b++) *at++ = (struct turn){i, b};
    attn_random_init(&random, s->seed);
    for (int64_t i = s->turns - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1);
        const struct turn kept = s->order[i];
        s->order[i] = s->order[j];
        s->order[j] = kept;
    }
    return ATTN_OK;
}

/* Memory for the largest batch of both mixtures. */
static attn_status make_room(attn_ctx *ctx, struct recall *s) {
    size_t tokens = 0, labels = 0, scratch = 0;
    const size_t batch = (size_t)attn_max64(s->batch, TEST_BATCH);
    for (int i = 0; i < s->train.count + s->test.count; i++) {
        const struct attn_mqar *t = i < s->train.count ? &s->train.segment[i].task : &s->test.segment[i - s->train.count].task;
        if ((size_t)t->length > tokens) tokens = (size_t)t->length;
        if ((size_t)t->pairs > labels) labels = (size_t)t->pairs;
        if (attn_mqar_scratch(t) > scratch) scratch = attn_mqar_scratch(t);
    }
    const size_t bytes = batch * tokens * sizeof *s->tokens;
    s->tokens = attn_alloc(ctx, bytes);
    s->labels = attn_alloc(ctx, bytes);
    s->scratch = attn_alloc(ctx, scratch);
    if (!s->tokens || !s->labels || !s->scratch) return attn_no_memory(ctx, "a batch", 2 * bytes + scratch);
    return attn_labelled_open(ctx, attn_max64((int64_t)(batch * labels), ATTN_ASK_WORDS), &s->rows); /* or the questions of a line */
}

static int64_t longest(const struct recall *s) {
    int64_t most = 0;
    for (int i = 0; i < s->train.count; i++) most = attn_max64(most, s->train.segment[i].task.length);
    for (int i = 0; i < s->test.count; i++) most = attn_max64(most, s->test.segment[i].task.length);
    return most;
}

static attn_status open_task(struct attn_job *job) {
    struct recall *s = job->self;
    const struct attn_recipe *r = job->recipe;
    s->single = job->task == &attn_zoology_ar_single;
    s->batch = attn_recipe_whole(r, "batch");
    s->seed = (uint64_t)attn_recipe_whole(r, "seed");
    attn_status status = make_mixture(job->ctx, r, "mixture", s->single, attn_recipe_whole(r, "train_examples"), &s->train);
    if (!status) status = make_mixture(job->ctx, r, "test_mixture", s->single, attn_recipe_whole(r, "test_examples"), &s->test);
    if (!status) status = make_order(job->ctx, s);
    if (!status) status = make_room(job->ctx, s);
    job->epoch_steps = s->turns;
    return status ? status : attn_sequence_from_recipe(job, attn_recipe_whole(r, "vocabulary"), longest(s), &s->sequence);
}

static void close_task(struct attn_job *job) {
    struct recall *s = job->self;
    attn_free(job->ctx, s->order);
    attn_free(job->ctx, s->tokens);
    attn_free(job->ctx, s->labels);
    attn_free(job->ctx, s->scratch);
    attn_labelled_close(job->ctx, &s->rows);
}

/* ------------------------------------------------------------------------------------------------------------- running */

/* Examples first ... of a seed's set, `count` of them, which begins anew after `repeat` (0: never). */
static void make_examples(struct recall *s, const struct attn_mqar *task, uint64_t seed, int64_t first, int64_t count, int64_t repeat) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t index = repeat > 0 ? (first + i) % repeat : first + i;
        int32_t *tokens = s->tokens + i * task->length, *labels = s->labels + i * task->length;
        if (s->single)
            attn_ar_single_example(task, seed, (uint64_t)index, tokens, labels, s->scratch);
        else
            attn_mqar_example(task, seed, (uint64_t)index, tokens, labels, s->scratch);
    }
}

/* Logits of the labelled rows of the examples that were made; their labels are in s->rows. */
static attn_tensor *logits_of(struct recall *s, const struct attn_mqar *task, int64_t count, bool training, attn_tensor **penalty) {
    attn_tensor *hidden = attn_sequence_hidden(s->sequence, count, task->length, s->tokens, training, penalty);
    return attn_sequence_logits(s->sequence, attn_labelled_rows(&s->rows, hidden, task->length, s->labels));
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct recall *s = job->self;
    const int64_t count = s->batch / micros;
    struct turn turn = {(int)(step % s->train.count), step / s->train.count};
    if (s->order) turn = s->order[step % s->turns];
    const struct segment *g = &s->train.segment[turn.segment];
    attn_tensor *penalty;
    make_examples(s, &g->task, s->seed, turn.batch * s->batch + micro * count, count, g->examples);
    attn_tensor *logits = logits_of(s, &g->task, count, true, &penalty);
    return attn_sequence_loss(logits, s->rows.label, s->rows.all, penalty, micros);
}

/* Right answers and summed loss of a segment. */
static attn_status measure(struct attn_job *job, const struct segment *g, struct attn_labelled_score *score) {
    struct recall *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    for (int64_t first = 0; first < g->examples; first += TEST_BATCH) {
        const int64_t count = attn_min64(TEST_BATCH, g->examples - first);
        attn_tape_reset(tape);
        make_examples(s, &g->task, test_seeds + s->seed, first, count, 0);
        attn_labelled_count(&s->rows, logits_of(s, &g->task, count, false, NULL), score);
        if (attn_tape_status(tape)) return attn_tape_status(tape);
    }
    return attn_labelled_sum(tape, score);
}

/* The mean over examples of each one's share of right answers: those of a segment ask equally many questions. */
static double mean_accuracy(const struct mixture *test, const struct attn_labelled_score *part) {
    double examples = 0, mean = 0;
    for (int i = 0; i < test->count; i++) examples += (double)test->segment[i].examples;
    for (int i = 0; i < test->count; i++)
        mean += (double)test->segment[i].examples / examples * ((double)part[i].right / (double)part[i].rows);
    return mean;
}

static attn_status evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct recall *s = job->self;
    struct attn_labelled_score all = {0}, part[SEGMENTS] = {{0}};
    if (data) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "%s: %s is evaluated on generated examples only", data, job->task->name);
    for (int i = 0; i < s->test.count; i++) {
        const attn_status status = measure(job, &s->test.segment[i], &part[i]);
        if (status) return status;
        attn_labelled_add(&all, &part[i]);
    }
    attn_figures_add(out, "accuracy", mean_accuracy(&s->test, part));
    attn_figures_add(out, "loss", all.loss / (double)all.rows);
    for (int i = 0; i < s->test.count && s->test.count > 1; i++) {
        char name[48];
        const struct attn_mqar *t = &s->test.segment[i].task;
        snprintf(name, sizeof name, "accuracy_%lld_%lld", (long long)t->length, (long long)t->pairs);
        attn_figures_add(out, name, (double)part[i].right / (double)part[i].rows);
    }
    return ATTN_OK;
}

static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    struct recall *s = job->self;
    for (int64_t n = 0; n < count; n++) {
        const struct segment *g = &s->train.segment[n % s->train.count];
        make_examples(s, &g->task, s->seed, n / s->train.count, 1, g->examples);
        for (int part = 0; part < 2; part++) {
            const int32_t *at = part == 0 ? s->tokens : s->labels;
            fputs(part == 0 ? "{\"tokens\": [" : "], \"labels\": [", out);
            for (int64_t i = 0; i < g->task.length; i++) fprintf(out, "%s%d", i > 0 ? ", " : "", at[i]);
        }
        fputs("]}\n", out);
    }
    return fflush(out) != 0 || ferror(out) ? attn_fail(job->ctx, ATTN_ESYSTEM, "writing the examples failed") : ATTN_OK;
}

/* Answers one line; of a model that was trained on several segments, within the first. */
static attn_status answer(void *user, char *line, size_t bytes, FILE *out) {
    struct attn_job *job = user;
    struct recall *s = job->self;
    const struct attn_mqar *task = &s->train.segment[0].task;
    struct attn_ask ask;
    if (strlen(line) != bytes) return attn_fail(job->ctx, ATTN_EINVAL, "found a byte 0 at byte %zu, expected words", strlen(line));
    attn_status status = attn_ask_parse(job->ctx, task, s->single, line, s->tokens, &ask);
    if (status) return status;
    for (int64_t i = 0; i < task->length; i++) s->labels[i] = ATTN_MQAR_NO_LABEL;
    for (int i = 0; i < ask.questions; i++) s->labels[ask.place[i]] = 0; /* any label: the row is asked for */
    attn_tape_reset(attn_model_tape(job->model));
    status = attn_row_losses(logits_of(s, task, 1, false, NULL), s->rows.label, s->rows.loss, s->rows.best);
    for (int i = 0; i < ask.questions && !status; i++) {
        const char *word = attn_ask_word(task, &ask, s->rows.best[i]);
        fprintf(out, "%s%s", i > 0 ? " " : "", word ? word : "(none of these)");
    }
    if (!status) fputc('\n', out);
    return status;
}

static attn_tensor *logits_at(struct attn_job *job, int64_t tokens, const int32_t *token) {
    struct recall *s = job->self;
    return attn_sequence_logits(s->sequence, attn_sequence_hidden(s->sequence, 1, tokens, token, false, NULL));
}

static attn_status predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const attn_status status = attn_predict_plain(job, options);
    return status ? status : attn_answer_lines(job->ctx, options->input, in, out, answer, job);
}

const struct attn_task attn_zoology_mqar = {
    .name = "zoology/mqar",
    .summary = "multi-query associative recall: after pairs of key and value, name the value of each key asked for",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .changes = changes,
    .figure = "accuracy",
    .along = "width",
    .panel = "length",
    .bytes = sizeof(struct recall),
    .open = open_task,
    .loss = loss,
    .evaluate = evaluate,
    .logits = logits_at,
    .predict = predict,
    .generate = generate,
    .close = close_task};

const struct attn_task attn_zoology_ar_single = {
    .name = "zoology/ar_single",
    .summary = "associative recall of one pair: after pairs of key and value, name the value of one key",
    .fields = single_fields,
    .field_count = sizeof single_fields / sizeof single_fields[0],
    .changes = single_changes,
    .figure = "accuracy",
    .along = "width",
    .panel = "length",
    .bytes = sizeof(struct recall),
    .open = open_task,
    .loss = loss,
    .evaluate = evaluate,
    .logits = logits_at,
    .predict = predict,
    .generate = generate,
    .close = close_task};
