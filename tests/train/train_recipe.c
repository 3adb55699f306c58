/* Recipes: every kind of field, refusals with the nearest name and the place, JSON back and forth, and JSON that means harm. */
#include "support/training.h"
#include "system/zoology/zoology.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static attn_ctx *ctx;
static const char *const colours[] = {"red", "green", NULL};
static const struct attn_recipe_field fields[] = {
    {"count", "a whole number", ATTN_WHOLE, "3", -5, 1e15, NULL}, {"share", "a number", ATTN_NUMBER, "0.5", -1, 1e30, NULL},
    {"colour", "a word", ATTN_WORD, "red", 0, 0, colours},        {"name", "a text", ATTN_TEXT, "", 0, 0, NULL},
    {"deep", "a truth", ATTN_TRUTH, "false", 0, 0, NULL},
};
static const struct attn_recipe_field *const lists[] = {fields};
static const int counts[] = {sizeof fields / sizeof fields[0]};

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_recipe *fresh(void) {
    struct attn_recipe *recipe;
    assert_int_equal(attn_recipe_create(ctx, "test/task", lists, counts, 1, NULL, &recipe), ATTN_OK);
    return recipe;
}

static void expect_sentence(const char *what, const char *piece) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (!strstr(text, piece)) fail_msg("%s: \"%s\", expected \"%s\" in it", what, text, piece);
}

static void a_recipe_begins_with_its_defaults(void **state) {
    static const char *const changes[] = {"count=7", "name=x", NULL};
    struct attn_recipe *recipe = fresh();
    (void)state;
    assert_int_equal(attn_recipe_whole(recipe, "count"), 3);
    assert_true(attn_recipe_number(recipe, "share") == 0.5);
    assert_int_equal(attn_recipe_whole(recipe, "colour"), 0);
    assert_string_equal(attn_recipe_words(recipe, "colour"), "red");
    assert_string_equal(attn_recipe_words(recipe, "name"), "");
    assert_int_equal(attn_recipe_whole(recipe, "deep"), 0);
    assert_true(attn_recipe_has(recipe, "deep"));
    assert_false(attn_recipe_has(recipe, "shallow"));
    attn_free(ctx, recipe);
    assert_int_equal(attn_recipe_create(ctx, "test/task", lists, counts, 1, changes, &recipe), ATTN_OK);
    assert_int_equal(attn_recipe_whole(recipe, "count"), 7);
    assert_string_equal(attn_recipe_words(recipe, "name"), "x");
    attn_free(ctx, recipe);
}

static void a_field_that_comes_twice_is_refused(void **state) {
    const struct attn_recipe_field *const twice[] = {fields, fields + 2};
    const int some[] = {3, 1};
    struct attn_recipe *recipe;
    (void)state;
    assert_int_equal(attn_recipe_create(ctx, "test/task", twice, some, 2, NULL, &recipe), ATTN_EINVAL);
    expect_sentence("twice", "test/task: the field 'colour' comes twice");
}

