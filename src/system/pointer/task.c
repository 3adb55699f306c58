/* The tasks pointer/hull, pointer/delaunay, pointer/tsp and pointer/sort: their fields, and training. */
#include "system/pointer/task.h"

#include "system/pointer/examples.h"
#include "system/pointer/pointer.h"
#include "system/pointer/tours.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const nets[] = {"ptrnet", "lstm", "attention", NULL};
static const char *const tour_nets[] = {"ptrnet", "lstm", "attention", "transformer", NULL};
static const char *const baselines[] = {"rollout", "starts", NULL};
static const char *const feeds[] = {"points", "words", NULL};
static const char *const starts[] = {"zeros", "learned", NULL};
static const char *const losses[] = {"sequence", "token", NULL};
static const char *const batchings[] = {"equal", "mixed", NULL};
static const char *const orders[] = {"random", "x", "angle", NULL};
static const char *const triangles[] = {"incentre", "random", NULL};
static const char *const labels[] = {"optimal", "a1", "a2", "a3", NULL};
static const char *const directions[] = {"ccw", "any", NULL};

#define MODEL_FIELDS(nets_, more_)                                                                                                         \
    {"model",   "what points: ptrnet, or the paper's baselines, an LSTM without or with attention to its input" more_,                     \
     ATTN_WORD, "ptrnet",                                                                                                                  \
     0,         0,                                                                                                                         \
     nets_},                                                                                                                               \
        {"hidden", "numbers of the encoder's and the decoder's state", ATTN_WHOLE, "64", 1, 4096, NULL},                                   \
        {"init", "every parameter begins uniform within this of 0", ATTN_NUMBER, "0.2", 0, 10, NULL},                                      \
        {"feed",    "what the decoder takes back: coordinates of the point, or (baselines) a learned vector of its number",                \
         ATTN_WORD, "points",                                                                                                              \
         0,         0,                                                                                                                     \
         feeds},                                                                                                                           \
        {"start", "the encoder's first states", ATTN_WORD, "zeros", 0, 0, starts}, {                                                       \
        "tie_end", "the end's vector is the encoder's learned first state", ATTN_TRUTH, "false", 0, 0, NULL                                \
    }
#define TRANSFORMER_FIELDS                                                                                                                 \
    {"width", "transformer: numbers of a city, a multiple of the heads", ATTN_WHOLE, "128", 1, 4096, NULL},                                \
        {"layers", "transformer: layers of the encoder", ATTN_WHOLE, "3", 1, ATTN_TRANSFORMER_LAYERS, NULL},                               \
        {"heads", "transformer: heads of its attention", ATTN_WHOLE, "8", 1, 4096, NULL},                                                  \
        {"logit_clip", "transformer: logits lie within this of 0", ATTN_NUMBER, "10", 0.01, ATTN_TRANSFORMER_CLIP, NULL},                  \
        {"baseline", "transformer: what lengths are compared with: greedy tours of an older copy, or tours from every city",               \
         ATTN_WORD,  "rollout",                                                                                                            \
         0,          0,                                                                                                                    \
         baselines},                                                                                                                       \
        {"baseline_steps", "transformer: steps before the copy may be renewed", ATTN_WHOLE, "250", 1, 1e9, NULL},                          \
        {"baseline_tests", "transformer: examples on which it must be worse for that", ATTN_WHOLE, "1024", 2, 1e9, NULL}, {                \
        "augment",                                                                                                                         \
            "transformer: answers are the shortest of greedy tours of so many symmetries of the points, with baseline=starts from every "  \
            "city; 0: one tour",                                                                                                           \
            ATTN_WHOLE, "0", 0, ATTN_SYMMETRIES, NULL                                                                                      \
    }
