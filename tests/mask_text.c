/* The text form: what is accepted and how it prints, what is refused with the caret where. */
#include "attn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A wrong text, the character its caret stands under (from 0), a piece of the sentence. */
static const struct {
    const char *text;
    int caret;
    const char *says;
} WRONG[] = {
    {"", 0, "expected a pattern"},
    {"   ", 3, "expected a pattern"},
    {"causl", 0, "no pattern has the name 'causl'; did you mean causal?"},
    {"Causal", 0, "no pattern has the name 'Causal'"},
    {"causal:", 7, "top-left or bottom-right"},
    {"causal:middle", 7, "top-left or bottom-right"},
    {"causal:bottom-righ", 7, "top-left or bottom-right"},
    {"causal causal", 7, "expected '&', '|' or the end"},
    {"causal,full", 6, "expected '&', '|' or the end"},
    {"full:3", 4, "expected '&', '|' or the end"},
    {"causal &", 8, "expected a pattern"},
    {"& causal", 0, "expected a pattern"},
    {"causal && full", 8, "expected a pattern"},
    {"causal | | full", 9, "expected a pattern"},
    {"causal and and full", 11, "no pattern has the name 'and'"},
    {"!", 1, "expected a pattern"},
    {"not", 3, "expected a pattern"},
    {"(causal", 7, "expected ')' for the '(' at character 1"},
    {"full & (causal | full", 21, "expected ')' for the '(' at character 8"},
    {"causal)", 6, "expected '&', '|' or the end"},
    {"()", 1, "expected a pattern"},
    {"sliding_window", 14, "expected ':'"},
    {"sliding_window:", 15, "expected the number of keys to the left"},
    {"sliding_window:x,3", 15, "expected the number of keys to the left"},
    {"sliding_window:3", 16, "expected ','"},
    {"sliding_window:3,", 17, "expected the number of keys to the right"},
    {"sliding_window:-1,3", 15, "must be from 0"},
    {"sliding_window:3,-2", 17, "must be from 0"},
    {"sliding_window:3,4:up", 19, "top-left or bottom-right"},
    {"sliding_window:3;4", 16, "expected ','"},
    {"sliding_window:1.5,2", 16, "expected ','"},
    {"sliding_window:99999999999999999999,2", 15, "must be from 0"},
    {"window:1152921504606846977,2", 7, "must be from 0"},
    {"sliding_window_causal:", 22, "expected the number of keys to the left"},
    {"document", 8, "expected ':'"},
    {"document:", 9, "expected a document length"},
    {"document:5,", 11, "expected a document length"},
    {"document:5,x", 11, "expected a document length"},
    {"document:5,0,3", 11, "must be from 1"},
    {"document:5,-3", 11, "must be from 1"},
    {"document:5x", 11, "how often the length is repeated"},
    {"document:5x0", 11, "must be from 1"},
    {"document:5;3", 10, "expected '&', '|' or the end"},
    {"document:1152921504606846976,1", 29, "more than 2^60 tokens"},
    {"document:1x4194304,1", 19, "more than 4194304 documents"},
    {"document:@", 10, "name of a file"},
    {"document:@\"a", 10, "quote is not closed"},
    {"document:5 & document:6", 11, "bound to 5 x 5 tokens, the right side to 6 x 6"},
    {"document:5 | causal_document:2,2", 11, "bound to 5 x 5 tokens, the right side to 4 x 4"},
    {"prefix_lm_causal", 16, "expected ':'"},
    {"prefix_lm_causal:p", 17, "number of prefix tokens"},
    {"prefix_lm_document:4", 20, "expected ';'"},
    {"prefix_lm_document:4,3", 20, "expected ';'"},
    {"prefix_lm_document:4;", 21, "expected a document length"},
    {"global_sliding_window:-3", 22, "must be from 0"},
    {"block_causal_document:0;4", 22, "must be from 1"},
    {"block_causal_document:;4", 22, "expected a document length"},
    {"block_causal_document:1;99999999", 22, "more than"},
    {"band:3", 6, "expected ','"},
    {"band:3,1", 7, "below the lowest"},
    {"band:a,1", 5, "expected the lowest diagonal"},
    {"rows:5,3", 7, "before the beginning"},
    {"cols:-1,3", 5, "must be from 0"},
    {"block_sparse:8,2,1;64", 15, "from 0 to 1"},
    {"block_sparse:8,x,1;64", 15, "from 0 to 1"},
    {"block_sparse:8,0.5,1", 20, "expected ';'"},
    {"block_sparse:1,0.5,1;100000", 21, "more than 4194304 documents and blocks"},
    {"document:1x4194304 | document:1x4194304", 30, "more than 4194304 documents and blocks in one text"},
    {"causal\x01", 6, "expected '&', '|' or the end"},
    {"caus\xc3\xa4l", 0, "no pattern has the name 'caus'"},
};