static void every_kind_of_field_takes_what_it_should(void **state) {
    struct attn_recipe *recipe = fresh();
    (void)state;
    assert_int_equal(attn_recipe_set(recipe, "count=-5"), ATTN_OK);
    assert_int_equal(attn_recipe_whole(recipe, "count"), -5);
    assert_int_equal(attn_recipe_set(recipe, "count=1e15"), ATTN_OK);
    assert_int_equal(attn_recipe_whole(recipe, "count"), 1000000000000000);
    assert_int_equal(attn_recipe_set(recipe, "share=4.6e-4"), ATTN_OK);
    assert_true(attn_recipe_number(recipe, "share") == 4.6e-4);
    assert_int_equal(attn_recipe_set(recipe, "share=-0"), ATTN_OK);
    assert_false(signbit(attn_recipe_number(recipe, "share")));
    assert_int_equal(attn_recipe_set(recipe, "colour=green"), ATTN_OK);
    assert_int_equal(attn_recipe_whole(recipe, "colour"), 1);
    assert_int_equal(attn_recipe_set(recipe, "name=a=b, \"c\" \\ \t\xc3\xa4"), ATTN_OK);
    assert_string_equal(attn_recipe_words(recipe, "name"), "a=b, \"c\" \\ \t\xc3\xa4");
    assert_int_equal(attn_recipe_set(recipe, "deep=true"), ATTN_OK);
    assert_int_equal(attn_recipe_whole(recipe, "deep"), 1);
    attn_free(ctx, recipe);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state) {
    static const struct {
        const char *assignment, *sentence;
    } wrong[] = {
        {"", "found '', expected FIELD=VALUE"},
        {"count", "found 'count', expected FIELD=VALUE"},
        {"=3", "expected FIELD=VALUE"},
        {"cuont=3", "test/task has no field 'cuont'; did you mean 'count'?"},
        {"zzzzzzzz=3", "test/task has no field 'zzzzzzzz'"},
        {"count=", "recipe: count=: expected a whole number from -5 to 1e+15"},
        {"count=3.5", "count=3.5: expected a whole number"},
        {"count=-6", "count=-6: expected a whole number from -5"},
        {"count=2e15", "count=2e15"},
        {"count= 3", "count= 3: expected"},
        {"count=3 ", "count=3 : expected"},
        {"count=0x10", "count=0x10: expected"},
        {"count=three", "count=three: expected"},
        {"share=nan", "share=nan: expected a number from -1 to 1e+30"},
        {"share=inf", "share=inf: expected"},
        {"share=1e31", "share=1e31: expected"},
        {"share=1e999", "share=1e999: expected"},
        {"share=0,5", "share=0,5: expected"},
        {"colour=gren", "recipe: colour=gren: expected one of red, green"},
        {"colour=", "expected one of red, green"},
        {"deep=yes", "recipe: deep=yes: expected true or false"},
        {"deep=1", "expected true or false"},
        {"name=\xff", "expected at most 1023 bytes of text in UTF-8"},
        {"name=\xc0\x80", "in UTF-8"},
        {"name=\xed\xa0\x80", "in UTF-8"},
    };
    struct attn_recipe *recipe = fresh();
    const uint64_t before = attn_recipe_hash(recipe);
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (attn_recipe_set(recipe, wrong[i].assignment) != ATTN_EINVAL) fail_msg("%s is taken", wrong[i].assignment);
        expect_sentence(wrong[i].assignment, wrong[i].sentence);
    }
    assert_true(attn_recipe_hash(recipe) == before);
    attn_free(ctx, recipe);
}

/* However long, the sentence still says what was expected. */
static void long_values_are_shown_in_part(void **state) {
    static char text[40000] = "name=";
    struct attn_recipe *recipe = fresh();
    (void)state;
    memset(text + 5, 'x', 1023);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_OK);
    memset(text + 5, 'x', sizeof text - 6);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_EINVAL);
    expect_sentence("a long text", "xxx...: expected at most 1023 bytes");
    memcpy(text, "count", 5);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_EINVAL);
    expect_sentence("a long name", "expected FIELD=VALUE");
    memcpy(text, "count=", 6);
    memset(text + 6, '1', sizeof text - 7);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_EINVAL);
    expect_sentence("a long number", "11...: expected a whole number from -5 to 1e+15");
    attn_free(ctx, recipe);
}

static struct attn_recipe *parsed(const char *text) {
    struct attn_recipe *recipe = fresh();
    if (attn_recipe_parse(recipe, "recipe.json", text, strlen(text))) {
        char sentence[1024];
        fail_msg("%s: %s", text, attn_ctx_error(ctx, sentence, sizeof sentence));
    }
    return recipe;
}

static void json_goes_back_and_forth_without_a_change(void **state) {
    static const char *const assignments[] = {"count=123456789012345",
                                              "share=0.1",
                                              "share=1e-300",
                                              "share=12345678901234567890",
                                              "share=-1",
                                              "share=-0",
                                              "name=",
                                              "name=\"\\/\b\f\n\r\t\x01\x7f",
                                              "name=\xf0\x9f\x90\x9c",
                                              "colour=green",
                                              "deep=true"};
    (void)state;
    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
        struct attn_recipe *recipe = fresh();
        assert_int_equal(attn_recipe_set(recipe, assignments[i]), ATTN_OK);
        char *text = attn_recipe_text(recipe);
        struct attn_recipe *again = parsed(text);
        char *more = attn_recipe_text(again);
        assert_string_equal(text, more);
        assert_true(attn_recipe_hash(recipe) == attn_recipe_hash(again));
        assert_memory_equal(recipe->value, again->value, sizeof recipe->value);
        attn_free(ctx, text);
        attn_free(ctx, more);
        attn_free(ctx, recipe);
        attn_free(ctx, again);
    }
}

/* What the recipe writes, without the line of a field. */
static char *text_without(const struct attn_recipe *recipe, const char *field) {
    char *text = attn_recipe_text(recipe), line[64];
    assert_non_null(text);
    snprintf(line, sizeof line, "\n \"%s\"", field);
    char *from = strstr(text, line), *to = strchr(from + 1, '\n');
    assert_non_null(from);
    from[-1] = to[-1]; /* a comma, or the brace behind the last field */
    memmove(from, to, strlen(to) + 1);
    return text;
}

