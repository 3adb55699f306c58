/* The task aaren/classify: its fields, and training. */
#include "base/hash.h"
#include "base/random.h"
#include "system/aaren/aaren.h"
#include "system/aaren/classify_task.h"

#include <math.h>
#include <string.h>

static const char *const paddings[] = {"causal", "circular", NULL};
static const char *const heads[] = {"flatten", "last", "mean", NULL};

static const struct attn_recipe_field fields[] = {
    {"data", "a .ts file to learn from, plain or packed by gzip; none: generated series of three classes", ATTN_FILE, "", 0, 0, NULL},
    {"test", "a .ts file to be tested on", ATTN_FILE, "", 0, 0, NULL},
    {"held_out", "share of the training cases that say when to stop, drawn from the seed, of each class its share", ATTN_NUMBER, "0.2",
     0.001, 0.9, NULL},
    {"compat", "as the paper's code base: tests say when to stop, and are standardised by themselves", ATTN_TRUTH, "false", 0, 0, NULL},
    {"per_case", "each case is standardised by itself, too, as the paper's code base does for EthanolConcentration", ATTN_TRUTH, "false", 0,
     0, NULL},
    {"padding",
     "the convolution sees two steps before (causal: the model is a stream), or one on each side in a circle, as in the paper's code base",
     ATTN_WORD, "causal", 0, 0, paddings},
    {"head", "what classes are read from: all steps beside one another (the paper's), the last one, or their mean", ATTN_WORD, "flatten", 0,
     0, heads},
    ATTN_AAREN_STACK_FIELDS,
    {"length", "generated: steps of a series", ATTN_WHOLE, "200", 1, 100000, NULL},
    {"channels", "generated: channels", ATTN_WHOLE, "6", 1, 1024, NULL},
    {"noise", "generated: deviation of the noise", ATTN_NUMBER, "0.5", 0, 1000, NULL},
    {"train_examples", "generated: series to learn from", ATTN_WHOLE, "300", 1, 1e7, NULL},
    {"test_examples", "generated: series to be tested on", ATTN_WHOLE, "300", 1, 1e7, NULL},
};
static const char *const changes[] = {"mixer=aaren:heads=8", "ffn=256",     "layers=3", "epochs=100", "batch=16",
                                      "optimizer=radam",     "lr=0.001",    "decay=0",  "clip=4",     "schedule=constant",
                                      "eval_every=15",       "patience=10", NULL};

