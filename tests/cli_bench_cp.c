/* attn bench cp as a user runs it: predictions as tables and records, mistakes and their sentences, and a measurement on threads as ranks. */
#include "support/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 18 };
static char folder[64], output[OUTPUT];

static int run(const char *arguments) {
    char line[4096];
    snprintf(line, sizeof line, "\"$ATTN\" bench cp %s", arguments);
    return test_shell(folder, line, output, OUTPUT);
}

static void expect(const char *arguments, int status, const char *piece) {
    const int got = run(arguments);
    if (got != status || strstr(output, piece) == NULL)
        fail_msg("attn bench cp %s: exit %d, expected %d; expected \"%s\" in:\n%s", arguments, got, status, piece, output);
}

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int lines_with(const char *piece) {
    int count = 0;
    for (const char *at = output; (at = strstr(at, piece)) != NULL; at++) count++;
    return count;
}

/* The number behind "key": in the first record that has `piece`. */
static double number(const char *piece, const char *key) {
    const char *at = strstr(output, piece);
    char name[64];
    snprintf(name, sizeof name, "\"%s\":", key);
    at = at ? strstr(at, name) : NULL;
    if (!at) fail_msg("no %s with %s in:\n%s", piece, key, output);
    return strtod(at + strlen(name), NULL);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attn-cp-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state) {
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "rm -r %s", folder);
    return system(line);
}

static void simulate_predicts_every_mechanism(void **state) {
    (void)state;
    expect("--simulate --ranks 4..16 --tflops 1 --json", 0, "\"mechanism\":\"hybrid\"");
    assert_int_equal(lines_with("\"status\":"), 18);
    assert_true(number("\"mechanism\":\"ring\"", "len") == 4 * 8192);
    expect("--simulate --ranks 8 --tflops 1 --mask 'full;causal' --mechanism ring --csv", 0, "\nring,1x8,");
    expect("--simulate --ranks 12 --mechanism ulysses --heads 8", 0, "do not divide 8 query heads");
    expect("--simulate --ranks 12 --mechanism ulysses --heads 8 --json", 0, "\"status\":\"unsupported\"");
    expect("--simulate --ranks 8 --mechanism allgather --memory-per-rank 20MiB --json", 0, "\"status\":\"oom\"");
    expect("--simulate --ranks 100000 --mechanism ring --tflops 400 --json", 0, "\"sampled\":true");
}

static void machines_come_from_files(void **state) {
    (void)state;
    write_file("slow.txt", "# two ranks a node\nranks_per_node = 2\nbandwidth_between = 1 MB/s\nlinks = 1\n");
    write_file("rates.csv", "pass,mask,len,dim,seconds\nfwd,full,4096,64,0.004294967296\nbwd,full,4096,64,0.01073741824\n");
    expect("--simulate --ranks 4 --mechanism ring --mask full --rates rates.csv --json", 0, "\"mechanism\":\"ring\"");
    const double gflops = number("ring", "gflops_rank"), seconds = number("ring", "seconds_forward");
    assert_true(gflops > 990 && gflops < 1010);
    expect("--simulate --ranks 4 --mechanism ring --mask full --rates rates.csv --topology slow.txt --json", 0, "\"mechanism\":\"ring\"");
    assert_true(number("ring", "seconds_forward") > 20 * seconds);
    assert_true(number("ring", "long_bytes_greatest") > 0);
    write_file("wrong.txt", "links = 2\nlink = 3\n");
    expect("--simulate --topology wrong.txt", 2, "wrong.txt:2: found the key 'link'; expected 'links'");
    write_file("wrong.csv", "pass,mask,len,dim,seconds\nfwd,full,4096,64,slow\n");
    expect("--simulate --rates wrong.csv", 2, "wrong.csv:2: seconds: found 'slow'; expected a number above 0");
}

static void choose_ranks_what_fits(void **state) {
    (void)state;
    expect("--choose --ranks 8 --tflops 10 --json", 0, "\"place\":1");
    const double first = number("\"place\":1,", "seconds_forward") + number("\"place\":1,", "seconds_backward");
    assert_true(number("\"place\":2,", "seconds_forward") + number("\"place\":2,", "seconds_backward") >= first);
    assert_non_null(strstr(output, "the mask is one document: hybrid is the ring"));
    expect("--choose --ranks 8 --mask 'causal & document:30000,20000,15536' --json", 0, "\"mechanism\":\"hybrid\",\"grid\":\"1x8\"");
    expect("--choose --ranks 4 --heads 16 --kv-heads 16 --tflops 100 --mechanism ulysses --json", 0, "\"exchanges\":4");
    expect("--choose --ranks 6 --heads 4 --json", 0, "do not divide 4 query heads");
}

