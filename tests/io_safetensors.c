/* The safetensors reader and writer: malformed files of every kind, what must be accepted, round trips of every type, each call of the file
 * layer made to fail in turn, and memory that follows what was read. Oracles: the format's own description, and the bytes. */
#include "io/safetensors.h"
#include "support/faulty_files.h"
#include "support/noting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PREFIX = ATTN_SAFETENSORS_PREFIX };

/* A file: the header's length, the header, `room` bytes. */
static uint8_t *file_of(const char *header, size_t length, size_t room, size_t *size) {
    *size = PREFIX + length + room;
    uint8_t *bytes = malloc(*size); /* exact, so that the address sanitizer sees any read past the end */
    assert_non_null(bytes);
    for (int i = 0; i < PREFIX; i++) bytes[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(bytes + PREFIX, header, length);
    for (size_t i = 0; i < room; i++) bytes[PREFIX + length + i] = (uint8_t)(i * 37 + 11);
    return bytes;
}

static void refused(const uint8_t *bytes, size_t size, const char *sentence) {
    attn_ctx *ctx = test_noting_context();
    struct attn_safetensors file;
    char text[1024];
    const attn_status status = attn_safetensors_parse(ctx, "x.st", bytes, size, &file);
    attn_ctx_error(ctx, text, sizeof text);
    if (status != ATTN_EINVAL || strncmp(text, "x.st: ", 6) != 0 || strstr(text, sentence) == NULL)
        fail_msg("status %d, sentence \"%s\", expected \"%s\" in it", (int)status, text, sentence);
    assert_true(test_greatest_allocation() <= 2 * size + (1 << 20));
    attn_ctx_destroy(ctx);
}

#define TENSOR(name, dtype, shape, begin, end)                                                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

/* One malformed header a line, the bytes behind it, and what the sentence must hold. */
static const struct {
    const char *header;
    size_t room;
    const char *sentence;
} malformed[] = {
    /* no JSON object */
    {"", 0, "byte 8: found the end of the header, expected '{'"},
    {" {}", 0, "byte 8: found byte 0x20, expected '{' as the first byte"},
    {"[]", 0, "byte 8: found '['"},
    {"\xEF\xBB\xBF{}", 0, "byte 8: found byte 0xef, expected '{'"},
    {"{", 0, "byte 9: found the end of the header"},
    {"{}x", 0, "byte 10: found 'x', expected blanks"},
    {"{}{}", 0, "byte 10: found '{'"},
    {"{a:1}", 0, "byte 9: found 'a', expected the name of a tensor"},
    {"{\"a\"}", 0, "byte 12: found '}', expected ':'"},
    {"{\"a\":1}", 0, "byte 13: found '1', expected the object of a tensor"},
    {"{\"a\":null}", 0, "found 'n'"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") ",}", 1, "expected the name of a tensor"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") " \"b\"}", 1, "expected ',' or '}'"},
    /* text */
    {"{\"\xFF\":{}}", 0, "byte 10: found byte 0xff, expected text in UTF-8"},
    {"{\"\xC0\xAF\":{}}", 0, "byte 10: found byte 0xc0, expected text in UTF-8"},
    {"{\"\xED\xA0\x80\":{}}", 0, "byte 10: found byte 0xed, expected text in UTF-8"},
    {"{\"\xF4\x90\x80\x80\":{}}", 0, "byte 10: found byte 0xf4"},
    {"{\"\xE2\x82\":{}}", 0, "byte 10: found byte 0xe2"},
    {"{\"a\tb\":{}}", 0, "expected a string without control characters"},
    {"{\"a\\x\":{}}", 0, "expected an escape of JSON"},
    {"{\"a\\u12g4\":{}}", 0, "expected an escape of JSON"},
    {"{\"a\\ud800\":{}}", 0, "expected a pair of surrogates"},
    {"{\"a\\ud800\\u0041\":{}}", 0, "expected a pair of surrogates"},
    {"{\"a\\udc00\":{}}", 0, "expected a pair of surrogates"},
    {"{\"a", 0, "expected the closing quote"},
    {"{\"a\\", 0, "expected an escape of JSON"},
    /* names */
    {"{" TENSOR("", "U8", "[1]", "0", "1") "}", 1, "expected a name that is not empty"},
    {"{" TENSOR("a\\u0000", "U8", "[1]", "0", "1") "}", 1, "no control characters"},
    {"{" TENSOR("a\\n", "U8", "[1]", "0", "1") "}", 1, "no control characters"},
    {"{" TENSOR("a\x7F", "U8", "[1]", "0", "1") "}", 1, "no control characters"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") "," TENSOR("a", "U8", "[1]", "1", "2") "}", 2, "the tensor \"a\" is there twice"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") "," TENSOR("\\u0061", "U8", "[1]", "1", "2") "}", 2, "the tensor \"a\" is there twice"},
    /* the object of a tensor */
    {"{\"a\":{}}", 0, "expected one of the keys"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "expected all of \"dtype\", \"shape\", \"data_offsets\""},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "expected all of"},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "expected all of"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "expected a key that was not there before"},
    {"{\"a\":{\"type\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "expected one of the keys"},
    {"{" TENSOR("a", "U9", "[1]", "0", "1") "}", 1, "found the type \"U9\", expected one that safetensors has"},
    {"{" TENSOR("a", "bf16", "[1]", "0", "2") "}", 2, "found the type \"bf16\""},
    {"{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "expected the name of a type"},
    {"{" TENSOR("a", "U8", "1", "0", "1") "}", 1, "expected the list of extents"},
    {"{" TENSOR("a", "U8", "[1", "0", "1") "}", 1, "expected an integer"},
    {"{" TENSOR("a", "U8", "[1,]", "0", "1") "}", 1, "expected an integer"},
    {"{" TENSOR("a", "U8", "[[1]]", "0", "1") "}", 1, "found '[', expected an integer"},
    {"{" TENSOR("a", "U8", "[{}]", "0", "1") "}", 1, "found '{', expected an integer"},
    {"{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "expected at most 16 extents"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "expected ',' between the two offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "expected ']' after the two offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":{}}}", 1, "expected the two offsets"},
    /* numbers */
    {"{" TENSOR("a", "U8", "[-1]", "0", "1") "}", 1, "found '-', expected an integer of digits alone"},
    {"{" TENSOR("a", "U8", "[1.0]", "0", "1") "}", 1, "found '.', expected an integer, without fraction"},
    {"{" TENSOR("a", "U8", "[1e0]", "0", "1") "}", 1, "found 'e', expected an integer"},
    {"{" TENSOR("a", "U8", "[01]", "0", "1") "}", 1, "expected an integer of digits alone"},
    {"{" TENSOR("a", "U8", "[\\\"1\\\"]", "0", "1") "}", 1, "expected an integer"},
    {"{" TENSOR("a", "U8", "[9223372036854775808]", "0", "1") "}", 1, "expected an integer below 2^63"},
    {"{" TENSOR("a", "U8", "[99999999999999999999999]", "0", "1") "}", 1, "expected an integer below 2^63"},
    {"{" TENSOR("a", "U8", "[9007199254740993]", "0", "9007199254740992") "}", 1,
     "found 9007199254740992 bytes by its data_offsets, expected 9007199254740993"},
    {"{" TENSOR("a", "U8", "[1]", "-0", "1") "}", 1, "expected an integer"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1.5") "}", 1, "found '.', expected an integer, without fraction"},
    /* sizes and places */
    {"{" TENSOR("a", "U8", "[4294967296,4294967296]", "0", "0") "}", 0, "found more elements than memory has bits"},
    {"{" TENSOR("a", "F64", "[1152921504606846976]", "0", "0") "}", 0, "found more elements than memory has bits"},
    {"{" TENSOR("a", "F32", "[2]", "0", "7") "}", 7, "found 7 bytes by its data_offsets, expected 8 by its shape and type F32"},
    {"{" TENSOR("a", "BF16", "[3]", "0", "12") "}", 12, "expected 6 by its shape and type BF16"},
    {"{" TENSOR("a", "F4", "[3]", "0", "2") "}", 2, "found elements that end inside a byte"},
    {"{" TENSOR("a", "F6_E2M3", "[2]", "0", "2") "}", 2, "found elements that end inside a byte"},
    {"{" TENSOR("a", "U8", "[1]", "1", "0") "}", 1, "end before they begin"},
    {"{" TENSOR("a", "U8", "[1]", "1", "2") "}", 2, "begin at 1, expected 0"},
    {"{" TENSOR("a", "U8", "[2]", "0", "2") "," TENSOR("b", "U8", "[2]", "1", "3") "}", 3,
     "tensor \"b\": found data_offsets that begin at 1"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") "," TENSOR("b", "U8", "[1]", "2", "3") "}", 3,
     "tensor \"b\": found data_offsets that begin at 2"},
    {"{" TENSOR("a", "U8", "[2]", "0", "2") "," TENSOR("b", "U8", "[2]", "0", "2") "}", 2, "begin at 0, expected 2"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") "}", 0, "found 0 bytes behind the header, expected 1"},
    {"{" TENSOR("a", "U8", "[1]", "0", "1") "}", 2, "found 2 bytes behind the header, expected 1"},
    {"{}", 1, "found 1 bytes behind the header, expected 0"},
    /* metadata */
    {"{\"__metadata__\":[]}", 0, "expected the object of \"__metadata__\""},
    {"{\"__metadata__\":{\"a\":1}}", 0, "expected a string, as all of \"__metadata__\" must be"},
    {"{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "expected a string, as all of"},
    {"{\"__metadata__\":{\"a\":null}}", 0, "expected a string, as all of"},
    {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, "the key of \"__metadata__\" \"a\" is there twice"},
    {"{\"__metadata__\":{\"a\" \"b\"}}", 0, "expected ':'"},
    {"{\"__metadata__\":{\"a\":\"b\"}", 0, "found the end of the header"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the key \"__metadata__\" is there twice"},
};

