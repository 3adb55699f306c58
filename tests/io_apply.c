/* attn apply below the command: every allocation that fails in turn gives ATTN_ENOMEM or a complete result, and leaves nothing behind;
 * tensors of safetensors files are read and written as .npy files are. */
#include "io/apply.h"
#include "io/safetensors.h"
#include "kernel/convert/convert.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { INPUTS = ATTN_IN_CU_K + 1 }; /* all but those of a cache, which packed sequences do not have */

static char folder[64], paths[INPUTS + ATTN_APPLY_OUTPUTS][128];

/* An allocator whose n-th call fails, and from there on all if sticky. */
struct faults {
    int calls, fail_at, live;
    bool sticky;
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct faults *f = user;
    const int call = f->calls++;
    void *memory = NULL;
    if (call == f->fail_at || (f->sticky && call > f->fail_at)) return NULL;
    if (posix_memalign(&memory, alignment, bytes) != 0) return NULL;
    f->live++;
    return memory;
}

static void release(void *user, void *memory) {
    ((struct faults *)user)->live--;
    free(memory);
}

static attn_ctx *context(struct faults *f) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.allocator_user = f;
    config.threads = 2;
    return attn_ctx_create(&config, &ctx, NULL, 0) == ATTN_OK ? ctx : NULL;
}

static void write_array(attn_ctx *ctx, const char *path, enum attn_npy_type type, int rank, const int64_t *shape, const void *data) {
    struct attn_file_writer writer;
    assert_int_equal(attn_file_begin(ctx, NULL, path, &writer), ATTN_OK);
    assert_int_equal(attn_npy_write(ctx, &writer, type, rank, shape, data), ATTN_OK);
    assert_int_equal(attn_file_sync(ctx, &writer), ATTN_OK);
    assert_int_equal(attn_file_commit(ctx, &writer), ATTN_OK);
}

static int files(void) {
    int count = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) count += entry->d_name[0] != '.';
    if (d != NULL) closedir(d);
    return count;
}

/* Inputs and outputs of the dot product alone, or of the additive score; those of a search belong to neither. */
static bool belongs(bool input, int which, attn_score score) {
    if (!input && which >= ATTN_OUT_INDEX) return false;
    const bool additive = score == ATTN_SCORE_ADDITIVE;
    if (input && (which == ATTN_IN_W || which == ATTN_IN_DWEIGHTS)) return additive;
    if (!input && (which == ATTN_OUT_WEIGHTS || which == ATTN_OUT_DW)) return additive;
    const bool feature = input ? which >= ATTN_IN_ALIBI && which <= ATTN_IN_SINK : which >= ATTN_OUT_DALIBI && which <= ATTN_OUT_DSINK;
    return !(feature && additive);
}

static int outputs(const struct attn_apply *apply) {
    int count = 0;
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) count += apply->out[i] != NULL;
    return count;
}

/* A packed batch with every feature of the score, all its inputs but those of a cache and all its outputs. */
static struct attn_apply everything(attn_score score) {
    static const int64_t shapes[INPUTS][4] = {{9, 4, 6},    {9, 2, 6}, {9, 2, 5}, {9, 4, 5}, {4, 9}, {4},
                                              {1, 4, 5, 5}, {4},       {4, 6},    {4, 9, 5}, {3},    {3}};
    static const int ranks[INPUTS] = {3, 3, 3, 3, 2, 1, 4, 1, 2, 3, 1, 1};
    static const int32_t cu[3] = {0, 4, 9};
    static float data[512];
    const bool dot = score == ATTN_SCORE_DOT;
    struct faults none = {.fail_at = -1};
    struct attn_apply apply = {.mask = "causal & window:2,0",
                               .layout = ATTN_THD,
                               .dtype = ATTN_F32,
                               .kv_dtype = ATTN_DTYPE_SAME,
                               .score = score,
                               .scale = (double)NAN,
                               .softcap = dot ? 2.0 : (double)INFINITY,
                               .dropout = dot ? 0.25 : 0.0,
                               .seed = 3,
                               .threads = 2};
    attn_ctx *ctx = context(&none);
    for (int i = 0; i < 512; i++) data[i] = sinf((float)i);
    for (int i = 0; i < INPUTS; i++) {
        const bool cumulative = i == ATTN_IN_CU_Q || i == ATTN_IN_CU_K;
        snprintf(paths[i], sizeof paths[i], "%s/%s.npy", folder, attn_apply_input_names[i]);
        write_array(ctx, paths[i], cumulative ? ATTN_NPY_I32 : ATTN_NPY_F32, ranks[i], shapes[i], cumulative ? (const void *)cu : data);
        if (belongs(true, i, score)) apply.in[i] = paths[i];
    }
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) {
        char *path = paths[INPUTS + i];
        snprintf(path, sizeof paths[0], "%s/result-%s.npy", folder, attn_apply_output_names[i]);
        if (belongs(false, i, score)) apply.out[i] = path;
    }
    attn_ctx_destroy(ctx);
    return apply;
}

