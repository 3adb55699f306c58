/* attn-mpi: any number of processes gives the bits of one; what differs between processes is refused; a process that dies or hangs ends the job, which
 * goes on afterwards. */
#include "support/counts.h"
#include "support/program.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char store[64], output[128], text[TEST_OUTPUT];

static int set_up(void **state) {
    (void)state;
    test_folder_make(store);
    snprintf(output, sizeof output, "%s/output.txt", store);
    /* Root is refused, more processes than processors too, where nobody says otherwise. */
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
    setenv("OMPI_MCA_btl", "self,vader,tcp", 1);
    setenv("OMPI_MCA_plm_rsh_agent", "false", 1); /* this machine alone */
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(store);
    return 0;
}

static const char *program(void) {
    const char *path = getenv("ATTN_MPI_PROGRAM");
    if (!path || access(path, X_OK) != 0 || system("mpirun --version >/dev/null 2>&1") != 0) skip();
    return path;
}

static const char task[] =
    "zoology/mqar vocabulary=32 length=16 pairs=2 width=16 layers=2 batch=8 train_examples=64 test_examples=16 --threads 1";

/* "mpirun -n RANKS attn-mpi train TASK WORDS --store STORE/NAME". */
static const char *line(int ranks, const char *name, const char *words) {
    static char whole[2 * TEST_PATH];
    snprintf(whole, sizeof whole, "mpirun --oversubscribe -n %d %s train %s %s --store %s/%s", ranks, program(), task, words, store, name);
    return whole;
}

static int run(int ranks, const char *name, const char *words) {
    return test_command(output, text, line(ranks, name, words));
}

static void expect(int status, int want, const char *piece) {
    if (status != want || !strstr(text, piece)) fail_msg("exit %d, expected %d; expected \"%s\" in:\n%s", status, want, piece, text);
}

static struct attn_run_summary only_run(const char *name) {
    attn_ctx *ctx = test_context(1);
    struct attn_run_list list;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", store, name);
    assert_int_equal(attn_store_list(ctx, path, &list), ATTN_OK);
    assert_int_equal(list.count, 1);
    const struct attn_run_summary one = list.at[0];
    attn_run_list_free(ctx, &list);
    attn_ctx_destroy(ctx);
    return one;
}

static void expect_same(const char *a, const char *b) {
    const struct attn_run_summary x = only_run(a), y = only_run(b);
    assert_int_equal(x.state, ATTN_RUN_DONE);
    assert_int_equal(y.state, ATTN_RUN_DONE);
    test_same_file(x.folder, y.folder, ATTN_MODEL_FILE);
    char *one = test_lines(x.folder), *other = test_lines(y.folder);
    assert_string_equal(one, other);
    free(one);
    free(other);
}

static const char full[] =
    "steps=30 micro_batches=4 mixer=attention+baseconv state=mlp dropout=0.1 ema=0.9 patience=50 eval_every=7 clip=0.5";

static void any_number_of_processes_gives_the_bits_of_one(void **state) {
    char name[32];
    (void)state;
    for (int ranks = 1; ranks <= 4; ranks *= 2) {
        snprintf(name, sizeof name, "%d", ranks);
        expect(run(ranks, name, full), 0, "done after 30 steps");
        expect_same("1", name);
    }
}

static void a_stopped_training_goes_on_with_another_number_of_processes(void **state) {
    static const char *const optimizers[] = {"adamw", "sgd momentum=0.9", "adafactor"};
    char words[512], name[32], alone[32];
    (void)state;
    for (int i = 0; i < (test_thinned() ? 1 : 3); i++) {
        snprintf(name, sizeof name, "parts%d", i);
        snprintf(alone, sizeof alone, "alone%d", i);
        snprintf(words, sizeof words, "%s optimizer=%s steps=90", full, optimizers[i]);
        char limited[600];
        snprintf(limited, sizeof limited, "%s --time-limit 0.02s", words);
        const int status = run(4, name, limited);
        if (status != 130 && status != 0) fail_msg("exit %d:\n%s", status, text);
        expect(run(2, name, words), 0, "");
        expect(run(1, alone, words), 0, "");
        expect_same(name, alone);
    }
}

/* -------------------------------------------------------------------------------------------------- context parallelism */

static const char shared[] =
    "steps=12 micro_batches=2 mixer=attention:heads=4+sliding:window=6:heads=4 state=mlp dropout=0.1 clip=0.5 eval_every=5 ";

