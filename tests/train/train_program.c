/* attn train as a process: killed at random moments, stopped by signals and by the clock, started twice, diverging; alone and in sweeps. */
#include "support/counts.h"
#include "support/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char task[] = "zoology/mqar vocabulary=32 length=16 pairs=2 width=16 layers=2 batch=8 train_examples=64 test_examples=16";
static char store[64], output[128], text[TEST_OUTPUT];

static int set_up(void **state) {
    (void)state;
    test_folder_make(store);
    snprintf(output, sizeof output, "%s/output.txt", store);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(store);
    return 0;
}

/* "PROGRAM train WORDS --store STORE" in a buffer of its own. */
static const char *line(const char *command, const char *words) {
    static char whole[3 * TEST_PATH];
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    snprintf(whole, sizeof whole, "%s %s %s --store %s", program, command, words, store);
    return whole;
}

static int run(const char *command, const char *words) {
    return test_command(output, text, line(command, words));
}

static const char *training(const char *words) {
    static char whole[2048];
    snprintf(whole, sizeof whole, "%s %s", task, words);
    return whole;
}

static void expect(int status, int want, const char *piece) {
    if (status != want || !strstr(text, piece)) fail_msg("exit %d, expected %d; expected \"%s\" in:\n%s", status, want, piece, text);
}

static void pause_for(long microseconds) {
    const struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

static struct attn_run_summary only_run(void) {
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    struct attn_run_summary one;
    int64_t count;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 1);
    one = list.at[0];
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
    return one;
}

/* Lines that are kept: of those that a resume makes void, the ones that came after it. */
static void expect_whole_lines(const char *folder) {
    char *all = test_file(folder, "metrics.jsonl", NULL);
    for (char *at = all; *at;) {
        char *end = strchr(at, '\n');
        if (!end) break; /* being written when the process was killed */
        if (*at != '{' || end[-1] != '}') fail_msg("%s: a line is broken: %.*s", folder, (int)(end - at), at);
        at = end + 1;
    }
    free(all);
}

static void kills_lose_nothing(void **state) {
    const int kills = getenv("ATTN_TEST_LONG") ? 200 : test_thinned() ? 4 : 10;
    const char *const words =
        "steps=600 mixer=attention+baseconv dropout=0.1 state=mlp ema=0.9 eval_every=50 --checkpoint-every 0.001s --threads 1 --quiet";
    char undisturbed[TEST_PATH], name[TEST_PATH + 64];
    uint32_t random = 12345;
    (void)state;
    expect(run("train", training(words)), 0, "");
    const struct attn_run_summary reference = only_run();
    snprintf(undisturbed, sizeof undisturbed, "%s-reference", store);
    assert_int_equal(rename(reference.folder, undisturbed), 0);
    for (int done = 0; done < kills;) {
        const pid_t child = test_start(output, line("train", training(words)));
        random = random * 1664525 + 1013904223;
        pause_for(2000 + random % 150000);
        kill(child, SIGKILL);
        const int status = test_end(child);
        if (status != 128 + SIGKILL && status != 0) fail_msg("exit %d", status);
        done += status != 0;
        attn_ctx *ctx = test_context(1);
        struct attn_run_list list;
        int64_t count;
        assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
        count = list.count;
        assert_true(count <= 1);
        for (int64_t i = 0; i < count; i++) {
            assert_true(list.at[i].state == ATTN_RUN_KILLED || list.at[i].state == ATTN_RUN_DONE);
            expect_whole_lines(list.at[i].folder);
            if (list.at[i].state != ATTN_RUN_DONE) continue;
            test_same_file(undisturbed, list.at[i].folder, ATTN_MODEL_FILE);
            if (done < kills) { /* once more from the beginning */
                snprintf(name, sizeof name, "rm -r '%s'", list.at[i].folder);
                assert_int_equal(system(name), 0);
            }
        }
        attn_run_list_free(ctx, &list);
        attn_ctx_destroy(ctx);
    }
    expect(run("train", training(words)), 0, "");
    const struct attn_run_summary s = only_run();
    assert_int_equal(s.state, ATTN_RUN_DONE);
    test_same_file(undisturbed, s.folder, ATTN_MODEL_FILE);
    expect_whole_lines(s.folder);
    snprintf(name, sizeof name,
             "ls -A '%s' | grep -v -x -e recipe.json -e env.json -e metrics.jsonl -e model.safetensors -e checkpoint.safetensors",
             s.folder);
    assert_int_not_equal(system(name), 0); /* nothing of killed writers is left */
    snprintf(name, sizeof name, "rm -r '%s'", undisturbed);
    assert_int_equal(system(name), 0);
}

