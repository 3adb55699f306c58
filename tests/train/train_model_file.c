/* Saved models and checkpoints: written and read back, and every file that is not exactly the recipe's is refused with what is wrong. */
#include "io/safetensors.h"
#include "support/training.h"
#include "system/zoology/zoology.h"
#include "train/checkpoint.h"
#include "train/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_ctx *ctx;
static char store[64], path[128];

static int set_up(void **state) {
    (void)state;
    ctx = test_context(1);
    test_folder_make(store);
    snprintf(path, sizeof path, "%s/file.safetensors", store);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static const struct attn_task *find_task(attn_ctx *c, const char *name) {
    if (strcmp(name, attn_zoology_mqar.name) == 0) return &attn_zoology_mqar;
    attn_fail(c, ATTN_EINVAL, "there is no task '%s'", name);
    return NULL;
}

static void expect(attn_status got, attn_status want, const char *piece) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (got != want || (got && !strstr(text, piece))) fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)got, text, (int)want, piece);
}

struct subject {
    struct attn_recipe *recipe;
    struct attn_job job;
};

static struct subject open_subject(const char *words) {
    struct subject s = {test_recipe(ctx, words), {.ctx = NULL}};
    assert_int_equal(attn_job_open(ctx, &attn_zoology_mqar, s.recipe, NULL, 0, NULL, &s.job), ATTN_OK);
    return s;
}

static void close_subject(struct subject *s) {
    attn_job_close(&s->job);
    attn_free(ctx, s->recipe);
}

static void a_model_comes_back_bit_for_bit(void **state) {
    struct subject s = open_subject("mixer=attention+baseconv untied=true");
    const struct attn_model_file_state none = {.state = NULL};
    struct attn_saved_model model;
    (void)state;
    for (int64_t i = 0; i < attn_model_count(s.job.model); i++) attn_fill_normal(attn_model_tensor(s.job.model, i), 0, 1, (uint64_t)i);
    expect(attn_model_file_write(&s.job, NULL, path, &none), ATTN_OK, "");
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_OK, "");
    assert_int_equal(attn_model_count(model.job.model), attn_model_count(s.job.model));
    for (int64_t i = 0; i < attn_model_count(s.job.model); i++) {
        attn_tensor *a = attn_model_tensor(s.job.model, i), *b = attn_model_tensor(model.job.model, i);
        assert_int_equal(attn_count(a), attn_count(b));
        assert_memory_equal(attn_data(a), attn_data(b), (size_t)attn_count(a) * sizeof(attn_real));
    }
    assert_true(attn_recipe_hash(model.recipe) == attn_recipe_hash(s.recipe));
    attn_work_close_model(&model);
    close_subject(&s);
}

/* Writes tensors of the model, changed by `change`, with these texts. */
enum change { NOTHING, MISSING, EXTRA, SHAPE, TYPE, NAME, CHANGES };

static void write_changed(const struct subject *s, enum change change, const char *recipe, const char *state) {
    enum { MOST = 64 };
    static double wide[1 << 16];
    static const int64_t three[] = {3};
    struct attn_safetensors_source tensors[MOST];
    struct attn_safetensors_text texts[2];
    int64_t sizes[MOST][2], flat;
    int count = 0, text_count = 0;
    for (int64_t i = 0; i < attn_model_count(s->job.model); i++) {
        attn_tensor *x = attn_model_tensor(s->job.model, i);
        for (int axis = 0; axis < attn_dims(x); axis++) sizes[count][axis] = attn_size(x, axis);
        tensors[count] =
            (struct attn_safetensors_source){attn_model_name(s->job.model, i), ATTN_NPY_F32, attn_dims(x), sizes[count], attn_data(x)};
        count++;
    }
    flat = attn_count(attn_model_tensor(s->job.model, 0));
    if (change == MISSING) count--;
    if (change == EXTRA) tensors[count++] = (struct attn_safetensors_source){"another", ATTN_NPY_F32, 1, three, wide};
    if (change == SHAPE) tensors[0].rank = 1, tensors[0].shape = &flat;
    if (change == TYPE) tensors[0].type = ATTN_NPY_F64, tensors[0].data = wide;
    if (change == NAME) tensors[0].name = "another";
    if (recipe) texts[text_count++] = (struct attn_safetensors_text){"attn_recipe", recipe};
    if (state) texts[text_count++] = (struct attn_safetensors_text){"attn_state", state};
    static struct attn_file_writer writer;
    expect(attn_file_begin(ctx, NULL, path, &writer), ATTN_OK, "");
    expect(attn_safetensors_write(ctx, &writer, texts, text_count, tensors, count), ATTN_OK, "");
    expect(attn_file_sync(ctx, &writer), ATTN_OK, "");
    expect(attn_file_commit(ctx, &writer), ATTN_OK, "");
}

static void other_tensors_than_the_models_are_refused(void **state) {
    static const char *const sentences[CHANGES] = {"",
                                                   "tensors, expected ",
                                                   "tensors, expected ",
                                                   "found another shape or type than the recipe's model has",
                                                   "found another shape or type",
                                                   "file.safetensors"};
    struct subject s = open_subject("");
    char *recipe = attn_recipe_text(s.recipe);
    (void)state;
    for (enum change c = NOTHING; c < CHANGES; c++) {
        struct attn_saved_model model;
        write_changed(&s, c, recipe, NULL);
        const attn_status status = attn_work_open_model(ctx, find_task, path, NULL, 0, &model);
        expect(status, c == NOTHING ? ATTN_OK : ATTN_EINVAL, sentences[c]);
        if (!status) attn_work_close_model(&model);
    }
    attn_free(ctx, recipe);
    close_subject(&s);
}

