/* Texts under __metadata__, written and read, and a safetensors file that stays open while its tensors are read. Oracle: the bytes. */
#include "base/random.h"
#include "io/safetensors.h"
#include "io/utf8.h"
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
    return attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    unlink(path);
    return 0;
}

static const char *sentence(void) {
    static char text[1024];
    return attn_ctx_error(ctx, text, sizeof text);
}

static attn_status write_file(const struct attn_file_system *system, const struct attn_safetensors_text *texts, int text_count,
                              const struct attn_safetensors_source *tensors, int count) {
    struct attn_file_writer writer;
    attn_status status = attn_file_begin(ctx, system, path, &writer);
    if (status == ATTN_OK) status = attn_safetensors_write(ctx, &writer, texts, text_count, tensors, count);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    return status;
}

static void expect_text(const struct attn_safetensors *file, const char *key, const char *value) {
    char *text;
    assert_int_equal(attn_safetensors_metadata(ctx, file, key, &text), ATTN_OK);
    if (value == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_string_equal(text, value);
    attn_free(ctx, text);
}

static const int64_t two[1] = {2};
static const float ones[2] = {1, 1};
static const struct attn_safetensors_source one_tensor = {"w", ATTN_NPY_F32, 1, two, ones};

static void texts_read_back_as_they_were_written(void **state) {
    (void)state;
    static const struct attn_safetensors_text texts[] = {
        {"recipe", "{\"lr\": 1e-3, \"name\": \"a \\\"quoted\\\" one\",\n\t\"path\": \"C:\\\\x\"}\n"},
        {"", "the empty key"},
        {"empty", ""},
        {"format", "pt"},
        {"control", "\x01\x02\b\f\n\r\t\x1F\x7F"},
        {"slash", "a/b\\/c"},
        {"a \"key\"\\\n", "\\u0041 is not undone twice"},
        {"\xC3\xA9t\xC3\xA9", "\xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF"},
    };
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    for (int count = 0; count <= TEXTS; count++) {
        struct attn_safetensors_reader reader;
        assert_int_equal(write_file(NULL, texts, count, &one_tensor, 1), ATTN_OK);
        assert_int_equal(attn_safetensors_open(ctx, NULL, path, &reader), ATTN_OK);
        assert_int_equal(reader.list.pairs, count);
        assert_int_equal(reader.list.count, 1);
        for (int i = 0; i < TEXTS; i++) expect_text(&reader.list, texts[i].key, i < count ? texts[i].value : NULL);
        expect_text(&reader.list, "recip", NULL);
        expect_text(&reader.list, "recipe2", NULL);
        attn_safetensors_close(ctx, &reader);
    }
    assert_int_equal(write_file(NULL, texts, TEXTS, NULL, 0), ATTN_OK); /* no tensor at all */
}

/* Random characters of every length, keys too. */
static void random_texts_read_back_as_they_were_written(void **state) {
    (void)state;
    enum { TEXTS = 20, LETTERS = 200 };
    struct attn_random random;
    char storage[2 * TEXTS][4 * LETTERS + 1];
    struct attn_safetensors_text texts[TEXTS];
    attn_random_init(&random, 11);
    for (int i = 0; i < 2 * TEXTS; i++) {
        size_t used = 0;
        for (uint64_t n = attn_random_below(&random, LETTERS); n > 0; n--) {
            static const uint32_t limits[] = {0x20, 0x80, 0x800, 0x10000, 0x110000};
            const uint32_t code = 1 + (uint32_t)attn_random_below(&random, limits[attn_random_below(&random, 5)] - 1);
            if (code < 0xD800 || code >= 0xE000) used += attn_utf8_put(storage[i] + used, code);
        }
        storage[i][used] = '\0';
        if (i < TEXTS) storage[i][0] = (char)('a' + i); /* keys differ */
        if (i < TEXTS) storage[i][1] = '\0';
    }
    for (int i = 0; i < TEXTS; i++) texts[i] = (struct attn_safetensors_text){storage[i], storage[TEXTS + i]};
    struct attn_safetensors_reader reader;
    assert_int_equal(write_file(NULL, texts, TEXTS, &one_tensor, 1), ATTN_OK);
    assert_int_equal(attn_safetensors_open(ctx, NULL, path, &reader), ATTN_OK);
    for (int i = 0; i < TEXTS; i++) expect_text(&reader.list, texts[i].key, texts[i].value);
    attn_safetensors_close(ctx, &reader);
}

static void texts_that_the_reader_would_refuse_are_not_written(void **state) {
    (void)state;
    static const struct attn_safetensors_text bad_value = {"a", "xy\xFFz"}, bad_key = {"\xC0\xAF", ""}, twice[2] = {{"a", "1"}, {"a", "2"}};
    assert_int_equal(write_file(NULL, &bad_value, 1, NULL, 0), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "the value of text 0: byte 2: found byte 0xff, expected text in UTF-8"));
    assert_int_equal(write_file(NULL, &bad_key, 1, NULL, 0), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "the key of text 0: byte 0: found byte 0xc0"));
    assert_int_equal(write_file(NULL, twice, 2, NULL, 0), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "the key \"a\" is there twice"));
    assert_int_not_equal(access(path, F_OK), 0);
    if (getenv("ATTN_TEST_QUICK") != NULL) return; /* what follows takes 100 MB */
    char *large = malloc(ATTN_SAFETENSORS_HEADER);
    assert_non_null(large);
    memset(large, 'x', ATTN_SAFETENSORS_HEADER - 1);
    large[ATTN_SAFETENSORS_HEADER - 1] = '\0';
    assert_int_equal(write_file(NULL, &(struct attn_safetensors_text){"a", large}, 1, NULL, 0), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "expected at most 100000000"));
    assert_int_not_equal(access(path, F_OK), 0);
    free(large);
}