/* The same sequences, searched. */
static struct attn_apply everything_of_a_search(void) {
    struct attn_apply apply = everything(ATTN_SCORE_DOT);
    for (int i = 0; i < INPUTS; i++)
        if (i != ATTN_IN_Q && i != ATTN_IN_K && i < ATTN_IN_CU_Q) apply.in[i] = NULL;
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) apply.out[i] = i >= ATTN_OUT_INDEX ? paths[INPUTS + i] : NULL;
    apply.mask = NULL;
    apply.softcap = (double)INFINITY;
    apply.dropout = 0.0;
    apply.top = 3;
    return apply;
}

static void fail_every_allocation(struct attn_apply apply) {
    assert_int_equal(files(), INPUTS);
    for (int sticky = 0; sticky < 2; sticky++)
        for (int n = 1;; n++) { /* 0 is the context itself */
            struct faults f = {.fail_at = n, .sticky = sticky != 0};
            struct attn_apply_report report;
            attn_ctx *ctx = context(&f);
            assert_non_null(ctx);
            const attn_status status = attn_apply_files(ctx, &apply, &report);
            attn_ctx_destroy(ctx);
            assert_int_equal(f.live, 0);
            if (status == ATTN_OK) {
                assert_int_equal(files(), INPUTS + outputs(&apply));
                for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++)
                    if (apply.out[i] != NULL) unlink(apply.out[i]);
            } else {
                assert_int_equal(status, ATTN_ENOMEM);
            }
            assert_int_equal(files(), INPUTS);
            if (f.calls <= n) break;
        }
}

static void every_failing_allocation_leaves_no_output_and_no_memory(void **state) {
    (void)state;
    fail_every_allocation(everything(ATTN_SCORE_DOT));
    fail_every_allocation(everything(ATTN_SCORE_ADDITIVE));
    fail_every_allocation(everything_of_a_search());
}