static void every_malformed_header_is_refused_with_its_byte_or_tensor(void **state) {
    (void)state;
    assert_true(sizeof malformed / sizeof malformed[0] >= 40);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        size_t size;
        uint8_t *bytes = file_of(malformed[i].header, strlen(malformed[i].header), malformed[i].room, &size);
        refused(bytes, size, malformed[i].sentence);
        free(bytes);
    }
}

static void every_malformed_length_is_refused(void **state) {
    (void)state;
    static const uint8_t empty[PREFIX] = {2, 0, 0, 0, 0, 0, 0, 0}, all[PREFIX + 2] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'},
                         large[PREFIX + 2] = {1, 0xE1, 0xF5, 5, 0, 0, 0, 0, '{', '}'},
                         beyond[PREFIX + 2] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    for (size_t size = 0; size < PREFIX; size++) refused(empty, size, "expected 8 bytes, the length of the header");
    refused(empty, PREFIX, "found a header of 2 bytes, expected at most 0");
    refused(all, sizeof all, "expected at most 100000000; is it a safetensors file?");
    refused(large, sizeof large, "found a header of 100000001 bytes, expected at most 100000000");
    refused(beyond, sizeof beyond, "found a header of 3 bytes, expected at most 2");
}

static void no_shortened_file_is_accepted(void **state) {
    (void)state;
    static const char header[] = "{" TENSOR("w", "F32", "[2,3]", "0", "24") "," TENSOR("b", "BF16", "[3]", "24", "30") "}";
    size_t size;
    uint8_t *bytes = file_of(header, strlen(header), 30, &size);
    for (size_t n = 0; n < size; n++) refused(bytes, n, "expected");
    free(bytes);
}