static attn_status parse(const char *header, struct attn_safetensors *file) {
    uint8_t bytes[512] = {0};
    const size_t length = strlen(header);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + ATTN_SAFETENSORS_PREFIX, header, length);
    return attn_safetensors_parse(ctx, "x.st", bytes, ATTN_SAFETENSORS_PREFIX + length, file);
}

static void escapes_of_other_writers_are_undone(void **state) {
    (void)state;
    struct attn_safetensors file;
    char *text;
    assert_int_equal(parse("{\"__metadata__\":{\"\\u0061\":\"\\u20AC\\ud83d\\ude00\\/\\\\n\",\"b\" : \"\",\"z\":\"x\\u0000y\"}}", &file),
                     ATTN_OK);
    expect_text(&file, "a", "\xE2\x82\xAC\xF0\x9F\x98\x80/\\n");
    expect_text(&file, "b", "");
    assert_int_equal(attn_safetensors_metadata(ctx, &file, "z", &text), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "\"z\": found a text with a character 0"));
    attn_safetensors_free(ctx, &file);
}

static void more_than_a_million_tensors_are_refused(void **state) {
    (void)state;
    enum { TENSORS = ATTN_SAFETENSORS_TENSORS + 1, ROOM = 64 };
    if (getenv("ATTN_TEST_QUICK") != NULL) skip();
    char *bytes = malloc((size_t)TENSORS * ROOM);
    struct attn_safetensors file;
    assert_non_null(bytes);
    size_t used = ATTN_SAFETENSORS_PREFIX + 1;
    bytes[used - 1] = '{';
    for (int i = 0; i < TENSORS; i++)
        used += (size_t)snprintf(bytes + used, ROOM, "\"%07d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}%c", i,
                                 i + 1 < TENSORS ? ',' : '}');
    const size_t length = used - ATTN_SAFETENSORS_PREFIX;
    for (int i = 0; i < ATTN_SAFETENSORS_PREFIX; i++) bytes[i] = (char)(length >> (8 * i) & 0xFF);
    assert_int_equal(attn_safetensors_parse(ctx, "x.st", (const uint8_t *)bytes, used, &file), ATTN_EINVAL);
    assert_non_null(strstr(sentence(), "expected at most 1000000 tensors"));
    free(bytes);
}

/* As a model is loaded: the header is read once, then each tensor by its name, in any order, also twice. */
static void many_tensors_are_taken_from_one_open_file(void **state) {
    (void)state;
    enum { TENSORS = 500 };
    static char names[TENSORS][32];
    static float data[TENSORS][3];
    static int64_t shapes[TENSORS][1];
    struct attn_safetensors_source tensors[TENSORS];
    struct attn_safetensors_reader reader;
    struct test_faults count = {0, -1, false};
    const struct attn_file_system counting = test_faulty_files(&count);
    for (int i = 0; i < TENSORS; i++) {
        snprintf(names[i], sizeof names[i], "layers.%d.weight", i);
        shapes[i][0] = i % 4; /* some hold nothing */
        for (int j = 0; j < 3; j++) data[i][j] = (float)(3 * i + j);
        tensors[i] = (struct attn_safetensors_source){names[i], ATTN_NPY_F32, 1, shapes[i], data[i]};
    }
    assert_int_equal(write_file(NULL, NULL, 0, tensors, TENSORS), ATTN_OK);
    assert_int_equal(attn_safetensors_open(ctx, &counting, path, &reader), ATTN_OK);
    const int opened = count.calls;
    for (int n = 0; n < 2 * TENSORS; n++) {
        const int i = n * 7 % TENSORS;
        struct attn_npy array;
        assert_int_equal(attn_safetensors_take(ctx, &reader, names[i], &array), ATTN_OK);
        assert_true(array.type == ATTN_NPY_F32 && array.rank == 1 && array.shape[0] == shapes[i][0]);
        assert_memory_equal(array.data, data[i], array.count * sizeof(float));
        attn_npy_free(ctx, &array);
    }
    assert_true(count.calls - opened <= 2 * 2 * TENSORS); /* short reads: no more than two each */
    attn_safetensors_close(ctx, &reader);
}

static void a_file_that_shrinks_while_it_is_open_is_a_status(void **state) {
    (void)state;
    struct attn_safetensors_reader reader;
    struct attn_npy array;
    assert_int_equal(write_file(NULL, NULL, 0, &one_tensor, 1), ATTN_OK);
    assert_int_equal(attn_safetensors_open(ctx, NULL, path, &reader), ATTN_OK);
    assert_int_equal(truncate(path, (off_t)(reader.file.size - 1)), 0);
    assert_int_equal(attn_safetensors_take(ctx, &reader, "w", &array), ATTN_ESYSTEM);
    assert_non_null(strstr(sentence(), "the file shrank while it was read"));
    assert_int_equal(attn_safetensors_take(ctx, &reader, "v", &array), ATTN_EINVAL);
    attn_safetensors_close(ctx, &reader);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/attn-io-texts-%ld.safetensors", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_read_back_as_they_were_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_texts_read_back_as_they_were_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_that_the_reader_would_refuse_are_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_of_other_writers_are_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_a_million_tensors_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_tensors_are_taken_from_one_open_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_shrinks_while_it_is_open_is_a_status, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("io: texts of safetensors", tests, NULL, NULL);
}