static void a_search_refuses_what_it_has_no_use_for(void **state) {
    (void)state;
    struct faults none = {.fail_at = -1};
    struct attn_apply_report report;
    attn_ctx *ctx = context(&none);
    char sentence[512];
    static const char *const words[] = {"--v", "--out", "--mask", "--scale", "--dtype", "--kv-dtype", "--softcap", "--dropout", "--score"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct attn_apply apply = everything_of_a_search();
        if (i == 0) apply.in[ATTN_IN_V] = paths[ATTN_IN_V];
        if (i == 1) apply.out[ATTN_OUT_O] = paths[INPUTS + ATTN_OUT_O];
        if (i == 2) apply.mask = "causal";
        if (i == 3) apply.scale = 2.0;
        if (i == 4) apply.dtype = ATTN_F64;
        if (i == 5) apply.kv_dtype = ATTN_Q8_0;
        if (i == 6) apply.softcap = 2.0;
        if (i == 7) apply.dropout = 0.5;
        if (i == 8) apply.score = ATTN_SCORE_LEARNED_QUERY;
        assert_int_not_equal(attn_apply_files(ctx, &apply, &report), ATTN_OK);
        attn_ctx_error(ctx, sentence, sizeof sentence);
        if (strstr(sentence, words[i]) == NULL) fail_msg("expected %s in: %s", words[i], sentence);
        assert_int_equal(files(), INPUTS);
    }
    struct attn_apply attention = everything(ATTN_SCORE_DOT);
    attention.out[ATTN_OUT_INDEX] = paths[INPUTS + ATTN_OUT_INDEX];
    assert_int_equal(attn_apply_files(ctx, &attention, &report), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

static bool stop(void) {
    return true;
}

static void a_stop_before_the_commit_leaves_no_output(void **state) {
    (void)state;
    struct faults none = {.fail_at = -1};
    struct attn_apply_report report;
    struct attn_apply apply = everything(ATTN_SCORE_DOT);
    attn_ctx *ctx = context(&none);
    apply.stopped = stop;
    assert_int_equal(attn_apply_files(ctx, &apply, &report), ATTN_OK);
    assert_true(report.stopped);
    assert_int_equal(files(), INPUTS);
    attn_ctx_destroy(ctx);
}

static void an_output_that_cannot_be_written_takes_the_others_with_it(void **state) {
    (void)state;
    struct faults none = {.fail_at = -1};
    struct attn_apply_report report;
    struct attn_apply apply = everything(ATTN_SCORE_DOT);
    attn_ctx *ctx = context(&none);
    apply.out[ATTN_OUT_DSINK] = folder; /* a directory, and the last output */
    assert_int_equal(attn_apply_files(ctx, &apply, &report), ATTN_EINVAL);
    assert_int_equal(files(), INPUTS);
    attn_ctx_destroy(ctx);
}

/* The inputs of `everything` as tensors of one file. */
static void gather_inputs(attn_ctx *ctx, const char *path) {
    struct attn_npy arrays[INPUTS];
    struct attn_safetensors_source tensors[INPUTS];
    struct attn_file_writer writer;
    for (int i = 0; i < INPUTS; i++) {
        struct attn_npy *a = &arrays[i];
        assert_int_equal(attn_npy_read(ctx, NULL, paths[i], a), ATTN_OK);
        tensors[i] = (struct attn_safetensors_source){attn_apply_input_names[i], a->type, a->rank, a->shape, a->data};
    }
    assert_int_equal(attn_file_begin(ctx, NULL, path, &writer), ATTN_OK);
    assert_int_equal(attn_safetensors_write(ctx, &writer, NULL, 0, tensors, INPUTS), ATTN_OK);
    assert_int_equal(attn_file_sync(ctx, &writer), ATTN_OK);
    assert_int_equal(attn_file_commit(ctx, &writer), ATTN_OK);
    for (int i = 0; i < INPUTS; i++) attn_npy_free(ctx, &arrays[i]);
}

/* Result `which` as a tensor is what the .npy file holds, or that rounded to 16 bits. */
static void compare_result(attn_ctx *ctx, const char *npy, const char *tensors, const char *name, attn_dtype rounded) {
    struct attn_npy want, got;
    assert_int_equal(attn_npy_read(ctx, NULL, npy, &want), ATTN_OK);
    assert_int_equal(attn_safetensors_read(ctx, NULL, tensors, name, &got), ATTN_OK);
    assert_true(want.type == ATTN_NPY_F32 && got.rank == want.rank);
    assert_memory_equal(got.shape, want.shape, sizeof want.shape);
    if (rounded == ATTN_F32) {
        assert_int_equal(got.type, ATTN_NPY_F32);
        assert_memory_equal(got.data, want.data, want.count * sizeof(float));
    } else {
        assert_int_equal(got.type, ATTN_NPY_BF16);
        for (size_t i = 0; i < want.count; i++)
            assert_int_equal(((const uint16_t *)got.data)[i], attn_bf16_of_f32(((const float *)want.data)[i]));
    }
    attn_npy_free(ctx, &want);
    attn_npy_free(ctx, &got);
}

/* All inputs from one file, all outputs into another one. In bfloat16 the .npy files hold O in float32, as it was computed. */
static void tensors_are_read_and_written_as_npy_files_are(void **state) {
    (void)state;
    static char inputs[128], outputs[128], places[INPUTS][160];
    struct faults none = {.fail_at = -1};
    struct attn_apply_report report;
    snprintf(inputs, sizeof inputs, "%s/in.safetensors", folder);
    snprintf(outputs, sizeof outputs, "%s/out.safetensors", folder);
    for (int half = 0; half < 2; half++) {
        struct attn_apply apply = everything(ATTN_SCORE_DOT), tensors = apply;
        attn_ctx *ctx = context(&none);
        gather_inputs(ctx, inputs);
        tensors.dtype = apply.dtype = half ? ATTN_BF16 : ATTN_F32;
        for (int i = 0; i < INPUTS; i++) {
            if (apply.in[i] == NULL) continue;
            snprintf(places[i], sizeof places[i], i % 2 ? "%s:%s" : "%s", inputs, attn_apply_input_names[i]);
            tensors.in[i] = places[i];
        }
        for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++)
            if (apply.out[i] != NULL) tensors.out[i] = outputs;
        if (half) apply.in[ATTN_IN_DO] = tensors.in[ATTN_IN_DO] = NULL; /* O rounded or not gives other gradients */
        for (int i = ATTN_OUT_DQ; half && i < ATTN_APPLY_OUTPUTS; i++) apply.out[i] = tensors.out[i] = NULL;
        if (half) apply.in[ATTN_IN_DLSE] = tensors.in[ATTN_IN_DLSE] = NULL;
        assert_int_equal(attn_apply_files(ctx, &apply, &report), ATTN_OK);
        assert_int_equal(attn_apply_files(ctx, &tensors, &report), ATTN_OK);
        for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) {
            if (apply.out[i] == NULL) continue;
            compare_result(ctx, apply.out[i], outputs, attn_apply_output_names[i], half && i == ATTN_OUT_O ? ATTN_BF16 : ATTN_F32);
            unlink(apply.out[i]);
        }
        unlink(inputs);
        unlink(outputs);
        assert_int_equal(files(), INPUTS);
        attn_ctx_destroy(ctx);
    }
}