static void expect_near(const char *a, const char *b) {
    const struct attn_run_summary x = only_run(a), y = only_run(b);
    assert_int_equal(x.state, ATTN_RUN_DONE);
    assert_int_equal(y.state, ATTN_RUN_DONE);
    assert_int_equal(x.figures.count, y.figures.count);
    if (!(fabs(x.loss - y.loss) <= 1e-5 * fabs(x.loss))) fail_msg("%s: loss %.9g, not %.9g", b, y.loss, x.loss);
    for (int i = 0; i < x.figures.count; i++)
        if (!(fabs(x.figures.at[i].value - y.figures.at[i].value) <= 1e-5))
            fail_msg("%s: %s %.9g, not %.9g", b, x.figures.at[i].name, y.figures.at[i].value, x.figures.at[i].value);
}

/* The recipe's words with "context_parallel=MECHANISM MORE" behind them. */
static const char *sharing(const char *mechanism, const char *more) {
    static char words[512];
    snprintf(words, sizeof words, "%s context_parallel=%s %s", shared, mechanism, more);
    return words;
}

/* Every mechanism is trained by threads in train_context_parallel.c; a grid has the messages of all. */
static void processes_that_share_sequences_learn_what_one_does(void **state) {
    static const char *const mechanisms[] = {"usp", "ring", "allgather", "ulysses", "loongtrain"};
    (void)state;
    expect(run(1, "whole", shared), 0, "done after 12 steps");
    for (int i = 0; i < (getenv("ATTN_TEST_LONG") ? 5 : 1); i++) {
        expect(run(4, mechanisms[i], sharing(mechanisms[i], "")), 0, "done after 12 steps");
        expect_near("whole", mechanisms[i]);
    }
}

/* So short a time is over after the first step. */
static void stop_after_a_step(const char *name, const char *mechanism, const char *more) {
    char words[128];
    snprintf(words, sizeof words, "%s --time-limit 0.00001s", more);
    expect(run(4, name, sharing(mechanism, words)), 130, "");
    assert_int_equal(only_run(name).state, ATTN_RUN_STOPPED);
    assert_int_equal(only_run(name).step, 1);
}

static void groups_that_share_sequences_go_on_in_any_number(void **state) {
    const char *const twos = "context_ranks=2";
    (void)state;
    stop_after_a_step("groups", "ring", twos);
    expect(run(2, "groups", sharing("ring", twos)), 0, "done after 12 steps");
    expect(run(4, "at_once", sharing("ring", twos)), 0, "done after 12 steps");
    expect_same("groups", "at_once");
    expect(run(1, "whole", shared), 0, "done after 12 steps");
    expect_near("whole", "groups");
}

static void all_processes_share_a_sequence_however_many_go_on(void **state) {
    (void)state;
    stop_after_a_step("all", "usp", "");
    expect(run(2, "all", sharing("usp", "")), 0, "done after 12 steps");
    expect(run(1, "one", sharing("usp", "")), 0, "done after 12 steps");
    expect_near("one", "all");
}

