/* attn bench train as a process, on small models and without a peer: every case runs, figures fit together, mistakes are named. */
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[64], output[128], text[TEST_OUTPUT];

static int set_up(void **state) {
    (void)state;
    test_folder_make(folder);
    snprintf(output, sizeof output, "%s/output.txt", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static int run(const char *words) {
    static char command[1024];
    const char *program = getenv("ATTN_PROGRAM");
    if (!program) skip();
    snprintf(command, sizeof command, "%s bench train %s", program, words);
    return test_command(output, text, command);
}

static void expect(const char *words, int want, const char *piece) {
    const int status = run(words);
    if (status != want || !strstr(text, piece)) fail_msg("exit %d, expected %d; expected \"%s\" in:\n%s", status, want, piece, text);
}

static double number_of(const char *line, const char *key) {
    const char *at = strstr(line, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

/* The models of recall at a width and batch at which a step is short; lm, lstm, conv, ptr10 and ptr50 have one size. */
static void every_model_of_recall_the_recurrent_one_and_a_pointer_network_run(void **state) {
    static const char *const cases[] = {"attention", "baseconv", "based", "rwkv", "mamba", "hyena", "h3", "lstm", "ptr10"};
    char words[256], key[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(words, sizeof words, "--case %s --dim 8 --batch 2 --threads 1 --repeat 1 --seconds 0 --json", cases[i]);
        snprintf(key, sizeof key, "{\"case\":\"%s\",", cases[i]);
        expect(words, 0, key);
        assert_non_null(strstr(text, "\"status\":\"ok\",\"repeats\":1,\"steps\":1,"));
        assert_true(number_of(text, "\"seconds_median\":") > 0);
        assert_non_null(strstr(text, "\"peer\":null"));
    }
}

/* A first loss is close to that of equal chances: the weights are small. */
static void numbers_of_threads_take_turns_and_see_the_same_loss(void **state) {
    (void)state;
    expect("--case conv --threads 1,2 --repeat 3 --seconds 0 --json", 0, "\"threads\":1,");
    const char *second = strchr(text, '\n') + 1;
    assert_non_null(strstr(second, "\"threads\":2,"));
    assert_true(number_of(text, "\"speedup\":") == 1);
    assert_true(number_of(text, "\"first_loss\":") == number_of(second, "\"first_loss\":"));
    assert_float_equal(number_of(text, "\"first_loss\":"), 2.302585, 0.2);
    assert_true(number_of(second, "\"seconds_min\":") <= number_of(second, "\"seconds_median\":"));
    assert_true(number_of(second, "\"seconds_median\":") <= number_of(second, "\"seconds_max\":"));
}

static void a_table_and_csv_have_a_line_for_each_width(void **state) {
    (void)state;
    expect("--case baseconv --dim 8,16 --batch 2 --threads 1 --repeat 1 --seconds 0", 0, "x ours");
    expect("--case baseconv --dim 8,16 --batch 2 --threads 1 --repeat 1 --seconds 0 --csv", 0, "case,mixer,layers,width,");
    assert_non_null(strstr(text, "\nbaseconv,baseconv:kernel=3+baseconv:kernel=-1,4,8,64,2,8192,"));
    assert_non_null(strstr(text, "\nbaseconv,baseconv:kernel=3+baseconv:kernel=-1,4,16,64,2,8192,"));
}

static void mistakes_and_a_missing_peer_are_named(void **state) {
    (void)state;
    expect("--case baseconf", 2, "attn: bench train: --case: there is no case 'baseconf'; did you mean 'baseconv'?");
    expect("--peer rowpanel", 2, "attn: bench train: --peer rowpanel: expected torch or none");
    expect("--json --csv", 2, "choose one");
    expect("--threads 1,1,1,1,1,1,1,1,1", 2, "--threads: more than 8 numbers");
    expect("--case baseconv --dim 8 --batch 2 --threads 1 --repeat 1 --seconds 0 --peer torch --python none --json", 0,
           "none: No such file or directory; name a Python with PyTorch by --python or ATTN_PYTHON");
    assert_non_null(strstr(text, "\"times_ours\":null"));
}

/* One child a number of threads: each ends when its own input does, while the others are still there. The peer answers every line with another loss. */
static void peers_of_several_numbers_of_threads_end(void **state) {
    char path[128], words[512];
    (void)state;
    snprintf(path, sizeof path, "%s/peer.sh", folder);
    FILE *script = fopen(path, "w");
    assert_non_null(script);
    fputs("#!/bin/sh\nwhile read -r line; do echo ok fake 1 1; done\n", script);
    assert_int_equal(fclose(script), 0);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(words, sizeof words, "--case lstm --threads 1,2 --repeat 1 --seconds 0 --json --peer torch --python %s", path);
    expect(words, 1, "\"threads\":2,\"status\":\"wrong\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_of_recall_the_recurrent_one_and_a_pointer_network_run),
        cmocka_unit_test(numbers_of_threads_take_turns_and_see_the_same_loss),
        cmocka_unit_test(a_table_and_csv_have_a_line_for_each_width),
        cmocka_unit_test(mistakes_and_a_missing_peer_are_named),
        cmocka_unit_test(peers_of_several_numbers_of_threads_end),
    };
    return cmocka_run_group_tests_name("train: attn bench train", tests, set_up, tear_down);
}
