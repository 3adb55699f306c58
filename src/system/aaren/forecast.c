/* The task aaren/forecast: its fields, and training. */
#include "system/aaren/forecast.h"

#include "base/hash.h"
#include "base/random.h"
#include "io/number.h"
#include "system/aaren/aaren.h"

#include <math.h>

static const char *const splits[] = {"ratio", "ett-h", "ett-m", NULL};
static const char *const forms[] = {"encoder", "encoder-decoder", NULL};
static const char *const normals[] = {"running", "window", "none", NULL};
static const char *const paddings[] = {"causal", "circular", NULL};
static const char *const behind[] = {"every", "last", NULL};
enum { ENCODER, DECODER };
static const double epsilon = 1e-5;

static const struct attn_recipe_field fields[] = {
    {"data", "a table of numbers, one row a time: CSV, with dates in its first column or not; empty: a generated series", ATTN_FILE, "", 0,
     0, NULL},
    {"rows", "of the generated series", ATTN_WHOLE, "10000", 10, 1e8, NULL},
    {"missing", "the number that stands for what is not known, as -9999; such cells, and empty ones, have the number before them",
     ATTN_TEXT, "", 0, 0, NULL},
    {"split", "rows to train, validate and test: 70, 10 and 20 percent, or those of ETTh and ETTm", ATTN_WORD, "ratio", 0, 0, splits},
    {"length", "rows of the past that a forecast is made from", ATTN_WHOLE, "96", 1, 100000, NULL},
    {"horizon", "rows that are forecast", ATTN_WHOLE, "96", 1, 100000, NULL},
    {"form", "the last state's linear image, or a decoder that looks at all states", ATTN_WORD, "encoder", 0, 0, forms},
    {"normalize", "of a window's numbers: by mean and deviation of the rows up to each, of the window, or not", ATTN_WORD, "running", 0, 0,
     normals},
    {"supervise", "training forecasts behind every row of the past, or behind the last alone", ATTN_WORD, "every", 0, 0, behind},
    {"kernel", "rows that a token is made of, its own the last", ATTN_WHOLE, "3", 1, 1000, NULL},
    {"padding", "what stands before a window's first row: zeros, or the window's last rows", ATTN_WORD, "causal", 0, 0, paddings},
    {"marks", "time of day, week, month and year are told to the model, where rows have dates", ATTN_TRUTH, "true", 0, 0, NULL},
    {"label", "encoder-decoder: rows of the past that the decoder begins with", ATTN_WHOLE, "48", 0, 100000, NULL},
    {"decoder_layers", "encoder-decoder: blocks of the decoder", ATTN_WHOLE, "1", 1, 1024, NULL},
    {"cross_heads", "encoder-decoder: heads of the attention to the encoder", ATTN_WHOLE, "8", 1, 1024, NULL},
    {"stream_steps", "rows that a stream forecasts behind each row", ATTN_WHOLE, "1", 1, 100000, NULL},
    {"stride", "windows from one that is evaluated to the next", ATTN_WHOLE, "1", 1, 1e6, NULL},
    ATTN_AAREN_STACK_FIELDS,
};

/* The Library's training; a narrower model than its own, of 512 and 2048 numbers and 8 heads, takes the greater rate. */
static const char *const changes[] = {"width=64", "ffn=256",        "layers=2",  "epochs=10",      "batch=32",   "optimizer=adam",
                                      "decay=0",  "schedule=steps", "gamma=0.5", "eval_every=200", "patience=3", NULL};

static const struct attn_field_condition conditions[] = {
    {"label+decoder_layers+cross_heads", "form", "encoder-decoder"},
    {"rows", "data", ""},
    {NULL, NULL, NULL},
};

/* ---------------------------------------------------------------------------------------------------------- setting up */

static attn_status refuse(const struct attn_job *job, const char *what, const char *expected) {
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: %s: expected %s", what, expected);
}

