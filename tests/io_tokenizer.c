/* Tokenizers of words and characters, and every kind as JSON. Oracles: vocabularies written out, and what went in. */
#include "io/tokenizer.h"
#include "support/faulty_files.h"
#include "support/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct attn_tokenizer *make(enum attn_tokenizer_kind kind, const char *text, const struct attn_tokenizer_options *options) {
    struct attn_tokenizer *t;
    if (attn_tokenizer_make(test_ctx, kind, "x.txt", text, strlen(text), options, &t) != ATTN_OK) fail_msg("%s", test_sentence());
    return t;
}

static void has_tokens(const struct attn_tokenizer *t, int count, const char *const *tokens) {
    assert_int_equal(attn_tokenizer_vocabulary(t), count);
    for (int i = 0; i < count; i++) {
        size_t length;
        const char *token = attn_tokenizer_token(t, i, &length);
        assert_int_equal(length, strlen(tokens[i]));
        assert_memory_equal(token, tokens[i], length);
        assert_int_equal(attn_tokenizer_number(t, tokens[i]), i);
    }
}

static void encodes_as(const struct attn_tokenizer *t, const char *text, size_t count, const int32_t *expected) {
    int32_t *numbers;
    size_t n;
    if (attn_tokenizer_encode(test_ctx, t, "x.txt", text, strlen(text), &numbers, &n) != ATTN_OK) fail_msg("%s", test_sentence());
    assert_int_equal(n, count);
    if (n > 0) assert_memory_equal(numbers, expected, n * sizeof *numbers);
    attn_free(test_ctx, numbers);
}

static void decodes_as(const struct attn_tokenizer *t, const int32_t *numbers, size_t count, const char *expected) {
    char *text;
    size_t size;
    assert_int_equal(attn_tokenizer_decode(test_ctx, t, numbers, count, &text, &size), ATTN_OK);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected);
    attn_free(test_ctx, text);
}

static void words_are_numbered_by_falling_counts(void **state) {
    (void)state;
    static const char text[] = " b a b\n\n c\tb  \xC3\xA9 a\r\n d\n";
    static const char *const all[] = {"<unk>", "<eos>", "b", "a", "c", "d", "\xC3\xA9"};
    struct attn_tokenizer *t = make(ATTN_TOKENIZER_WORD, text, NULL);
    has_tokens(t, 7, all);
    encodes_as(t, text, 12, (const int32_t[]){2, 3, 2, 1, 1, 4, 2, 6, 3, 1, 5, 1});
    encodes_as(t, "a zebra <unk>\nb <eos>", 6, (const int32_t[]){3, 0, 0, 1, 2, 1});
    encodes_as(t, "", 0, NULL);
    encodes_as(t, " \t\n ", 1, (const int32_t[]){1});
    decodes_as(t, (const int32_t[]){2, 3, 1, 1, 0, 4}, 6, "b a\n\n<unk> c");
    decodes_as(t, NULL, 0, "");
    attn_tokenizer_free(test_ctx, t);
    t = make(ATTN_TOKENIZER_WORD, text, &(struct attn_tokenizer_options){.least = 2});
    has_tokens(t, 4, all);
    attn_tokenizer_free(test_ctx, t);
    t = make(ATTN_TOKENIZER_WORD, text, &(struct attn_tokenizer_options){.most = 5});
    has_tokens(t, 5, all);
    attn_tokenizer_free(test_ctx, t);
    t = make(ATTN_TOKENIZER_WORD, "", NULL);
    has_tokens(t, 2, all);
    attn_tokenizer_free(test_ctx, t);
}

