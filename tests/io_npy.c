/* The .npy reader and writer: round trips in every type and order, malformed files of every kind, and each call of the file layer made
 * to fail in turn. Oracles: the bytes themselves, and numpy's documented format. */
#include "io/npy.h"
#include "support/faulty_files.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static attn_ctx *new_context(void) {
    attn_ctx *ctx = NULL;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

/* Prefix of `version` and the dictionary, padded by `blanks` blanks and a newline. Returns the bytes written. */
static size_t put_header(uint8_t *bytes, int version, const char *dictionary, size_t blanks) {
    const size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary) + blanks + 1;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)version;
    bytes[7] = 0;
    for (size_t i = 0; i < prefix - 8; i++) bytes[8 + i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + prefix, dictionary, strlen(dictionary));
    memset(bytes + prefix + strlen(dictionary), ' ', blanks);
    bytes[prefix + length - 1] = '\n';
    return prefix + length;
}

static void fails_with(const uint8_t *bytes, size_t size, const char *expected) {
    attn_ctx *ctx = new_context();
    struct attn_npy array;
    char text[1024];
    /* an exact copy, so that the address sanitizer sees any read past the end */
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, bytes, size);
    const attn_status status = attn_npy_parse(ctx, "x.npy", copy, size, &array);
    attn_ctx_error(ctx, text, sizeof text);
    if (status != ATTN_EINVAL || strncmp(text, "x.npy: byte ", 12) != 0 || strstr(text, expected) == NULL ||
        strstr(text, "expected") == NULL)
        fail_msg("status %d, sentence \"%s\", expected \"%s\" in it", (int)status, text, expected);
    free(copy);
    attn_ctx_destroy(ctx);
}

