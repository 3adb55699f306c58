/* The page: well-formed, with what the runs say and nothing that they smuggle in; figures as files; and without gnuplot. */
#include "report/page.h"
#include "support/store.h"
#include "support/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 100000 };

static attn_ctx *ctx;
static char store[64], page_path[128], figures_path[128];
static bool plots;
static int files;

static int set_up(void **state) {
    (void)state;
    test_store_make(store);
    snprintf(page_path, sizeof page_path, "%s/page.html", store);
    snprintf(figures_path, sizeof figures_path, "%s/figures", store);
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static void count_file(void *user, const char *path, const char *kind, const char *title) {
    (void)user;
    assert_int_equal(access(path, R_OK), 0);
    assert_true(kind[0] && title[0]);
    files++;
}

/* The page about all runs of the store; freed by free. */
static char *write_page(bool figures) {
    struct attn_run_list list;
    struct attn_report_runs runs;
    const struct attn_page_options options = {
        .title = "Runs of <here>", .path = page_path, .figures = figures ? figures_path : NULL, .written = count_file};
    files = 0;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
    assert_int_equal(attn_page_write(&runs, &options, &plots), ATTN_OK);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    char *page = test_read_file(page_path);
    const char *wrong = test_xml_wrong(page, NULL, NULL);
    if (wrong) fail_msg("%s", wrong);
    return page;
}

static void expect(const char *page, const char *piece) {
    if (!strstr(page, piece)) fail_msg("expected \"%s\" in the page", piece);
}

static int count(const char *page, const char *element) {
    int n;
    assert_null(test_xml_wrong(page, element, &n));
    return n;
}

/* Ids come once, and links lead to them. */
static void expect_links(const char *page) {
    char key[256];
    for (const char *at = page; (at = strstr(at, " id=\"")); at += 5) {
        const int n = (int)strcspn(at + 5, "\"");
        snprintf(key, sizeof key, " id=\"%.*s\"", n, at + 5);
        if (strstr(at + 5, key)) fail_msg("%s comes twice", key);
    }
    for (const char *at = page; (at = strstr(at, "href=\"")); at += 6) {
        assert_int_equal(at[6], '#');
        snprintf(key, sizeof key, " id=\"%.*s\"", (int)strcspn(at + 7, "\""), at + 7);
        if (!strstr(page, key)) fail_msg("no%s", key);
    }
}

static void add_sweep(void) {
    for (int i = 0; i < 8; i++) {
        char id[32], recipe[256], env[128],
            metrics[1024] = "{\"event\":\"start\",\"step\":0,\"steps\":4,\"parameters\":9,\"forward_flops\":12345,"
                            "\"step_flops\":54321,\"state_bytes\":4096,\"paper_state_bytes\":2048}\n";
        snprintf(id, sizeof id, "sweep-%d", i);
        snprintf(recipe, sizeof recipe, "{\"task\": \"zoology/mqar\",\n \"mixer\": \"%s\",\n \"width\": %d,\n \"lr\": 0.01}\n",
                 i % 2 ? "attention" : "hyena", 16 << i / 2);
        for (int s = 1; s <= 4; s++)
            attn_append(metrics, sizeof metrics,
                        "{\"event\":\"step\",\"step\":%d,\"loss\":%g}\n{\"event\":\"evaluation\",\"step\":%d,\"accuracy\":%g}\n", s,
                        4.0 / s, s, 0.1 * s + 0.01 * i);
        attn_append(metrics, sizeof metrics, "{\"event\":\"done\",\"step\":4,\"seconds\":1.5,\"accuracy\":%g}\n", 0.4 + 0.01 * i);
        snprintf(env, sizeof env, "{\"host\":\"one\",\"threads\":2,\"files\":[{\"path\":\"text-%d\"}],\"plugins\":[]}\n",
                 i); /* one machine, eight texts */
        test_store_run(store, id, recipe, metrics, env);
    }
}

static void a_sweep_makes_a_page_with_tables_and_figures(void **state) {
    (void)state;
    add_sweep();
    char *page = write_page(true);
    expect(page, "<title>Runs of &lt;here&gt; – attn report</title>");
    expect(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
    expect(page, "accuracy against width");
    expect(page, "Training loss over the steps");
    expect(page, "<th scope=\"col\">mixer</th><th scope=\"col\" class=\"n\">width</th><th scope=\"col\" class=\"n\">accuracy</th>");
    expect(page, "Where 8 runs ran");
    assert_null(strstr(page, "more run"));
    expect(page, "<th scope=\"col\" class=\"n\">FLOPs of an example, forward</th><th scope=\"col\" class=\"n\">and backward</th>");
    expect(page, "<td class=\"n\">1.234e+04</td><td class=\"n\">5.432e+04</td>");
    expect(page, "&quot;mixer&quot;: &quot;attention&quot;");
    expect_links(page);
    assert_int_equal(count(page, "figure"), 3);
    assert_int_equal(count(page, "svg"), plots ? 3 : 0);
    assert_int_equal(count(page, "h1"), 1);
    assert_int_equal(files, 1 + 3 + (plots ? 3 : 0));
    if (plots) {
        char path[256];
        snprintf(path, sizeof path, "%s/zoology-mqar-accuracy-by-width.svg", figures_path);
        char *svg = test_read_file(path);
        assert_null(test_xml_wrong(svg, NULL, NULL));
        expect(svg, "<text>mixer=attention</text>");
        expect(svg, "prefers-color-scheme: dark");
        free(svg);
        snprintf(path, sizeof path, "%s/zoology-mqar-accuracy-by-width.csv", figures_path);
        char *csv = test_read_file(path);
        assert_memory_equal(csv, "line,width,accuracy\nmixer=attention,16,0.41\n", 44);
        free(csv);
    }
    free(page);
}

static void hostile_texts_and_numbers_are_shown_as_texts(void **state) {
    static const char recipe[] =
        "{\"task\":\"<script>alert(1)</script>\",\"mi\\\"xer\":\"\\\"><img src=x onerror=alert(2)>\",\"a&b\":\"'%s%n{x}$(id)`id`\\n\\\\\","
        "\"huge\":1e308,\"deep\":[[[1]]],\"long\":\"";
    char *text = malloc(1 << 20), *metrics = malloc(1 << 23);
    (void)state;
    for (int i = 0; i < 3; i++) {
        char id[64];
        int n = sprintf(text, "%s", recipe);
        for (int k = 0; k < 900; k++) text[n++] = (char)('a' + i);
        sprintf(text + n, "\",\"width\":%s}", i == 0 ? "-1e308" : i == 1 ? "1e308" : "0");
        n = sprintf(metrics, "{\"event\":\"start\",\"step\":1e300,\"steps\":-5,\"parameters\":1e300}\n");
        for (int s = 0; s < (i == 0 ? LINES : 10); s++)
            n += sprintf(metrics + n, "{\"event\":\"step\",\"step\":%d,\"loss\":%s,\"<b>\":1}\n", s,
                         s % 5 == 0   ? "1e308"
                         : s % 7 == 0 ? "NaN"
                                      : "-1e308");
        sprintf(metrics + n,
                "{\"event\":\"evaluation\",\"step\":9,\"</td><script>x</script>\":0.%d,\"big\":1e308}\n"
                "{\"event\":\"%s\",\"step\":9,\"</td><script>x</script>\":0.%d,\"message\":\"</pre><script>alert(3)</"
                "script>\\u0001\\u2028\"}\n",
                i, i == 2 ? "failed" : "done", i);
        snprintf(id, sizeof id, "<script>&\"' %d", i);
        test_store_run(store, id, text, metrics, "{\"host\":\"</table><script>alert(4)</script>\"}");
    }
    test_store_run(store, "binary", "\x01\x02{", "\xff\xfe\n", "\xff");
    test_store_run(store, "empty", "", "", "");
    test_store_run(store, "bare", "{\"task\":\"bare\"}", "", NULL);
    char *page = write_page(true);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "src=x onerror=alert(2)>\""));
    expect(page, "<h2 id=\"task-2-title\">bare</h2>");
    expect(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page, "failed: &lt;/pre&gt;&lt;script&gt;alert(3)&lt;/script&gt;");
    expect(page, "&lt;/table&gt;&lt;script&gt;alert(4)&lt;/script&gt;");
    expect_links(page);
    free(page);
    free(text);
    free(metrics);
}

