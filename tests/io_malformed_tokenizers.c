/* Malformed tokenizers in JSON and malformed files of GPT-2: one a line, with what the sentence must hold, its place among it. */
#include "io/bpe_alphabet.h"
#include "io/tokenizer_parts.h"
#include "io/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#if defined(ATTN_HAVE_JANSSON)
static void must_refuse(attn_status status, const char *sentence, const char *input) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (status != ATTN_EINVAL || strstr(text, sentence) == NULL)
        fail_msg("%.200s: status %d, sentence \"%s\", expected \"%s\" in it", input, (int)status, text, sentence);
}

#define HEAD          "{\"format\":\"attn tokenizer\",\"version\":1,"
#define WORD(tokens)  HEAD "\"kind\":\"word\",\"special\":[\"<unk>\",\"<eos>\"],\"tokens\":[\"<unk>\",\"<eos>\"" tokens "]}"
#define CHARS(tokens) HEAD "\"kind\":\"character\",\"special\":[],\"tokens\":[" tokens "]}"

static const struct {
    const char *text, *sentence;
} tokenizers[] = {
    {"", "x.json: line 1, column 0: "},
    {"{", "x.json: line 1, column 1: "},
    {"{\"format\":\n\"attn", "x.json: line 2, column 5: "},
    {"{} {}", "x.json: line 1, column 4: end of file expected"},
    {"{\"a\":1,\"a\":2}", "x.json: line 1, column 10: duplicate object key"},
    {"\xFF", "x.json: line 1, byte 0: found byte 0xff, expected text in UTF-8"},
    {"{\n\"a\":\"\xC0\xAF\"}", "x.json: line 2, byte 7: found byte 0xc0"},
    {"{\"a\":\"\\ud800\"}", "x.json: line 1, column 13: invalid Unicode"},
    {"{\"a\":1e999}", "x.json: line 1, column 10: real number overflow"},
    {"{\"a\":99999999999999999999}", "x.json: line 1, column 25: too big integer"},
    {"[]", "x.json: key \"format\": found no tokenizer"},
    {"{}", "x.json: key \"format\": found no tokenizer"},
    {"{\"format\":1}", "x.json: key \"format\": found no tokenizer"},
    {"{\"format\":\"tokenizer\"}", "x.json: key \"format\": found no tokenizer"},
    {"{\"format\":\"attn tokenizer\"}", "x.json: key \"version\": found another, expected 1"},
    {"{\"format\":\"attn tokenizer\",\"version\":2}", "x.json: key \"version\": found another, expected 1"},
    {"{\"format\":\"attn tokenizer\",\"version\":1.0}", "x.json: key \"version\": found another, expected 1"},
    {HEAD "\"x\":1}", "x.json: found the key \"x\", expected format, version"},
    {HEAD "\"kind\":1}", "x.json: key \"kind\": found \"no text\""},
    {HEAD "\"kind\":\"words\"}", "x.json: key \"kind\": found \"words\", expected word, character or bpe"},
    {HEAD "\"kind\":\"word\"}", "x.json: key \"tokens\": found no list"},
    {HEAD "\"kind\":\"word\",\"tokens\":[]}", "x.json: key \"tokens\": found no list of them"},
    {HEAD "\"kind\":\"word\",\"tokens\":{}}", "x.json: key \"tokens\": found no list"},
    {HEAD "\"kind\":\"word\",\"tokens\":[1]}", "x.json: \"tokens\"[0]: found something else, expected a text of 1 to 4096 bytes"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"]}", "x.json: key \"special\": found no list"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"],\"special\":[]}", "x.json: key \"special\": found no <unk> or no <eos>"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"],\"special\":[\"b\"]}",
     "x.json: \"special\"[0]: found something else, expected one of the tokens"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"],\"special\":[\"a\",\"a\"]}", "x.json: \"special\"[1]: found something else"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"],\"special\":[null]}", "x.json: \"special\"[0]: found something else"},
    {HEAD "\"kind\":\"word\",\"tokens\":[\"a\"],\"special\":[],\"merges\":[]}", "x.json: key \"merges\": found it with the kind word"},
    {WORD(",\"\""), "x.json: \"tokens\"[2]: found something else, expected a text of 1 to 4096 bytes"},
    {WORD(",\"a\",\"a\""), "x.json: \"tokens\"[3]: found something else, expected a token that was not there before"},
    {WORD(",\"a b\""), "x.json: \"tokens\"[2]: found something else, expected a word without blanks"},
    {WORD(",\"a\\n\""), "x.json: \"tokens\"[2]: found something else, expected a word without blanks"},
    {WORD(",[\"a\"]"), "x.json: \"tokens\"[2]: found something else"},
    {CHARS("\"ab\""), "x.json: \"tokens\"[0]: found something else, expected a single character"},
    {CHARS("\"a\",\"b\",\"\\u00e9\\u00e8\""), "x.json: \"tokens\"[2]: found something else, expected a single character"},
    {CHARS("\"a\",true"), "x.json: \"tokens\"[1]: found something else"},
};

