/* Sweeps: many values, ranges, their order, labels, and limits. */
#include "support/training.h"
#include "system/zoology/zoology.h"
#include "train/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_ctx *ctx;

static size_t held, greatest;

static void *count_alloc(void *user, size_t bytes, size_t alignment) {
    (void)user;
    size_t *block = aligned_alloc(alignment < 64 ? 64 : alignment, 64 + (bytes + 63) / 64 * 64);
    if (!block) return NULL;
    block[0] = bytes;
    held += bytes;
    greatest = held > greatest ? held : greatest;
    return (char *)block + 64;
}

static void count_free(void *user, void *memory) {
    (void)user;
    if (!memory) return;
    size_t *block = (size_t *)(void *)((char *)memory - 64);
    held -= block[0];
    free(block);
}

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_sweep expanded(const char *const *assignments, int count, int64_t recipes) {
    struct attn_sweep sweep;
    char text[1024];
    if (attn_sweep_expand(ctx, &attn_zoology_mqar, NULL, assignments, count, &sweep))
        fail_msg("%s: %s", assignments[0], attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(sweep.count, recipes);
    return sweep;
}

static void all_combinations_come_with_the_last_field_fastest(void **state) {
    static const char *const assignments[] = {"lr=1e-4,4.6e-4,2e-3", "seed=1..3,9", "mixer=attention"};
    struct attn_sweep sweep = expanded(assignments, 3, 12);
    static const double rates[] = {1e-4, 4.6e-4, 2e-3};
    static const int64_t seeds[] = {1, 2, 3, 9};
    char label[128], want[128];
    (void)state;
    for (int i = 0; i < 12; i++) {
        assert_true(attn_recipe_number(attn_sweep_recipe(&sweep, i), "lr") == rates[i / 4]);
        assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, i), "seed"), seeds[i % 4]);
        attn_sweep_label(&sweep, i, label, sizeof label);
        char lr[32], seed[32];
        for (int f = 0; f < attn_sweep_recipe(&sweep, i)->count; f++) {
            const struct attn_recipe_value *v = &attn_sweep_recipe(&sweep, i)->value[f];
            if (strcmp(v->field->name, "lr") == 0) attn_recipe_value_text(v, lr, sizeof lr);
            if (strcmp(v->field->name, "seed") == 0) attn_recipe_value_text(v, seed, sizeof seed);
        }
        snprintf(want, sizeof want, "seed=%s lr=%s", seed, lr);
        assert_string_equal(label, want);
    }
    attn_sweep_free(ctx, &sweep);
}

static void no_assignment_is_one_recipe(void **state) {
    struct attn_sweep sweep = expanded((const char *const[]){""}, 0, 1);
    char label[16] = "x";
    (void)state;
    attn_sweep_label(&sweep, 0, label, sizeof label);
    assert_string_equal(label, "");
    attn_sweep_free(ctx, &sweep);
}

static void a_base_keeps_what_is_not_assigned(void **state) {
    struct attn_recipe *base = test_recipe(ctx, "width=48 seed=5");
    struct attn_sweep sweep;
    (void)state;
    assert_int_equal(attn_sweep_expand(ctx, &attn_zoology_mqar, base, (const char *const[]){"seed=7,8"}, 1, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, 2);
    assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, 0), "width"), 48);
    assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, 0), "seed"), 7);
    assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, 1), "seed"), 8);
    attn_free(ctx, base);
    attn_sweep_free(ctx, &sweep);
}

static void ranges_are_of_whole_numbers_and_texts_are_texts(void **state) {
    struct attn_sweep sweep = expanded((const char *const[]){"seed=7..7"}, 1, 1);
    (void)state;
    attn_sweep_free(ctx, &sweep);
    sweep = expanded((const char *const[]){"target=-2..2"}, 1, 5);
    assert_true(attn_recipe_number(attn_sweep_recipe(&sweep, 0), "target") == -2);
    assert_true(attn_recipe_number(attn_sweep_recipe(&sweep, 2), "target") == 0);
    attn_sweep_free(ctx, &sweep);
    sweep = expanded((const char *const[]){"mixture="}, 1, 1); /* an empty text is a value */
    attn_sweep_free(ctx, &sweep);
    sweep = expanded((const char *const[]){"mixture=../a..b"}, 1, 1);
    assert_string_equal(attn_recipe_words(attn_sweep_recipe(&sweep, 0), "mixture"), "../a..b");
    attn_sweep_free(ctx, &sweep);
}