#define DATA_FIELDS(points_, test_)                                                                                                        \
    {"points", "points of an example: \"10\", or \"5-10\" for every number between", ATTN_TEXT, points_, 0, 0, NULL},                      \
        {"batching", "a step's examples have equal numbers of points, or mixed ones", ATTN_WORD, "equal", 0, 0, batchings},                \
        {"order", "the order of an example's points", ATTN_WORD, "random", 0, 0, orders},                                                  \
        {"train_examples", "examples that are drawn again and again; 0: fresh ones in every step", ATTN_WHOLE, "0", 0, 1e9, NULL},         \
        {"data", "a file of examples to learn from, in the paper's format", ATTN_FILE, "", 0, 0, NULL},                                    \
        {"test_points", "numbers of points of an evaluation: \"5+10+20\"", ATTN_TEXT, test_, 0, 0, NULL},                                  \
        {"test_examples", "examples of an evaluation for each of them", ATTN_WHOLE, "1024", 1, 1e7, NULL}, {                               \
        "loss", "summed over an example's tokens and averaged over examples, or averaged over all tokens", ATTN_WORD, "sequence", 0, 0,    \
            losses                                                                                                                         \
    }
#define DECODING_FIELDS(constrain_)                                                                                                        \
    {"beam", "answers are the best of so many beginnings kept; 1: greedy", ATTN_WHOLE, "1", 1, ATTN_POINTER_BEAMS, NULL},                  \
        {"wide_beam", "beam of further figures, \"accuracy_10_wide\"; 0: none", ATTN_WHOLE, "0", 0, ATTN_POINTER_BEAMS, NULL},             \
        {"constrain", "only valid answers are given", ATTN_TRUTH, constrain_, 0, 0, NULL}, {                                               \
        "renormalize", "under the constraint probabilities are of what is allowed, not of all", ATTN_TRUTH, "true", 0, 0, NULL             \
    }
#define CLOSE_FIELDS                                                                                                                       \
    {"close", "answers name their first point again before the end", ATTN_TRUTH, "true", 0, 0, NULL}, {                                    \
        "end_slot", "ptrnet: there is a vector of the end to point at; false: answers end when they close", ATTN_TRUTH, "true", 0, 0, NULL \
    }

static const struct attn_recipe_field hull_fields[] = {MODEL_FIELDS(nets, ""), DATA_FIELDS("5-10", "5+6+8+10"), DECODING_FIELDS("false"),
                                                       CLOSE_FIELDS};
static const struct attn_recipe_field delaunay_fields[] = {
    MODEL_FIELDS(nets, ""),
    DATA_FIELDS("5", "5"),
    DECODING_FIELDS("false"),
    {"triangles", "their order: by incentre, or none", ATTN_WORD, "incentre", 0, 0, triangles},
};
static const struct attn_recipe_field tsp_fields[] = {
    MODEL_FIELDS(tour_nets, ", or a transformer that learns from tours' lengths, without labels"),
    TRANSFORMER_FIELDS,
    DATA_FIELDS("5-8", "5+6+8"),
    DECODING_FIELDS("true"),
    CLOSE_FIELDS,
    {"labels", "tours to learn: the best, or the paper's approximations A1, A2 and A3", ATTN_WORD, "optimal", 0, 0, labels},
    {"exact", "points up to which the best tour is found exactly, beyond it by local search", ATTN_WHOLE, "13", 3, ATTN_TOUR_EXACT_MOST,
     NULL},
    {"direction", "tours to learn run counter-clockwise, or as they were found", ATTN_WORD, "ccw", 0, 0, directions},
};
static const struct attn_recipe_field sort_fields[] = {MODEL_FIELDS(nets, ""), DATA_FIELDS("5-10", "5+10"), DECODING_FIELDS("false")};

static const char *const changes[] = {"steps=10000", "optimizer=adam",  "lr=0.004", "decay=0",    "batch=64",
                                      "clip=2",      "schedule=linear", "hold=0.6", "floor=0.05", NULL};