static void signals_save_and_stop(void **state) {
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    char resume[TEST_PATH + 128], file[TEST_PATH];
    (void)state;
    struct attn_run_summary s = {.step = 0};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        snprintf(resume, sizeof resume, "--resume %s --threads 1", s.folder);
        const pid_t child = test_start(output, line("train", i == 0 ? training("steps=1000000 --threads 1") : resume));
        s = test_wait_for_step(store, 1, s.step + 1);
        for (int n = 0; n < 500 && s.state != ATTN_RUN_RUNNING; n++) {
            pause_for(10000);
            s = only_run();
        }
        pause_for(50000);
        kill(child, signals[i]);
        if (signals[i] == SIGUSR1) kill(child, signals[i]); /* batch systems say it twice */
        assert_int_equal(test_end(child), 130);
        s = only_run();
        assert_int_equal(s.state, ATTN_RUN_STOPPED);
        snprintf(file, sizeof file, "%.2000s/%s", s.folder, ATTN_CHECKPOINT_FILE);
        assert_int_equal(access(file, F_OK), 0);
    }
    const int64_t before = s.step;
    snprintf(resume, sizeof resume, "--resume %s --threads 1 --time-limit 0.3s", strrchr(s.folder, '/') + 1);
    expect(run("train", resume), 130, "going on with");
    expect(130, 130, "attn train --resume ");
    assert_true(only_run().step > before);
    expect(run("runs", "--state stopped"), 0, s.id);
}

static void a_second_process_is_refused(void **state) {
    char resume[TEST_PATH + 128];
    (void)state;
    const char *const words = "steps=1000000 seed=7 --threads 1 --time-limit 60s";
    const pid_t child = test_start(output, line("train", training(words)));
    char second[160];
    snprintf(second, sizeof second, "%s/second.txt", store);
    const struct attn_run_summary s = test_wait_for_step(store, 1, 1);
    snprintf(resume, sizeof resume, "--resume %s", s.folder);
    const int resumed = test_command(second, text, line("train", resume));
    if (resumed != 2 || !strstr(text, "another process is writing it")) kill(child, SIGKILL);
    expect(resumed, 2, "another process is writing it");
    const int again = test_command(second, text, line("train", training(words)));
    if (again != 2) kill(child, SIGKILL);
    expect(again, 2, "another process is training it");
    kill(child, SIGTERM);
    assert_int_equal(test_end(child), 130);
    assert_int_equal(only_run().state, ATTN_RUN_STOPPED);
}

static const char diverging[] = "optimizer=sgd decay=1000 schedule=constant steps=40";

static void divergence_is_a_failure_with_its_place(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "%s lr=1000 --threads 1", diverging);
    expect(run("train", training(words)), 2, "attn: step ");
    expect(2, 2, " is ");
    expect(2, 2, "; first in ");
    expect(2, 2, "; there is no checkpoint");
    assert_int_equal(only_run().state, ATTN_RUN_FAILED);
    expect(run("runs", "--json"), 0, "\"state\":\"failed\"");
    expect(0, 0, "\"message\":\"step ");
}

static void divergence_names_the_last_checkpoint(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "%s lr=1000 --threads 1 --checkpoint-every 0.000001s", diverging);
    expect(run("train", training(words)), 2, "; checkpoint.safetensors holds step ");
    expect(run("train", training(words)), 2, "; checkpoint.safetensors holds step "); /* from there it goes the same way */
    assert_int_equal(only_run().state, ATTN_RUN_FAILED);
}