/* The other sentences are in train_context_parallel.c. */
static void what_cannot_be_shared_is_refused_once_and_leaves_no_run(void **state) {
    static const char sentence[] = "mixer baseconv: its tokens cannot be split over ranks; expected attention or sliding in every layer";
    char path[128];
    (void)state;
    expect(run(2, "mixer", sharing("ring", "mixer=attention+baseconv")), 2, sentence);
    assert_null(strstr(strstr(text, sentence) + 1, sentence));
    snprintf(path, sizeof path, "%s/mixer", store);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* ------------------------------------------------------------------------------------------------------------- refusals */

static void what_differs_between_processes_is_refused(void **state) {
    char command[3 * TEST_PATH];
    (void)state;
    const char *const path = program();
    snprintf(command, sizeof command,
             "mpirun --oversubscribe -n 1 %s train %s micro_batches=2 seed=1 --store %s/differ : -n 1 %s train %s micro_batches=2 seed=2 "
             "--store %s/differ",
             path, task, store, path, task, store);
    expect(test_command(output, text, command), 2, "rank 1: preflight: found ");
    expect(2, 2, "expected the same in all processes");
}

static void numbers_that_do_not_fit_are_refused(void **state) {
    (void)state;
    expect(run(3, "three", full), 2, "3 processes; expected a power of two");
    expect(run(4, "four", "steps=3 micro_batches=2"), 2, "4 processes share micro_batches=2: expected a power of two, at most as many");
    expect(run(2, "sweep", "steps=3 micro_batches=2 seed=1,2"), 2, "a sweep is not shared by processes of MPI");
}

static void divergence_is_told_once_and_kept_in_the_run(void **state) {
    (void)state;
    const int status = run(4, "diverging", "steps=30 micro_batches=4 optimizer=sgd lr=1000 decay=1000 schedule=constant");
    expect(status, 2, "attn: ");
    char *first = strstr(text, " is nan; first in ");
    assert_non_null(first);
    assert_null(strstr(first + 1, " is nan; first in "));
    assert_int_equal(only_run("diverging").state, ATTN_RUN_FAILED);
}

/* Process ids of the job's ranks, from the least. */
static int find_ranks(pid_t *ranks, int most) {
    int count = 0;
    char command[256];
    snprintf(command, sizeof command,
             "pgrep -f -- '--store %s/' | while read p; do tr '\\0' ' ' </proc/$p/cmdline | grep -q '^[^ ]*attn-mpi ' && echo $p; done",
             store);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (long p; count < most && fscanf(pipe, "%ld", &p) == 1;) ranks[count++] = (pid_t)p;
    pclose(pipe);
    return count;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void a_killed_process_ends_the_job_which_goes_on(void **state) {
    const int rounds = getenv("ATTN_TEST_LONG") ? 200 : test_thinned() ? 1 : 3;
    const char *const words = "steps=150 micro_batches=4 dropout=0.1 state=mlp --checkpoint-every 0.001s";
    char path[128], name[32];
    (void)state;
    expect(run(1, "alone", words), 0, "");
    for (int i = 0; i < rounds; i++) {
        pid_t ranks[8];
        snprintf(name, sizeof name, "kill%d", i);
        snprintf(path, sizeof path, "%s/%s", store, name);
        const pid_t job = test_start(output, line(4, name, words));
        test_wait_for_step(path, 1, 1 + i % 7);
        const int count = find_ranks(ranks, 8);
        const double begun = now();
        if (count == 4) kill(ranks[i % 4], SIGKILL);
        const int status = test_end(job);
        if (count == 4 && status == 0) assert_int_equal(only_run(name).state, ATTN_RUN_DONE); /* it was done before */
        assert_true(now() - begun < 30);
        expect(run(2, name, words), 0, "");
        const struct attn_run_summary alone = only_run("alone"),
                                      again = only_run(name); /* lines may stand twice: those behind the checkpoint */
        test_same_file(alone.folder, again.folder, ATTN_MODEL_FILE);
    }
}

/* The sentence that is told of the last of four processes, which does not go on. */
static void hang(const char *words, const char *sentence) {
    pid_t ranks[8];
    char path[128];
    setenv("ATTN_MPI_DEADLINE", "2", 1);
    snprintf(path, sizeof path, "%s/hang", store);
    const pid_t job = test_start(output, line(4, "hang", words));
    test_wait_for_step(path, 1, 1);
    const int count = find_ranks(ranks, 8);
    if (count == 4) kill(ranks[3], SIGSTOP);
    const double begun = now();
    const int status = count == 4 ? test_end(job) : (kill(job, SIGTERM), test_end(job));
    unsetenv("ATTN_MPI_DEADLINE");
    assert_int_equal(count, 4);
    kill(ranks[3], SIGKILL);
    assert_int_not_equal(status, 0);
    assert_true(now() - begun < 30);
    FILE *file = fopen(output, "r");
    assert_non_null(file);
    text[fread(text, 1, TEST_OUTPUT - 1, file)] = '\0';
    fclose(file);
    if (!strstr(text, ": no answer within the deadline") || !strstr(text, sentence)) fail_msg("%s", text);
}

static void a_process_that_hangs_is_named(void **state) {
    (void)state;
    hang("steps=10000 micro_batches=4", " with rank ");
}

/* Nothing is agreed on with it: what the others say is what they waited for. */
static void a_process_that_hangs_is_named_by_those_that_share_its_sequences(void **state) {
    (void)state;
    hang("steps=10000 mixer=attention context_parallel=ring", " with rank 3: no answer within the deadline");
    assert_null(strstr(text, "a rank was lost before"));
}

static void a_signal_saves_and_stops_all(void **state) {
    pid_t ranks[8];
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/signal", store);
    const pid_t job = test_start(output, line(2, "signal", "steps=10000 micro_batches=2"));
    test_wait_for_step(path, 1, 1);
    const int count = find_ranks(ranks, 8);
    kill(count == 2 ? ranks[1] : job, SIGUSR1); /* to one of them: all stop */
    assert_int_equal(test_end(job), 130);
    assert_int_equal(only_run("signal").state, ATTN_RUN_STOPPED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_number_of_processes_gives_the_bits_of_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_training_goes_on_with_another_number_of_processes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_that_share_sequences_learn_what_one_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_that_share_sequences_go_on_in_any_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_processes_share_a_sequence_however_many_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_shared_is_refused_once_and_leaves_no_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_differs_between_processes_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_do_not_fit_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(divergence_is_told_once_and_kept_in_the_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_process_ends_the_job_which_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_hangs_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_hangs_is_named_by_those_that_share_its_sequences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_saves_and_stops_all, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("train: MPI", tests, NULL, NULL);
}