/* A header of 4 MB that is one deep nest, or one long name, or all braces: answered at once, and with little memory. */
static void hostile_sizes_cost_no_more_than_the_file(void **state) {
    (void)state;
    enum { LONG = 4 << 20 };
    char *header = malloc(LONG);
    size_t size;
    assert_non_null(header);
    for (int kind = 0; kind < 3; kind++) {
        static const char fillers[] = "[{x";
        memset(header, fillers[kind], LONG);
        memcpy(header, kind == 2 ? "{\"" : "{\"a\":", kind == 2 ? 2 : 5);
        uint8_t *bytes = file_of(header, LONG, 0, &size);
        refused(bytes, size, "expected");
        free(bytes);
    }
    free(header);
}

/* What the format allows and a careless reader might not. */
static void what_must_be_accepted_is_accepted(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t room, count;
    } good[] = {
        {"{}", 0, 0},
        {"{}        ", 0, 0},
        {"{ }", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"__metadata__\":{\"format\":\"pt\",\"\":\"\\u20ac\\ud83d\\ude00\\n\"}," TENSOR("a", "U8", "[1]", "0", "1") "}", 1, 1},
        {"{" TENSOR("a", "F32", "[]", "0", "4") "}   ", 4, 1},
        {"{" TENSOR("a", "F32", "[0]", "0", "0") "," TENSOR("b", "F32", "[1]", "0", "4") "," TENSOR("c", "F32", "[3,0,2]", "4", "4") "}", 4,
         3},
        {"{" TENSOR("b", "U8", "[2]", "1", "3") "," TENSOR("a", "U8", "[1]", "0", "1") "}", 3, 2},
        {"{\"a\" : { \"data_offsets\" : [ 0 , 2 ] , \"shape\" : [ 1 ] ,\r\n\t\"dtype\" : \"F16\" } }", 2, 1},
        {"{" TENSOR("a", "F4", "[4]", "0", "2") "," TENSOR("b", "F6_E3M2", "[4]", "2", "5") "}", 5, 2},
        {"{" TENSOR("model/layer.0 \xC3\xA9\\\"\\\\", "C64", "[1]", "0", "8") "}", 8, 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        attn_ctx *ctx = test_noting_context();
        struct attn_safetensors file;
        char text[512];
        size_t size;
        uint8_t *bytes = file_of(good[i].header, strlen(good[i].header), good[i].room, &size);
        if (attn_safetensors_parse(ctx, "x.st", bytes, size, &file) != ATTN_OK)
            fail_msg("%s: %s", good[i].header, attn_ctx_error(ctx, text, sizeof text));
        assert_int_equal(file.count, good[i].count);
        attn_safetensors_free(ctx, &file);
        free(bytes);
        attn_ctx_destroy(ctx);
    }
}