static void a_sweep_goes_on_without_the_recipes_that_fail(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "%s lr=1e-3,1000,1e-4 pairs=2,9 --jobs 2 --threads 2", diverging);
    expect(run("train", training(words)), 2, "attn: train: pairs=2 lr=1000: step ");
    expect(2, 2, "attn: train: pairs=9 lr=0.001: MQAR: 9 pairs ");
    expect(2, 2, "attn: train: pairs=9 lr=0.0001: MQAR: 9 pairs ");
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    int64_t count, states[8] = {0};
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 3); /* a recipe that is refused leaves none */
    for (int64_t i = 0; i < count; i++) states[list.at[i].state]++;
    assert_int_equal(states[ATTN_RUN_DONE], 2);
    assert_int_equal(states[ATTN_RUN_FAILED], 1);
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
}

static void a_sweep_is_stopped_and_goes_on(void **state) {
    const char *const words = "steps=1000000 seed=1..4 --jobs 2 --threads 2";
    (void)state;
    const pid_t child = test_start(output, line("train", training(words)));
    test_wait_for_step(store, 2, 1);
    kill(child, SIGTERM); /* the parent alone: it asks its children */
    assert_int_equal(test_end(child), 130);
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    int64_t count;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 2);
    for (int64_t i = 0; i < count; i++) assert_int_equal(list.at[i].state, ATTN_RUN_STOPPED);
    attn_run_list_free(ctx, &list);
    const double limit = 20;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    expect(run("train", training("steps=1000000 seed=1..4 --jobs 2 --threads 2 --time-limit 0.5s")), 130, "stopped");
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true((double)(ended.tv_sec - begun.tv_sec) < limit); /* of the whole sweep, not of each of a million steps */
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 2);
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
}

static void options_without_a_use_are_refused(void **state) {
    (void)state;
    expect(run("train", training("steps=3 --shard 2/2")), 0, ""); /* the one recipe is the other job's */
    expect(run("train", "--resume nothing --dry-run"), 2, "--resume goes on with one run as it is");
    expect(run("train", "--resume nothing --shard 1/2"), 2, "--resume goes on with one run as it is");
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    const int64_t count = list.count;
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
    assert_int_equal(count, 0);
}

static void the_cost_of_claims_is_told_to_programs_too(void **state) {
    (void)state;
    expect(run("reproduce", "zoology --scale smoke --dry-run --json"), 0, "\"record\":\"cost\",\"system\":\"zoology\",\"scale\":\"smoke\"");
    expect(run("reproduce", "zoology --scale smoke --json"), 0, "\"verdict\":\"holds\"");
    expect(run("reproduce", "aaren --scale paper --dry-run"), 2,
           "attn: reproduce: aaren has no claims at scale paper; it has smoke, quick, full, night");
    expect(run("reproduce", "aaren --scale paper"), 2, "aaren has no claims at scale paper");
    expect(run("reproduce", "zoology --scale smoke"), 0, "claims:\n  attention-recalls-at-any-width, others-fall-short, ");
    expect(run("reproduce", "zoology --scale smoke --dry-run"), 0, "claims are checked by the program alone; no runs are made or kept\n");
}

static void what_is_measured_is_a_run_of_one_step(void **state) {
    (void)state;
    expect(run("train", "longctx/lengths to=32 rounds=1 --dry-run"), 0, "measured in about ");
    expect(run("train", "longctx/lengths to=32 rounds=1"), 0, "done after 1 step, ");
    assert_int_equal(only_run().steps, 1);
    expect(run("train", "longctx/lengths to=32 rounds=1"), 0, "gflops_16 ");
    expect(run("reproduce", "longctx --scale quick --dry-run"), 0,
           "longctx, quick: 30 runs, of which the store has 0; the rest takes about ");
    expect(run("reproduce", "longctx --scale smoke --json"), 0, "\"claim\":\"tasks-measure\"");
}

/* Until the process marks the signal and does not die of it: bit `number` - 1 of SigCgt. */
static void wait_until_caught(pid_t child, int number) {
    char name[64], row[128];
    unsigned long long caught = 0;
    snprintf(name, sizeof name, "/proc/%d/status", (int)child);
    for (int i = 0; i < 6000 && !(caught >> (number - 1) & 1); i++) { /* a busy machine takes its time */
        FILE *file = fopen(name, "r");
        if (!file) skip();
        while (fgets(row, sizeof row, file))
            if (strncmp(row, "SigCgt:", 7) == 0) caught = strtoull(row + 7, NULL, 16);
        fclose(file);
        pause_for(1000);
    }
    assert_true(caught >> (number - 1) & 1);
}

