/* Texts, plain and packed, and their lines. Oracles: the bytes that went in, zlib's own packer. */
#include "base/random.h"
#include "io/inflate.h"
#include "io/text.h"
#include "io/utf8.h"
#include "support/faulty_files.h"
#include "support/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(ATTN_HAVE_ZLIB)
#include <zlib.h>
#endif

#include <cmocka.h>

enum { LIMIT = 1 << 26 };

static void reads_as(const void *bytes, size_t size, const char *expected, size_t expected_size) {
    struct attn_text text;
    if (attn_text_parse(test_ctx, "x.txt", bytes, size, LIMIT, &text) != ATTN_OK) fail_msg("%s", test_sentence());
    assert_int_equal(text.size, expected_size);
    assert_memory_equal(text.bytes, expected, expected_size);
    assert_int_equal(text.bytes[text.size], 0);
    attn_text_free(test_ctx, &text);
}

static void a_plain_text_is_its_bytes_without_a_mark(void **state) {
    (void)state;
    reads_as("", 0, "", 0);
    reads_as("a\n\xC3\xA9\r\n\0b", 8, "a\n\xC3\xA9\r\n\0b", 8);
    reads_as("\xEF\xBB\xBF"
             "ab",
             5, "ab", 2);
    reads_as("\xEF\xBB\xBF", 3, "", 0);
    reads_as("a\xEF\xBB\xBF", 4, "a\xEF\xBB\xBF", 4);
}

/* Every sequence of three bytes, and every code point: what is accepted is what encoding its code point gives. */
static void utf8_is_told_from_what_is_none(void **state) {
    (void)state;
    const uint32_t step = getenv("ATTN_TEST_QUICK") ? 97 : 1;
    for (uint32_t word = 0; word < 1u << 24; word += step) {
        const uint8_t bytes[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
        const size_t length = attn_utf8_length(bytes, 3);
        if (length == 0) continue;
        char again[4];
        const uint32_t code = attn_utf8_code(bytes, length);
        assert_int_equal(attn_utf8_put(again, code), length);
        assert_memory_equal(again, bytes, length);
        assert_true(code < 0xD800 || code >= 0xE000);
    }
    uint32_t valid = 0;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char bytes[4];
        if (code >= 0xD800 && code < 0xE000) continue;
        const size_t length = attn_utf8_put(bytes, code);
        valid += attn_utf8_length((const uint8_t *)bytes, length) == length && attn_utf8_code((const uint8_t *)bytes, length) == code;
        for (size_t cut = 1; cut < length; cut++) assert_int_equal(attn_utf8_length((const uint8_t *)bytes, cut), 0);
    }
    assert_int_equal(valid, 0x110000 - 0x800);
    static const uint8_t none[][4] = {
        {0xF0, 0x8F, 0xBF, 0xBF}, {0xF4, 0x90, 0x80, 0x80}, {0xF5, 0x80, 0x80, 0x80}, {0xFF, 0xFF, 0xFF, 0xFF}};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_int_equal(attn_utf8_length(none[i], 4), 0);
}