/* Names of tasks that are the same once '/' is '-'. */
static void figures_of_one_name_have_files_of_their_own(void **state) {
    static const char *const tasks[] = {"a/b", "a-b"};
    char path[256];
    (void)state;
    for (int i = 0; i < 4; i++) {
        char id[32], recipe[128], metrics[128];
        snprintf(id, sizeof id, "r%d", i);
        snprintf(recipe, sizeof recipe, "{\"task\":\"%s\",\"width\":%d}", tasks[i / 2], i % 2 + 1);
        snprintf(metrics, sizeof metrics, "{\"event\":\"done\",\"step\":1,\"accuracy\":0.%d}\n", i + 1);
        test_store_run(store, id, recipe, metrics, NULL);
    }
    free(write_page(true));
    for (int i = 0; i < 2; i++) {
        char expected[128];
        snprintf(path, sizeof path, "%s/a-b-accuracy-by-width%s.csv", figures_path, i == 0 ? "" : "-2");
        snprintf(expected, sizeof expected, "line,width,accuracy\nall runs,1,0.%d\nall runs,2,0.%d\n", 2 * i + 1, 2 * i + 2);
        char *csv = test_read_file(path);
        assert_string_equal(csv, expected);
        free(csv);
    }
}

static void a_store_without_runs_has_a_page_too(void **state) {
    (void)state;
    char *page = write_page(false);
    expect(page, "There are no runs");
    assert_int_equal(files, 1);
    free(page);
}