static void every_malformed_tokenizer_is_refused_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof tokenizers / sizeof tokenizers[0]; i++) {
        struct attn_tokenizer *t;
        const char *text = tokenizers[i].text;
        must_refuse(attn_tokenizer_parse(ctx, "x.json", text, strlen(text), &t), tokenizers[i].sentence, text);
    }
    char nest[6000];
    struct attn_tokenizer *t;
    memset(nest, '[', sizeof nest);
    must_refuse(attn_tokenizer_parse(ctx, "x.json", nest, sizeof nest, &t), "x.json: line 1, column 2049: maximum parsing depth reached",
                "[[[");
}

#if defined(ATTN_HAVE_PCRE2)
/* The letters of all bytes but `without`, as `form` has each ("\"%s\"," or "\"%s\":%d,"), and `more`. */
static void bytes_of_gpt2(char *to, size_t size, const char *open, bool numbered, int without, const char *more) {
    size_t used = (size_t)snprintf(to, size, "%s", open);
    int number = 0;
    for (int byte = 0; byte < 256; byte++) {
        char letters[3] = "";
        if (byte == without) continue;
        letters[attn_utf8_put(letters, attn_bpe_letter((uint8_t)byte))] = '\0';
        const char *escape = byte == '"' || byte == '\\' ? "\\" : "";
        used += (size_t)snprintf(to + used, size - used, "%s\"%s%s\"", number > 0 ? "," : "", escape, letters);
        if (numbered) used += (size_t)snprintf(to + used, size - used, ":%d", number);
        number++;
    }
    snprintf(to + used, size - used, "%s", more);
}

static const struct {
    int without; /* a byte that has no token; -1: none */
    const char *tokens, *merges, *sentence;
} pairs[] = {
    {-1, "", "[1]", "x.json: \"merges\"[0]: found something else, expected two tokens with a blank"},
    {-1, "", "{}", "x.json: key \"merges\": found no list"},
    {-1, "", "[\"ab\"]", "x.json: \"merges\"[0]: found \"ab\", expected two tokens with a blank between them"},
    {-1, "", "[\"a \"]", "x.json: \"merges\"[0]: found \"a \", expected two tokens"},
    {-1, "", "[\" a\"]", "x.json: \"merges\"[0]: found \" a\", expected two tokens"},
    {-1, "", "[\"\"]", "x.json: \"merges\"[0]: found \"\", expected two tokens"},
    {-1, ",\"ab\"", "[\"a b\",\"a b c\"]", "x.json: \"merges\"[1]: found \"a b c\", expected two tokens"},
    {-1, ",\"ab\"", "[\"a b\",\"a b\"]", "x.json: \"merges\"[1]: found \"a b\" a second time"},
    {-1, ",\"ab\"", "[\"a c\"]", "x.json: \"merges\"[0]: found \"a c\", which together are no token"},
    {-1, ",\"ab\"", "[\"xy b\"]", "x.json: \"merges\"[0]: found \"xy b\", of which the first is no token"},
    {-1, ",\"ab\"", "[\"a xy\"]", "x.json: \"merges\"[0]: found \"a xy\", of which the second is no token"},
    {-1, ",\"ab\"", "[\"a \\u20ac\"]", "of which the second is no token"},
    {-1, ",\"ab\"", "[]", "x.json: token 256, \"ab\": found no merge that makes it"},
    {-1, ",\"a b\"", "[]", "x.json: \"tokens\"[256]: found something else"},
    {'x', "", "[]", "x.json: found no token for the byte 0x78, expected one for each byte"},
    {0, "", "[]", "x.json: found no token for the byte 0x00"},
};