static void bytes_that_are_no_text_are_named_by_line_and_byte(void **state) {
    (void)state;
    struct attn_text text;
    assert_int_equal(attn_text_parse(test_ctx, "x.txt", (const uint8_t *)"ab\ncd\n\xE9", 7, LIMIT, &text), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.txt: line 3, byte 6: found byte 0xe9, expected text in UTF-8");
    assert_int_equal(attn_text_parse(test_ctx, "x.txt", (const uint8_t *)"0123456789abcdef\xC0\x80", 18, LIMIT, &text), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.txt: line 1, byte 16: found byte 0xc0, expected text in UTF-8");
    assert_int_equal(attn_text_parse(test_ctx, "x.txt", (const uint8_t *)"abc", 3, 2, &text), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x.txt: found 3 bytes, expected at most 2");
}

static void lines_are_given_without_their_ends(void **state) {
    (void)state;
    static const char text[] = "one\r\n\n\r\nfour\rstill\nlast";
    static const char *const expected[] = {"one", "", "", "four\rstill", "last"};
    struct attn_lines lines = attn_lines_of(text, sizeof text - 1);
    const char *line;
    size_t length;
    for (size_t i = 0; i < 5; i++) {
        assert_true(attn_lines_next(&lines, &line, &length));
        assert_int_equal(lines.number, i + 1);
        assert_int_equal(length, strlen(expected[i]));
        assert_memory_equal(line, expected[i], length);
    }
    assert_false(attn_lines_next(&lines, &line, &length));
    lines = attn_lines_of("a\n", 2);
    assert_true(attn_lines_next(&lines, &line, &length));
    assert_false(attn_lines_next(&lines, &line, &length));
    lines = attn_lines_of("", 0);
    assert_false(attn_lines_next(&lines, &line, &length));
}

#if defined(ATTN_HAVE_ZLIB)
/* One member of gzip; returns its bytes. */
static size_t pack(const void *bytes, size_t size, uint8_t *to, size_t room) {
    z_stream z;
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)size;
    z.next_out = to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t packed = z.total_out;
    deflateEnd(&z);
    return packed;
}

static void packed_texts_of_every_length_read_as_what_was_packed(void **state) {
    (void)state;
    enum { MOST = 300000 };
    char *plain = malloc(MOST);
    uint8_t *packed = malloc(2 * MOST);
    struct attn_random random;
    attn_random_init(&random, 5);
    assert_true(plain != NULL && packed != NULL);
    for (size_t i = 0; i < MOST; i++) plain[i] = (char)('a' + attn_random_below(&random, i % 1000 < 500 ? 2 : 26));
    static const size_t sizes[] = {0, 1, 2, 1000, 65535, 65536, 65537, 131072, MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t bytes = pack(plain, sizes[i], packed, 2 * MOST);
        reads_as(packed, bytes, plain, sizes[i]);
        const size_t more = pack(plain + sizes[i], 0, packed + bytes, 100); /* an empty member behind it */
        const size_t third = pack("", 0, packed + bytes + more, 100);
        reads_as(packed, bytes + more + third, plain, sizes[i]);
    }
    free(plain);
    free(packed);
}

static void a_packed_text_that_is_cut_or_changed_is_refused(void **state) {
    (void)state;
    uint8_t packed[256];
    struct attn_text text;
    const size_t size = pack("hello hello hello, hello", 24, packed, sizeof packed);
    for (size_t n = 2; n < size; n++) {
        assert_int_equal(attn_text_parse(test_ctx, "x.gz", packed, n, LIMIT, &text), ATTN_EINVAL);
        assert_non_null(strstr(test_sentence(), "x.gz: byte "));
    }
    for (size_t i = 2; i < size; i++) {
        if (i >= 4 && i <= 9) continue; /* the time, extra flags and system say nothing about the text */
        packed[i] ^= 0x40;
        if (attn_text_parse(test_ctx, "x.gz", packed, size, LIMIT, &text) == ATTN_OK) { /* a bit behind the last one that counts */
            assert_string_equal(text.bytes, "hello hello hello, hello");
            attn_text_free(test_ctx, &text);
        } else {
            assert_non_null(strstr(test_sentence(), "x.gz: byte "));
        }
        packed[i] ^= 0x40;
    }
    packed[size] = 'x';
    assert_int_equal(attn_text_parse(test_ctx, "x.gz", packed, size + 1, LIMIT, &text), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "found byte 0x78 behind the packed data"));
}

/* 80 MB of one letter pack into 78 kB: above the size that may always be had, and beyond the ratio. */
static void a_bomb_is_refused_before_it_is_unpacked(void **state) {
    (void)state;
    enum { BOMB = 80 << 20 };
    char *plain = malloc(BOMB);
    uint8_t *packed = malloc(1 << 20);
    struct attn_text text;
    assert_true(plain != NULL && packed != NULL);
    memset(plain, 'x', BOMB);
    const size_t size = pack(plain, BOMB, packed, 1 << 20);
    assert_int_equal(attn_text_parse(test_ctx, "x.gz", packed, size, SIZE_MAX / 2, &text), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "found more than 67108864 bytes unpacked from"));
    assert_int_equal(attn_text_parse(test_ctx, "x.gz", packed, size, size, &text), ATTN_EINVAL); /* the caller's limit */
    free(plain);
    free(packed);
}
#else
static void packed_texts_name_what_to_install(void **state) {
    (void)state;
    struct attn_text text;
    assert_int_equal(attn_text_parse(test_ctx, "x.gz", (const uint8_t *)"\x1F\x8B\x08", 3, LIMIT, &text), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(test_sentence(), "install zlib1g-dev"));
}
#endif

static void a_failing_read_is_a_status_with_the_file_named(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/attn-io-text-%ld.txt", (long)getpid());
    FILE *f = fopen(path, "wb");
    assert_true(f != NULL && fputs("some words\nin two lines\n", f) >= 0 && fclose(f) == 0);
    for (int n = 0;; n++) {
        struct test_faults faults = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&faults);
        struct attn_text text;
        if (attn_text_read(test_ctx, &bad, path, LIMIT, &text) == ATTN_OK) {
            assert_string_equal(text.bytes, "some words\nin two lines\n");
            attn_text_free(test_ctx, &text);
        } else {
            assert_non_null(strstr(test_sentence(), path));
        }
        if (faults.calls <= n) break;
    }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_text_is_its_bytes_without_a_mark),
        cmocka_unit_test(utf8_is_told_from_what_is_none),
        cmocka_unit_test(bytes_that_are_no_text_are_named_by_line_and_byte),
        cmocka_unit_test(lines_are_given_without_their_ends),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(packed_texts_of_every_length_read_as_what_was_packed),
        cmocka_unit_test(a_packed_text_that_is_cut_or_changed_is_refused),
        cmocka_unit_test(a_bomb_is_refused_before_it_is_unpacked),
#else
        cmocka_unit_test(packed_texts_name_what_to_install),
#endif
        cmocka_unit_test(a_failing_read_is_a_status_with_the_file_named),
    };
    return cmocka_run_group_tests_name("io: text", tests, test_open_context, test_close_context);
}