static void every_wrong_text_is_refused_with_a_caret(void **state) {
    for (size_t n = 0; n < sizeof WRONG / sizeof *WRONG; n++) {
        char error[1024];
        attn_mask *mask = NULL;
        attn_status status = attn_mask_parse(*state, WRONG[n].text, &mask);
        if (status != ATTN_EMASK || mask) fail_msg("'%s' was accepted", WRONG[n].text);
        attn_ctx_error(*state, error, sizeof error);
        const char *line = strrchr(error, '\n');
        if (!strstr(error, WRONG[n].says) || !line || strlen(line) != (size_t)(4 + WRONG[n].caret) || line[strlen(line) - 1] != '^')
            fail_msg("'%s': caret must be under %d, and the sentence say '%s':\n%s", WRONG[n].text, WRONG[n].caret, WRONG[n].says, error);
    }
}

static void a_long_text_is_shown_around_the_mistake(void **state) {
    char text[2000], error[1024];
    attn_mask *mask = NULL;
    strcpy(text, "document:1");
    while (strlen(text) < 1500) strcat(text, ",1");
    size_t wrong = strlen(text);
    strcat(text, ",?,7,8,9,10,11,12,13,14,15,16,17,18,19,20");
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_EMASK);
    attn_ctx_error(*state, error, sizeof error);
    const char *shown = strchr(error, '\n') + 1, *caret = strchr(shown, '\n') + 1;
    assert_int_equal(shown[strlen(caret) - 1], text[wrong + 1]);
    assert_true(strlen(shown) < 250);
    assert_non_null(strstr(shown, "  ...1,1"));
}

static void the_greatest_number_of_documents_and_blocks_is_accepted(void **state) {
    static const char *const texts[] = {"document:1x4194304", "block_causal_document:1;4194304", "document:1x2097152|document:1x2097152"};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        attn_mask *mask = NULL;
        assert_int_equal(attn_mask_parse(*state, texts[n], &mask), ATTN_OK);
        attn_mask_destroy(mask);
    }
}

static void depth_and_number_of_patterns_are_limited(void **state) {
    char *text = malloc(300000);
    attn_mask *mask = NULL;
    memset(text, '(', 100000);
    strcpy(text + 100000, "full");
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_EMASK);
    memset(text, '!', 200000);
    strcpy(text + 200000, "full");
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_EMASK);
    strcpy(text, "full");
    for (size_t n = 0; n < 1024; n++) strcpy(text + 4 + 5 * n, "&full");
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_EMASK);
    text[4 + 5 * 1023] = 0;
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_OK);
    attn_mask_destroy(mask);
    memset(text, '(', 64);
    memcpy(text + 64, "full", 4);
    memset(text + 68, ')', 64);
    text[132] = 0;
    assert_int_equal(attn_mask_parse(*state, text, &mask), ATTN_OK);
    attn_mask_destroy(mask);
    free(text);
}

static const char *const CANONICAL[][2] = {
    {"full", "full"},
    {" causal : top-left", NULL},
    {"causal:bottom-right", "causal:bottom-right"},
    {"window: 3 , 4", "sliding_window:3,4"},
    {"window:inf,0:top-left", "sliding_window:inf,0:top-left"},
    {"document:5,5,5,2,5", "full_document:5x3,2,5"},
    {"document:@tests/none.txt", NULL},
    {"block_causal_document:3000", "block_causal_document:1024;3000"},
    {"prefix_lm_document:2; 3, 4", "prefix_lm_document:2;3,4"},
    {"band:-inf,4:bottom-right", "band:-inf,4:bottom-right"},
    {"rows:1,inf and cols:0,3 or not full", "rows:1,inf & cols:0,3 | !full"},
    {"(full | causal) & causal", "(full | causal) & causal"},
    {"full & (full & causal)", "full & (full & causal)"},
    {"((full & full)) & causal", "full & full & causal"},
    {"!(full|causal)", "!(full | causal)"},
    {"!!full", "!!full"},
    {"block_sparse:16,0.25,7;64", "block_sparse:16,0.25,7;64,64"},
};