static void the_protocol_means_over_drawn_masks(void **state) {
    (void)state;
    expect("--protocol longca --ranks 8 --masks 2 --tflops 100 --json", 0, "\"mask\":\"causal_document_long\"");
    assert_int_equal(lines_with("\"status\":\"ok\""), 24);
    assert_true(number("\"mechanism\":\"ring\"", "balance") <= 1.01);
}

static void ranks_that_are_threads_are_measured(void **state) {
    (void)state;
    expect("--local-ranks 2 --len 300 --heads 4 --kv-heads 2 --dim 8 --repeat 2 --mask 'causal & document:100,200' --json", 0,
           "\"mechanism\":\"hybrid\"");
    assert_int_equal(lines_with("\"status\":\"ok\""), 12);
    for (const char *at = output; (at = strstr(at, "\"bytes\":")) != NULL; at++)
        assert_true(strtod(at + 8, NULL) == strtod(strstr(at, "\"bytes_formula\":") + 16, NULL));
    expect("--local-ranks 3 --mechanism ring --len 200 --heads 2 --kv-heads 2 --dim 8 --repeat 1 --pass fwd --delay 1us,10GB/s", 0, "ring");
}

/* Keys and queries of a document of one token have gradients that are nothing but roundings; its rank has no others. */
static void what_a_rank_has_is_compared_with_the_greatest_of_all(void **state) {
    (void)state;
    expect("--local-ranks 4 --mechanism hybrid --len 200 --heads 4 --kv-heads 2 --dim 8 --repeat 1 --mask document:60,1,139 --json", 0,
           "\"grid\":\"1x4\"");
    assert_int_equal(lines_with("\"status\":\"ok\""), 2);
    for (const char *at = output; (at = strstr(at, "\"max_error\":")) != NULL; at++) assert_true(strtod(at + 12, NULL) <= 1e-5);
}

static void mistakes_are_explained(void **state) {
    (void)state;
    expect("", 2, "nothing to run on; expected --local-ranks N");
    expect("--mechanism rings", 2, "--mechanism rings: expected ulysses, ring");
    expect("--protocol full", 2, "--protocol full: expected longca");
    expect("--simulate --choose", 2, "expected one of --simulate, --choose, --protocol and --measure");
    expect("--measure cluster.txt", 2, "--measure is of the processes of mpirun");
    expect("--simulate --ranks 8..4", 2, "--ranks 8..4: expected numbers");
    expect("--simulate --ranks 0", 2, "expected numbers from 1 to 1M");
    expect("--simulate --sharding zag", 2, "--sharding zag: expected contiguous, zigzag, stripe or minheap");
    expect("--simulate --memory-per-rank 80", 2, "--memory-per-rank 80: expected a number above 0 in MiB");
    expect("--local-ranks 2 --delay 5", 2, "--delay 5: expected a latency and a bandwidth");
    expect("--simulate --dtype f64", 2, "--dtype f64: expected f32, bf16 or f16");
    expect("--simulate --pass back", 2, "--pass back: expected fwd, bwd or fwd,bwd");
    expect("--simulate --local-ranks 2", 2, "--local-ranks and --delay are of what is measured");
    expect("--local-ranks 2 --ranks 8", 2, "--ranks 8 goes with --simulate, --choose or --protocol");
    expect("--simulate --figures charts", 2, "--figures charts goes with --protocol");
    expect("--protocol longca --mask full", 2, "expected neither --mask nor --len");
    expect("--help", 0, "--tokens-per-rank");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulate_predicts_every_mechanism),
        cmocka_unit_test(machines_come_from_files),
        cmocka_unit_test(choose_ranks_what_fits),
        cmocka_unit_test(the_protocol_means_over_drawn_masks),
        cmocka_unit_test(ranks_that_are_threads_are_measured),
        cmocka_unit_test(what_a_rank_has_is_compared_with_the_greatest_of_all),
        cmocka_unit_test(mistakes_are_explained),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