static void commas_in_quotes_are_of_the_value(void **state) {
    static const struct {
        const char *assignment, *values[4];
    } cases[] = {
        {"mixture=\"a,b\"", {"a,b"}},
        {"mixture=\"a,b\",c,\"\",d", {"a,b", "c", "", "d"}},
        {"mixture=\"say \"\"a\"\", b\",c\"d", {"say \"a\", b", "c\"d"}},
        {"mixture=\"\"\"\"", {"\""}},
        {"mixture=1..3,x", {"1..3", "x"}}, /* of texts there are no ranges */
        {"mixture=\"1..3\"", {"1..3"}},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int count = 0;
        while (count < 4 && cases[c].values[count]) count++;
        struct attn_sweep sweep = expanded(&cases[c].assignment, 1, count);
        for (int i = 0; i < count; i++) assert_string_equal(attn_recipe_words(attn_sweep_recipe(&sweep, i), "mixture"), cases[c].values[i]);
        attn_sweep_free(ctx, &sweep);
    }
}

static void a_field_that_is_assigned_again_has_the_last_values(void **state) {
    static const char *const assignments[] = {"seed=1..3", "lr=0.5,0.25", "seed=7,8", "batch=4,8", "batch=16"};
    struct attn_sweep sweep = expanded(assignments, 5, 4);
    char label[128];
    (void)state;
    for (int i = 0; i < 4; i++) {
        const struct attn_recipe *r = attn_sweep_recipe(&sweep, i);
        assert_true(attn_recipe_number(r, "lr") == (i < 2 ? 0.5 : 0.25));
        assert_int_equal(attn_recipe_whole(r, "seed"), 7 + i % 2);
        assert_int_equal(attn_recipe_whole(r, "batch"), 16);
    }
    attn_sweep_label(&sweep, 3, label, sizeof label);
    assert_string_equal(label, "seed=8 lr=0.25");
    attn_sweep_free(ctx, &sweep);
}

static void joined_sweeps_come_one_behind_the_other(void **state) {
    struct attn_sweep all = {.count = 0}, part = expanded((const char *const[]){"seed=1..3", "width=32"}, 2, 3);
    char label[128];
    (void)state;
    assert_int_equal(attn_sweep_join(ctx, &all, &part), ATTN_OK);
    attn_sweep_free(ctx, &part);
    part = expanded((const char *const[]){"lr=0.5,0.25", "width=48"}, 2, 2);
    assert_int_equal(attn_sweep_join(ctx, &all, &part), ATTN_OK);
    attn_sweep_free(ctx, &part);
    assert_int_equal(all.count, 5);
    for (int i = 0; i < 5; i++) {
        const struct attn_recipe *r = attn_sweep_recipe(&all, i);
        assert_int_equal(attn_recipe_whole(r, "width"), i < 3 ? 32 : 48);
        assert_int_equal(attn_recipe_whole(r, "seed"), i < 3 ? i + 1 : 1);
    }
    attn_sweep_label(&all, 4, label, sizeof label);
    assert_string_equal(label, "width=48 seed=1 lr=0.25");
    attn_sweep_free(ctx, &all);
}

/* 10,000 recipes share what they have in common: a few kilobytes each would be tens of megabytes. */
static void many_recipes_take_little_memory(void **state) {
    enum { MOST = 4 << 20 };
    attn_ctx *counting;
    attn_ctx_config config;
    struct attn_sweep sweep;
    static const char *const assignments[] = {"seed=1..100", "batch=1..100"};
    (void)state;
    attn_ctx_config_init(&config);
    config.allocate = count_alloc;
    config.release = count_free;
    held = greatest = 0;
    assert_int_equal(attn_ctx_create(&config, &counting, NULL, 0), ATTN_OK);
    assert_int_equal(attn_sweep_expand(counting, &attn_zoology_mqar, NULL, assignments, 2, &sweep), ATTN_OK);
    assert_int_equal(sweep.count, 10000);
    assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, 9999), "batch"), 100);
    attn_sweep_free(counting, &sweep);
    attn_ctx_destroy(counting);
    assert_true(greatest < MOST);
    assert_int_equal(held, 0);
}