static attn_status read_recipe(struct attn_job *job, struct attn_forecast_task *s) {
    const struct attn_recipe *r = job->recipe;
    const bool decoder = attn_recipe_whole(r, "form") == DECODER;
    s->shape = (struct attn_forecast_shape){.length = attn_recipe_whole(r, "length"),
                                            .horizon = attn_recipe_whole(r, "horizon"),
                                            .kernel = attn_recipe_whole(r, "kernel"),
                                            .label = decoder ? attn_recipe_whole(r, "label") : -1,
                                            .normal = (enum attn_forecast_normal)attn_recipe_whole(r, "normalize"),
                                            .circular = attn_recipe_whole(r, "padding") == 1,
                                            .every = attn_recipe_whole(r, "supervise") == 0};
    s->stride = attn_recipe_whole(r, "stride");
    s->stream_steps = attn_recipe_whole(r, "stream_steps");
    s->missing = (double)NAN;
    s->pass = -1;
    const char *missing = attn_recipe_words(r, "missing"), *end = missing[0] ? attn_number_read(missing, &s->missing) : missing;
    if (!end || *end) return attn_fail(job->ctx, ATTN_EINVAL, "recipe: missing=%s: expected a number, or nothing", missing);
    if (s->shape.every && decoder)
        return refuse(job, "form=encoder-decoder supervise=every", "supervise=last, as the decoder forecasts once");
    if (s->shape.every && s->shape.normal == ATTN_FORECAST_WINDOW)
        return refuse(job, "normalize=window supervise=every", "supervise=last, as the window's mean is known behind its last row alone");
    if (s->shape.every && s->shape.circular)
        return refuse(job, "padding=circular supervise=every", "supervise=last, as the first rows would see the last");
    if (s->shape.label > s->shape.length)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: label=%lld: expected at most length=%lld", (long long)s->shape.label,
                         (long long)s->shape.length);
    if (s->stream_steps > s->shape.horizon)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: stream_steps=%lld: expected at most horizon=%lld", (long long)s->stream_steps,
                         (long long)s->shape.horizon);
    return ATTN_OK;
}

static attn_status make_model(struct attn_job *job, struct attn_forecast_task *s) {
    const struct attn_recipe *r = job->recipe;
    const struct attn_forecast_config config = {.shape = s->shape,
                                                .stack = {.width = attn_recipe_whole(r, "width"),
                                                          .ffn = attn_recipe_whole(r, "ffn"),
                                                          .layers = attn_recipe_whole(r, "layers"),
                                                          .length = s->shape.length,
                                                          .mixer = attn_recipe_words(r, "mixer"),
                                                          .kinds = job->kinds,
                                                          .kind_count = job->kind_count,
                                                          .final_norm = true,
                                                          .epsilon = epsilon,
                                                          .dropout = attn_recipe_number(r, "dropout")},
                                                .decoder_layers = attn_recipe_whole(r, "decoder_layers"),
                                                .heads = attn_recipe_whole(r, "cross_heads")};
    const int64_t batch = attn_recipe_whole(r, "batch");
    struct attn_forecast_shape last = s->shape;
    attn_forecast_model_make(job->model, &config, &s->model);
    const attn_status status = attn_tape_status(attn_model_tape(job->model));
    last.every = false;
    return status ? status : attn_forecast_batch_open(job->ctx, &last, batch, &s->asked);
}

/* A saved model needs no data to be asked: its recipe's file may be gone. */
static attn_status open_task(struct attn_job *job) {
    struct attn_forecast_task *s = job->self;
    const int64_t batch = attn_recipe_whole(job->recipe, "batch");
    attn_status status = read_recipe(job, s);
    if (!status && job->saved) {
        status = attn_forecast_units_parse(job->ctx, job->saved, &s->units);
        s->shape.channels = s->units.channels;
        s->shape.marks = attn_recipe_whole(job->recipe, "marks") ? attn_forecast_mark_count(s->units.interval) : 0;
    } else if (!status) {
        status = attn_forecast_load(job);
        if (!status) job->epoch_steps = s->part[ATTN_FORECAST_TRAIN].windows / batch;
        if (!status && job->epoch_steps == 0)
            status = attn_fail(job->ctx, ATTN_EINVAL, "recipe: batch=%lld: found %lld windows to train on, expected at least as many",
                               (long long)batch, (long long)s->part[ATTN_FORECAST_TRAIN].windows);
    }
    job->length = s->shape.length;
    return status ? status : make_model(job, s);
}

