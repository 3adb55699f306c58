/* Models of the cases, and their steps. */
#include "bench/train_case.h"

#include "base/context.h"
#include "base/random.h"
#include "bench/train_pointer.h"
#include "system/zoology/mqar.h"

#include <math.h>

enum { CLASSES = 10, IMAGE = 32, COLOURS = 3, MAPS0 = 32, MAPS1 = 64, TAPS = 3 };

#define RECALL(mixer_name, text, layer_count, with_positions)                                                                              \
    {                                                                                                                                      \
        .name = mixer_name, .mixer = text, .batch = 256, .length = 64, .width = 64, .layers = layer_count, .heads = 1, .vocabulary = 8192, \
        .pairs = 4, .positions = with_positions, .contents = "recall (MQAR)"                                                               \
    }

#define BLOCKS(case_name, text)                                                                                                            \
    {                                                                                                                                      \
        .name = case_name, .mixer = text, .batch = 16, .length = 1024, .width = 128, .layers = 4, .heads = 4, .vocabulary = 64,            \
        .positions = true, .mlp = true, .contents = "long sequences: 4 heads, MLP of 4 D with GELU, learned positions, tied head"          \
    }

#define POINTER(case_name, points, targets)                                                                                                \
    {                                                                                                                                      \
        .name = case_name, .model = ATTN_TRAIN_POINTER, .batch = 128, .length = points, .width = 256, .layers = 1, .steps = targets,       \
        .contents = "pointer network, convex hulls"                                                                                        \
    }

const struct attn_train_shape attn_train_shapes[] = {
    {.name = "lm",
     .mixer = "attention:heads=4",
     .batch = 16,
     .length = 256,
     .width = 256,
     .layers = 4,
     .heads = 4,
     .vocabulary = 2048,
     .positions = true,
     .mlp = true,
     .contents = "language model: attention of 4 heads, MLP of 4 D with GELU, learned positions, tied head"},
    BLOCKS("causal", "attention:heads=4"),
    BLOCKS("aaren", "aaren:heads=4"),
    RECALL("attention", "attention", 2, true),
    RECALL("baseconv", "baseconv:kernel=3+baseconv:kernel=-1", 4, false),
    RECALL("based", "baseconv:kernel=3+based", 4, false),
    RECALL("rwkv", "rwkv", 4, false),
    RECALL("mamba", "mamba", 4, false),
    RECALL("hyena", "hyena", 4, false),
    RECALL("h3", "h3", 4, false),
    {.name = "lstm",
     .model = ATTN_TRAIN_LSTM,
     .batch = 128,
     .length = 50,
     .width = 256,
     .layers = 1,
     .contents = "LSTM of D, the last token's state through a linear layer to 10 classes"},
    {.name = "conv",
     .model = ATTN_TRAIN_IMAGES,
     .batch = 64,
     .length = IMAGE,
     .width = COLOURS,
     .layers = 2,
     .contents = "images 32 x 32 x 3: 3 x 3 to 32, ReLU, max of 2 x 2, 3 x 3 to 64, ReLU, max of 2 x 2, linear to 10 classes"},
    POINTER("ptr10", 10, 7),
    POINTER("ptr50", 50, 12),
};
const int attn_train_shape_count = sizeof attn_train_shapes / sizeof attn_train_shapes[0];

double attn_train_case_items(const struct attn_train_shape *shape) {
    return (double)shape->batch * (shape->model == ATTN_TRAIN_IMAGES ? 1.0 : (double)shape->length);
}

/* ------------------------------------------------------------------------------------------------------ models */

static void make_sequence(struct attn_train_case *c) {
    const struct attn_train_shape *s = &c->shape;
    attn_sequence_config config;
    attn_sequence_config_init(&config);
    config.vocabulary = s->vocabulary;
    config.width = s->width;
    config.layers = s->layers;
    config.length = s->length;
    config.mixer = s->mixer;
    config.state = s->mlp ? ATTN_STATE_MLP : ATTN_STATE_IDENTITY;
    config.positions = s->positions;
    c->sequence = attn_sequence_make(c->model, &config);
}

static attn_tensor *uniform(attn_model *model, const char *name, int dims, const int64_t *size, double bound) {
    attn_tensor *x = attn_model_parameter(model, name, dims, size);
    attn_fill_uniform(x, -bound, bound, attn_model_seed(model));
    return x;
}

