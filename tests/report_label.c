/* Labels in as many characters as there is room for: begin and end stay, labels that differ are shown differently. */
#include "report/label.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "io/utf8.h"

#include <cmocka.h>

static void expect(const char *text, int most, const char *shown) {
    struct attn_label label = {.text = text};
    attn_labels_show(&label, 1, most);
    assert_string_equal(label.shown, shown);
}

static void a_text_that_fits_is_shown_as_it_is(void **state) {
    (void)state;
    expect("", 8, "");
    expect("12345678", 8, "12345678");
    expect("éééééééé", 8, "éééééééé");
    expect("a'b\"<&>", 8, "a'b\"<&>");
}

static void a_longer_one_keeps_its_begin_and_its_end(void **state) {
    (void)state;
    expect("123456789", 8, "1234…789");
    expect("abcdefghijklmnopqrstuvwxyz", 9, "abcd…wxyz");
    expect("éèéèéèéèéè", 8, "éèéè…èéè");
}

static void what_is_no_text_is_a_replacement_character(void **state) {
    (void)state;
    expect("a\x01\x7f\xff", 8, "a\uFFFD\uFFFD\uFFFD");
    expect("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 8, "\uFFFD\uFFFD\uFFFD\uFFFD…\uFFFD\uFFFD\uFFFD");
    expect("\xf0\x9d\x84", 8, "\uFFFD\uFFFD\uFFFD"); /* cut off in a character */
}

static void labels_that_differ_in_the_middle_show_where(void **state) {
    struct attn_label labels[] = {{.text = "mixer=aaaaaaaaaaaa+attention+bbbbbbbbbbbbbbb"},
                                  {.text = "mixer=aaaaaaaaaaaa+hyena+bbbbbbbbbbbbbbb"},
                                  {.text = "mixer=aaaaaaaaaaaa+attention+bbbbbbbbbbbbbbb"}};
    (void)state;
    attn_labels_show(labels, 3, 16);
    assert_string_equal(labels[0].shown, "mixer=aa…bbbbbbb");
    assert_string_equal(labels[1].shown, "…aa+hyena+bbbbb…");
    assert_string_equal(labels[2].shown, labels[0].shown); /* the same text */
}

static void any_bytes_give_utf8_of_at_most_so_many_characters(void **state) {
    char text[300];
    (void)state;
    srand(5);
    for (int round = 0; round < 5000; round++) {
        const int length = rand() % (int)sizeof text, most = 8 + rand() % (ATTN_LABEL_MOST - 7);
        for (int i = 0; i < length; i++) text[i] = (char)(round % 2 ? 0xC0 + rand() % 64 : 1 + rand() % 255);
        text[length] = '\0';
        struct attn_label labels[2] = {{.text = text}, {.text = text + length / 2}};
        attn_labels_show(labels, 2, most);
        for (int k = 0; k < 2; k++) {
            const uint8_t *at = (const uint8_t *)labels[k].shown;
            const size_t bytes = strlen(labels[k].shown);
            int characters = 0;
            assert_true(attn_utf8_valid(at, bytes) == bytes);
            for (size_t i = 0; i < bytes; i++) characters += (at[i] & 0xC0) != 0x80;
            assert_true(characters <= most);
        }
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_fits_is_shown_as_it_is),
        cmocka_unit_test(a_longer_one_keeps_its_begin_and_its_end),
        cmocka_unit_test(what_is_no_text_is_a_replacement_character),
        cmocka_unit_test(labels_that_differ_in_the_middle_show_where),
        cmocka_unit_test(any_bytes_give_utf8_of_at_most_so_many_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