static const struct attn_field_condition conditions[] = {
    {"hidden+init+loss", "model", "ptrnet+lstm+attention"},
    {"width+layers+heads+logit_clip+baseline+baseline_steps+baseline_tests+augment", "model", "transformer"},
    {"baseline_steps+baseline_tests", "baseline", "rollout"},
    {"train_examples", "data", ""},
    {NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------ setting up */

static attn_status bad_points(const struct attn_job *job, const char *field, const char *text, const char *expected) {
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: %s=%s: expected %s, of 1 to %d points", field, text, expected, ATTN_POINTER_MOST);
}

/* A number of points, which may stand before `stop`; NULL: none. */
static const char *parse_points(const char *at, const char *stops, int64_t *out) {
    char *end;
    if (*at < '0' || *at > '9') return NULL;
    *out = strtoll(at, &end, 10);
    return *out < 1 || *out > ATTN_POINTER_MOST || (*end && !strchr(stops, *end)) ? NULL : end;
}

static attn_status parse_range(struct attn_job *job, struct attn_pointer_task *s) {
    const char *text = attn_recipe_words(job->recipe, "points"), *at = parse_points(text, "-", &s->source.low);
    s->source.high = s->source.low;
    if (at && *at) at = parse_points(at + 1, "", &s->source.high);
    if (at && s->source.high >= s->source.low) return ATTN_OK;
    return bad_points(job, "points", text, "a number or a range LOW-HIGH");
}

static attn_status parse_tests(struct attn_job *job, struct attn_pointer_task *s) {
    const char *text = attn_recipe_words(job->recipe, "test_points");
    for (const char *at = text;; at++) {
        at = s->tests < ATTN_POINTER_TESTS ? parse_points(at, "+", &s->test[s->tests++]) : NULL;
        if (!at) return bad_points(job, "test_points", text, "at most 16 numbers with + between");
        if (!*at) return ATTN_OK;
    }
}

static void read_problem(const struct attn_recipe *r, enum attn_pointer_kind kind, struct attn_pointer_problem *out) {
    *out = (struct attn_pointer_problem){.kind = kind, .order = (enum attn_pointer_order)attn_recipe_whole(r, "order"), .exact_most = 3};
    if (attn_recipe_has(r, "close")) out->close = attn_recipe_whole(r, "close") != 0;
    if (attn_recipe_has(r, "end_slot")) out->closing_ends = attn_recipe_whole(r, "end_slot") == 0;
    if (kind == ATTN_POINTER_DELAUNAY) out->shuffled = attn_recipe_whole(r, "triangles") == 1;
    if (kind != ATTN_POINTER_TSP) return;
    out->labels = (enum attn_pointer_labels)attn_recipe_whole(r, "labels");
    out->exact_most = attn_recipe_whole(r, "exact");
    out->any_direction = attn_recipe_whole(r, "direction") == 1;
}

static attn_status read_model(struct attn_job *job, const struct attn_pointer_task *s, struct attn_pointer_config *out) {
    const struct attn_recipe *r = job->recipe;
    *out = (struct attn_pointer_config){.net = (enum attn_pointer_net)attn_recipe_whole(r, "model"),
                                        .hidden = attn_recipe_whole(r, "hidden"),
                                        .dictionary = s->source.high,
                                        .range = attn_recipe_number(r, "init"),
                                        .feed_words = attn_recipe_whole(r, "feed") == 1,
                                        .learned_start = attn_recipe_whole(r, "start") == 1,
                                        .tied_end = attn_recipe_whole(r, "tie_end") != 0,
                                        .no_end = s->problem.closing_ends};
    if (out->net == ATTN_PTRNET && out->feed_words)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: feed=words with model=ptrnet: expected feed=points, as it has no words");
    if (out->tied_end && (out->net != ATTN_PTRNET || !out->learned_start))
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: tie_end=true: expected model=ptrnet and start=learned with it");
    if (out->no_end && (out->net != ATTN_PTRNET || out->tied_end || !s->problem.close))
        return attn_fail(
            job->ctx, ATTN_EINVAL,
            "recipe: end_slot=false: expected model=ptrnet, close=true and tie_end=false with it, as answers then end when they close");
    return ATTN_OK;
}

static attn_status read_recipe(struct attn_job *job, struct attn_pointer_task *s, enum attn_pointer_kind kind) {
    const struct attn_recipe *r = job->recipe;
    read_problem(r, kind, &s->problem);
    s->decoding = (struct attn_pointer_decoding){attn_recipe_whole(r, "beam"), attn_recipe_whole(r, "constrain") != 0,
                                                 attn_recipe_whole(r, "renormalize") != 0};
    s->wide_beams = attn_recipe_whole(r, "wide_beam");
    s->test_examples = attn_recipe_whole(r, "test_examples");
    s->by_token = attn_recipe_whole(r, "loss") == 1;
    if (s->by_token && attn_recipe_whole(r, "micro_batches") > 1)
        return attn_fail(job->ctx, ATTN_EINVAL,
                         "recipe: loss=token with micro_batches=%lld: expected 1, as a piece does not know of the others' tokens",
                         (long long)attn_recipe_whole(r, "micro_batches"));
    s->source = (struct attn_pointer_source){.problem = &s->problem,
                                             .seed = (uint64_t)attn_recipe_whole(r, "seed"),
                                             .examples = attn_recipe_whole(r, "train_examples"),
                                             .mixed = attn_recipe_whole(r, "batching") == 1,
                                             .batch = attn_recipe_whole(r, "batch")};
    const attn_status status = parse_range(job, s);
    return status ? status : parse_tests(job, s);
}

static attn_status open_source(struct attn_job *job, struct attn_pointer_task *s) {
    const char *path = attn_recipe_words(job->recipe, "data");
    if (path[0]) {
        const attn_status status = attn_pointer_file_read(job->ctx, &s->problem, path, &s->source.file);
        if (status) return status;
        assert(s->source.file);
        if (s->source.file->least < s->source.low || s->source.file->most > s->source.high)
            return attn_fail(
                job->ctx, ATTN_EINVAL, "%s: found examples of %lld to %lld points, expected %lld to %lld, as the recipe's points=", path,
                (long long)s->source.file->least, (long long)s->source.file->most, (long long)s->source.low, (long long)s->source.high);
        s->source.examples = s->source.file->count;
    }
    return attn_pointer_source_open(job->ctx, &s->source);
}

/* What training takes: examples, memory for a step's and for finding their answers. A saved model is only asked: its recipe's file may be gone. */
static attn_status open_training(struct attn_job *job, struct attn_pointer_task *s) {
    const attn_status status = open_source(job, s);
    if (status) return status;
    const size_t bytes = attn_pointer_source_scratch(&s->source) * (size_t)job->ctx->config.threads;
    s->scratch = attn_alloc(job->ctx, bytes);
    if (!s->scratch) return attn_no_memory(job->ctx, "finding answers", bytes);
    job->epoch_steps = s->source.examples > 0 ? attn_max64(1, s->source.examples / s->source.batch) : 0;
    return attn_pointer_batch_open(job->ctx, s->source.batch, s->source.high, attn_pointer_source_tokens(&s->source), &s->batch);
}

static attn_status open_task(struct attn_job *job, enum attn_pointer_kind kind) {
    struct attn_pointer_task *s = job->self;
    struct attn_pointer_config config;
    attn_status status = read_recipe(job, s, kind);
    const bool transformer = kind == ATTN_POINTER_TSP && attn_recipe_whole(job->recipe, "model") == ATTN_POINTER_TRANSFORMER;
    if (!status) status = transformer ? attn_pointer_transformer_check(job) : read_model(job, s, &config);
    if (!status && !job->saved) status = open_training(job, s);
    if (status) return status;
    if (transformer)
        status = attn_pointer_transformer_open(job);
    else
        attn_pointer_model_make(job->model, &config, &s->model);
    return status ? status : attn_pointer_tests_fit(job); /* or training would end without figures */
}

static attn_status open_hull(struct attn_job *job) {
    return open_task(job, ATTN_POINTER_HULL);
}
static attn_status open_delaunay(struct attn_job *job) {
    return open_task(job, ATTN_POINTER_DELAUNAY);
}
static attn_status open_tsp(struct attn_job *job) {
    return open_task(job, ATTN_POINTER_TSP);
}
static attn_status open_sort(struct attn_job *job) {
    return open_task(job, ATTN_POINTER_SORT);
}

static void close_task(struct attn_job *job) {
    struct attn_pointer_task *s = job->self;
    attn_reinforce_close(&s->reinforce);
    attn_pointer_source_close(job->ctx, &s->source);
    attn_pointer_file_free(job->ctx, s->source.file);
    attn_pointer_batch_close(job->ctx, &s->batch);
    attn_free(job->ctx, s->scratch);
}

/* --------------------------------------------------------------------------------------------------------- running */

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_pointer_task *s = job->self;
    const int64_t count = s->source.batch / micros;
    int64_t tokens = 0;
    if (s->model.transformer) return attn_reinforce_loss(&s->reinforce, step, micro, micros, &s->batch);
    attn_pointer_source_fill(job->ctx, &s->source, step, micro * count, count, s->scratch, &s->batch);
    for (int64_t i = 0; i < s->batch.count * s->batch.tokens; i++) tokens += s->batch.target[i] >= 0;
    const double over = s->by_token ? (double)tokens * (double)micros : (double)s->source.batch;
    return attn_affine(attn_pointer_model_loss(&s->model, &s->batch), (attn_real)(1 / over), 0);
}

/* The tokens but the end, as numbers from 0 on; a closing point stays. */
static attn_status write_example(struct attn_job *job, int64_t index, FILE *out) {
    struct attn_pointer_task *s = job->self;
    const struct attn_pointer_batch *b = &s->batch;
    int32_t *target = b->target + index * b->tokens;
    int64_t count = 0;
    for (; count < b->tokens && target[count] > 0; count++) target[count]--;
    return attn_example_write(job->ctx, out, b->xy + 2 * index * b->points, b->length[index], target, count);
}

/* In the paper's format: what training would see. */
static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    struct attn_pointer_task *s = job->self;
    attn_status status = ATTN_OK;
    if (s->problem.kind == ATTN_POINTER_DELAUNAY && s->source.low < 3 && !s->source.file)
        return attn_fail(job->ctx, ATTN_EINVAL, "data: points=%s: fewer than 3 points have no triangle to be written, expected 3 or more",
                         attn_recipe_words(job->recipe, "points"));
    for (int64_t first = 0; first < count && !status; first += s->source.batch) {
        attn_pointer_source_fill(job->ctx, &s->source, first / s->source.batch, 0, attn_min64(count - first, s->source.batch), s->scratch,
                                 &s->batch);
        for (int64_t i = 0; i < s->batch.count && !status; i++) status = write_example(job, i, out);
    }
    if (!status && (fflush(out) != 0 || ferror(out))) status = attn_fail(job->ctx, ATTN_ESYSTEM, "writing the examples failed");
    return status;
}