static void every_malformed_list_of_merges_is_refused_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[8192], more[512];
        struct attn_tokenizer *t;
        snprintf(more, sizeof more, "%s],\"special\":[],\"merges\":%s}", pairs[i].tokens, pairs[i].merges);
        bytes_of_gpt2(text, sizeof text, HEAD "\"kind\":\"bpe\",\"tokens\":[", false, pairs[i].without, more);
        must_refuse(attn_tokenizer_parse(ctx, "x.json", text, strlen(text), &t), pairs[i].sentence, more);
    }
}

static const struct {
    const char *encoder; /* behind the bytes, which have the numbers from 0 to 255 */
    const char *merges, *sentence;
} gpt2[] = {
    {"", "", "y.bpe: line 1: found no version"},
    {"", "t h\n", "y.bpe: line 1: found no version, expected \"#version: \" and a number"},
    {"", "#version: 0.2\nt h\n", "y.bpe: line 2: found \"t h\", which together are no token"},
    {",\"th\":256", "#version: 0.2\nt h\nt h\n", "y.bpe: line 3: found \"t h\" a second time"},
    {",\"th\":256", "#version: 0.2\nt  h\n", "y.bpe: line 2: found \"t  h\", expected two tokens"},
    {",\"th\":256", "#version: 0.2\n\nt h\n", "y.bpe: line 2: found \"\", expected two tokens"},
    {",\"th\":256", "#version: 0.2\nth\n", "y.bpe: line 2: found \"th\", expected two tokens"},
    {",\"th\":256", "#version: 0.2\nt\th\n", "y.bpe: line 2: found \"t\th\", expected two tokens"},
    {",\"th\":256", "#version: 0.2\nth e\n", "y.bpe: line 2: found \"th e\", which together are no token"},
    {",\"th\":256", "#version: 0.2\nq\xC3 h\n", "y.bpe: line 2: found"},
    {",\"th\":255", NULL, "x.json: key \"th\": found no number, or one that is there twice"},
    {",\"th\":257", NULL, "x.json: key \"th\": found no number, or one that is there twice, expected one of its own from 0 to 256"},
    {",\"th\":-1", NULL, "x.json: key \"th\": found no number"},
    {",\"th\":256.0", NULL, "x.json: key \"th\": found no number"},
    {",\"th\":\"256\"", NULL, "x.json: key \"th\": found no number"},
    {",\"\":256", NULL, "x.json: key \"\": found letters that stand for no bytes"},
    {",\"a b\":256", NULL, "x.json: key \"a b\": found letters that stand for no bytes"},
    {",\"\\u20ac\":256", NULL, "found letters that stand for no bytes"},
    {",\"!\":256", NULL, "x.json: line 1, column"},
    {",", NULL, "x.json: line 1, column"},
};

static void every_malformed_file_of_gpt_2_is_refused_with_its_line_or_key(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof gpt2 / sizeof gpt2[0]; i++) {
        char text[8192], more[256];
        struct attn_tokenizer *t;
        snprintf(more, sizeof more, "%s}", gpt2[i].encoder);
        bytes_of_gpt2(text, sizeof text, "{", true, -1, more);
        assert_int_equal(attn_tokenizer_new(ctx, ATTN_TOKENIZER_BPE, &t), ATTN_OK);
        attn_status status = attn_bpe_take_encoder(ctx, "x.json", text, strlen(text), t);
        if (status == ATTN_OK && gpt2[i].merges != NULL)
            status = attn_bpe_take_merges(ctx, "y.bpe", gpt2[i].merges, strlen(gpt2[i].merges), t);
        must_refuse(status, gpt2[i].sentence, gpt2[i].encoder);
        attn_tokenizer_free(ctx, t);
    }
}
#endif
#else
static void without_jansson_all_name_what_to_install(void **state) {
    (void)state;
    struct attn_tokenizer *t;
    assert_int_equal(attn_tokenizer_parse(ctx, "x.json", "{}", 2, &t), ATTN_EUNSUPPORTED);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#if defined(ATTN_HAVE_JANSSON)
        cmocka_unit_test(every_malformed_tokenizer_is_refused_with_its_place),
#if defined(ATTN_HAVE_PCRE2)
        cmocka_unit_test(every_malformed_list_of_merges_is_refused_with_its_place),
        cmocka_unit_test(every_malformed_file_of_gpt_2_is_refused_with_its_line_or_key),
#endif
#else
        cmocka_unit_test(without_jansson_all_name_what_to_install),
#endif
    };
    return cmocka_run_group_tests_name("io: malformed tokenizers", tests, set_up, tear_down);
}
