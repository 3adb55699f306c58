/* Nothing from outside is anything but text in the page, and a picture is only shapes and texts. */
#include "report/html.h"
#include "report/svg.h"
#include "support/xml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *text;
static size_t bytes;

static FILE *begin(void) {
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    return file;
}

static void expect_text(FILE *file, const char *expected) {
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void texts_are_escaped(void **state) {
    static const char *const cases[][2] = {{"", ""},
                                           {"a<script>alert('1')</script>", "a&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"},
                                           {"\"&amp;", "&quot;&amp;amp;"},
                                           {"é…𝄞\n\t", "é…𝄞\n\t"},
                                           {"\x01\x1b\x7f\r", "\uFFFD\uFFFD\uFFFD\uFFFD"},
                                           {"\xff\xc3", "\uFFFD\uFFFD"},
                                           {"\xc0\xbc"
                                            "script",
                                            "\uFFFD\uFFFDscript"}, /* an overlong '<' */
                                           {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
                                           {"\xef\xbf\xbe\xef\xbf\xbf", "\uFFFD\uFFFD"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *file = begin();
        attn_html_text(file, cases[i][0]);
        expect_text(file, cases[i][1]);
    }
    FILE *file = begin();
    attn_html_short(file, "é<<<<", 3);
    expect_text(file, "é&lt;&lt;…");
}

static void numbers_are_written_for_readers(void **state) {
    (void)state;
    FILE *file = begin();
    attn_html_whole(file, 1234567);
    fputc(' ', file);
    attn_html_whole(file, -123456);
    fputc(' ', file);
    attn_html_whole(file, 12);
    fputc(' ', file);
    attn_html_real(file, 0.123456, 3);
    attn_html_real(file, (double)NAN, 3);
    attn_html_real(file, (double)INFINITY, 3);
    expect_text(file, "1\u202F234\u202F567 -123\u202F456 12 0.123––");
}

enum { LABELS = 2 };
static const struct attn_label labels[LABELS] = {{"whole", "whole"}, {"<a long> & 'label'", "<a…'label'"}};

/* What is wrong, or NULL and the picture is in `text`. */
static const char *copy(const char *svg, bool alone) {
    const struct attn_svg_use use = {"p-", "<title>", "a & b", alone, labels, LABELS};
    FILE *file = begin();
    const char *wrong = attn_svg_copy(file, svg, strlen(svg), &use);
    fclose(file);
    if (wrong) free(text);
    return wrong;
}

static void a_picture_gets_titles_prefixes_and_the_colour_of_the_text(void **state) {
    (void)state;
    assert_null(copy("<?xml version='1.0'?><!-- c --><svg width='9' viewBox=\"0 0 9 9\" onload='x()'><title>t</title><desc>d</desc>"
                     "<g color='black' stroke='rgb( 1,  2, 3)'><use xlink:href='#a' id='b'/></g><g>\n </g><g fill='red'/><text "
                     "x='1'>a&lt;b &#8230; > \"</text>"
                     "<path clip-path='url(#c)' onclick='x' style='y' d='M0,0'/></svg> behind",
                     false));
    assert_string_equal(
        text, "<svg viewBox=\"0 0 9 9\" xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
              "aria-labelledby=\"p-title p-desc\">\n<title id=\"p-title\">&lt;title&gt;</title>\n<desc id=\"p-desc\">a &amp; b</desc>\n"
              "<g stroke=\"currentColor\"><use xlink:href=\"#p-a\" id=\"p-b\"/></g>\n<text x=\"1\">a&lt;b &#8230; &gt; &quot;</text>"
              "<path clip-path=\"url(#p-c)\" d=\"M0,0\"/></svg>\n");
    free(text);
    assert_null(copy("<svg viewBox='0 0 1 1'><path clip-path='URL(#c)' stroke-x:y='1' stroke-width='2'/></svg>", false));
    assert_non_null(strstr(text, "<path clip-path=\"url(#p-c)\" stroke-width=\"2\"/>"));
    free(text);
    assert_null(copy("<svg viewBox='0 0 1 1'><image href='data:image/png;base64,AAAA'/></svg>", true));
    assert_non_null(strstr(text, "<image href=\"data:image/png;base64,AAAA\"/>"));
    assert_non_null(strstr(text, "prefers-color-scheme: dark"));
    free(text);
}

static void a_label_that_is_shortened_has_the_whole_for_its_title(void **state) {
    (void)state;
    assert_null(copy("<svg viewBox='0 0 9 9'><text>whole</text><text>&lt;a…&apos;label'</text><text>&lt;a…</text></svg>", false));
    assert_non_null(strstr(text, "<text>whole</text><text><title>&lt;a long&gt; &amp; &#39;label&#39;</title>&lt;a…&apos;label&#39;</text>"
                                 "<text>&lt;a…</text>"));
    free(text);
}

static void what_runs_or_is_loaded_or_is_broken_is_refused(void **state) {
    static const char *const bad[] = {"",
                                      "x",
                                      "<svg",
                                      "<svg>",
                                      "<svg/>",
                                      "<p></p>",
                                      "<svg></p>",
                                      "<svg><g></svg></g>",
                                      "<svg><script>x</script></svg>",
                                      "<svg><SCRIPT/></svg>",
                                      "<svg><style>x</style></svg>",
                                      "<svg><a href='#x'/></svg>",
                                      "<svg><foreignObject/></svg>",
                                      "<svg><animate/></svg>",
                                      "<svg><svg></svg></svg>",
                                      "<svg><image href='http://x/y.png'/></svg>",
                                      "<svg><image href='data:image/svg+xml;base64,AAAA'/></svg>",
                                      "<svg><use href='other.svg#x'/></svg>",
                                      "<svg><use xlink:href='javascript:x()'/></svg>",
                                      "<svg><rect fill='url(http://x)'/></svg>",
                                      "<svg><rect fill='red url(#x)'/></svg>",
                                      "<svg><rect fill='url(#a) url(http://x)'/></svg>",
                                      "<svg><rect fill='URL(http://x)'/></svg>",
                                      "<svg><rect fill='u\\72l(http://x)'/></svg>",
                                      "<svg><rect fill='&#117;rl(http://x)'/></svg>",
                                      "<svg><rect fill='&#x75;rl(http://x)'/></svg>",
                                      "<svg><rect fill=red/></svg>",
                                      "<svg><rect x='1' x='2'/></svg>",
                                      "<svg><rect fill='red/></svg>",
                                      "<svg><rect fill='<'/></svg>",
                                      "<svg><!-- </svg>",
                                      "<svg><?x </svg>",
                                      "<svg><![CDATA[x]]></svg>",
                                      "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg></svg>",
                                      "<svg><g",
                                      "<svg><g a",
                                      "<svg><g a='"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!copy(bad[i], false)) fail_msg("%s: passed as %s", bad[i], text);
}

static void nests_deeper_than_the_limit_are_refused(void **state) {
    char svg[4096] = "<svg>";
    (void)state;
    for (int i = 0; i < 100; i++) strcat(svg, "<g x='1'>");
    for (int i = 0; i < 100; i++) strcat(svg, "</g>");
    strcat(svg, "</svg>");
    assert_non_null(copy(svg, false));
}

/* Any changed bytes of a picture either fail or give well-formed XML. */
static void changed_bytes_give_well_formed_pictures_or_none(void **state) {
    static const char good[] =
        "<svg viewBox='0 0 9 9'><defs><path id='a' d='M0,0'/></defs><g color='red'><text x='1'>a&lt;&amp;b</text><use "
        "xlink:href='#a'/></g><title>t</title><rect fill='rgb(1,2,3)'/></svg>";
    int passed = 0;
    (void)state;
    srand(11);
    for (int round = 0; round < 20000; round++) {
        char changed[sizeof good];
        memcpy(changed, good, sizeof good);
        for (int k = 0; k < 1 + round % 3; k++) {
            const int other = rand() % 4 == 0 ? rand() % 255 + 1 : good[rand() % (int)(sizeof good - 1)];
            changed[rand() % (int)(sizeof good - 1)] = (char)other;
        }
        if (copy(changed, false)) continue;
        const char *wrong = test_xml_wrong(text, NULL, NULL);
        if (wrong) fail_msg("%s\nof %s\nas %s", wrong, changed, text);
        passed++;
        free(text);
    }
    assert_true(passed > 1000);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(numbers_are_written_for_readers),
        cmocka_unit_test(a_picture_gets_titles_prefixes_and_the_colour_of_the_text),
        cmocka_unit_test(a_label_that_is_shortened_has_the_whole_for_its_title),
        cmocka_unit_test(what_runs_or_is_loaded_or_is_broken_is_refused),
        cmocka_unit_test(nests_deeper_than_the_limit_are_refused),
        cmocka_unit_test(changed_bytes_give_well_formed_pictures_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
