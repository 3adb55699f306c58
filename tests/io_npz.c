/* Archives of arrays: what NumPy wrote (fuzz/corpus/npz, made by numpy.savez, numpy.savez_compressed and numpy.savez into a pipe), round trips
 * of every type, each call of the file layer made to fail in turn. Oracle: the elements. */
#include "base/random.h"
#include "io/npz.h"
#include "support/faulty_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static attn_ctx *ctx;
static char path[64];

static int set_up(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/attn-io-npz-%ld.npz", (long)getpid());
    return attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    attn_ctx_destroy(ctx);
    return 0;
}

static const char *sentence(void) {
    static char text[1024];
    return attn_ctx_error(ctx, text, sizeof text);
}

static attn_status write_file(const struct attn_file_system *system, const struct attn_safetensors_source *arrays, int count,
                              bool deflate) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(ctx, system, path, &writer);
    if (status == ATTN_OK) status = attn_npz_write(ctx, &writer, arrays, count, deflate);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    return status;
}

#if defined(ATTN_HAVE_ZLIB)
static void what_numpy_wrote_is_read(void **state) {
    (void)state;
    static const char *const files[] = {"fuzz/corpus/npz/savez", "fuzz/corpus/npz/compressed", "fuzz/corpus/npz/descriptors"};
    static const float a[6] = {0, 1, 2, 3, 4, 5};
    static const int64_t b[3] = {1, -2, 3};
    for (int i = 0; i < 3; i++) {
        struct attn_npz npz;
        struct attn_npy array;
        if (attn_npz_open(ctx, NULL, files[i], &npz) != ATTN_OK || attn_npz_take(ctx, &npz, "a", &array) != ATTN_OK)
            fail_msg("%s", sentence());
        assert_true(array.type == ATTN_NPY_F32 && array.rank == 2 && array.shape[0] == 2 && array.shape[1] == 3);
        assert_memory_equal(array.data, a, sizeof a);
        attn_npy_free(ctx, &array);
        if (i < 2) {
            assert_int_equal(npz.zip.count, 3);
            assert_int_equal(attn_npz_take(ctx, &npz, "b", &array), ATTN_OK);
            assert_true(array.type == ATTN_NPY_I64 && array.count == 3 && memcmp(array.data, b, sizeof b) == 0);
            attn_npy_free(ctx, &array);
            assert_int_equal(attn_npz_take(ctx, &npz, "empty", &array), ATTN_OK);
            assert_true(array.type == ATTN_NPY_F64 && array.rank == 2 && array.shape[0] == 0 && array.shape[1] == 2);
            attn_npy_free(ctx, &array);
            assert_int_equal(attn_npz_take(ctx, &npz, "c", &array), ATTN_EINVAL);
            assert_non_null(strstr(sentence(), "found no array \"c\", expected one of its 3: a, b, empty"));
        }
        attn_npz_close(ctx, &npz);
    }
}

static void every_type_and_shape_reads_back_as_it_was_written(void **state) {
    (void)state;
    enum { COUNT = 7, ELEMENTS = 60000 };
    static const int64_t shapes[COUNT][3] = {{2, 3}, {ELEMENTS}, {0}, {10, 20, 30}, {0, 5}, {7}, {1, 1, 1}};
    static const int ranks[COUNT] = {2, 1, 0, 3, 2, 1, 3};
    static const char *const names[COUNT] = {"a", "with blank", "scalar", "x/y", "none", "\xC3\xA9", "arr_0"};
    struct attn_safetensors_source arrays[COUNT];
    uint8_t *data = malloc(8 * ELEMENTS);
    struct attn_random random;
    attn_random_init(&random, 9);
    assert_non_null(data);
    for (size_t i = 0; i < 8 * ELEMENTS; i++) data[i] = (uint8_t)attn_random_below(&random, i % 4096 < 2048 ? 4 : 256);
    for (int i = 0; i < COUNT; i++)
        arrays[i] = (struct attn_safetensors_source){names[i], (enum attn_npy_type)(ATTN_NPY_F16 + i), ranks[i], shapes[i], data};
    arrays[4].data = NULL; /* nothing to point at */
    for (int deflate = 0; deflate < 2; deflate++)
        for (int count = 0; count <= COUNT; count++) {
            struct attn_npz npz;
            assert_int_equal(write_file(NULL, arrays, count, deflate != 0), ATTN_OK);
            if (attn_npz_open(ctx, NULL, path, &npz) != ATTN_OK) fail_msg("%s", sentence());
            assert_int_equal(npz.zip.count, count);
            for (int i = 0; i < count; i++) {
                struct attn_npy array;
                size_t elements = 1;
                for (int axis = 0; axis < ranks[i]; axis++) elements *= (size_t)shapes[i][axis];
                if (attn_npz_take(ctx, &npz, names[i], &array) != ATTN_OK) fail_msg("%s", sentence());
                assert_true(array.type == arrays[i].type && array.rank == ranks[i] && array.count == elements);
                if (elements > 0) assert_memory_equal(array.data, data, elements * attn_npy_size(array.type));
                attn_npy_free(ctx, &array);
            }
            attn_npz_close(ctx, &npz);
        }
    free(data);
}