/* Seconds of micro-batches are left out, and no estimate is told. */
static void signals_stop_the_timing_of_what_claims_cost(void **state) {
    static const int signals[] = {SIGTERM, SIGINT};
    (void)state;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        const pid_t child = test_start(output, line("reproduce", "zoology --scale full --dry-run"));
        wait_until_caught(child, signals[i]);
        kill(child, signals[i]);
        assert_int_equal(test_end(child), 130);
        char *said = test_file(store, "output.txt", NULL);
        assert_null(strstr(said, "runs, of which"));
        free(said);
    }
}

static void a_recipe_that_is_refused_leaves_no_run(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    int64_t count;
    char name[128];
    (void)state;
    expect(run("train", training("steps=3 mixer=atention")), 2, "did you mean 'attention'?");
    expect(run("train", training("steps=0 epochs=0")), 2, "recipe: steps=0 and epochs=0");
    expect(run("train", training("steps=3 micro_batches=3")), 2, "expected a power of two that divides batch=8");
    expect(run("train", training("steps=3 patience=2")), 2, "recipe: patience is set, and eval_every=0");
    expect(run("train", training("steps=3 target=0.9")), 2, "recipe: target is set, and eval_every=0");
    snprintf(name, sizeof name, "%s/recipe", store);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs("{\"task\": \"zoology/mqar\",\n \"lr\": 1e9}", file);
    fclose(file);
    snprintf(name, sizeof name, "--recipe %s/recipe", store);
    expect(run("train", name), 2, "/recipe: lr=1000000000: expected a number from 0 to 1000");
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 0);
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
}