static void names_shapes_and_types_are_found(void **state) {
    (void)state;
    static const char header[] =
        "{" TENSOR("b", "BF16", "[2,3]", "4", "16") "," TENSOR("\\u0061\\t\xC3\xA9", "I16", "[ 10 , 0 , 7 ]", "4", "4") "," //
        TENSOR("ab", "F32", "[]", "0", "4") "}";
    attn_ctx *ctx = test_noting_context();
    struct attn_safetensors file;
    size_t size;
    int64_t shape[ATTN_NPY_RANK];
    uint8_t *bytes = file_of(header, strlen(header), 16, &size);
    assert_int_equal(attn_safetensors_parse(ctx, "x.st", bytes, size, &file), ATTN_EINVAL); /* a tab in a name */
    free(bytes);
    static const char plain[] =
        "{" TENSOR("b", "BF16", "[2,3]", "4", "16") "," TENSOR("\\u0061\xC3\xA9", "I16", "[ 10 , 0 , 7 ]", "4", "4") "," //
        TENSOR("ab", "F32", "[]", "0", "4") "}";
    bytes = file_of(plain, strlen(plain), 16, &size);
    assert_int_equal(attn_safetensors_parse(ctx, "x.st", bytes, size, &file), ATTN_OK);
    const struct attn_safetensors_entry *b = attn_safetensors_find(&file, "b"), *scalar = attn_safetensors_find(&file, "ab"),
                                        *none = attn_safetensors_find(&file, "a\xC3\xA9");
    assert_true(b != NULL && scalar != NULL && none != NULL);
    assert_null(attn_safetensors_find(&file, "a"));
    assert_null(attn_safetensors_find(&file, "abc"));
    assert_null(attn_safetensors_find(&file, ""));
    attn_safetensors_shape(&file, b, shape);
    assert_true(b->rank == 2 && shape[0] == 2 && shape[1] == 3 && b->begin == 4 && b->end == 16);
    assert_string_equal(attn_safetensors_dtype(b), "BF16");
    attn_safetensors_shape(&file, none, shape);
    assert_true(none->rank == 3 && shape[0] == 10 && shape[1] == 0 && shape[2] == 7);
    assert_int_equal(scalar->rank, 0);
    attn_safetensors_free(ctx, &file);
    free(bytes);
    attn_ctx_destroy(ctx);
}

static char path[64];

static attn_status write_file(attn_ctx *ctx, const struct attn_file_system *system, const struct attn_safetensors_source *tensors,
                              int count) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(ctx, system, path, &writer);
    if (status == ATTN_OK) status = attn_safetensors_write(ctx, &writer, NULL, 0, tensors, count);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    return status;
}

/* Every type and several shapes in one file. */
static void what_is_written_reads_back_the_same(void **state) {
    (void)state;
    enum { COUNT = 8 };
    static const int64_t shapes[COUNT][4] = {{2, 3}, {5}, {0}, {1, 2, 3}, {2, 1, 2, 2}, {4, 0, 2}, {7}, {3}};
    static const int ranks[COUNT] = {2, 1, 0, 3, 4, 3, 1, 1};
    static const char *const names[COUNT] = {"o", "lse", "scalar", "d q", "dk", "none", "x/y", "bool"};
    attn_ctx *ctx = test_noting_context();
    struct attn_safetensors_source tensors[COUNT];
    uint8_t data[8 * 24];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 53 + 7);
    for (int i = 0; i < COUNT; i++)
        tensors[i] = (struct attn_safetensors_source){names[i], (enum attn_npy_type)(ATTN_NPY_BF16 + i), ranks[i], shapes[i], data};
    assert_int_equal(write_file(ctx, NULL, tensors, COUNT), ATTN_OK);
    for (int i = 0; i < COUNT; i++) {
        struct attn_npy array;
        size_t count = 1;
        for (int axis = 0; axis < ranks[i]; axis++) count *= (size_t)shapes[i][axis];
        assert_int_equal(attn_safetensors_read(ctx, NULL, path, names[i], &array), ATTN_OK);
        assert_true(array.type == tensors[i].type && array.rank == ranks[i] && array.count == count);
        assert_memory_equal(array.shape, shapes[i], (size_t)ranks[i] * sizeof(int64_t));
        assert_memory_equal(array.data, data, count * attn_npy_size(array.type));
        attn_npy_free(ctx, &array);
    }
    struct attn_npy array;
    char text[512];
    assert_int_equal(attn_safetensors_read(ctx, NULL, path, "q", &array), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "found no tensor \"q\", expected one of its 8: bool, d q, dk"));
    assert_int_equal(write_file(ctx, NULL, tensors, 0), ATTN_OK);
    assert_int_equal(attn_safetensors_read(ctx, NULL, path, "q", &array), ATTN_EINVAL);
    unlink(path);
    attn_ctx_destroy(ctx);
}