static void wrong_sweeps_are_refused(void **state) {
    static const struct {
        const char *assignment, *sentence;
    } wrong[] = {
        {"sede=1..3", "no field 'sede'; did you mean 'seed'?"},
        {"seed", "expected FIELD=VALUE"},
        {"=1", "expected FIELD=VALUE"},
        {"seed=1,,2", "seed=: expected a whole number"},
        {"seed=1,2,", "seed=: expected a whole number"},
        {"seed=3..1", "seed=3..1: found 3..1, expected A..B with A at most B and at most 10000 numbers"},
        {"seed=1,1..10001", "found 1..10001, expected A..B with"},
        {"seed=-9223372036854775808..9223372036854775807", "and at most 10000 numbers"},
        {"seed=9223372036854775806..9223372036854775807", "seed=9223372036854775807: expected a whole number"},
        {"seed=9223372036854775807..9223372036854775808", "seed=9223372036854775807..9223372036854775808: expected a whole number"},
        {"seed= 1..3", "seed= 1..3: expected a whole number"},
        {"seed=1..+3", "seed=1..+3: expected a whole number"},
        {"seed=1..2..3", "seed=1..2..3: expected a whole number"},
        {"seed=1...3", "seed=1...3: expected"},
        {"seed=a..c", "seed=a..c: expected"},
        {"seed=1..3x", "seed=1..3x: expected"},
        {"seed=-1..1", "seed=-1: expected a whole number from 0"},
        {"seed=1..5000,1..5001", "seed=1..5000,1..5001: found more than 10000 values"},
        {"mixture=\"a", "mixture=\"a: expected a closing quote"},
        {"mixture=\"a\"b", "expected a closing quote at the end or before a comma"},
        {"mixture=\"a\" ,b", "expected a closing quote"},
        {"mixture=\"", "expected a closing quote"},
        {"seed=\"1..3\"", "seed=1..3: expected a whole number"},
        {"lr=1,2,x", "lr=x: expected a number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct attn_sweep sweep;
        char text[1024];
        if (attn_sweep_expand(ctx, &attn_zoology_mqar, NULL, &wrong[i].assignment, 1, &sweep) != ATTN_EINVAL)
            fail_msg("%s is taken", wrong[i].assignment);
        assert_null(sweep.part);
        if (!strstr(attn_ctx_error(ctx, text, sizeof text), wrong[i].sentence)) fail_msg("%s: %s", wrong[i].assignment, text);
    }
}

/* ------------------------------------------------------------------------------------------------------------- files */

static attn_status parse(const char *text, size_t bytes, struct attn_sweep *sweep) {
    assert_int_equal(attn_sweep_open(ctx, &attn_zoology_mqar, NULL, sweep), ATTN_OK);
    return attn_sweep_parse(ctx, sweep, "sweep.json", text, bytes);
}

static void a_file_says_what_a_command_line_does(void **state) {
    static const struct {
        const char *file, *assignments[4];
    } same[] = {
        {"{}", {NULL}},
        {"{\"lr\": [1e-4, 1e-3], \"mixer\": [\"attention\", \"based\"], \"seed\": \"1..3\"}",
         {"lr=1e-4,1e-3", "mixer=attention,based", "seed=1..3"}},
        {"{\"seed\": [\"1..3\", 9, \"-0..0\"]}", {"seed=1..3,9,0"}},
        {"{\"lr\": 0.5, \"task\": \"zoology/mqar\"}", {"lr=0.5"}},
        {"{\"lr\": [0.5]}", {"lr=0.5"}},
        {"{\"target\": \"-2..2\", \"untied\": [true, false]}", {"target=-2..2", "untied=true,false"}},
        {"{\"mixture\": [\"a,b\", \"\", \"say \\\"c\\\"\", \"1..3\"]}", {"mixture=\"a,b\",,\"say \"\"c\"\"\",1..3"}},
        {"{\"mixture\": \"a,b\"}", {"mixture=\"a,b\""}},
        {"{\"state\": [\"mlp\", \"none\"]}", {"state=mlp,none"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct attn_sweep file, line;
        char text[1024];
        int count = 0;
        while (count < 4 && same[i].assignments[count]) count++;
        if (parse(same[i].file, strlen(same[i].file), &file)) fail_msg("%s: %s", same[i].file, attn_ctx_error(ctx, text, sizeof text));
        assert_int_equal(attn_sweep_expand(ctx, &attn_zoology_mqar, NULL, same[i].assignments, count, &line), ATTN_OK);
        assert_int_equal(file.count, line.count);
        for (int64_t r = 0; r < file.count; r++) {
            char *a = attn_recipe_text(attn_sweep_recipe(&file, r)), *b = attn_recipe_text(attn_sweep_recipe(&line, r));
            assert_string_equal(a, b);
            attn_free(ctx, a);
            attn_free(ctx, b);
        }
        attn_sweep_free(ctx, &file);
        attn_sweep_free(ctx, &line);
    }
}

static void words_come_after_the_file(void **state) {
    static const char text[] = "{\"seed\": \"1..3\", \"lr\": [0.5, 0.25]}";
    struct attn_sweep sweep;
    (void)state;
    assert_int_equal(parse(text, strlen(text), &sweep), ATTN_OK);
    assert_int_equal(attn_sweep_assign(ctx, &sweep, "seed=9"), ATTN_OK);
    assert_int_equal(sweep.count, 2);
    assert_int_equal(attn_recipe_whole(attn_sweep_recipe(&sweep, 1), "seed"), 9);
    assert_true(attn_recipe_number(attn_sweep_recipe(&sweep, 1), "lr") == 0.25);
    attn_sweep_free(ctx, &sweep);
}

#define TEXT(text) text, sizeof text - 1
static const struct {
    const char *text;
    size_t bytes;
    const char *sentence;
} malformed[] = {
    {TEXT(""), "line 1, column 0: expected JSON"},
    {TEXT("[]"), "found no JSON object"},
    {TEXT("{\"seed\": [1, 2}"), "line 1, column 15: expected JSON"},
    {TEXT("{\"seed\": [1, 2,]}"), "line 1, column 16: expected JSON"},
    {TEXT("{\n \"seed\": [1,,2]}"), "line 2, column 13: expected JSON"},
    {TEXT("{\"seed\": 1..3}"), "line 1, column"},
    {TEXT("{\"seed\": [1]} {"), "line 1, column 15"},
    {TEXT("{\"seed\": 1, \"seed\": 2}"), "duplicate object key"},
    {TEXT("{\"seed\": \"\xff\"}"), "line 1, column"},
    {TEXT("{\"seed\": []}"), "field \"seed\": found an empty list, expected at least one value"},
    {TEXT("{\"sede\": [1]}"), "zoology/mqar has no field 'sede'; did you mean 'seed'?"},
    {TEXT("{\"seed\": [[1]]}"), "field \"seed\": found a value of another kind, expected a number"},
    {TEXT("{\"seed\": {\"1\": 2}}"), "field \"seed\": found a value of another kind"},
    {TEXT("{\"seed\": null}"), "field \"seed\": found a value of another kind"},
    {TEXT("{\"seed\": [1, null]}"), "field \"seed\": found a value of another kind"},
    {TEXT("{\"seed\": \"3\"}"), "field \"seed\": found a value of another kind, expected a number"},
    {TEXT("{\"seed\": \"1,2\"}"), "field \"seed\": found a value of another kind, expected a number"},
    {TEXT("{\"seed\": \"1..3 \"}"), "field \"seed\": found a value of another kind"},
    {TEXT("{\"seed\": \"1..3\\u0000\"}"), "\\u0000"},
    {TEXT("{\"seed\": \"3..1\"}"), "sweep.json: field \"seed\": found 3..1, expected A..B with A at most B and at most 10000 numbers"},
    {TEXT("{\"seed\": \"1..10001\"}"), "found 1..10001, expected A..B"},
    {TEXT("{\"seed\": [\"1..9000\", \"1..9000\"]}"), "sweep.json: field \"seed\": found more than 10000 values"},
    {TEXT("{\"seed\": \"1..101\", \"batch\": \"1..100\"}"), "found 100 values of batch for each of 101 recipes, expected at most 10000"},
    {TEXT("{\"seed\": [1, -1]}"), "sweep.json: seed=-1: expected a whole number from 0"},
    {TEXT("{\"seed\": \"-1..1\"}"), "sweep.json: seed=-1: expected a whole number from 0"},
    {TEXT("{\"lr\": [0.5, true]}"), "field \"lr\": found a value of another kind"},
    {TEXT("{\"lr\": 1e999}"), "real number overflow"},
    {TEXT("{\"state\": [\"mlp\", \"other\"]}"), "sweep.json: state=other: expected one of"},
    {TEXT("{\"state\": [1]}"), "field \"state\": found a value of another kind, expected a string"},
    {TEXT("{\"untied\": [\"true\"]}"), "field \"untied\": found a value of another kind, expected a truth"},
    {TEXT("{\"task\": \"zoology/lm\"}"), "found the task 'zoology/lm', expected 'zoology/mqar'"},
    {TEXT("{\"task\": [\"zoology/mqar\"]}"), "found the task '?'"},
};

static void malformed_files_are_refused_with_their_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct attn_sweep sweep;
        char text[1024], *exact = malloc(malformed[i].bytes + 1);
        assert_non_null(exact);
        memcpy(exact, malformed[i].text, malformed[i].bytes);
        if (parse(exact, malformed[i].bytes, &sweep) != ATTN_EINVAL) fail_msg("%s is taken", malformed[i].text);
        attn_ctx_error(ctx, text, sizeof text);
        if (!strstr(text, malformed[i].sentence)) fail_msg("%s: %s", malformed[i].text, text);
        if (strncmp(text, "sweep.json: ", 12) != 0) fail_msg("%s: %s", malformed[i].text, text);
        attn_sweep_free(ctx, &sweep);
        free(exact);
    }
}

static void products_beyond_the_limit_are_refused(void **state) {
    static const char *const assignments[] = {"seed=1..101", "batch=1..100"};
    struct attn_sweep sweep;
    char text[1024];
    (void)state;
    assert_int_equal(attn_sweep_expand(ctx, &attn_zoology_mqar, NULL, assignments, 2, &sweep), ATTN_EINVAL);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "recipe: found 100 values of batch for each of 101 recipes, expected at most 10000 recipes");
}