static void make_lstm(struct attn_train_case *c) {
    const int64_t d = c->shape.width, matrix[] = {4 * d, d}, bias[] = {4 * d};
    const double bound = 1 / sqrt((double)d);
    attn_model_enter(c->model, "lstm");
    c->lstm.input = uniform(c->model, "input", 2, matrix, bound);
    c->lstm.recurrent = uniform(c->model, "recurrent", 2, matrix, bound);
    c->lstm.input_bias = uniform(c->model, "input_bias", 1, bias, bound);
    c->lstm.recurrent_bias = uniform(c->model, "recurrent_bias", 1, bias, bound);
    attn_model_leave(c->model);
    c->head = attn_projection_make(c->model, "head", d, CLASSES, true, bound);
}

static void make_images(struct attn_train_case *c) {
    static const int64_t in[2] = {COLOURS, MAPS0}, out[2] = {MAPS0, MAPS1};
    for (int i = 0; i < 2; i++) {
        const double bound = 1 / sqrt((double)(TAPS * TAPS * in[i]));
        attn_model_enter(c->model, "conv%d", i);
        c->conv[i].weight = uniform(c->model, "weight", 4, (const int64_t[]){out[i], TAPS, TAPS, in[i]}, bound);
        c->conv[i].bias = uniform(c->model, "bias", 1, &out[i], bound);
        attn_model_leave(c->model);
    }
    const int64_t flat = MAPS1 * (IMAGE / 4) * (IMAGE / 4);
    c->head = attn_projection_make(c->model, "head", flat, CLASSES, true, 1 / sqrt((double)flat));
}

/* ------------------------------------------------------------------------------------------------------- batch */

static void *room(attn_ctx *ctx, attn_status *status, int64_t count, size_t size) {
    void *memory = *status == ATTN_OK ? attn_alloc(ctx, (size_t)count * size) : NULL;
    if (memory == NULL && *status == ATTN_OK) *status = attn_no_memory(ctx, "the batch of a training step", (size_t)count * size);
    return memory;
}

static attn_status draw_recall(struct attn_train_case *c, uint64_t seed) {
    const struct attn_train_shape *s = &c->shape;
    const struct attn_mqar task = {
        .vocabulary = (int32_t)s->vocabulary, .length = s->length, .pairs = s->pairs, .passes = 1, .power = 0.01};
    attn_status status = attn_mqar_check(c->ctx, &task);
    int32_t *labels = room(c->ctx, &status, s->length, sizeof *labels);
    void *scratch = room(c->ctx, &status, (int64_t)attn_mqar_scratch(&task), 1);
    c->row = room(c->ctx, &status, s->batch * s->pairs, sizeof *c->row);
    for (int64_t b = 0; b < s->batch && status == ATTN_OK; b++) {
        attn_mqar_example(&task, seed, (uint64_t)b, c->token + b * s->length, labels, scratch);
        for (int64_t i = 0; i < s->length; i++) {
            if (labels[i] == ATTN_MQAR_NO_LABEL) continue;
            c->row[c->labels] = (int32_t)(b * s->length + i);
            c->label[c->labels++] = labels[i];
        }
    }
    attn_free(c->ctx, labels);
    attn_free(c->ctx, scratch);
    return status;
}

/* Random words; each is to name the next one. */
static void draw_text(struct attn_train_case *c, struct attn_random *random) {
    const struct attn_train_shape *s = &c->shape;
    const int64_t count = s->batch * s->length;
    for (int64_t i = 0; i < count; i++) c->token[i] = (int32_t)attn_random_below(random, (uint64_t)s->vocabulary);
    for (int64_t i = 0; i < count; i++) c->label[i] = c->token[(i + 1) % count];
    c->labels = count;
}