static void a_text_of_before_a_field_is_the_recipe_where_the_field_has_its_default(void **state) {
    static const struct {
        const char *missing, *assignment;
        bool same;
    } cases[] = {{"count", "share=1", true},    {"count", "count=3", true},        {"count", "count=4", false},
                 {"share", "share=0.6", false}, {"colour", "colour=green", false}, {"colour", "count=9", true},
                 {"name", "name=", true},       {"name", "name=x", false},         {"deep", "deep=true", false},
                 {"deep", "deep=false", true},  {"deep", "name=\n", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_recipe *recipe = fresh(), *other = fresh();
        assert_int_equal(attn_recipe_set(recipe, cases[i].assignment), ATTN_OK);
        assert_int_equal(attn_recipe_set(other, "share=0.25"), ATTN_OK);
        char *own = attn_recipe_text(recipe), *text = text_without(recipe, cases[i].missing), *others = attn_recipe_text(other);
        assert_true(attn_recipe_is(recipe, own, own));
        if (attn_recipe_is(recipe, own, text) != cases[i].same) fail_msg("%s of a text without %s", cases[i].assignment, cases[i].missing);
        assert_false(attn_recipe_is(recipe, own, others));
        attn_free(ctx, own);
        attn_free(ctx, text);
        attn_free(ctx, others);
        attn_free(ctx, recipe);
        attn_free(ctx, other);
    }
}

static void the_default_that_a_text_lacks_is_the_tasks(void **state) {
    static const char *const changes[] = {"count=7", NULL};
    struct attn_recipe *recipe;
    (void)state;
    assert_int_equal(attn_recipe_create(ctx, "test/task", lists, counts, 1, changes, &recipe), ATTN_OK);
    char *own = attn_recipe_text(recipe), *text = text_without(recipe, "count");
    assert_true(attn_recipe_is(recipe, own, text));
    attn_free(ctx, own);
    assert_int_equal(attn_recipe_set(recipe, "count=3"), ATTN_OK);
    own = attn_recipe_text(recipe);
    assert_false(attn_recipe_is(recipe, own, text));
    attn_free(ctx, own);
    attn_free(ctx, text);
    attn_free(ctx, recipe);
}

static void texts_that_are_cut_off_or_go_on_are_no_recipe(void **state) {
    struct attn_recipe *recipe = fresh();
    char more[256], *own = attn_recipe_text(recipe), *text = attn_recipe_text(recipe);
    (void)state;
    snprintf(more, sizeof more, "%s \"later\": 1}\n", own); /* a field that is no more */
    assert_false(attn_recipe_is(recipe, own, more));
    snprintf(more, sizeof more, "{\"task\": \"test/other\",%s", strchr(own, '\n'));
    assert_false(attn_recipe_is(recipe, own, more));
    for (size_t i = strlen(text); i-- > 0;) {
        text[i] = '\0';
        if (attn_recipe_is(recipe, own, text)) fail_msg("%zu bytes of it", i);
    }
    attn_free(ctx, own);
    attn_free(ctx, text);
    attn_free(ctx, recipe);
}

static void json_may_name_some_fields_in_any_order(void **state) {
    struct attn_recipe *recipe = parsed(" { \"deep\" : true , \"count\":5e0, \"task\": \"test/task\",\"share\": 2}\n");
    (void)state;
    assert_int_equal(attn_recipe_whole(recipe, "deep"), 1);
    assert_int_equal(attn_recipe_whole(recipe, "count"), 5);
    assert_true(attn_recipe_number(recipe, "share") == 2);
    assert_string_equal(attn_recipe_words(recipe, "colour"), "red");
    attn_free(ctx, recipe);
}

#define TEXT(text) text, sizeof text - 1
static const struct {
    const char *text;
    size_t bytes;
    const char *sentence;
} malformed[] = {
    {TEXT(""), "recipe.json: line 1, column 0: expected JSON"},
    {TEXT("{"), "line 1, column 1"},
    {TEXT("null"), "expected"},
    {TEXT("3"), "expected"},
    {TEXT("\"task\""), "expected"},
    {TEXT("[]"), "recipe.json: found no JSON object, expected {\"task\": ..., ...}"},
    {TEXT("{\"count\": 3,}"), "line 1, column 13"},
    {TEXT("{\"count\" 3}"), "line 1, column 10"},
    {TEXT("{\"count\": 3} x"), "line 1, column 14: expected JSON; end of file expected near 'x'"},
    {TEXT("{\"count\": 3}{}"), "line 1, column 13"},
    {TEXT("{count: 3}"), "line 1, column 6"},
    {TEXT("{'count': 3}"), "line 1, column 2"},
    {TEXT("{\n\"count\":\n}"), "line 3, column 1"},
    {TEXT("{\"count\": 3, \"count\": 4}"), "duplicate object key near '\"count\"'"},
    {TEXT("{\"count\": 03}"), "line 1, column 11"},
    {TEXT("{\"count\": +3}"), "line 1, column 11"},
    {TEXT("{\"count\": .5}"), "line 1, column 11"},
    {TEXT("{\"count\": 0x3}"), "line 1"},
    {TEXT("{\"count\": NaN}"), "line 1"},
    {TEXT("{\"share\": Infinity}"), "line 1"},
    {TEXT("{\"share\": 1e999}"), "real number overflow"},
    {TEXT("{\"count\": 99999999999999999999}"), "too big integer"},
    {TEXT("{\"name\": \"a\nb\"}"), "line 1, column 11: expected JSON; unexpected newline"},
    {TEXT("{\"name\": \"a\0b\"}"), "line 1"},
    {TEXT("{\"name\": \"\\u0000\"}"), "\\u0000"},
    {TEXT("{\"name\": \"\\ud800\"}"), "line 1"},
    {TEXT("{\"name\": \"\xff\"}"), "line 1, column"},
    {TEXT("{\"name\": \"\\x\"}"), "invalid escape"},
    {TEXT("{\"name\": \"no end}"), "line 1"},
    {TEXT("{\"count\": 3 /* three */}"), "line 1, column"},
    {TEXT("\xef\xbb\xbf{}"), "line 1, column"},
    {TEXT("{\"cuont\": 3}"), "recipe.json: test/task has no field 'cuont'; did you mean 'count'?"},
    {TEXT("{\"\": 3}"), "recipe.json: test/task has no field ''"},
    {TEXT("{\"count\": \"3\"}"), "recipe.json: field \"count\": found a value of another kind, expected a number"},
    {TEXT("{\"count\": true}"), "field \"count\""},
    {TEXT("{\"count\": null}"), "field \"count\""},
    {TEXT("{\"count\": [3]}"), "field \"count\""},
    {TEXT("{\"count\": {\"count\": 3}}"), "field \"count\""},
    {TEXT("{\"count\": 3.5}"), "recipe.json: count=3.5: expected a whole number from -5 to 1e+15"},
    {TEXT("{\"count\": -6}"), "recipe.json: count=-6: expected"},
    {TEXT("{\"count\": 9007199254740993}"), "recipe.json: count=9007199254740993: expected"},
    {TEXT("{\"share\": -1.5}"), "recipe.json: share=-1.5: expected a number from -1 to 1e+30"},
    {TEXT("{\"colour\": \"blue\"}"), "recipe.json: colour=blue: expected one of red, green"},
    {TEXT("{\"colour\": 1}"), "field \"colour\": found a value of another kind, expected a string"},
    {TEXT("{\"deep\": \"true\"}"), "field \"deep\": found a value of another kind, expected a truth"},
    {TEXT("{\"deep\": 1}"), "field \"deep\""},
    {TEXT("{\"task\": \"other/task\"}"), "recipe.json: found the task 'other/task', expected 'test/task'"},
    {TEXT("{\"task\": 7}"), "found the task '7'"},
    {TEXT("{\"task\": null}"), "found the task '?'"},
};

static void malformed_recipes_are_refused_with_their_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct attn_recipe *recipe = fresh();
        if (attn_recipe_parse(recipe, "recipe.json", malformed[i].text, malformed[i].bytes) != ATTN_EINVAL)
            fail_msg("%s is taken", malformed[i].text);
        expect_sentence(malformed[i].text, malformed[i].sentence);
        expect_sentence(malformed[i].text, "recipe.json: ");
        attn_free(ctx, recipe);
    }
}

