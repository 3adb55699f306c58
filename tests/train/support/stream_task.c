#include "support/stream_task.h"

#include "support/training.h"
#include "system/aaren/stack.h"
#include "train/model_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = TEST_STREAM_COLUMNS };
static const char *const names[] = {"a", "b", "y,1", "y2"};
static const struct attn_recipe_field fields[] = {ATTN_AAREN_STACK_FIELDS};
static const char *const changes[] = {"mixer=aaren:heads=2", "width=8", "ffn=12", "layers=3", NULL};

struct self {
    struct attn_aaren_stack *stack;
    attn_projection in, out;
};

static void make_whole(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    (void)mixer, (void)model, (void)place, (void)option;
}
static attn_tensor *mix_whole(void *mixer, attn_mixer_call *call) {
    (void)mixer;
    return call->u;
}
static const attn_mixer_kind whole = {
    .size = sizeof(attn_mixer_kind), .name = "whole", .summary = "none", .bytes = 1, .make = make_whole, .mix = mix_whole};
const attn_mixer_kind *const test_stream_kinds[1] = {&whole};

static attn_status open_task(struct attn_job *job) {
    struct self *s = job->self;
    const int64_t width = attn_recipe_whole(job->recipe, "width");
    s->in = attn_projection_make(job->model, "in", COLUMNS, width, true, 0.5);
    s->stack = attn_aaren_stack_from_recipe(job, TEST_STREAM_LENGTH, true, false, true, 1e-5);
    s->out = attn_projection_make(job->model, "out", width, COLUMNS, true, 0.5);
    return attn_tape_status(attn_model_tape(job->model));
}

static attn_status stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out) {
    const struct self *s = job->self;
    *out = (struct attn_stream_face){.inputs = COLUMNS,
                                     .outputs = COLUMNS,
                                     .input_name = names,
                                     .output_name = names + COLUMNS,
                                     .state = attn_aaren_stack_state(s->stack, tokens),
                                     .constant = attn_recipe_number(job->recipe, "dropout") < 0.9 && attn_aaren_stack_constant(s->stack)};
    return ATTN_OK;
}

static attn_status push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in, double *out) {
    const struct self *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    if (isnan(in[0])) return attn_fail(job->ctx, ATTN_EINVAL, "a: found nothing, expected a number");
    if (in[0] > 998 && in[0] < 1000) return attn_no_memory(job->ctx, "a test", 1);
    const attn_real x[] = {(attn_real)in[0], isnan(in[1]) ? 0 : (attn_real)in[1]};
    attn_tape_reset(tape);
    attn_tensor *token = attn_project(&s->in, attn_tensor_input(tape, 3, (const int64_t[]){1, 1, COLUMNS}, x));
    const attn_real *y = attn_data(attn_project(&s->out, attn_aaren_stack_step(s->stack, token, NULL, state, tokens, position)));
    if (!y) return attn_tape_status(tape);
    for (int i = 0; i < COLUMNS; i++) out[i] = (double)y[i];
    return ATTN_OK;
}

const struct attn_task test_stream_task = {.name = "test/stream",
                                           .summary = "rows of two numbers",
                                           .fields = fields,
                                           .field_count = sizeof fields / sizeof fields[0],
                                           .changes = changes,
                                           .bytes = sizeof(struct self),
                                           .open = open_task,
                                           .stream = stream,
                                           .push = push};

static const struct attn_task no_stream = {.name = "test/none",
                                           .summary = "no stream",
                                           .fields = fields,
                                           .field_count = sizeof fields / sizeof fields[0],
                                           .changes = changes,
                                           .bytes = sizeof(struct self),
                                           .open = open_task};

const struct attn_task *test_stream_find(attn_ctx *ctx, const char *name) {
    if (strcmp(name, test_stream_task.name) == 0) return &test_stream_task;
    if (strcmp(name, no_stream.name) == 0) return &no_stream;
    attn_fail(ctx, ATTN_EINVAL, "there is no task '%s'", name);
    return NULL;
}

void test_stream_write(attn_ctx *ctx, const char *words, uint64_t seed, const char *path) {
    const struct attn_model_file_state none = {.state = NULL};
    const bool plain = strncmp(words, "none ", 5) == 0;
    const struct attn_task *task = plain ? &no_stream : &test_stream_task;
    struct attn_recipe *recipe = test_task_recipe(ctx, task, plain ? words + 5 : words);
    struct attn_job job;
    assert_int_equal(attn_job_open(ctx, task, recipe, test_stream_kinds, 1, NULL, &job), ATTN_OK);
    for (int64_t i = 0; i < attn_model_count(job.model); i++) attn_fill_normal(attn_model_tensor(job.model, i), 0, 0.4, seed + (uint64_t)i);
    assert_int_equal(attn_model_file_write(&job, NULL, path, &none), ATTN_OK);
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

void test_stream_batch(attn_model_stream *stream_, int64_t rows, const double *in, double *out) {
    const struct attn_job *job = attn_model_stream_job(stream_);
    const struct self *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    attn_real x[TEST_STREAM_LENGTH * COLUMNS];
    assert_true(rows <= TEST_STREAM_LENGTH);
    for (int64_t i = 0; i < rows * COLUMNS; i++) x[i] = isnan(in[i]) ? 0 : (attn_real)in[i];
    attn_tape_reset(tape);
    attn_tensor *token = attn_project(&s->in, attn_tensor_input(tape, 3, (const int64_t[]){1, rows, COLUMNS}, x));
    const attn_real *y = attn_data(attn_project(&s->out, attn_aaren_stack_forward(s->stack, token, NULL, false)));
    assert_non_null(y);
    for (int64_t i = 0; i < rows * COLUMNS; i++) out[i] = (double)y[i];
}