#define TASK(name_, summary_, fields_, figure_, lower_, open_, references_)                                                                \
    {                                                                                                                                      \
        .name = name_, .summary = summary_, .fields = fields_, .field_count = sizeof(fields_) / sizeof(fields_)[0], .changes = changes,    \
        .conditions = conditions, .figure = figure_, .lower = lower_, .along = "points", .series = figure_, .series_axis = "points",       \
        .bytes = sizeof(struct attn_pointer_task), .open = open_, .loss = loss, .evaluate = attn_pointer_evaluate,                         \
        .predict = attn_pointer_predict, .picture = attn_pointer_picture, .generate = generate, .references = references_,                 \
        .close = close_task                                                                                                                \
    }
const struct attn_task attn_pointer_hull =
    TASK("pointer/hull", "the convex hull of points in the plane, vertex by vertex", hull_fields, "accuracy", false, open_hull, NULL);
const struct attn_task attn_pointer_delaunay =
    TASK("pointer/delaunay", "the Delaunay triangulation of points in the plane", delaunay_fields, "accuracy", false, open_delaunay, NULL);
const struct attn_task attn_pointer_tsp = TASK("pointer/tsp", "the shortest closed tour through points in the plane", tsp_fields, "ratio",
                                               true, open_tsp, attn_pointer_references);
const struct attn_task attn_pointer_sort = TASK("pointer/sort", "numbers in rising order", sort_fields, "accuracy", false, open_sort, NULL);