static const struct attn_field_condition conditions[] = {
    {"length+channels+noise+train_examples+test_examples", "data", ""},
    {NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------ setting up */

static void read_source(const struct attn_recipe *r, struct attn_aaren_classify_source *out) {
    *out = (struct attn_aaren_classify_source){.train = attn_recipe_words(r, "data"),
                                               .test = attn_recipe_words(r, "test"),
                                               .waves = {.length = attn_recipe_whole(r, "length"),
                                                         .channels = attn_recipe_whole(r, "channels"),
                                                         .noise = attn_recipe_number(r, "noise")},
                                               .train_cases = attn_recipe_whole(r, "train_examples"),
                                               .test_cases = attn_recipe_whole(r, "test_examples"),
                                               .held_out = attn_recipe_number(r, "held_out"),
                                               .per_case = attn_recipe_whole(r, "per_case") != 0,
                                               .compat = attn_recipe_whole(r, "compat") != 0,
                                               .seed = (uint64_t)attn_recipe_whole(r, "seed")};
}

/* Of a new model the data; of a saved one what it knows of them: its files may be gone. */
static attn_status open_data(struct attn_job *job, struct attn_aaren_classify_task *s) {
    if (!s->source.train[0] && s->source.test[0])
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: test=%s without data=: expected a file to learn from, or neither", s->source.test);
    if (!job->saved) return attn_aaren_classify_data_open(job->ctx, &s->source, &s->data);
    const attn_status status = attn_aaren_classify_kind_parse(job->ctx, job->saved, &s->data.kind);
    s->data.kind.scale.per_case = s->source.per_case;
    return status;
}

static attn_status make_names(attn_ctx *ctx, struct attn_aaren_classify_task *s) {
    const int64_t channels = s->model.channels, classes = s->model.classes;
    s->input_name = attn_alloc(ctx, (size_t)channels * sizeof *s->input_name);
    s->input = attn_alloc(ctx, (size_t)channels * sizeof *s->input);
    s->output = attn_alloc(ctx, (size_t)classes * sizeof *s->output);
    s->row = attn_alloc(ctx, (size_t)channels * sizeof *s->row);
    s->sums = attn_alloc(ctx, (size_t)classes * sizeof *s->sums);
    if (!s->input_name || !s->input || !s->output || !s->row || !s->sums)
        return attn_no_memory(ctx, "names of channels", (size_t)channels * sizeof *s->input_name);
    for (int64_t d = 0; d < channels; d++) {
        snprintf(s->input_name[d], sizeof s->input_name[d], "channel_%lld", (long long)d + 1);
        s->input[d] = s->input_name[d];
    }
    for (int64_t k = 0; k < classes; k++) s->output[k] = s->data.kind.name[k];
    return ATTN_OK;
}

static attn_status open_order(struct attn_job *job, struct attn_aaren_classify_task *s) {
    const int64_t cases = s->data.train.cases;
    s->epoch = -1;
    s->order = attn_alloc(job->ctx, (size_t)cases * sizeof *s->order);
    s->index = attn_alloc(job->ctx, (size_t)s->batch * sizeof *s->index);
    job->epoch_steps = attn_div_up(cases, s->batch);
    return s->order && s->index ? ATTN_OK : attn_no_memory(job->ctx, "an order", (size_t)(cases + s->batch) * sizeof *s->order);
}

static attn_status open_task(struct attn_job *job) {
    struct attn_aaren_classify_task *s = job->self;
    read_source(job->recipe, &s->source);
    s->batch = attn_recipe_whole(job->recipe, "batch");
    s->nearest = (double)NAN;
    attn_status status = open_data(job, s);
    job->length = s->data.kind.length;
    if (!status) status = open_order(job, s);
    if (!status)
        status = attn_aaren_classify_model_make(job, s->data.kind.scale.channels, s->data.kind.classes, s->data.kind.length,
                                                attn_max64(s->batch, ATTN_AAREN_CLASSIFY_TEST_BATCH), &s->model);
    return status ? status : make_names(job->ctx, s);
}

attn_status attn_aaren_classify_load(struct attn_job *job) {
    struct attn_aaren_classify_task *s = job->self;
    return s->data.loaded ? ATTN_OK : attn_aaren_classify_data_open(job->ctx, &s->source, &s->data);
}

static void close_task(struct attn_job *job) {
    struct attn_aaren_classify_task *s = job->self;
    void *const arrays[] = {s->order, s->index, s->input_name, s->input, s->output, s->row, s->sums};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(job->ctx, arrays[i]);
    attn_aaren_classify_data_close(job->ctx, &s->data);
}

static attn_status extra(struct attn_job *job, char **text) {
    return attn_aaren_classify_kind_text(job->ctx, &((struct attn_aaren_classify_task *)job->self)->data.kind, text);
}

static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    const struct attn_aaren_classify_task *s = job->self;
    if (s->source.train[0])
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "data: %s is a file, expected data= empty for generated series", s->source.train);
    return attn_aaren_classify_waves_write(job->ctx, &s->source, count, out);
}

/* --------------------------------------------------------------------------------------------------------- running */

/* Each pass goes through all cases in an order of its own; the last batch of a pass is filled up from the next. */
static int64_t case_at(struct attn_aaren_classify_task *s, int64_t position) {
    const int64_t cases = s->data.train.cases, epoch = position / cases;
    if (epoch != s->epoch) {
        struct attn_random random;
        attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &s->source.seed, sizeof s->source.seed), &epoch, sizeof epoch));
        for (int64_t i = 0; i < cases; i++) s->order[i] = i;
        for (int64_t i = cases - 1; i > 0; i--) {
            const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1), kept = s->order[i];
            s->order[i] = s->order[j];
            s->order[j] = kept;
        }
        s->epoch = epoch;
    }
    return s->order[position % cases];
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_aaren_classify_task *s = job->self;
    const int64_t count = s->batch / micros;
    for (int64_t i = 0; i < count; i++) s->index[i] = case_at(s, step * s->batch + micro * count + i);
    attn_tensor *logits = attn_aaren_classify_logits(&s->model, &s->data.train, s->index, 0, count, true);
    attn_tensor *mean = attn_cross_entropy(logits, s->model.label);
    return micros > 1 ? attn_affine(mean, 1 / (attn_real)micros, 0) : mean;
}

const struct attn_task attn_aaren_classify = {.name = "aaren/classify",
                                              .summary = "the class of a series of many channels",
                                              .fields = fields,
                                              .field_count = sizeof fields / sizeof fields[0],
                                              .changes = changes,
                                              .conditions = conditions,
                                              .figure = "validation_score",
                                              .beside = true,
                                              .bytes = sizeof(struct attn_aaren_classify_task),
                                              .open = open_task,
                                              .loss = loss,
                                              .evaluate = attn_aaren_classify_evaluate,
                                              .predict = attn_aaren_classify_predict,
                                              .picture = attn_aaren_classify_picture,
                                              .stream = attn_aaren_classify_stream,
                                              .push = attn_aaren_classify_push,
                                              .export_c = attn_aaren_classify_export,
                                              .generate = generate,
                                              .extra = extra,
                                              .close = close_task};