static void special_tokens_are_listed_and_no_text_makes_them(void **state) {
    (void)state;
    static const char *const special[] = {"<pad>", "two words"}, *const all[] = {"<unk>", "<eos>", "<pad>", "two words", "two", "words"};
    const struct attn_tokenizer_options options = {.special = special, .special_count = 2};
    struct attn_tokenizer *t = make(ATTN_TOKENIZER_WORD, "two two words\n", &options);
    has_tokens(t, 6, all);
    assert_int_equal(attn_tokenizer_special_count(t), 4);
    for (int i = 0; i < 4; i++) assert_int_equal(attn_tokenizer_special(t, i), i);
    encodes_as(t, "two words", 2, (const int32_t[]){4, 5});
    attn_tokenizer_free(test_ctx, t);
    static const char *const again[] = {"<pad>", "<pad>"};
    assert_int_equal(attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_WORD, "x.txt", "", 0,
                                         &(struct attn_tokenizer_options){.special = again, .special_count = 2}, &t),
                     ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "special token \"<pad>\": found it empty, too long or there already"));
    assert_int_equal(attn_tokenizer_make(test_ctx, ATTN_TOKENIZER_WORD, "x.txt", "a", 1, &(struct attn_tokenizer_options){.most = 1}, &t),
                     ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "x.txt: found 2 special tokens, expected at most the 1 tokens asked for"));
}

static void characters_are_numbered_by_code_point(void **state) {
    (void)state;
    static const char text[] = "ba\xE2\x82\xAC"
                               "a\n\xC3\xA9\xF0\x9F\x98\x80";
    static const char *const all[] = {"\n", "a", "b", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    struct attn_tokenizer *t = make(ATTN_TOKENIZER_CHARACTER, text, NULL);
    int32_t *numbers;
    size_t count;
    has_tokens(t, 6, all);
    encodes_as(t, text, 7, (const int32_t[]){2, 1, 4, 1, 0, 3, 5});
    decodes_as(t, (const int32_t[]){2, 1, 4, 1, 0, 3, 5}, 7, text);
    assert_int_equal(attn_tokenizer_encode(test_ctx, t, "y.txt", "ab\nax", 5, &numbers, &count), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "y.txt: line 2, byte 4: found the character U+0078, expected one of the vocabulary");
    assert_int_equal(attn_tokenizer_encode(test_ctx, t, "y.txt", "a\xFF", 2, &numbers, &count), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "y.txt: line 1, byte 1: found byte 0xff"));
    attn_tokenizer_free(test_ctx, t);
    static const char *const special[] = {"<unk>"};
    t = make(ATTN_TOKENIZER_CHARACTER, "ab", &(struct attn_tokenizer_options){.special = special, .special_count = 1});
    encodes_as(t, "axb", 3, (const int32_t[]){1, 0, 2});
    attn_tokenizer_free(test_ctx, t);
    t = make(ATTN_TOKENIZER_CHARACTER, "zzzyyx", &(struct attn_tokenizer_options){.most = 2});
    has_tokens(t, 2, (const char *const[]){"y", "z"}); /* the most frequent, in the order of their code points */
    attn_tokenizer_free(test_ctx, t);
}

static void numbers_that_are_no_token_are_refused_with_their_place(void **state) {
    (void)state;
    struct attn_tokenizer *t = make(ATTN_TOKENIZER_WORD, "a b", NULL);
    char *text;
    size_t size;
    assert_int_equal(attn_tokenizer_decode(test_ctx, t, (const int32_t[]){1, 4}, 2, &text, &size), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "token 1: found the number 4, expected one from 0 to 3");
    assert_int_equal(attn_tokenizer_decode(test_ctx, t, (const int32_t[]){-1}, 1, &text, &size), ATTN_EINVAL);
    attn_tokenizer_free(test_ctx, t);
}

static const char corpus[] = "the cat \"sat\" on the mat\\\n the \xE2\x82\xAC the \xF0\x9F\x98\x80 cat\n\x01\n";

#if defined(ATTN_HAVE_JANSSON)
static const char *const specials[] = {"<pad>", "say \"\xC3\xA9\"\n"};
static const struct attn_tokenizer_options with_specials = {.special = specials, .special_count = 2, .most = 300};

enum {
#if defined(ATTN_HAVE_PCRE2)
    KINDS = 3
#else
    KINDS = 2
#endif
};