static void close_task(struct attn_job *job) {
    struct attn_forecast_task *s = job->self;
    attn_forecast_units_free(job->ctx, &s->units);
    attn_forecast_data_free(job->ctx, &s->data);
    attn_forecast_batch_close(job->ctx, &s->batch);
    attn_forecast_batch_close(job->ctx, &s->asked);
    attn_forecast_stream_free(job->ctx, &s->stream);
    attn_free(job->ctx, s->order);
}

static attn_status extra(struct attn_job *job, char **text) {
    return attn_forecast_units_text(job->ctx, &((struct attn_forecast_task *)job->self)->units, text);
}

/* ----------------------------------------------------------------------------------------------------------- training */

static attn_status open_training(struct attn_job *job, struct attn_forecast_task *s) {
    const size_t bytes = (size_t)s->part[ATTN_FORECAST_TRAIN].windows * sizeof *s->order;
    attn_status status = attn_forecast_load(job);
    if (status || s->order) return status;
    status = attn_forecast_batch_open(job->ctx, &s->shape, attn_recipe_whole(job->recipe, "batch"), &s->batch);
    if (status) return status;
    s->order = attn_alloc(job->ctx, bytes);
    return s->order ? ATTN_OK : attn_no_memory(job->ctx, "the order of the windows", bytes);
}

static void shuffle(struct attn_forecast_task *s, uint64_t seed, int64_t pass) {
    struct attn_random random;
    const int64_t windows = s->part[ATTN_FORECAST_TRAIN].windows;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &seed, sizeof seed), &pass, sizeof pass));
    for (int64_t i = 0; i < windows; i++) s->order[i] = (int32_t)i;
    for (int64_t i = windows - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(&random, (uint64_t)i + 1);
        const int32_t kept = s->order[i];
        s->order[i] = s->order[j];
        s->order[j] = kept;
    }
    s->pass = pass;
}

static void fill(struct attn_forecast_batch *b, int64_t index, const struct attn_forecast_data *data, int64_t begin, bool truth) {
    attn_forecast_fill(b, index, data->series.value + begin * b->shape.channels, data->mark ? data->mark + begin * b->shape.marks : NULL,
                       truth);
}

void attn_forecast_ask(struct attn_forecast_task *s, int64_t index, const struct attn_forecast_data *data, int64_t begin, bool truth) {
    fill(&s->asked, index, data, begin, truth);
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_forecast_task *s = job->self;
    const int64_t batch = attn_recipe_whole(job->recipe, "batch"), count = batch / micros, steps = job->epoch_steps;
    if (open_training(job, s)) return NULL;
    if (s->pass != step / steps) shuffle(s, (uint64_t)attn_recipe_whole(job->recipe, "seed"), step / steps);
    for (int64_t i = 0; i < count; i++) fill(&s->batch, i, &s->data, s->order[step % steps * batch + micro * count + i], true);
    s->batch.count = count;
    attn_tensor *y = attn_forecast_model_forward(&s->model, &s->batch, true);
    const int64_t size[] = {count, attn_forecast_places(&s->shape), s->shape.horizon, s->shape.channels};
    y = attn_mean_all(attn_square(attn_sub(y, attn_tensor_input(attn_model_tape(job->model), 4, size, s->batch.target))));
    return micros > 1 ? attn_affine(y, 1 / (attn_real)micros, 0) : y;
}

const struct attn_task attn_aaren_forecast = {.name = "aaren/forecast",
                                              .summary = "long-horizon forecasts of series of several channels",
                                              .fields = fields,
                                              .field_count = sizeof fields / sizeof fields[0],
                                              .changes = changes,
                                              .conditions = conditions,
                                              .figure = "validation_mse",
                                              .lower = true,
                                              .along = "horizon",
                                              .beside = true,
                                              .bytes = sizeof(struct attn_forecast_task),
                                              .open = open_task,
                                              .loss = loss,
                                              .evaluate = attn_forecast_evaluate,
                                              .predict = attn_forecast_predict,
                                              .picture = attn_forecast_picture,
                                              .stream = attn_forecast_stream_face,
                                              .push = attn_forecast_push,
                                              .export_c = attn_forecast_export,
                                              .generate = attn_forecast_write,
                                              .extra = extra,
                                              .close = close_task};