/* Every beginning of a good recipe, and every byte of it changed, is taken or refused, and nothing else. */
static void broken_recipes_do_no_harm(void **state) {
    struct attn_recipe *recipe = fresh();
    char *text = attn_recipe_text(recipe), task[64];
    const size_t n = strlen(text);
    (void)state;
    attn_free(ctx, recipe);
    for (size_t cut = 0; cut < n - 2; cut++) { /* its last bytes are "}\n" */
        recipe = fresh();
        char *piece = malloc(cut + 1);
        assert_non_null(piece);
        memcpy(piece, text, cut);
        assert_int_equal(attn_recipe_parse(recipe, "cut", piece, cut), ATTN_EINVAL);
        assert_int_equal(attn_recipe_task(ctx, "cut", piece, cut, task), ATTN_EINVAL);
        free(piece);
        attn_free(ctx, recipe);
    }
    for (size_t at = 0; at < n; at++)
        for (int bit = 0; bit < 8; bit++) {
            recipe = fresh();
            text[at] = (char)(text[at] ^ 1 << bit);
            const attn_status status = attn_recipe_parse(recipe, "changed", text, n);
            assert_true(status == ATTN_OK || status == ATTN_EINVAL);
            text[at] = (char)(text[at] ^ 1 << bit);
            attn_free(ctx, recipe);
        }
    attn_free(ctx, text);
}