static void outputs_of_one_place_and_names_that_are_not_plain_are_refused(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"a.safetensors:x", "a.safetensors:x"}, {"a.safetensors", "a.safetensors:lse"},  {"a.safetensors:", "b.npy"},
        {"a.safetensors:q\"", "b.npy"},         {"a.safetensors:__metadata__", "b.npy"}, {"b.npy", "b.npy"}};
    struct faults none = {.fail_at = -1};
    struct attn_apply_report report;
    attn_ctx *ctx = context(&none);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct attn_apply apply = everything(ATTN_SCORE_DOT);
        apply.out[ATTN_OUT_LSE] = pairs[i][0];
        apply.out[ATTN_OUT_O] = pairs[i][1];
        assert_int_equal(attn_apply_files(ctx, &apply, &report), ATTN_EINVAL);
        assert_int_equal(files(), INPUTS);
    }
    attn_ctx_destroy(ctx);
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attn-apply-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    for (int i = 0; i < INPUTS; i++) unlink(paths[i]);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_leaves_no_output_and_no_memory),
        cmocka_unit_test(a_search_refuses_what_it_has_no_use_for),
        cmocka_unit_test(a_stop_before_the_commit_leaves_no_output),
        cmocka_unit_test(an_output_that_cannot_be_written_takes_the_others_with_it),
        cmocka_unit_test(tensors_are_read_and_written_as_npy_files_are),
        cmocka_unit_test(outputs_of_one_place_and_names_that_are_not_plain_are_refused),
    };
    return cmocka_run_group_tests_name("io: apply", tests, make_folder, remove_folder);
}
