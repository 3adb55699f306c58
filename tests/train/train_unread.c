/* Fields that a model does not read: attn train says so, and they change nothing. */
#include "support/program.h"
#include "support/setting.h"
#include "system/aaren/aaren.h"
#include "system/pointer/pointer.h"
#include "system/systems.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool takes(const struct attn_recipe_field *field, const char *value) {
    if (field->type == ATTN_FILE) return value[0] == '\0';
    for (int i = 0; field->type == ATTN_WORD && field->words[i]; i++)
        if (strcmp(field->words[i], value) == 0) return true;
    return false;
}

/* Whether a task that shares these conditions has the field, which takes this value (NULL: any). */
static bool some_task_has(const struct attn_field_condition *conditions, const char *field, const char *value) {
    for (int s = 0; s < attn_system_count; s++)
        for (int t = 0; t < attn_systems[s]->task_count; t++) {
            const struct attn_task *task = attn_systems[s]->tasks[t];
            for (int f = 0; task->conditions == conditions && f < task->field_count; f++)
                if (strcmp(task->fields[f].name, field) == 0 && (!value || takes(&task->fields[f], value))) return true;
        }
    return false;
}

static void check_names(const struct attn_task *task) {
    for (const struct attn_field_condition *c = task->conditions; c && c->fields; c++) {
        char names[256], *rest = names;
        snprintf(names, sizeof names, "%s", c->fields);
        for (char *name = strtok_r(names, "+", &rest); name; name = strtok_r(NULL, "+", &rest))
            if (!some_task_has(task->conditions, name, NULL)) fail_msg("%s: a condition of %s, which no task has", task->name, name);
        snprintf(names, sizeof names, "%s", c->values);
        if (!names[0]) assert_true(some_task_has(task->conditions, c->by, ""));
        rest = names;
        for (char *value = strtok_r(names, "+", &rest); value; value = strtok_r(NULL, "+", &rest))
            if (!some_task_has(task->conditions, c->by, value)) fail_msg("%s: %s never is %s", task->name, c->by, value);
    }
}

static void conditions_name_fields_and_values_that_there_are(void **state) {
    int tasks = 0;
    (void)state;
    for (int s = 0; s < attn_system_count; s++)
        for (int t = 0; t < attn_systems[s]->task_count; t++) {
            check_names(attn_systems[s]->tasks[t]);
            tasks += attn_systems[s]->tasks[t]->conditions != NULL;
        }
    assert_int_equal(tasks, 8);
}

static double loss_of(const struct attn_task *task, const char *words, const char *more) {
    struct test_job job;
    char all[512], text[1024];
    snprintf(all, sizeof all, "%s %s", words, more);
    if (test_job_try(&job, test_ctx, task, all, NULL)) fail_msg("%s: %s", all, attn_ctx_error(test_ctx, text, sizeof text));
    attn_tensor *loss = task->loss(&job.job, 0, 0, 1);
    if (!loss) fail_msg("%s: %s", all, attn_ctx_error(test_ctx, text, sizeof text));
    const double value = (double)*attn_data(loss);
    test_job_close(&job);
    return value;
}

#define TOURS  "batch=4 points=4 test_points=4"
#define EVENTS "train_sequences=4 test_sequences=4 horizon=10 batch=2 width=8 ffn=8 layers=1"