static void types_without_an_array_of_ours_are_refused_by_name(void **state) {
    (void)state;
    static const char header[] = "{" TENSOR("a", "F8_E4M3", "[4]", "0", "4") "}";
    attn_ctx *ctx = test_noting_context();
    struct attn_npy array;
    char text[512];
    size_t size;
    uint8_t *bytes = file_of(header, strlen(header), 4, &size);
    FILE *f = fopen(path, "wb");
    assert_true(f != NULL && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
    assert_int_equal(attn_safetensors_read(ctx, NULL, path, "a", &array), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "tensor \"a\": found elements of F8_E4M3, expected BF16"));
    unlink(path);
    free(bytes);
    attn_ctx_destroy(ctx);
}

static void a_failing_call_leaves_the_old_file_or_the_whole_new_one(void **state) {
    (void)state;
    static const int64_t shape[1] = {4};
    const float before[4] = {1, 2, 3, 4}, after[4] = {5, 6, 7, 8};
    const struct attn_safetensors_source old = {"a", ATTN_NPY_F32, 1, shape, before}, new = {"a", ATTN_NPY_F32, 1, shape, after};
    attn_ctx *ctx = test_noting_context();
    for (int n = 0;; n++) {
        struct test_faults f = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&f);
        struct attn_npy array;
        assert_int_equal(write_file(ctx, NULL, &old, 1), ATTN_OK);
        const attn_status status = write_file(ctx, &bad, &new, 1);
        assert_true(status == ATTN_OK || status == ATTN_ESYSTEM);
        assert_int_equal(attn_safetensors_read(ctx, NULL, path, "a", &array), ATTN_OK);
        assert_memory_equal(array.data, status == ATTN_OK ? after : before, sizeof after);
        attn_npy_free(ctx, &array);
        if (f.calls <= n) break;
    }
    unlink(path);
    attn_ctx_destroy(ctx);
}

static void a_failing_read_is_a_status_with_the_file_named(void **state) {
    (void)state;
    static const int64_t shape[1] = {4};
    const float data[4] = {1, 2, 3, 4};
    const struct attn_safetensors_source tensor = {"a", ATTN_NPY_F32, 1, shape, data};
    attn_ctx *ctx = test_noting_context();
    char text[256];
    struct attn_npy array;
    assert_int_equal(write_file(ctx, NULL, &tensor, 1), ATTN_OK);
    for (int n = 0;; n++) {
        struct test_faults f = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&f);
        if (attn_safetensors_read(ctx, &bad, path, "a", &array) == ATTN_OK) {
            assert_memory_equal(array.data, data, sizeof data);
            attn_npy_free(ctx, &array);
        } else {
            assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), path));
        }
        if (f.calls <= n) break;
    }
    unlink(path);
    assert_int_equal(attn_safetensors_read(ctx, NULL, path, "a", &array), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/attn-io-%ld.safetensors", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_header_is_refused_with_its_byte_or_tensor),
        cmocka_unit_test(every_malformed_length_is_refused),
        cmocka_unit_test(no_shortened_file_is_accepted),
        cmocka_unit_test(hostile_sizes_cost_no_more_than_the_file),
        cmocka_unit_test(what_must_be_accepted_is_accepted),
        cmocka_unit_test(names_shapes_and_types_are_found),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(types_without_an_array_of_ours_are_refused_by_name),
        cmocka_unit_test(a_failing_call_leaves_the_old_file_or_the_whole_new_one),
        cmocka_unit_test(a_failing_read_is_a_status_with_the_file_named),
    };
    return cmocka_run_group_tests_name("io: safetensors", tests, NULL, NULL);
}