static void without_gnuplot_the_page_says_what_to_install(void **state) {
    char *path = strdup(getenv("PATH"));
    (void)state;
    add_sweep();
    setenv("PATH", "/nowhere", 1);
    char *page = write_page(true);
    setenv("PATH", path, 1);
    assert_false(plots);
    expect(page, "gnuplot was not found");
    expect(page, "apt-get install gnuplot-nox");
    expect(page, "accuracy against width");
    assert_int_equal(count(page, "svg"), 0);
    assert_int_equal(files, 1 + 3); /* the data are written all the same */
    free(page);
    free(path);
}

static void a_gnuplot_that_fails_leaves_the_rest_of_the_page(void **state) {
    char command[512], *path = strdup(getenv("PATH")), folders[4096];
    (void)state;
    add_sweep();
    snprintf(command, sizeof command, "mkdir %s/bin && printf '#!/bin/sh\\nexit 1\\n' > %s/bin/gnuplot && chmod +x %s/bin/gnuplot", store,
             store, store);
    assert_int_equal(system(command), 0);
    snprintf(folders, sizeof folders, "%s/bin:%s", store, path);
    setenv("PATH", folders, 1);
    char *page = write_page(true);
    setenv("PATH", path, 1);
    assert_true(plots);
    expect(page, "gnuplot failed to draw this plot.");
    expect(page, "accuracy against width");
    assert_int_equal(files, 1 + 3);
    free(page);
    free(path);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sweep_makes_a_page_with_tables_and_figures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_texts_and_numbers_are_shown_as_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(figures_of_one_name_have_files_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_without_runs_has_a_page_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_gnuplot_the_page_says_what_to_install, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gnuplot_that_fails_leaves_the_rest_of_the_page, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