static attn_status draw_batch(struct attn_train_case *c, uint64_t seed) {
    const struct attn_train_shape *s = &c->shape;
    struct attn_random random;
    attn_status status = ATTN_OK;
    attn_random_init(&random, seed);
    c->label = room(c->ctx, &status, s->batch * attn_max64(s->length, s->steps), sizeof *c->label);
    if (s->model == ATTN_TRAIN_SEQUENCE) {
        c->token = room(c->ctx, &status, s->batch * s->length, sizeof *c->token);
        if (status == ATTN_OK && s->pairs == 0) draw_text(c, &random);
        return status == ATTN_OK && s->pairs > 0 ? draw_recall(c, seed) : status;
    }
    if (s->model == ATTN_TRAIN_POINTER) {
        c->x = room(c->ctx, &status, s->batch * s->length * 2, sizeof *c->x);
        c->fed = room(c->ctx, &status, s->batch * s->steps * 2, sizeof *c->fed);
        if (status == ATTN_OK) attn_train_pointer_draw(c, &random);
        return status;
    }
    const int64_t count = s->batch * s->length * s->width * (s->model == ATTN_TRAIN_IMAGES ? IMAGE : 1);
    c->x = room(c->ctx, &status, count, sizeof *c->x);
    if (status != ATTN_OK) return status;
    attn_random_fill_normal(&random, c->x, count, 1.0f);
    for (c->labels = 0; c->labels < s->batch; c->labels++) c->label[c->labels] = (int32_t)attn_random_below(&random, CLASSES);
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------------- open and close */

attn_status attn_train_case_open(struct attn_train_case *c, attn_ctx *ctx, const struct attn_train_shape *shape, uint64_t seed) {
    static void (*const make[])(struct attn_train_case *) = {[ATTN_TRAIN_SEQUENCE] = make_sequence,
                                                             [ATTN_TRAIN_LSTM] = make_lstm,
                                                             [ATTN_TRAIN_IMAGES] = make_images,
                                                             [ATTN_TRAIN_POINTER] = attn_train_pointer_make};
    attn_optimizer_config config;
    *c = (struct attn_train_case){.ctx = ctx, .shape = *shape};
    attn_optimizer_config_init(&config);
    attn_status status = attn_model_create(ctx, seed, &c->model);
    if (status == ATTN_OK) make[shape->model](c);
    if (status == ATTN_OK) status = attn_model_optimizer(c->model, &config, 0.1, &c->optimizer);
    return status == ATTN_OK ? draw_batch(c, seed) : status;
}

void attn_train_case_close(struct attn_train_case *c) {
    attn_optimizer_destroy(c->optimizer);
    attn_model_destroy(c->model);
    void *const arrays[] = {c->x, c->fed, c->token, c->row, c->label};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(c->ctx, arrays[i]);
    *c = (struct attn_train_case){.ctx = c->ctx};
}

/* ------------------------------------------------------------------------------------------------------- steps */

static attn_tensor *sequence_logits(struct attn_train_case *c) {
    const struct attn_train_shape *s = &c->shape;
    attn_tensor *hidden = attn_sequence_hidden(c->sequence, s->batch, s->length, c->token, true, NULL);
    hidden = attn_reshape(hidden, 2, (const int64_t[]){-1, s->width});
    return attn_sequence_logits(c->sequence, c->row == NULL ? hidden : attn_rows(hidden, 1, &c->labels, c->row));
}

static attn_tensor *lstm_logits(struct attn_train_case *c) {
    const struct attn_train_shape *s = &c->shape;
    attn_tensor *last = NULL;
    attn_tensor *x = attn_tensor_input(attn_model_tape(c->model), 3, (const int64_t[]){s->batch, s->length, s->width}, c->x);
    attn_lstm(x, NULL, NULL, &c->lstm, &last, NULL);
    return attn_project(&c->head, attn_contiguous(last));
}

static attn_tensor *image_logits(struct attn_train_case *c) {
    const int64_t size[] = {c->shape.batch, IMAGE, IMAGE, COLOURS};
    attn_tensor *x = attn_tensor_input(attn_model_tape(c->model), 4, size, c->x);
    for (int i = 0; i < 2; i++) x = attn_max_pool2d(attn_relu(attn_conv2d(x, c->conv[i].weight, c->conv[i].bias, 1, 1)), 2, 2, 0);
    return attn_project(&c->head, attn_reshape(x, 2, (const int64_t[]){c->shape.batch, -1}));
}

static attn_tensor *loss_of(struct attn_train_case *c) {
    static attn_tensor *(*const logits[])(struct attn_train_case *) = {
        [ATTN_TRAIN_SEQUENCE] = sequence_logits, [ATTN_TRAIN_LSTM] = lstm_logits, [ATTN_TRAIN_IMAGES] = image_logits};
    if (c->shape.model == ATTN_TRAIN_POINTER) return attn_train_pointer_loss(c);
    return attn_cross_entropy(logits[c->shape.model](c), c->label);
}

static attn_status backward(struct attn_train_case *c) {
    attn_tape_reset(attn_model_tape(c->model));
    attn_tensor *loss = loss_of(c);
    const attn_status status = attn_tape_status(attn_model_tape(c->model));
    if (status != ATTN_OK) return status;
    c->loss = (double)attn_data(loss)[0];
    return attn_tape_backward(loss);
}

attn_status attn_train_case_first(struct attn_train_case *c) {
    const attn_status status = backward(c);
    if (status == ATTN_OK) c->norm = attn_clip_norm(c->optimizer, -1.0);
    return status;
}

attn_status attn_train_case_step(struct attn_train_case *c) {
    const attn_status status = backward(c);
    if (status == ATTN_OK) attn_optimizer_step(c->optimizer, 1e-4);
    return status;
}