static void same(const struct attn_tokenizer *a, const struct attn_tokenizer *b) {
    assert_int_equal(attn_tokenizer_kind(a), attn_tokenizer_kind(b));
    assert_int_equal(attn_tokenizer_vocabulary(a), attn_tokenizer_vocabulary(b));
    assert_int_equal(attn_tokenizer_special_count(a), attn_tokenizer_special_count(b));
    for (int i = 0; i < attn_tokenizer_special_count(a); i++) assert_int_equal(attn_tokenizer_special(a, i), attn_tokenizer_special(b, i));
    for (int32_t i = 0; i < attn_tokenizer_vocabulary(a); i++) {
        size_t x, y;
        const char *left = attn_tokenizer_token(a, i, &x), *right = attn_tokenizer_token(b, i, &y);
        assert_true(x == y && memcmp(left, right, x) == 0);
    }
    int32_t *numbers;
    size_t count;
    assert_int_equal(attn_tokenizer_encode(test_ctx, a, "x", corpus, strlen(corpus), &numbers, &count), ATTN_OK);
    encodes_as(b, corpus, count, numbers);
    attn_free(test_ctx, numbers);
}

static void every_kind_is_the_same_after_saving_and_loading(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/attn-io-tokenizer-%ld.json", (long)getpid());
    for (int kind = 0; kind < KINDS; kind++) {
        struct attn_tokenizer *t = make((enum attn_tokenizer_kind)kind, corpus, &with_specials), *again;
        struct attn_file_writer writer;
        assert_int_equal(attn_file_begin(test_ctx, NULL, path, &writer), ATTN_OK);
        assert_int_equal(attn_tokenizer_save(test_ctx, t, &writer), ATTN_OK);
        assert_true(attn_file_sync(test_ctx, &writer) == ATTN_OK && attn_file_commit(test_ctx, &writer) == ATTN_OK);
        if (attn_tokenizer_load(test_ctx, NULL, path, &again) != ATTN_OK) fail_msg("%s", test_sentence());
        same(t, again);
        char *first, *second;
        size_t first_size, second_size;
        assert_int_equal(attn_tokenizer_text(test_ctx, t, &first, &first_size), ATTN_OK);
        assert_int_equal(attn_tokenizer_text(test_ctx, again, &second, &second_size), ATTN_OK);
        assert_true(first_size == second_size && strlen(first) == first_size);
        assert_memory_equal(first, second, first_size);
        attn_free(test_ctx, first);
        attn_free(test_ctx, second);
        attn_tokenizer_free(test_ctx, again);
        for (int n = 0;; n++) { /* each call of the file layer fails in turn */
            struct test_faults faults = {0, n, false};
            const struct attn_file_system bad = test_faulty_files(&faults);
            if (attn_tokenizer_load(test_ctx, &bad, path, &again) == ATTN_OK)
                attn_tokenizer_free(test_ctx, again);
            else
                assert_non_null(strstr(test_sentence(), path));
            if (faults.calls <= n) break;
        }
        attn_tokenizer_free(test_ctx, t);
    }
    unlink(path);
}
#else
static void json_names_what_to_install(void **state) {
    (void)state;
    struct attn_tokenizer *t = make(ATTN_TOKENIZER_WORD, corpus, NULL), *again;
    char *text;
    size_t size;
    assert_int_equal(attn_tokenizer_text(test_ctx, t, &text, &size), ATTN_EUNSUPPORTED);
    assert_int_equal(attn_tokenizer_parse(test_ctx, "x.json", "{}", 2, &again), ATTN_EUNSUPPORTED);
    assert_non_null(strstr(test_sentence(), "x.json: this program was built without jansson; install libjansson-dev"));
    attn_tokenizer_free(test_ctx, t);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_numbered_by_falling_counts),
        cmocka_unit_test(special_tokens_are_listed_and_no_text_makes_them),
        cmocka_unit_test(characters_are_numbered_by_code_point),
        cmocka_unit_test(numbers_that_are_no_token_are_refused_with_their_place),
#if defined(ATTN_HAVE_JANSSON)
        cmocka_unit_test(every_kind_is_the_same_after_saving_and_loading),
#else
        cmocka_unit_test(json_names_what_to_install),
#endif
    };
    return cmocka_run_group_tests_name("io: tokenizers", tests, test_open_context, test_close_context);
}
