#include "support/training.h"

#include "io/safetensors.h"
#include "system/zoology/zoology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char small[] =
    "vocabulary=32 length=16 pairs=2 width=16 layers=2 batch=8 train_examples=64 test_examples=16 epochs=0 lr=0.01 schedule=cosine";

attn_ctx *test_context(int threads) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = threads;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

void test_folder_make(char folder[64]) {
    snprintf(folder, 64, "/dev/shm/attn-train-XXXXXX"); /* hundreds of small trainings wait for a disk most of their time */
    if (mkdtemp(folder)) return;
    snprintf(folder, 64, "/tmp/attn-train-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

void test_folder_remove(const char *folder) {
    char command[128];
    assert_non_null(strstr(folder, "/attn-train-"));
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void set_words(struct attn_recipe *recipe, const char *words) {
    char text[512];
    for (const char *at = words; *at;) {
        const size_t n = strcspn(at, " ");
        assert_true(n < sizeof text);
        memcpy(text, at, n);
        text[n] = '\0';
        if (attn_recipe_set(recipe, text)) fail_msg("%s: %s", text, attn_ctx_error(recipe->ctx, text, sizeof text));
        at += n + (at[n] == ' ');
    }
}

struct attn_recipe *test_task_recipe(attn_ctx *ctx, const struct attn_task *task, const char *words) {
    struct attn_recipe *recipe;
    assert_int_equal(attn_task_recipe(ctx, task, &recipe), ATTN_OK);
    set_words(recipe, words);
    return recipe;
}

struct attn_recipe *test_recipe(attn_ctx *ctx, const char *words) {
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_zoology_mqar, small);
    set_words(recipe, words);
    return recipe;
}

static bool stop(void *user) {
    const struct test_training *t = user;
    return t->stop_at > 0 && t->step >= t->stop_at;
}

static void progress(void *user, const struct attn_train_progress *p) {
    ((struct test_training *)user)->step = p->step;
}

attn_status test_train(attn_ctx *ctx, const struct attn_recipe *recipe, const char *store, char folder[TEST_PATH],
                       struct test_training *training, enum attn_train_end *end) {
    const bool resume = folder[0] != '\0';
    const struct attn_train_options options = {.system = training->system,
                                               .checkpoint_seconds = training->checkpoint_seconds,
                                               .stop = stop,
                                               .progress = progress,
                                               .user = training};
    struct attn_run run = {.metrics = {.number = -1}};
    struct attn_job job;
    struct attn_figures figures;
    training->step = 0;
    attn_status status = attn_job_open(ctx, training->task ? training->task : &attn_zoology_mqar, recipe, NULL, 0, NULL, &job);
    if (!status)
        status =
            resume ? attn_run_open(ctx, training->system, folder, &run) : attn_run_create(ctx, training->system, store, recipe, NULL, &run);
    if (!status) snprintf(folder, TEST_PATH, "%s", run.folder);
    if (!status) status = attn_train(&job, &run, resume, &options, end, &figures);
    attn_job_close(&job);
    attn_run_close(&run);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ what is left */

char *test_file(const char *folder, const char *name, size_t *size) {
    char path[TEST_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: there is no such file", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long bytes = ftell(file);
    rewind(file);
    char *data = malloc((size_t)bytes + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)bytes, file), (size_t)bytes);
    data[bytes] = '\0';
    fclose(file);
    if (size) *size = (size_t)bytes;
    return data;
}

/* Takes "seconds" and its number out of a text. */
static void without_seconds(char *text) {
    for (char *at = text; (at = strstr(at, "\"seconds\":")) != NULL || (at = NULL);) {
        char *end = at + strcspn(at, ",}\n");
        memmove(at, end, strlen(end) + 1);
    }
}

char *test_lines(const char *folder) {
    char *all = test_file(folder, "metrics.jsonl", NULL), *to = all;
    without_seconds(all);
    for (char *line = all; *line;) {
        char *next = line + strcspn(line, "\n") + 1;
        const size_t n = (size_t)(next - line);
        if (strncmp(line, "{\"event\":\"step\"", 15) == 0 || strncmp(line, "{\"event\":\"evaluation\"", 21) == 0) {
            memmove(to, line, n);
            to += n;
        }
        line = next;
    }
    *to = '\0';
    return all;
}

void test_same_file(const char *a, const char *b, const char *name) {
    size_t a_size, b_size;
    char *x = test_file(a, name, &a_size), *y = test_file(b, name, &b_size);
    if (a_size != b_size || memcmp(x, y, a_size) != 0) fail_msg("%s differs in %s and %s", name, a, b);
    free(x);
    free(y);
}

/* The texts of a checkpoint without seconds, and all elements behind its header. */
static char *checkpoint_state(const char *folder, size_t *begin, size_t *size, char **bytes) {
    attn_ctx *ctx = test_context(1);
    struct attn_safetensors list;
    char *text;
    *bytes = test_file(folder, ATTN_CHECKPOINT_FILE, size);
    assert_int_equal(attn_safetensors_parse(ctx, "checkpoint", (const uint8_t *)*bytes, *size, &list), ATTN_OK);
    assert_int_equal(attn_safetensors_metadata(ctx, &list, "attn_state", &text), ATTN_OK);
    assert_non_null(text);
    *begin = 8 + list.length;
    char *copy = strdup(text);
    without_seconds(copy);
    attn_free(ctx, text);
    attn_safetensors_free(ctx, &list);
    attn_ctx_destroy(ctx);
    return copy;
}

void test_same_checkpoint(const char *a, const char *b) {
    size_t a_begin, a_size, b_begin, b_size;
    char *a_bytes, *b_bytes;
    char *a_state = checkpoint_state(a, &a_begin, &a_size, &a_bytes), *b_state = checkpoint_state(b, &b_begin, &b_size, &b_bytes);
    assert_string_equal(a_state, b_state);
    assert_int_equal(a_size - a_begin, b_size - b_begin);
    if (memcmp(a_bytes + a_begin, b_bytes + b_begin, a_size - a_begin) != 0) fail_msg("checkpoints of %s and %s differ", a, b);
    free(a_state);
    free(b_state);
    free(a_bytes);
    free(b_bytes);
}