static void what_the_format_has_not_is_not_written(void **state) {
    (void)state;
    static const int64_t one[1] = {1}, huge[1] = {INT64_C(1) << 30};
    const struct attn_safetensors_source bf16 = {"a", ATTN_NPY_BF16, 1, one, "xx"}, large = {"b", ATTN_NPY_F32, 1, huge, "xxxx"};
    assert_int_equal(write_file(NULL, &bf16, 1, false), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "array \"a\": found bfloat16"));
    assert_int_equal(write_file(NULL, &large, 1, false), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "array \"b\": found more than 4 GiB"));
}

static void a_failing_call_leaves_the_old_file_or_the_whole_new_one(void **state) {
    (void)state;
    static const int64_t shape[1] = {4};
    static const float before[4] = {1, 2, 3, 4}, after[4] = {5, 6, 7, 8};
    const struct attn_safetensors_source old = {"a", ATTN_NPY_F32, 1, shape, before}, new = {"a", ATTN_NPY_F32, 1, shape, after};
    for (int n = 0;; n++) {
        struct test_faults faults = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&faults);
        struct attn_npz npz;
        struct attn_npy array;
        assert_int_equal(write_file(NULL, &old, 1, true), ATTN_OK);
        const attn_status status = write_file(&bad, &new, 1, true);
        assert_true(status == ATTN_OK || status == ATTN_ESYSTEM);
        assert_int_equal(attn_npz_open(ctx, NULL, path, &npz), ATTN_OK);
        assert_int_equal(attn_npz_take(ctx, &npz, "a", &array), ATTN_OK);
        assert_memory_equal(array.data, status == ATTN_OK ? after : before, sizeof after);
        attn_npy_free(ctx, &array);
        attn_npz_close(ctx, &npz);
        if (faults.calls <= n) break;
    }
    for (int n = 0;; n++) {
        struct test_faults faults = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&faults);
        struct attn_npz npz;
        struct attn_npy array;
        attn_status status = attn_npz_open(ctx, &bad, path, &npz);
        if (status == ATTN_OK) {
            status = attn_npz_take(ctx, &npz, "a", &array);
            if (status == ATTN_OK) attn_npy_free(ctx, &array);
            attn_npz_close(ctx, &npz);
        }
        if (status != ATTN_OK) assert_non_null(strstr(sentence(), path));
        if (faults.calls <= n) break;
    }
}
#else
static void archives_name_what_to_install(void **state) {
    (void)state;
    struct attn_npz npz;
    assert_int_equal(attn_npz_open(ctx, NULL, "fuzz/corpus/npz/savez", &npz), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(sentence(), "install zlib1g-dev"));
    assert_int_equal(write_file(NULL, NULL, 0, false), ATTN_EUNSUPPORTED);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(what_numpy_wrote_is_read),
        cmocka_unit_test(every_type_and_shape_reads_back_as_it_was_written),
        cmocka_unit_test(what_the_format_has_not_is_not_written),
        cmocka_unit_test(a_failing_call_leaves_the_old_file_or_the_whole_new_one),
#else
        cmocka_unit_test(archives_name_what_to_install),
#endif
    };
    return cmocka_run_group_tests_name("io: npz", tests, set_up, tear_down);
}