static void texts_print_in_canonical_form_and_parse_again(void **state) {
    for (size_t n = 0; n < sizeof CANONICAL / sizeof *CANONICAL; n++) {
        char text[200], again[200], part[4];
        attn_mask *mask, *second;
        if (!CANONICAL[n][1]) {
            assert_int_not_equal(attn_mask_parse(*state, CANONICAL[n][0], &mask), ATTN_OK);
            continue;
        }
        assert_int_equal(attn_mask_parse(*state, CANONICAL[n][0], &mask), ATTN_OK);
        assert_int_equal(attn_mask_text(mask, text, sizeof text), strlen(CANONICAL[n][1]));
        assert_string_equal(text, CANONICAL[n][1]);
        assert_int_equal(attn_mask_text(mask, part, sizeof part), strlen(text));
        assert_memory_equal(part, text, 3);
        assert_int_equal(part[3], 0);
        assert_int_equal(attn_mask_parse(*state, text, &second), ATTN_OK);
        attn_mask_text(second, again, sizeof again);
        assert_string_equal(again, text);
        attn_mask_destroy(mask);
        attn_mask_destroy(second);
    }
}

/* Writes a file of lengths, parses document:@it, and gives the status. */
static attn_status parse_file(attn_ctx *ctx, const char *content, attn_mask **mask) {
    char name[] = "attn_lengths_XXXXXX", text[64];
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, strlen(content)), (ssize_t)strlen(content));
    close(file);
    snprintf(text, sizeof text, "causal & document:@\"%s\" & full", name);
    attn_status status = attn_mask_parse(ctx, text, mask);
    unlink(name);
    return status;
}

static void lengths_come_from_files(void **state) {
    attn_mask *mask;
    char text[100], error[1024];
    assert_int_equal(parse_file(*state, "# documents\n5, 6\n\n7 # the last\n8,\n", &mask), ATTN_OK);
    attn_mask_text(mask, text, sizeof text);
    assert_string_equal(text, "causal & full_document:5,6,7,8 & full");
    attn_mask_destroy(mask);
    static const char *const bad[][2] = {{"5\n6\nx\n", ":3: expected a document length"}, {"5,0", ":1: a document has at least 1"},
                                         {"# nothing\n", "holds no document length"},     {"", "holds no document length"},
                                         {"99999999999999999999", "too large"},           {"5\n-3", ":2: expected a document length"}};
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        assert_int_equal(parse_file(*state, bad[n][0], &mask), ATTN_EMASK);
        assert_non_null(strstr(attn_ctx_error(*state, error, sizeof error), bad[n][1]));
    }
    assert_int_not_equal(attn_mask_parse(*state, "document:@no/such/file", &mask), ATTN_OK);
    assert_non_null(strstr(attn_ctx_error(*state, error, sizeof error), "no/such/file"));
}

static void nulls_are_refused(void **state) {
    attn_mask *mask;
    assert_int_equal(attn_mask_parse(*state, NULL, &mask), ATTN_EINVAL);
    assert_int_equal(attn_mask_parse(*state, "full", NULL), ATTN_EINVAL);
    assert_int_equal(attn_mask_parse(NULL, "full", &mask), ATTN_EINVAL);
}

static int make_context(void **state) {
    return attn_ctx_create(NULL, (attn_ctx **)state, NULL, 0) != ATTN_OK;
}
static int free_context(void **state) {
    attn_ctx_destroy(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_text_is_refused_with_a_caret),
        cmocka_unit_test(a_long_text_is_shown_around_the_mistake),
        cmocka_unit_test(the_greatest_number_of_documents_and_blocks_is_accepted),
        cmocka_unit_test(depth_and_number_of_patterns_are_limited),
        cmocka_unit_test(texts_print_in_canonical_form_and_parse_again),
        cmocka_unit_test(lengths_come_from_files),
        cmocka_unit_test(nulls_are_refused),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
