/* Tokenizers on real data: the token numbers that the data's authors state, the cases of the reference encoder of GPT-2, round trips. Left out
 * where the data is not (support/data.h). */
#include "io/text.h"
#include "io/tokenizer.h"
#include "support/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(ATTN_HAVE_JANSSON)
#include <jansson.h>
#endif

#include <cmocka.h>

static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

/* The texts are packed, the cases of GPT-2 are JSON: without the libraries for both there is nothing that can be read. */
static void the_folder_is_found_or_the_tests_are_left_out(void **state) {
    (void)state;
    assert_non_null(test_data("README.md"));
}

#if defined(ATTN_HAVE_ZLIB)
static const char *sentence(void) {
    static char text[1024];
    return attn_ctx_error(ctx, text, sizeof text);
}

static struct attn_text read_text(const char *name) {
    struct attn_text text;
    if (attn_text_read(ctx, NULL, test_data(name), 1 << 28, &text) != ATTN_OK) fail_msg("%s", sentence());
    return text;
}

static size_t count_tokens(const struct attn_tokenizer *t, const struct attn_text *text) {
    int32_t *numbers;
    size_t count;
    assert_int_equal(attn_tokenizer_encode(ctx, t, "x", text->bytes, text->size, &numbers, &count), ATTN_OK);
    attn_free(ctx, numbers);
    return count;
}

static void wikitext_has_the_tokens_and_types_that_are_stated(void **state) {
    (void)state;
    static const char *const forms[] = {"tokens", "raw"}, *const splits[] = {"train", "valid", "test"};
    static const size_t counts[] = {2088628, 217646, 245569};
    for (int form = 0; form < 2; form++) {
        struct attn_tokenizer *t = NULL;
        for (int split = 0; split < 3; split++) {
            char name[64];
            snprintf(name, sizeof name, "wikitext-2/wiki.%s.%s.gz", splits[split], forms[form]);
            struct attn_text text = read_text(name);
            const struct attn_tokenizer_options options = {.least = form == 0 ? 1 : 3}; /* the tokens were made from the raw so */
            if (split == 0)
                assert_int_equal(attn_tokenizer_make(ctx, ATTN_TOKENIZER_WORD, name, text.bytes, text.size, &options, &t), ATTN_OK);
            assert_int_equal(attn_tokenizer_vocabulary(t), 33278);
            assert_int_equal(count_tokens(t, &text), counts[split]);
            attn_text_free(ctx, &text);
        }
        attn_tokenizer_free(ctx, t);
    }
}

static void shakespeare_has_65_characters(void **state) {
    (void)state;
    struct attn_text text = read_text("tiny-shakespeare/input.txt.gz");
    struct attn_tokenizer *t;
    assert_int_equal(attn_tokenizer_make(ctx, ATTN_TOKENIZER_CHARACTER, "x", text.bytes, text.size, NULL, &t), ATTN_OK);
    assert_int_equal(attn_tokenizer_vocabulary(t), 65);
    assert_int_equal(count_tokens(t, &text), 1115394);
    attn_tokenizer_free(ctx, t);
    attn_text_free(ctx, &text);
}
#endif

#if defined(ATTN_HAVE_JANSSON) && defined(ATTN_HAVE_PCRE2)
static struct attn_tokenizer *gpt2(void) {
    char encoder[4096], text[1024];
    struct attn_tokenizer *t;
    snprintf(encoder, sizeof encoder, "%s", test_data("gpt2-bpe/encoder.json"));
    if (attn_tokenizer_gpt2(ctx, NULL, encoder, test_data("gpt2-bpe/vocab.bpe"), &t) != ATTN_OK)
        fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    return t;
}

static void check_case(const struct attn_tokenizer *t, json_t *text, json_t *ids) {
    int32_t *numbers;
    size_t count, size;
    char *back;
    assert_int_equal(attn_tokenizer_encode(ctx, t, "x", json_string_value(text), json_string_length(text), &numbers, &count), ATTN_OK);
    assert_int_equal(count, json_array_size(ids));
    for (size_t i = 0; i < count; i++) assert_int_equal(numbers[i], json_integer_value(json_array_get(ids, i)));
    assert_int_equal(attn_tokenizer_decode(ctx, t, numbers, count, &back, &size), ATTN_OK);
    assert_true(size == json_string_length(text) && memcmp(back, json_string_value(text), size) == 0);
    attn_free(ctx, numbers);
    attn_free(ctx, back);
}