static void files_of_others_are_refused(void **state) {
    struct subject s = open_subject("");
    struct attn_saved_model model;
    (void)state;
    write_changed(&s, NOTHING, NULL, NULL);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL,
           "file.safetensors: found no recipe (\"attn_recipe\" in the metadata)");
    write_changed(&s, NOTHING, "{\"task\": \"other/task\"}", NULL);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL, "there is no task 'other/task'");
    write_changed(&s, NOTHING, "{\"task\": \"zoology/mqar\", \"width\": 65536, \"vocabulary\": 32}", NULL);
    assert_int_not_equal(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_OK);
    write_changed(&s, NOTHING, "{\"task\": \"zoology/mqar\", \"width\": 0}", NULL);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL, "file.safetensors: width=0: expected a whole number");
    write_changed(&s, NOTHING, "[]", NULL);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL, "file.safetensors: found no JSON object");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no safetensors", file);
    fclose(file);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL, "file.safetensors: ");
    remove(path);
    expect(attn_work_open_model(ctx, find_task, path, NULL, 0, &model), ATTN_EINVAL, "file.safetensors: cannot be read");
    close_subject(&s);
}

/* ---------------------------------------------------------------------------------------------------- checkpoints */

static attn_status resume(const char *words, char folder[TEST_PATH]) {
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct test_training training = {.stop_at = 0};
    enum attn_train_end end;
    const attn_status status = test_train(ctx, recipe, store, folder, &training, &end);
    attn_free(ctx, recipe);
    return status;
}

static void make_checkpoint(const char *words, char folder[TEST_PATH]) {
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct test_training training = {.stop_at = 5};
    enum attn_train_end end;
    folder[0] = '\0';
    expect(test_train(ctx, recipe, store, folder, &training, &end), ATTN_OK, "");
    attn_free(ctx, recipe);
}

static void a_checkpoint_of_another_recipe_is_refused(void **state) {
    static const char *const others[] = {"steps=9 seed=2", "steps=10", "steps=9 width=32", "steps=9 optimizer=sgd", "steps=9 ema=0.5"};
    char folder[TEST_PATH];
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        make_checkpoint("steps=9", folder);
        expect(resume(others[i], folder), ATTN_EINVAL, "found the checkpoint of another recipe than the run's recipe.json");
        expect(resume("steps=9", folder), ATTN_OK, "");
    }
}

static void write_bytes(const char *name, const char *bytes, size_t size) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Whatever is cut off or changed: refused or, where only numbers changed, trained on with; then the whole one goes on. */
static void a_broken_checkpoint_does_no_harm(void **state) {
    char folder[TEST_PATH], name[TEST_PATH + 64];
    size_t size;
    (void)state;
    make_checkpoint("steps=6 width=4 layers=1", folder);
    char *whole = test_file(folder, ATTN_CHECKPOINT_FILE, &size), *bytes = malloc(size);
    assert_non_null(bytes);
    snprintf(name, sizeof name, "%s/%s", folder, ATTN_CHECKPOINT_FILE);
    for (size_t cut = 0; cut < size; cut += 1 + size / 23) {
        write_bytes(name, whole, cut);
        expect(resume("steps=6 width=4 layers=1", folder), ATTN_EINVAL, "checkpoint.safetensors: ");
    }
    for (size_t at = 0; at < 4000 && at < size; at += 41) { /* of the header */
        memcpy(bytes, whole, size);
        bytes[at] = (char)(bytes[at] ^ 1 << (at % 8));
        write_bytes(name, bytes, size);
        const attn_status status = resume("steps=6 width=4 layers=1", folder);
        assert_true(status == ATTN_OK || status == ATTN_EINVAL);
    }
    write_bytes(name, whole, size);
    expect(resume("steps=6 width=4 layers=1", folder), ATTN_OK, "");
    free(whole);
    free(bytes);
}

static void a_place_that_cannot_be_is_refused(void **state) {
    static const struct {
        const char *from, *to; /* of one length */
    } changes[] = {{"\\\"step\\\":5", "\\\"step\\\":4"},
                   {"\\\"step\\\":5", "\\\"step\\\":9"},
                   {"\\\"step\\\":5", "\\\"stop\\\":5"},
                   {"\\\"worse\\\":1", "\\\"worse\\\":x"},
                   {"\\\"ended\\\":false", "\\\"ended\\\":12345"}};
    char folder[TEST_PATH], name[TEST_PATH + 64];
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        size_t size, n = strlen(changes[i].from);
        make_checkpoint("steps=8 eval_every=2 lr=0", folder);
        char *bytes = test_file(folder, ATTN_CHECKPOINT_FILE, &size);
        snprintf(name, sizeof name, "%s/%s", folder, ATTN_CHECKPOINT_FILE);
        bool found = false;
        for (size_t at = 0; at + n < size && !found; at++)
            if (memcmp(bytes + at, changes[i].from, n) == 0) {
                memcpy(bytes + at, changes[i].to, n);
                found = true;
            }
        assert_true(found);
        write_bytes(name, bytes, size);
        free(bytes);
        expect(resume("steps=8 eval_every=2 lr=0", folder), ATTN_EINVAL, "checkpoint.safetensors: found ");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_bit_for_bit),   cmocka_unit_test(other_tensors_than_the_models_are_refused),
        cmocka_unit_test(files_of_others_are_refused),      cmocka_unit_test(a_checkpoint_of_another_recipe_is_refused),
        cmocka_unit_test(a_broken_checkpoint_does_no_harm), cmocka_unit_test(a_place_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("train: files of models", tests, set_up, tear_down);
}