/* A command of the shell with both streams in `text`: PROGRAM is the program, STORE the store. */
static int shell(const char *form) {
    char command[4 * TEST_PATH] = "", *to = command;
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    for (const char *at = form; *at;) {
        const bool is_program = strncmp(at, "PROGRAM", 7) == 0, is_store = strncmp(at, "STORE", 5) == 0;
        assert_true((size_t)(to - command) + strlen(program) + strlen(store) + 2 < sizeof command);
        if (is_program || is_store)
            to += sprintf(to, "%s", is_program ? program : store);
        else
            *to++ = *at;
        at += is_program ? 7 : is_store ? 5 : 1;
    }
    setenv("OUTPUT", output, 1);
    const int how = system(command);
    FILE *file = fopen(output, "r");
    assert_non_null(file);
    text[fread(text, 1, TEST_OUTPUT - 1, file)] = '\0';
    fclose(file);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static void answers_name_the_line_and_the_stream_that_fails(void **state) {
    (void)state;
    expect(run("train", training("steps=3 --quiet")), 0, "");
    expect(shell("printf 'a x b y ? b\\n\\n' | PROGRAM predict STORE/zoology* >\"$OUTPUT\" 2>&1"), 2,
           "attn: standard input: line 2: found no '?'");
    if (access("/dev/full", W_OK) == 0)
        expect(shell("echo 'a x ? a' | PROGRAM predict STORE/zoology* 2>\"$OUTPUT\" >/dev/full"), 3,
               "line 1: the answer cannot be written");
    expect(shell("{ sleep 0.3; echo 'a x ? a'; } | { PROGRAM predict STORE/zoology* 2>\"$OUTPUT\"; echo $? >STORE/status; } | true; "
                 "exit $(cat STORE/status)"),
           3, "Broken pipe");
}

static void answers_are_of_a_file_and_checked_and_drawn_only_where_the_task_can(void **state) {
    (void)state;
    expect(run("train", training("steps=3 --quiet")), 0, "");
    expect(shell("echo 'a x b y ? b' >STORE/question; PROGRAM predict STORE/zoology* --input STORE/question >STORE/answer 2>\"$OUTPUT\" "
                 "&& PROGRAM predict STORE/zoology* <STORE/question | cmp - STORE/answer && test -s STORE/answer"),
           0, "");
    expect(shell("PROGRAM predict STORE/zoology* --input STORE/none >\"$OUTPUT\" 2>&1"), 2, "/none: cannot be read: No such file");
    expect(shell("PROGRAM predict STORE/zoology* --check </dev/null >\"$OUTPUT\" 2>&1"), 2,
           "attn: predict: zoology/mqar has no exact answers to set beside the model's");
    expect(shell("PROGRAM predict STORE/zoology* --svg STORE/x.svg </dev/null >\"$OUTPUT\" 2>&1"), 2,
           "attn: predict: zoology/mqar has no pictures of its answers");
    expect(shell("PROGRAM predict STORE/zoology* --check --data a.npy --logits b.npy >\"$OUTPUT\" 2>&1"), 2,
           "--logits takes its tokens from --data; --input, --svg and --check are of answers");
}

static void a_language_model_is_measured_beside_another(void **state) {
    (void)state;
    expect(
        shell("yes 'the cat sat on the mat' | head -n 100 >STORE/words; "
              "PROGRAM train lm data=STORE/words tokenizer=word length=16 batch=4 width=16 layers=1 steps=1,40 epochs=0 warmup=0 lr=0.01 "
              "threshold=1000 eval_every=0 patience=0 --store STORE --quiet >\"$OUTPUT\" 2>&1"),
        0, "");
    const char *const few = "$(grep -l '\"steps\": 1,' STORE/zoology*/recipe.json | xargs dirname)";
    char command[1024];
    snprintf(command, sizeof command,
             "few=%s; many=$(grep -l '\"steps\": 40,' STORE/zoology*/recipe.json | xargs dirname); "
             "PROGRAM eval $few --against $many --json >\"$OUTPUT\" 2>&1",
             few);
    expect(shell(command), 0, "\"hits_of_gap\":");
    expect(0, 0, "\"difference_hits\":");
    snprintf(command, sizeof command,
             "few=%s; many=$(grep -l '\"steps\": 40,' STORE/zoology*/recipe.json | xargs dirname); "
             "PROGRAM eval $many --against $few >\"$OUTPUT\" 2>&1",
             few);
    expect(shell(command), 0, "attn: the model is better than the one it is compared with, so that there is no gap");
    snprintf(command, sizeof command, "PROGRAM eval %s --against %s >\"$OUTPUT\" 2>&1", few, few);
    expect(shell(command), 0, "attn: both models are equally good, so that there is no gap");
    snprintf(command, sizeof command, "PROGRAM eval %s --bins --csv >\"$OUTPUT\" 2>&1", few);
    expect(shell(command), 0, "times_in_training,tokens_repeated,perplexity_repeated,tokens_other,perplexity_other\n0,");
    snprintf(command, sizeof command, "PROGRAM eval %s --bins --against x >\"$OUTPUT\" 2>&1", few);
    expect(shell(command), 2, "expected one of them");
    expect(run("train", training("steps=3 --quiet")), 0, "");
    snprintf(command, sizeof command, "PROGRAM eval %s --against STORE/zoology-mqar* >\"$OUTPUT\" 2>&1", few);
    expect(shell(command), 2, "found a model of zoology/mqar, expected one of zoology/lm");
    expect(shell("PROGRAM eval STORE/zoology-mqar* --bins >\"$OUTPUT\" 2>&1"), 2, "zoology/mqar has no bins");
    expect(shell("PROGRAM eval STORE/zoology-mqar* --against STORE/zoology-mqar* >\"$OUTPUT\" 2>&1"), 2, "zoology/mqar compares no models");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kills_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_save_and_stop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_process_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_a_failure_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(divergence_names_the_last_checkpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_goes_on_without_the_recipes_that_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_is_stopped_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recipe_that_is_refused_leaves_no_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_cost_of_claims_is_told_to_programs_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_measured_is_a_run_of_one_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_stop_the_timing_of_what_claims_cost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_are_of_a_file_and_checked_and_drawn_only_where_the_task_can, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_name_the_line_and_the_stream_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_language_model_is_measured_beside_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_without_a_use_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("train: the program", tests, NULL, NULL);
}