/* A hundred thousand ranges of ten thousand: the count ends where the limit is. */
static void endless_lists_are_not_walked_to_their_end(void **state) {
    enum { RANGES = 100000 };
    static char text[RANGES * 8 + 8] = "seed=";
    char *at = text + 5;
    struct attn_sweep sweep;
    const char *const assignments[] = {text};
    (void)state;
    for (int i = 0; i < RANGES; i++) at += snprintf(at, 9, "%s1..9999", i > 0 ? "," : "") > 0 ? (i > 0 ? 8 : 7) : 0;
    assert_int_equal(attn_sweep_expand(ctx, &attn_zoology_mqar, NULL, assignments, 1, &sweep), ATTN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_combinations_come_with_the_last_field_fastest),
        cmocka_unit_test(no_assignment_is_one_recipe),
        cmocka_unit_test(a_base_keeps_what_is_not_assigned),
        cmocka_unit_test(ranges_are_of_whole_numbers_and_texts_are_texts),
        cmocka_unit_test(commas_in_quotes_are_of_the_value),
        cmocka_unit_test(a_field_that_is_assigned_again_has_the_last_values),
        cmocka_unit_test(joined_sweeps_come_one_behind_the_other),
        cmocka_unit_test(many_recipes_take_little_memory),
        cmocka_unit_test(wrong_sweeps_are_refused),
        cmocka_unit_test(a_file_says_what_a_command_line_does),
        cmocka_unit_test(words_come_after_the_file),
        cmocka_unit_test(malformed_files_are_refused_with_their_place),
        cmocka_unit_test(products_beyond_the_limit_are_refused),
        cmocka_unit_test(endless_lists_are_not_walked_to_their_end),
    };
    return cmocka_run_group_tests_name("train: sweeps", tests, set_up, tear_down);
}