static const struct {
    const struct attn_task *task;
    const char *words, *unread; /* one assignment after another */
    const char *by;
} cases[] = {
    {&attn_pointer_tsp, TOURS " model=transformer width=16 heads=2 layers=1", "hidden=5 init=0.1 loss=token", "model=transformer"},
    {&attn_pointer_tsp, TOURS " hidden=6 model=lstm",
     "width=16 layers=2 heads=2 logit_clip=5 baseline=starts baseline_steps=5 baseline_tests=9 augment=2", "model=lstm"},
    {&attn_pointer_tsp, TOURS " model=transformer width=16 heads=2 layers=1 baseline=starts", "baseline_steps=5 baseline_tests=9",
     "baseline=starts"},
    {&attn_aaren_events, EVENTS " encoder=gru hidden=6 mark_width=3", "mixer=attention width=16 ffn=4 layers=2 dropout=0.5 encode=span",
     "encoder=gru"},
    {&attn_aaren_events, EVENTS " mixer=aaren dropout=0", "hidden=6 mark_width=3", "encoder=stack"},
    {&attn_aaren_events, EVENTS " process=sine dropout=0", "marks=2", "process=sine"},
    {&attn_aaren_forecast, "rows=300 length=12 horizon=4 width=8 ffn=8 layers=1 dropout=0 batch=2",
     "label=3 decoder_layers=2 cross_heads=2", "form=encoder"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void a_field_that_is_not_read_changes_no_bit_of_the_loss(void **state) {
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const double before = loss_of(cases[i].task, cases[i].words, "");
        char words[256], expected[64], text[ATTN_RECIPE_TEXT], *rest = words;
        snprintf(words, sizeof words, "%s", cases[i].unread);
        for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            struct attn_recipe *recipe = test_task_recipe(test_ctx, cases[i].task, cases[i].words);
            if (loss_of(cases[i].task, cases[i].words, word) != before) fail_msg("%s: %s changes the loss", cases[i].words, word);
            word[strcspn(word, "=")] = '\0';
            const struct attn_recipe_value *by = attn_task_unread(cases[i].task, recipe, word);
            if (!by) fail_msg("%s: %s is said to be read", cases[i].words, word);
            snprintf(expected, sizeof expected, "%s=%s", by->field->name, attn_recipe_value_text(by, text, sizeof text));
            assert_string_equal(expected, cases[i].by);
            attn_free(test_ctx, recipe);
        }
    }
}

static void fields_that_are_read_are_not_named(void **state) {
    static const struct {
        const struct attn_task *task;
        const char *words, *field;
    } read[] = {{&attn_pointer_hull, "model=lstm", "hidden"},     {&attn_pointer_tsp, "model=transformer", "baseline_steps"},
                {&attn_pointer_tsp, "model=attention", "beam"},   {&attn_pointer_tsp, "", "lr"},
                {&attn_aaren_events, "encoder=gru", "hidden"},    {&attn_aaren_events, "", "marks"},
                {&attn_aaren_forecast, "data=x.csv", "horizon"},  {&attn_aaren_classify, "", "length"},
                {&attn_aaren_recall, "mixer=attention", "mixer"}, {&attn_aaren_control, "", "episodes"}};
    (void)state;
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        struct attn_recipe *recipe = test_task_recipe(test_ctx, read[i].task, read[i].words);
        assert_null(attn_task_unread(read[i].task, recipe, read[i].field));
        attn_free(test_ctx, recipe);
    }
}

/* One line a field, and none where some recipe of a sweep reads it, or a field has its default without being named. */
static void the_command_names_fields_that_it_does_not_read(void **state) {
    static const struct {
        const char *words, *said, *unsaid;
    } commands[] = {
        {"pointer/hull model=lstm hidden=4", "", "is not read"},
        {"pointer/tsp model=lstm baseline=starts heads=2 hidden=4", "attn: train: baseline is not read with model=lstm\n", "hidden is"},
        {"pointer/tsp model=lstm,transformer width=16 hidden=4", "", "is not read"},
        {"pointer/tsp model=lstm,attention width=16 hidden=4", "attn: train: width is not read with model=attention\n", "hidden is"},
        {"aaren/classify data=none.ts noise=1", "attn: train: noise is not read with data=none.ts\n", "length is"},
    };
    const char *program = getenv("ATTN_PROGRAM");
    char output[128], line[512], text[TEST_OUTPUT];
    (void)state;
    if (!program) skip();
    snprintf(output, sizeof output, "%s/output.txt", test_folder);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(line, sizeof line, "%s train %s --dry-run", program, commands[i].words);
        test_command(output, text, line);
        if (!strstr(text, commands[i].said) || strstr(text, commands[i].unsaid)) fail_msg("%s: %s", commands[i].words, text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_name_fields_and_values_that_there_are),
        cmocka_unit_test(a_field_that_is_not_read_changes_no_bit_of_the_loss),
        cmocka_unit_test(fields_that_are_read_are_not_named),
        cmocka_unit_test(the_command_names_fields_that_it_does_not_read),
    };
    return cmocka_run_group_tests_name("train: fields that are not read", tests, test_setting_open, test_setting_close);
}