static void gpt_2_encodes_every_case_of_its_reference(void **state) {
    (void)state;
    struct attn_tokenizer *t = gpt2();
    struct attn_text text;
    const char *line;
    size_t length;
    assert_int_equal(attn_tokenizer_vocabulary(t), 50257);
    assert_int_equal(attn_tokenizer_special_count(t), 1);
    assert_int_equal(attn_tokenizer_special(t, 0), 50256);
    assert_int_equal(attn_tokenizer_number(t, "<|endoftext|>"), 50256);
    assert_int_equal(attn_text_read(ctx, NULL, test_data("gpt2-bpe/cases.jsonl"), 1 << 20, &text), ATTN_OK);
    struct attn_lines lines = attn_lines_of(text.bytes, text.size);
    while (attn_lines_next(&lines, &line, &length)) {
        json_t *root = json_loadb(line, length, 0, NULL);
        assert_non_null(root);
        check_case(t, json_object_get(root, "text"), json_object_get(root, "ids"));
        json_decref(root);
    }
    assert_int_equal(lines.number, 169);
    attn_text_free(ctx, &text);
    attn_tokenizer_free(ctx, t);
}

static void gpt_2_is_the_same_after_saving_and_loading(void **state) {
    (void)state;
    struct attn_tokenizer *t = gpt2(), *again;
    char *json, *twice;
    size_t size, twice_size;
    assert_int_equal(attn_tokenizer_text(ctx, t, &json, &size), ATTN_OK);
    assert_int_equal(attn_tokenizer_parse(ctx, "x.json", json, size, &again), ATTN_OK);
    assert_int_equal(attn_tokenizer_text(ctx, again, &twice, &twice_size), ATTN_OK);
    assert_true(size == twice_size && memcmp(json, twice, size) == 0);
    attn_free(ctx, json);
    attn_free(ctx, twice);
    attn_tokenizer_free(ctx, t);
    attn_tokenizer_free(ctx, again);
}

#if defined(ATTN_HAVE_ZLIB)
static void real_texts_come_back(void **state) {
    (void)state;
    static const char *const names[] = {"wikitext-2/wiki.valid.raw.gz", "tiny-shakespeare/input.txt.gz", "multi30k/raw/train.de.gz"};
    struct attn_tokenizer *t = gpt2(), *own;
    for (int i = 0; i < 3; i++) {
        struct attn_text text = read_text(names[i]);
        assert_int_equal(
            attn_tokenizer_make(ctx, ATTN_TOKENIZER_BPE, "x", text.bytes, text.size, &(struct attn_tokenizer_options){.most = 2000}, &own),
            ATTN_OK);
        assert_int_equal(attn_tokenizer_vocabulary(own), 2000);
        for (int which = 0; which < 2; which++) {
            int32_t *numbers;
            size_t count, size;
            char *back;
            assert_int_equal(attn_tokenizer_encode(ctx, which ? own : t, "x", text.bytes, text.size, &numbers, &count), ATTN_OK);
            assert_int_equal(attn_tokenizer_decode(ctx, which ? own : t, numbers, count, &back, &size), ATTN_OK);
            assert_true(size == text.size && memcmp(back, text.bytes, size) == 0);
            assert_true(count < text.size / 2);
            attn_free(ctx, numbers);
            attn_free(ctx, back);
        }
        attn_tokenizer_free(ctx, own);
        attn_text_free(ctx, &text);
    }
    attn_tokenizer_free(ctx, t);
}
#endif
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_found_or_the_tests_are_left_out),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(wikitext_has_the_tokens_and_types_that_are_stated),
        cmocka_unit_test(shakespeare_has_65_characters),
#endif
#if defined(ATTN_HAVE_JANSSON) && defined(ATTN_HAVE_PCRE2)
        cmocka_unit_test(gpt_2_encodes_every_case_of_its_reference),
        cmocka_unit_test(gpt_2_is_the_same_after_saving_and_loading),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(real_texts_come_back),
#endif
#endif
    };
    return cmocka_run_group_tests_name("io: real texts", tests, set_up, tear_down);
}