/* One malformed dictionary a line: what it is, and what the sentence must hold. 8 bytes of elements follow each. */
static const struct {
    const char *dictionary, *sentence;
} malformed[] = {
    {"", "found the end of the header, expected '{'"},
    {"[]", "found '['"},
    {"{", "found the end of the header"},
    {"{}", "expected the key 'descr'"},
    {"{'descr': '<f4'}", "expected the key 'fortran_order'"},
    {"{'descr': '<f4', 'fortran_order': False}", "expected the key 'shape'"},
    {"{'fortran_order': False, 'shape': (2,)}", "expected the key 'descr'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "',' or '}'"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "found '''"},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (2,)}", "expected ':'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "expected blanks"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", "found the key 'more'"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "'descr' again"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}", "'shape' again"},
    {"{descr: '<f4', 'fortran_order': False, 'shape': (2,)}", "found 'd'"},
    {"{'a_key_that_is_far_too_long': 1}", "found 'a'"},
    {"{'descr", "closing quote"},
    {"{'de\\x73cr': '<f4'}", "closing quote"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "Python objects"},
    {"{'descr': 'O', 'fortran_order': False, 'shape': (1,)}", "Python objects"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "type '<c8'"},
    {"{'descr': '<U2', 'fortran_order': False, 'shape': (1,)}", "type '<U2'"},
    {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "type '<f16'"},
    {"{'descr': '|V2', 'fortran_order': False, 'shape': (4,)}", "type '|V2'"},
    {"{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}", "type '|f4'"},
    {"{'descr': 'f4', 'fortran_order': False, 'shape': (2,)}", "type 'f4'"},
    {"{'descr': '', 'fortran_order': False, 'shape': (2,)}", "type ''"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "no record type"},
    {"{'descr': 4, 'fortran_order': False, 'shape': (2,)}", "found '4'"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "True or False"},
    {"{'descr': '<f4', 'fortran_order': Fals, 'shape': (2,)}", "True or False"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "'(' of the shape"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "',' after the only extent"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "found '-'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "found '.'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (02,)}", "leading 0"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "found ','"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,,2)}", "found ','"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2", "',' or ')'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}", "',' after the only"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1 2)}", "',' or ')'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", "above 2^63"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "more bytes than memory"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905,)}", "more bytes than memory"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807, 3)}", "more bytes than memory"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}", "found 8 bytes of elements, expected 4398046511104"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "found 8 bytes of elements, expected 12"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "found 8 bytes of elements, expected 4"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7)}", "found 8 bytes of elements, expected 0"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)}", "more than 16 axes"},
};

static void every_malformed_dictionary_is_refused_with_its_byte(void **state) {
    (void)state;
    uint8_t bytes[2048];
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        for (int version = 1; version <= 3; version++) {
            const size_t size = put_header(bytes, version, malformed[i].dictionary, 5);
            memset(bytes + size, 0, 8);
            fails_with(bytes, size + 8, malformed[i].sentence);
        }
}

static const char plain[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

static void every_malformed_prefix_is_refused_with_its_byte(void **state) {
    (void)state;
    uint8_t bytes[512] = {0};
    const size_t size = put_header(bytes, 1, plain, 0) + 8;
    fails_with(bytes, 0, "byte 0: found the end of the file");
    fails_with(bytes, 3, "byte 3: found the end of the file");
    fails_with(bytes, 9, "byte 9: found the end of the file");
    fails_with((const uint8_t *)"PK\x03\x04 a zip file", 16, "byte 0: found 'P'");
    static const struct {
        size_t at;
        uint8_t value;
        const char *sentence;
    } changes[] = {{0, 0x92, "byte 0"},
                   {5, 'y', "byte 5"},
                   {6, 0, "version 0.0"},
                   {6, 4, "version 4.0"},
                   {7, 1, "version 1.1"},
                   {9, 0xFF, "expected at most"},
                   {8, 200, "that the file has left"},
                   {8, 0, "found the end of the header"},
                   {20, 0, "found byte 0x00"},
                   {20, 0xFF, "found byte 0xff"}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t copy[512];
        memcpy(copy, bytes, size);
        copy[changes[i].at] = changes[i].value;
        fails_with(copy, size, changes[i].sentence);
    }
    put_header(bytes, 2, plain, 0);
    fails_with(bytes, 11, "byte 11: found the end of the file");
    bytes[11] = 0x7F;
    fails_with(bytes, 100, "expected at most 65536");
}

static void no_shortened_file_is_accepted(void **state) {
    (void)state;
    uint8_t bytes[512] = {0};
    for (int version = 1; version <= 3; version++) {
        const size_t size = put_header(bytes, version, plain, 3) + 8;
        for (size_t shorter = 0; shorter < size; shorter++) fails_with(bytes, shorter, "");
        fails_with(bytes, size + 1, "found 9 bytes of elements, expected 8");
    }
}

static void types_orders_and_versions_read_as_numpy_defines_them(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        enum attn_npy_type type;
        uint8_t one[8]; /* the number 1 in the file */
    } types[] = {
        {"<f2", ATTN_NPY_F16, {0x00, 0x3C}},
        {">f2", ATTN_NPY_F16, {0x3C, 0x00}},
        {"<f4", ATTN_NPY_F32, {0, 0, 0x80, 0x3F}},
        {">f4", ATTN_NPY_F32, {0x3F, 0x80, 0, 0}},
        {"<f8", ATTN_NPY_F64, {0, 0, 0, 0, 0, 0, 0xF0, 0x3F}},
        {">f8", ATTN_NPY_F64, {0x3F, 0xF0}},
        {"<i4", ATTN_NPY_I32, {1}},
        {">i4", ATTN_NPY_I32, {0, 0, 0, 1}},
        {"<i8", ATTN_NPY_I64, {1}},
        {">i8", ATTN_NPY_I64, {0, 0, 0, 0, 0, 0, 0, 1}},
        {"|u1", ATTN_NPY_U8, {1}},
        {"|b1", ATTN_NPY_BOOL, {1}},
    };
    attn_ctx *ctx = new_context();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint8_t bytes[512];
        char dictionary[128];
        struct attn_npy array;
        double *values;
        snprintf(dictionary, sizeof dictionary, "{\"descr\": \"%s\", 'fortran_order':False, 'shape' : ( 1 ,1L ) }", types[i].descr);
        size_t size = put_header(bytes, 1 + (int)i % 3, dictionary, i);
        memcpy(bytes + size, types[i].one, attn_npy_size(types[i].type));
        assert_int_equal(attn_npy_parse(ctx, "x", bytes, size + attn_npy_size(types[i].type), &array), ATTN_OK);
        assert_int_equal(array.type, types[i].type);
        assert_int_equal(array.rank, 2);
        assert_int_equal(attn_npy_to_f64(ctx, &array, &values), ATTN_OK);
        assert_true(values[0] == 1.0);
        attn_free(ctx, values);
        attn_npy_free(ctx, &array);
    }
    attn_ctx_destroy(ctx);
}

static void fortran_order_is_turned_to_row_major(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    uint8_t bytes[512];
    struct attn_npy array;
    size_t size = put_header(bytes, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }", 0);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) bytes[size + (size_t)(i + 2 * j + 6 * k)] = (uint8_t)(100 * i + 10 * j + k);
    assert_int_equal(attn_npy_parse(ctx, "x", bytes, size + 24, &array), ATTN_OK);
    for (int at = 0; at < 24; at++) assert_int_equal(((uint8_t *)array.data)[at], 100 * (at / 12) + 10 * (at / 4 % 3) + at % 4);
    attn_npy_free(ctx, &array);
    size = put_header(bytes, 1, "{'descr': '>i4', 'fortran_order': True, 'shape': (3, 0), }", 0);
    assert_int_equal(attn_npy_parse(ctx, "x", bytes, size, &array), ATTN_OK);
    assert_int_equal(array.count, 0);
    attn_npy_free(ctx, &array);
    attn_ctx_destroy(ctx);
}

static void every_half_converts_exactly(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    static uint16_t bits[65536];
    for (int i = 0; i < 65536; i++) bits[i] = (uint16_t)i;
    const struct attn_npy array = {.type = ATTN_NPY_F16, .rank = 1, .shape = {65536}, .count = 65536, .data = bits};
    float *values;
    assert_int_equal(attn_npy_to_f32(ctx, &array, &values), ATTN_OK);
    for (int i = 0; i < 65536; i++) {
        const int exponent = i >> 10 & 31, fraction = i & 1023;
        const float sign = i >= 32768 ? -1.0f : 1.0f;
        if (exponent == 31)
            assert_true(fraction != 0 ? isnan(values[i]) : values[i] == sign * INFINITY);
        else
            assert_true(values[i] ==
                        sign * ldexpf((float)(exponent == 0 ? fraction : fraction + 1024), exponent == 0 ? -24 : exponent - 25));
    }
    attn_free(ctx, values);
    attn_ctx_destroy(ctx);
}

static void whole_numbers_of_32_bits_only_become_int32(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    int32_t *out;
    int64_t wide[2] = {-5, 2147483648};
    float fractional[2] = {3.0f, 0.5f};
    char text[256];
    struct attn_npy array = {.type = ATTN_NPY_I64, .rank = 1, .shape = {2}, .count = 2, .data = wide};
    assert_int_equal(attn_npy_to_i32(ctx, "cu", &array, &out), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "cu: element 1"));
    array.type = ATTN_NPY_F32;
    array.data = fractional;
    assert_int_equal(attn_npy_to_i32(ctx, "cu", &array, &out), ATTN_EINVAL);
    array.count = 1;
    assert_int_equal(attn_npy_to_i32(ctx, "cu", &array, &out), ATTN_OK);
    assert_int_equal(out[0], 3);
    attn_free(ctx, out);
    attn_ctx_destroy(ctx);
}

/* --------------------------------------------------------------------------------------------- files */

static char directory[64];

static int make_directory(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/attn-npy-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state) {
    (void)state;
    return rmdir(directory); /* fails if anything was left behind */
}

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static attn_status write_array(attn_ctx *ctx, const struct attn_file_system *system, const char *path, enum attn_npy_type type, int rank,
                               const int64_t *shape, const void *data) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(ctx, system, path, &writer);
    if (status == ATTN_OK) status = attn_npy_write(ctx, &writer, type, rank, shape, data);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    return status;
}

static void what_is_written_reads_back_the_same(void **state) {
    (void)state;
    static const int64_t shapes[][4] = {{0}, {5}, {0, 3}, {2, 3}, {2, 1, 4}, {1, 2, 3, 4}, {7, 0, 2, 1}};
    static const int ranks[] = {0, 1, 2, 2, 3, 4, 4};
    attn_ctx *ctx = new_context();
    uint8_t data[8 * 24];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 + 11);
    for (int type = ATTN_NPY_F16; type <= ATTN_NPY_BOOL; type++)
        for (size_t s = 0; s < sizeof ranks / sizeof ranks[0]; s++) {
            struct attn_npy array;
            size_t count = 1;
            for (int a = 0; a < ranks[s]; a++) count *= (size_t)shapes[s][a];
            assert_int_equal(write_array(ctx, NULL, path_of("a.npy"), (enum attn_npy_type)type, ranks[s], shapes[s], data), ATTN_OK);
            assert_int_equal(attn_npy_read(ctx, NULL, path_of("a.npy"), &array), ATTN_OK);
            assert_int_equal(array.type, type);
            assert_int_equal(array.rank, ranks[s]);
            assert_int_equal(array.count, count);
            assert_memory_equal(array.shape, shapes[s], (size_t)ranks[s] * sizeof(int64_t));
            assert_memory_equal(array.data, data, count * attn_npy_size((enum attn_npy_type)type));
            attn_npy_free(ctx, &array);
        }
    unlink(path_of("a.npy"));
    attn_ctx_destroy(ctx);
}

static int files_in_directory(void) {
    int count = 0;
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) count += entry->d_name[0] != '.';
    closedir(d);
    return count;
}

static void remove_old(const char *name) {
    char old[64];
    snprintf(old, sizeof old, "%s.old%ld-0", name, (long)getpid());
    unlink(path_of(old));
}

/* A process of this number left one when it died. */
static void an_old_file_of_a_dead_process_loses_nothing(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    const int64_t shape[1] = {4};
    const float before[4] = {1, 2, 3, 4}, after[4] = {5, 6, 7, 8};
    char stale[64];
    snprintf(stale, sizeof stale, "b.npy.old%ld-0", (long)getpid());
    for (int n = 0, failed = 1; failed; n++) {
        struct test_faults f = {0, n, true};
        const struct attn_file_system bad = test_faulty_files(&f);
        struct attn_npy array;
        assert_int_equal(write_array(ctx, NULL, path_of("b.npy"), ATTN_NPY_F32, 1, shape, before), ATTN_OK);
        assert_int_equal(write_array(ctx, NULL, path_of(stale), ATTN_NPY_F32, 1, shape, before), ATTN_OK);
        failed = write_array(ctx, &bad, path_of("b.npy"), ATTN_NPY_F32, 1, shape, after) != ATTN_OK;
        assert_int_equal(attn_npy_read(ctx, NULL, path_of("b.npy"), &array), ATTN_OK);
        assert_true(memcmp(array.data, before, sizeof before) == 0 || memcmp(array.data, after, sizeof after) == 0);
        if (!failed) assert_memory_equal(array.data, after, sizeof after);
        attn_npy_free(ctx, &array);
        for (int i = 0; i < 4; i++) {
            char old[64];
            snprintf(old, sizeof old, "b.npy.old%ld-%d", (long)getpid(), i);
            unlink(path_of(old));
            snprintf(old, sizeof old, "b.npy.tmp%ld-%d", (long)getpid(), i);
            unlink(path_of(old));
        }
    }
    unlink(path_of("b.npy"));
    attn_ctx_destroy(ctx);
}

static void a_failing_call_leaves_the_old_file_or_the_whole_new_one(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    const int64_t shape[1] = {4};
    const float before[4] = {1, 2, 3, 4}, after[4] = {5, 6, 7, 8};
    for (int sticky = 0; sticky < 2; sticky++)
        for (int n = 0;; n++) {
            struct test_faults f = {0, n, sticky != 0};
            const struct attn_file_system bad = test_faulty_files(&f);
            struct attn_npy array;
            assert_int_equal(write_array(ctx, NULL, path_of("b.npy"), ATTN_NPY_F32, 1, shape, before), ATTN_OK);
            const attn_status status = write_array(ctx, &bad, path_of("b.npy"), ATTN_NPY_F32, 1, shape, after);
            assert_true(status == ATTN_OK || status == ATTN_ESYSTEM);
            assert_int_equal(attn_npy_read(ctx, NULL, path_of("b.npy"), &array), ATTN_OK);
            assert_true(memcmp(array.data, before, sizeof before) == 0 || memcmp(array.data, after, sizeof after) == 0);
            if (status == ATTN_OK) assert_memory_equal(array.data, after, sizeof after);
            if (status != ATTN_OK && !f.sticky) assert_memory_equal(array.data, before, sizeof before);
            attn_npy_free(ctx, &array);
            remove_old("b.npy"); /* where going back failed too, the old file is kept beside the new one */
            if (f.calls <= n) break;
        }
    unlink(path_of("b.npy"));
    attn_ctx_destroy(ctx);
}

/* The first float of a file; 0: there is no file. */
static float first_of(attn_ctx *ctx, const char *name) {
    struct attn_npy array;
    if (access(path_of(name), F_OK) != 0) return 0.0f;
    assert_int_equal(attn_npy_read(ctx, NULL, path_of(name), &array), ATTN_OK);
    const float first = ((const float *)array.data)[0];
    attn_npy_free(ctx, &array);
    return first;
}

/* Three files, of which the second is new: whichever call fails, each name is as it was, and nothing else lies beside it. */
static void files_that_are_committed_together_are_all_new_or_all_as_before(void **state) {
    (void)state;
    static const char *const names[3] = {"d.npy", "e.npy", "f.npy"};
    static struct attn_file_writer writers[4]; /* the last one is not begun */
    attn_ctx *ctx = new_context();
    const int64_t shape[1] = {2};
    const float before[2] = {1, 2}, after[2] = {5, 6};
    int failures = 0;
    for (int n = 0;; n++) {
        struct test_faults f = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&f);
        attn_status status = ATTN_OK;
        for (int i = 0; i < 3; i += 2) assert_int_equal(write_array(ctx, NULL, path_of(names[i]), ATTN_NPY_F32, 1, shape, before), ATTN_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(attn_file_begin(ctx, NULL, path_of(names[i]), &writers[i]), ATTN_OK);
            assert_int_equal(attn_npy_write(ctx, &writers[i], ATTN_NPY_F32, 1, shape, after), ATTN_OK);
            assert_int_equal(attn_file_sync(ctx, &writers[i]), ATTN_OK);
            writers[i].system = &bad;
        }
        status = attn_file_commit_all(ctx, writers, 4);
        for (int i = 0; i < 3; i++) {
            attn_file_abort(&writers[i]);
            const float old = i == 1 ? 0.0f : 1.0f;
            assert_float_equal(first_of(ctx, names[i]), status == ATTN_OK ? 5.0f : old, 0.0f);
        }
        for (int i = 0; i < 3; i++) unlink(path_of(names[i]));
        assert_int_equal(files_in_directory(), 0);
        failures += status != ATTN_OK;
        if (f.calls <= n) break;
    }
    assert_true(failures >= 6); /* three renames, three directories */
    attn_ctx_destroy(ctx);
}

static void a_failing_read_is_a_status_with_the_file_named(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    const int64_t shape[1] = {4};
    const float data[4] = {1, 2, 3, 4};
    char text[256];
    assert_int_equal(write_array(ctx, NULL, path_of("c.npy"), ATTN_NPY_F32, 1, shape, data), ATTN_OK);
    for (int n = 0;; n++) {
        struct test_faults f = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&f);
        struct attn_npy array;
        const attn_status status = attn_npy_read(ctx, &bad, path_of("c.npy"), &array);
        if (status == ATTN_OK)
            attn_npy_free(ctx, &array);
        else
            assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "c.npy"));
        if (f.calls <= n) break;
    }
    unlink(path_of("c.npy"));
    struct attn_npy array;
    assert_int_equal(attn_npy_read(ctx, NULL, path_of("none.npy"), &array), ATTN_EINVAL);
    assert_int_equal(attn_npy_read(ctx, NULL, directory, &array), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "a directory"));
    assert_int_equal(write_array(ctx, NULL, directory, ATTN_NPY_F32, 1, shape, data), ATTN_EINVAL);
    assert_int_equal(write_array(ctx, NULL, path_of("no/such/place.npy"), ATTN_NPY_F32, 1, shape, data), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_dictionary_is_refused_with_its_byte),
        cmocka_unit_test(every_malformed_prefix_is_refused_with_its_byte),
        cmocka_unit_test(no_shortened_file_is_accepted),
        cmocka_unit_test(types_orders_and_versions_read_as_numpy_defines_them),
        cmocka_unit_test(fortran_order_is_turned_to_row_major),
        cmocka_unit_test(every_half_converts_exactly),
        cmocka_unit_test(whole_numbers_of_32_bits_only_become_int32),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(a_failing_call_leaves_the_old_file_or_the_whole_new_one),
        cmocka_unit_test(an_old_file_of_a_dead_process_loses_nothing),
        cmocka_unit_test(files_that_are_committed_together_are_all_new_or_all_as_before),
        cmocka_unit_test(a_failing_read_is_a_status_with_the_file_named),
    };
    return cmocka_run_group_tests_name("io: npy", tests, make_directory, remove_directory);
}