static void deep_nests_are_refused(void **state) {
    enum { DEPTH = 1000000 };
    struct attn_recipe *recipe = fresh();
    char *text = malloc(DEPTH);
    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    assert_int_equal(attn_recipe_parse(recipe, "deep", text, DEPTH), ATTN_EINVAL);
    expect_sentence("a deep nest", "maximum parsing depth");
    free(text);
    attn_free(ctx, recipe);
}

static void the_task_is_read_from_a_recipe(void **state) {
    static const char *const wrong[] = {"{}", "{\"task\": 3}", "[\"task\"]", "{\"task\": \"", "{\"Task\": \"x\"}"};
    char task[64], text[256];
    (void)state;
    static const char good[] = "{\"lr\": 1, \"task\": \"zoology/mqar\"}";
    assert_int_equal(attn_recipe_task(ctx, "f", good, strlen(good), task), ATTN_OK);
    assert_string_equal(task, "zoology/mqar");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(attn_recipe_task(ctx, "f", wrong[i], strlen(wrong[i]), task), ATTN_EINVAL);
    snprintf(text, sizeof text, "{\"task\": \"%064d\"}", 0);
    assert_int_equal(attn_recipe_task(ctx, "f", text, strlen(text), task), ATTN_EINVAL);
    expect_sentence("a long name", "f: found no \"task\"");
}

static void every_difference_changes_the_hash(void **state) {
    static const char *const assignments[] = {"count=4", "share=0.25", "colour=green", "name=a", "deep=true"};
    struct attn_recipe *base = fresh();
    (void)state;
    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
        struct attn_recipe *recipe = fresh();
        assert_int_equal(attn_recipe_set(recipe, assignments[i]), ATTN_OK);
        assert_true(attn_recipe_hash(recipe) != attn_recipe_hash(base));
        attn_free(ctx, recipe);
    }
    attn_free(ctx, base);
}

/* What a task's own defaults are is refused nowhere. */
static void the_defaults_of_a_task_are_a_recipe(void **state) {
    struct attn_recipe *recipe, *again;
    (void)state;
    assert_int_equal(attn_task_recipe(ctx, &attn_zoology_mqar, &recipe), ATTN_OK);
    assert_int_equal(attn_task_recipe(ctx, &attn_zoology_mqar, &again), ATTN_OK);
    char *text = attn_recipe_text(recipe);
    assert_int_equal(attn_recipe_parse(again, "defaults", text, strlen(text)), ATTN_OK);
    assert_true(attn_recipe_hash(recipe) == attn_recipe_hash(again));
    attn_free(ctx, text);
    attn_free(ctx, recipe);
    attn_free(ctx, again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recipe_begins_with_its_defaults),
        cmocka_unit_test(a_field_that_comes_twice_is_refused),
        cmocka_unit_test(every_kind_of_field_takes_what_it_should),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test(long_values_are_shown_in_part),
        cmocka_unit_test(json_goes_back_and_forth_without_a_change),
        cmocka_unit_test(a_text_of_before_a_field_is_the_recipe_where_the_field_has_its_default),
        cmocka_unit_test(the_default_that_a_text_lacks_is_the_tasks),
        cmocka_unit_test(texts_that_are_cut_off_or_go_on_are_no_recipe),
        cmocka_unit_test(json_may_name_some_fields_in_any_order),
        cmocka_unit_test(malformed_recipes_are_refused_with_their_place),
        cmocka_unit_test(broken_recipes_do_no_harm),
        cmocka_unit_test(deep_nests_are_refused),
        cmocka_unit_test(the_task_is_read_from_a_recipe),
        cmocka_unit_test(every_difference_changes_the_hash),
        cmocka_unit_test(the_defaults_of_a_task_are_a_recipe),
    };
    return cmocka_run_group_tests_name("train: recipes", tests, set_up, tear_down);
}
