/* The program as a user runs it: help, mistakes and their sentences, exit statuses, JSON keys, attn apply's refusals, and that a failed or
 * interrupted run leaves no output file. */
#include "io/npy.h"
#include "support/shell.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 16 };
static char folder[64];
static attn_ctx *ctx;

/* Output of `attn ARGUMENTS` in the test's folder, both streams; the exit status. */
static int run(const char *arguments, char *output) {
    char line[4096];
    snprintf(line, sizeof line, "\"$ATTN\" %s", arguments);
    return test_shell(folder, line, output, OUTPUT);
}

static void expect(const char *arguments, int status, const char *piece) {
    static char output[OUTPUT];
    const int got = run(arguments, output);
    if (got != status || strstr(output, piece) == NULL)
        fail_msg("attn %s: exit %d, expected %d; expected \"%s\" in:\n%s", arguments, got, status, piece, output);
}

static int files_in_folder(void) {
    int count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) count += entry->d_name[0] != '.';
    closedir(d);
    return count;
}

static void write_array(const char *name, enum attn_npy_type type, int rank, const int64_t *shape) {
    static char zeros[1 << 16];
    static struct attn_file_writer writer;
    char path[128];
    snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    assert_int_equal(attn_file_begin(ctx, NULL, path, &writer), ATTN_OK);
    assert_int_equal(attn_npy_write(ctx, &writer, type, rank, shape, zeros), ATTN_OK);
    assert_int_equal(attn_file_sync(ctx, &writer), ATTN_OK);
    assert_int_equal(attn_file_commit(ctx, &writer), ATTN_OK);
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attn-cli-XXXXXX");
    if (mkdtemp(folder) == NULL || attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    write_array("q", ATTN_NPY_F32, 4, (int64_t[]){1, 4, 8, 16});
    write_array("k", ATTN_NPY_F32, 4, (int64_t[]){1, 2, 9, 16});
    write_array("v", ATTN_NPY_F32, 4, (int64_t[]){1, 2, 9, 5});
    write_array("do", ATTN_NPY_F32, 4, (int64_t[]){1, 4, 8, 5});
    write_array("k17", ATTN_NPY_F32, 4, (int64_t[]){1, 2, 9, 17});
    write_array("k3", ATTN_NPY_F32, 4, (int64_t[]){1, 3, 9, 16});
    write_array("v10", ATTN_NPY_F32, 4, (int64_t[]){1, 2, 10, 5});
    write_array("v3", ATTN_NPY_F32, 4, (int64_t[]){1, 3, 9, 5});
    write_array("k2", ATTN_NPY_F32, 4, (int64_t[]){2, 2, 9, 16});
    write_array("rank3", ATTN_NPY_F32, 3, (int64_t[]){8, 4, 16});
    write_array("kp", ATTN_NPY_F32, 3, (int64_t[]){8, 4, 16});
    write_array("ints", ATTN_NPY_I64, 4, (int64_t[]){1, 4, 8, 16});
    write_array("bias", ATTN_NPY_F32, 4, (int64_t[]){1, 4, 8, 7});
    write_array("heads3", ATTN_NPY_F32, 1, (int64_t[]){3});
    write_array("heads4", ATTN_NPY_F32, 1, (int64_t[]){4});
    write_array("dlse", ATTN_NPY_F32, 3, (int64_t[]){1, 4, 9});
    write_array("cu", ATTN_NPY_I32, 1, (int64_t[]){3});
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    attn_ctx_destroy(ctx);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void every_command_explains_itself_with_an_example(void **state) {
    static const char *const commands[] = {"help",
                                           "apply --help",
                                           "bench --help",
                                           "bench peak --help",
                                           "bench kernels --help",
                                           "mask --help",
                                           "bench masks --help",
                                           "bench sparse --help",
                                           "bench planner --help",
                                           "bench decode --help",
                                           "bench scan --help",
                                           "bench search --help",
                                           "bench pointer --help",
                                           "bench train --help",
                                           "bench tour --help",
                                           "bench answer --help",
                                           "doctor --help",
                                           "help apply",
                                           "-h",
                                           "bench -h",
                                           "mask -h"};
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        expect(commands[i], 0, "usage: attn");
        expect(commands[i], 0, "Example:\n  attn ");
    }
    expect("--version", 0, "attn 0.");
    expect("", 2, "usage: attn COMMAND");
}

static void mistakes_are_named_with_what_was_meant(void **state) {
    static const char *const mistakes[][2] = {
        {"aply", "attn: there is no command 'aply'; did you mean 'apply'?"},
        {"zzzzzzzz", "attn: there is no command 'zzzzzzzz'; see attn help"},
        {"help maks", "attn: there is no command 'maks'; did you mean 'mask'?"},
        {"mask causal --len 4 --png=", "attn: mask: --png: the value is empty, expected FILE"},
        {"bench", "attn: bench: a suite is missing"},
        {"bench kernel", "did you mean 'kernels'?"},
        {"bench kernels --hedas 3", "attn: bench kernels: there is no option --hedas; did you mean --heads?"},
        {"bench kernels --len", "--len needs a value: --len LIST"},
        {"bench kernels --len 1K,x", "--len 1K,x: expected whole numbers"},
        {"bench kernels --len 0", "expected whole numbers with commas between them, from 1 to 16777216"},
        {"bench kernels --len 99999999999999999999", "--len"},
        {"bench kernels --heads 3 --kv-heads 2", "heads must be a multiple of kv-heads"},
        {"bench kernels --heads 4 --heads 4", "--heads is given twice"},
        {"bench kernels --json=yes", "--json takes no value"},
        {"bench kernels --json --csv", "choose one"},
        {"bench kernels --dtype f31 --len 16", "--dtype f31: expected f32, f64, bf16 or f16"},
        {"bench kernels --pass sideways --len 16", "--pass sideways: expected fwd, bwd or fwd+bwd"},
        {"bench kernels --kernel flsh --len 16", "flsh"},
        {"bench kernels --mask casual --len 16", "casual"},
        {"bench kernels --protocol other", "--protocol other: expected longca"},
        {"bench kernels --peer tensorflow --len 16", "--peer tensorflow"},
        {"bench kernels --budget -1", "--budget -1: expected a number from 0"},
        {"bench kernels extra", "'extra' is not an option"},
        {"bench masks --pass both", "--pass both: expected fwd, bwd or fwd,bwd"},
        {"bench peak --threads 0", "--threads 0: expected a whole number from 1 to 4096"},
        {"doctor --jsn", "did you mean --json?"},
        {"doctor --effort much", "attn: doctor: --effort much: expected estimate, measure or wisdom"},
        {"bench kernels --len 16 --effort much", "attn: bench kernels: --effort much: expected estimate, measure or wisdom"},
        {"bench kernels --len 16 --wisdom .", "found a directory, expected a regular file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) expect(mistakes[i][0], 2, mistakes[i][1]);
}

static void unfitting_arrays_are_refused_and_leave_no_file(void **state) {
    static const char *const mistakes[][2] = {
        {"", "apply: --q is missing"},
        {"--q q.npy --k k.npy", "apply: --v is missing"},
        {"--q none.npy --k k.npy --v v.npy", "none.npy: cannot be read: No such file"},
        {"--q q.npy --k k17.npy --v v.npy", "--k k17.npy: axis 3 (dim) is 17, expected 16, as --q has it"},
        {"--q q.npy --k k3.npy --v v3.npy", "--k k3.npy: axis 1 (head) is 3, expected a divisor of the 4 heads"},
        {"--q q.npy --k k.npy --v v10.npy", "--v v10.npy: axis 2 (token) is 10, expected 9, as --k has it"},
        {"--q q.npy --k k.npy --v v3.npy", "--v v3.npy: axis 1 (head) is 3, expected 2"},
        {"--q q.npy --k k2.npy --v v.npy", "--k k2.npy: axis 0 (batch) is 2, expected 1"},
        {"--q rank3.npy --k k.npy --v v.npy", "--q rank3.npy: found 3 axes, expected 4: batch, head, token, dim"},
        {"--q ints.npy --k k.npy --v v.npy", "found elements of int64, expected float16, bfloat16, float32 or float64"},
        {"--q q.safetensors --k k.npy --v v.npy", "q.safetensors"},
        {"--q q.npy --k k.npy --v v.npy --bias bias.npy", "--bias bias.npy: axis 3 (key) is 7, expected 9, or 1 to share it"},
        {"--q q.npy --k k.npy --v v.npy --alibi heads3.npy", "--alibi heads3.npy: axis 0 (head) is 3, expected 4"},
        {"--q q.npy --k k.npy --v v.npy --sink heads3.npy", "--sink heads3.npy: axis 0 (head) is 3, expected 4"},
        {"--q q.npy --k k.npy --v v.npy --do v.npy", "--do v.npy: axis 1 (head) is 2, expected 4"},
        {"--q q.npy --k k.npy --v v.npy --do do.npy --dlse dlse.npy", "--dlse dlse.npy: axis 2 (token) is 9, expected 8"},
        {"--q q.npy --k k.npy --v v.npy --dlse dlse.npy", "--dlse is given without --do"},
        {"--q q.npy --k k.npy --v v.npy --dq dq.npy", "--dq is given without --do"},
        {"--q q.npy --k k.npy --v v.npy --do do.npy --dsink s.npy", "--dsink is given without --sink"},
        {"--q q.npy --k k.npy --v v.npy --cu-q cu.npy", "--cu-q is given, expected it only with --layout thd"},
        {"--q rank3.npy --k kp.npy --v kp.npy --layout thd", "--cu-q is missing"},
        {"--q rank3.npy --k kp.npy --v kp.npy --layout thd --cu-q cu.npy --cu-k cu.npy", "the last element is 0, expected 8"},
        {"--q q.npy --k k.npy --v v.npy --layout tbhd", "--layout tbhd: expected bhtd, bthd or thd"},
        {"--q q.npy --k k.npy --top 3", "--out is given with --top, whose results are --out-index and --out-score"},
        {"--q q.npy --k k.npy --v v.npy --top 3", "--v is given with --top"},
        {"--q q.npy --k k.npy --v v.npy --out-index i.npy", "--out-index is given without --top"},
        {"--q q.npy --k k.npy --v v.npy --top 0", "--top 0"},
        {"--q q.npy --k k.npy --v v.npy --kernel fast", "fast"},
        {"--q q.npy --k k.npy --v v.npy --mask 'causl'", "causl"},
        {"--q q.npy --k k.npy --v v.npy --softcap 0", "--softcap 0"},
        {"--q q.npy --k k.npy --v v.npy --dropout 1", "--dropout 1"},
        {"--q q.npy --k k.npy --v v.npy --lse out.npy", "--out and --lse are the same file out.npy"},
        {"--q q.npy --k k.npy --v v.npy --lse ./k.npy", "--lse ./k.npy: expected another file than that of --k"},
        {"--q q.npy --k k.npy --v v.npy --lse ./out.npy", "--out and --lse are the same file ./out.npy"},
        {"--q q.npy --k k.npy --v v.npy --lse no/such/lse.npy", "no/such/lse.npy: cannot be written: No such file"},
        {"--q q.npy --k k.npy --v v.npy --weights w.npy", "--weights is given, expected it only with --score additive"},
        {"--q q.npy --k k.npy --v v.npy --effort measure --wisdom k.npy", "--wisdom k.npy: line 1: found a control character"},
        {"--q q.npy --k k.npy --v v.npy --effort measure --wisdom out.npy", "--out out.npy: expected another file than that of --wisdom"},
        {"--q q.npy --k k.npy --v v.npy --effort measure --wisdom no/such/w.txt", "no/such/w.txt: cannot be written"},
    };
    char arguments[512];
    (void)state;
    const int before = files_in_folder();
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        snprintf(arguments, sizeof arguments, "apply %s --out out.npy", mistakes[i][0]);
        expect(arguments, 2, mistakes[i][1]);
        assert_int_equal(files_in_folder(), before);
    }
}

static void apply_writes_what_was_asked_for_and_nothing_else(void **state) {
    char path[128];
    struct attn_npy array;
    (void)state;
    const int before = files_in_folder();
    expect("apply --q q.npy --k k.npy --v v.npy --sink heads4.npy --do do.npy --out o.npy --lse l.npy --dk dk.npy --dsink ds.npy --json", 0,
           "\"pass\":\"fwd+bwd\"");
    assert_int_equal(files_in_folder(), before + 4);
    snprintf(path, sizeof path, "%s/o.npy", folder);
    assert_int_equal(attn_npy_read(ctx, NULL, path, &array), ATTN_OK);
    assert_int_equal(array.rank, 4);
    assert_memory_equal(array.shape, ((int64_t[]){1, 4, 8, 5}), 4 * sizeof(int64_t));
    attn_npy_free(ctx, &array);
    unlink(path);
    static const char *const others[] = {"l", "dk", "ds"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s.npy", folder, others[i]);
        assert_int_equal(unlink(path), 0);
    }
}

/* Measured once, then used: by the option, by the environment, in any number of runs; what the file held for others stays. */
/* The text with the times of its last line cut to those of the chosen kernel: what a version with fewer kernels has left. */
static void make_stale(char *text) {
    char kernel[64];
    char *times = strrchr(text, '|') + 2, *scope = times - 2;
    while (*--scope != '|') continue;
    char *chosen = scope - 1;
    while (chosen[-1] != '|') chosen--;
    snprintf(kernel, sizeof kernel, "%.*s", (int)(scope - 2 - chosen), chosen + 1);
    sprintf(times, "%s 1 us\n", kernel);
}

static void wisdom_is_read_used_and_written(void **state) {
    static const char measure[] = "apply --q q.npy --k k.npy --v v.npy --effort measure --wisdom w.txt --json";
    static char output[OUTPUT];
    char path[128], text[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/w.txt", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("# mine\n9.9.9 | of another version\nbroken\n", file);
    fclose(file);
    expect("apply --q q.npy --k k.npy --v v.npy --wisdom w.txt --json", 0, "attn: wisdom: w.txt: line 3: found 1 field, expected 7");
    expect(measure, 2, "--wisdom w.txt: line 3: found 1 field, expected 7 with | between them; --effort measure would write the file anew");
    file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_string_equal(text, "# mine\n9.9.9 | of another version\nbroken\n");
    file = fopen(path, "w");
    fputs("# mine\n9.9.9 | of another version\n", file);
    fclose(file);
    expect(measure, 0, "\"kernel\":");
    file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_memory_equal(text, "# mine\n9.9.9 | of another version\n", 34);
    assert_non_null(strstr(text, " heads 4:2 dim 16:5 batch 1 len 8:10 | "));
    expect(measure, 0, "\"kernel\":");
    file = fopen(path, "r");
    output[fread(output, 1, OUTPUT - 1, file)] = 0;
    fclose(file);
    assert_string_equal(output, text); /* nothing was measured again */
    make_stale(output);
    file = fopen(path, "w");
    fputs(output, file);
    fclose(file);
    expect(measure, 0, "\"kernel\":");
    file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_null(strstr(text, strrchr(output, '|'))); /* what was measured took the place of the stale line */
    assert_non_null(strstr(strrchr(text, '|'), ", "));
    setenv("ATTN_WISDOM", "w.txt", 1);
    expect("doctor --python none", 0, "wisdom        w.txt: 1 entry for this processor and instruction set, 1 kept for others");
    expect("doctor --python none --json", 0, "\"wisdom\":\"w.txt\",\"wisdom_entries\":1,\"wisdom_others\":1");
    unsetenv("ATTN_WISDOM");
    expect("doctor --python none", 0, "wisdom        none: --wisdom FILE or ATTN_WISDOM names a file");
    unlink(path);
    expect("apply --q q.npy --k k.npy --v v.npy --effort measure --wisdom no/such/w.txt", 2,
           "no/such/w.txt: cannot be written: No such file");
}

static void bench_planner_compares_choices_with_the_best_kernel(void **state) {
    static const char *const keys[] = {"pass",         "heads",    "q_len",         "dim",           "best",
                                       "estimate",     "measured", "estimate_loss", "measured_loss", "seconds_best",
                                       "plan_seconds", "repeats",  "medians",       "seed",          "cpu"};
    static char output[OUTPUT];
    (void)state;
    assert_int_equal(run("bench planner --len 2,20 --heads 2 --dim 8 --repeat 2 --limit 1000000 --json", output), 0);
    int shapes = 0;
    for (const char *line = strchr(output, '{'); line != NULL; line = strchr(line + 1, '{')) {
        const char *at = line;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            char key[64];
            snprintf(key, sizeof key, "\"%s\":", keys[i]);
            at = strstr(at, key);
            assert_non_null(at);
        }
        shapes++;
    }
    assert_int_equal(shapes, 4); /* two lengths, forward and forward with backward */
    assert_non_null(strstr(output, "attn: bench planner: measured: mean "));
    assert_int_equal(run("bench planner --len 2 --heads 2 --dim 8 --repeat 2 --limit 1000000", output), 0);
    assert_non_null(strstr(output, "meas. %"));
}

/* The keys of bench kernels, in their order: scripts depend on them. */
static void bench_kernels_prints_its_keys_in_order(void **state) {
    static const char *const keys[] = {"kernel",
                                       "isa",
                                       "dtype",
                                       "pass",
                                       "mask",
                                       "mask_spec",
                                       "batch",
                                       "heads",
                                       "kv_heads",
                                       "q_len",
                                       "kv_len",
                                       "dim",
                                       "v_dim",
                                       "threads",
                                       "area",
                                       "status",
                                       "seconds_median",
                                       "seconds_min",
                                       "seconds_p20",
                                       "seconds_p80",
                                       "repeats",
                                       "gflops",
                                       "fma_peak_gflops",
                                       "fraction_of_peak",
                                       "sgemm_gflops",
                                       "peak_bytes",
                                       "max_error",
                                       "seed",
                                       "cpu",
                                       "compiler",
                                       "version",
                                       "peer"};
    static char output[OUTPUT];
    (void)state;
    assert_int_equal(run("bench kernels --len 64 --dim 8 --heads 2 --repeat 2 --mask causal --pass fwd --json 2>/dev/null", output), 0);
    const char *at = strchr(output, '{');
    assert_non_null(at);
    assert_ptr_equal(strchr(at, '\n'), output + strlen(output) - 1); /* one line */
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char quoted[40];
        snprintf(quoted, sizeof quoted, "%c\"%s\":", i == 0 ? '{' : ',', keys[i]);
        at = strstr(at, quoted);
        if (at == NULL) fail_msg("%s is missing or out of order in %s", quoted, output);
    }
    assert_non_null(strstr(output, "\"status\":\"ok\""));
    assert_non_null(strstr(output, "\"area\":2080,"));
}

static void words_stand_for_what_was_not_measured(void **state) {
    (void)state;
    expect("bench kernels --len 64 --dim 8 --heads 1 --dtype f64 --kernel flash --pass fwd --mask full --json", 0,
           "\"status\":\"unsupported\"");
    expect("bench kernels --len 64 --dim 8 --heads 2 --dtype bf16,f16 --repeat 2 --mask causal --json", 0,
           "\"dtype\":\"bf16\",\"pass\":\"fwd\"");
    expect("bench kernels --len 64 --dim 8 --heads 2 --dtype bf16,f16 --repeat 2 --mask causal --json", 0,
           "\"dtype\":\"f16\",\"pass\":\"bwd\"");
    expect("bench kernels --len 16K --dim 64 --heads 8 --kernel naive --pass fwd --mask full --budget 0.5 --json", 0,
           "\"status\":\"skipped_budget\"");
    expect("bench kernels --len 64 --dim 8 --heads 1 --pass fwd --mask full --repeat 2 --csv", 0, "kernel,isa,dtype,pass,mask,");
}

/* Whole JSON lines in a file; -1 if a line is cut. */
static int json_lines(const char *path) {
    char line[4096];
    int lines = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '{' || strcmp(line + strlen(line) - 2, "}\n") != 0) lines = -1000;
        lines++;
    }
    if (file != NULL) fclose(file);
    return lines;
}

static void an_interrupted_bench_ends_with_130_and_keeps_its_lines(void **state) {
    char *program = getenv("ATTN_PROGRAM"), path[128],
         text[] = "bench kernels --heads 1 --dim 8 --len 32,64,2K --repeat 100 --kernel naive --pass fwd --mask full --json";
    char *argv[32] = {program};
    int argc = 1, status;
    (void)state;
    if (program == NULL || access(program, X_OK) != 0) skip();
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) argv[argc++] = word;
    snprintf(path, sizeof path, "%s/lines", folder);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (freopen(path, "w", stdout) != NULL && freopen("/dev/null", "w", stderr) != NULL) execv(program, argv);
        _exit(127);
    }
    for (int i = 0; i < 6000 && json_lines(path) < 1; i++) usleep(50000); /* a busy machine takes its time */
    assert_int_equal(kill(child, SIGINT), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    assert_in_range(json_lines(path), 1, 2);
    unlink(path);
}

static void an_output_that_cannot_be_written_is_no_success(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    static const char *const commands[] = {"mask causal --len 16", "--version", "bench peak --seconds 0.001 --threads 1 --json"};
    char command[256];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(command, sizeof command, "%s >/dev/full 2>complaint; status=$?; cat complaint; rm complaint; exit $status", commands[i]);
        expect(command, 3, "attn: standard output: writing failed: ");
    }
}

/* A budget far too small for anything: it ends at once and says what was left out. */
static void bench_masks_ends_with_its_budget(void **state) {
    static char output[OUTPUT];
    int lines = 0;
    (void)state;
    assert_int_equal(run("bench masks --len 16K --heads 8 --dim 64 --threads 1 --budget 0.05 --peer none --json 2>/dev/null", output), 0);
    for (const char *at = output; (at = strstr(at, "\"status\":\"skipped_budget\"")) != NULL; at++) lines++;
    assert_int_equal(lines, 24);
}

static void the_torch_peer_is_there_or_says_why_not(void **state) {
    static const char *const suites[] = {
        "bench kernels --len 48 --dim 8 --heads 2 --kv-heads 1 --repeat 2 --mask causal --json --peer torch",
        "bench search --len 300 --dim 7 --top 5 --queries 1,9 --repeat 2 --json --peer torch",
        "bench pointer --batch 2 --heads 4 --kv-heads 2 --len 3 --kv-len 40 --dim 9 --repeat 2 --json --peer torch",
        "bench answer --instances 10 --batch 3,16 --len 6 --tokens 5 --dim 9 --repeat 2 --json --peer torch"};
    static char output[OUTPUT], command[256];
    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        snprintf(command, sizeof command, "%s --python none", suites[i]);
        expect(command, 0, "none: No such file or directory; name a Python with PyTorch by --python or ATTN_PYTHON");
        expect(command, 0, "\"status\":\"unsupported\"");
        expect(command, 0, "\"status\":\"ok\""); /* ours */
    }
    assert_int_equal(run("doctor --json", output), 0);
    if (strstr(output, "\"torch\":null") != NULL) {
        print_message("the comparison with PyTorch is skipped: this python3 (or ATTN_PYTHON) has none\n");
        return;
    }
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        assert_int_equal(run(suites[i], output), 0);
        assert_null(strstr(output, "unsupported"));
        assert_null(strstr(output, "wrong"));
        assert_non_null(strstr(output, "\"peer\":\"torch\""));
    }
}

static void bench_tour_checks_every_method_before_it_times_it(void **state) {
    static char output[OUTPUT];
    int lines = 0;
    (void)state;
    assert_int_equal(run("bench tour --len 1,8,21 --seconds 0.01 --repeat 2 --json 2>/dev/null", output), 0);
    for (const char *at = output; (at = strstr(at, "\"status\":\"ok\"")) != NULL; at++) lines++;
    assert_int_equal(lines, strstr(output, "hull-qhull") != NULL ? 7 * 3 - 1 + 4 * 2 : 7 * 3 - 1 + 2 * 2);
    assert_null(strstr(output, "wrong"));
    expect("bench tour --case hul", 2, "attn: bench tour: --case: there is no case 'hul'; did you mean 'hull'?");
}

/* Five instances in batches of two: the last is one alone. Three points have answers of five tokens at most. */
static void bench_answer_checks_answers_before_it_times_them(void **state) {
    (void)state;
    expect("bench answer --instances 5 --batch 2,8 --len 9 --tokens 4 --dim 7 --threads 1 --repeat 2 --json", 0,
           "{\"kernel\":\"answer\",\"instances\":5,\"batch\":5,\"len\":9,\"tokens\":4,\"tokens_mean\":4,\"dim\":7,\"threads\":1,\"status\":"
           "\"ok\",");
    expect("bench answer --instances 2 --len 3 --dim 4 --tokens 50 --threads 2 --repeat 2 --json", 0,
           "\"batch\":2,\"len\":3,\"tokens\":5,\"tokens_mean\":5,\"dim\":4,\"threads\":2,\"status\":\"ok\",");
    expect("bench answer --instances 7 --batch 3 --len 3 --dim 4 --repeat 2 --json", 0,
           "\"tokens\":5,\"tokens_mean\":5,\"dim\":4,"); /* triangles */
    expect("bench answer --instances 40 --batch 16 --len 20 --dim 5 --repeat 2 --json", 0, "\"status\":\"ok\"");
    expect("bench answer --len 1 --json", 2, "--len");
}

static void doctor_and_peak_answer_in_json(void **state) {
    (void)state;
    expect("doctor --python none --json", 0, "\"torch\":null");
    expect("doctor --python none", 0, "What is chosen, and why:");
    expect("bench peak --seconds 0.001 --threads 1 --json", 0,
           "{\"what\":\"multiply-add\",\"isa\":\"portable\",\"dtype\":\"f32\",\"threads\":1,");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_explains_itself_with_an_example),
        cmocka_unit_test(mistakes_are_named_with_what_was_meant),
        cmocka_unit_test(unfitting_arrays_are_refused_and_leave_no_file),
        cmocka_unit_test(apply_writes_what_was_asked_for_and_nothing_else),
        cmocka_unit_test(bench_kernels_prints_its_keys_in_order),
        cmocka_unit_test(words_stand_for_what_was_not_measured),
        cmocka_unit_test(an_interrupted_bench_ends_with_130_and_keeps_its_lines),
        cmocka_unit_test(an_output_that_cannot_be_written_is_no_success),
        cmocka_unit_test(bench_masks_ends_with_its_budget),
        cmocka_unit_test(the_torch_peer_is_there_or_says_why_not),
        cmocka_unit_test(bench_tour_checks_every_method_before_it_times_it),
        cmocka_unit_test(bench_answer_checks_answers_before_it_times_them),
        cmocka_unit_test(doctor_and_peak_answer_in_json),
        cmocka_unit_test(bench_planner_compares_choices_with_the_best_kernel),
        cmocka_unit_test(wisdom_is_read_used_and_written),
    };
    return cmocka_run_group_tests_name("cli: the program", tests, set_up, tear_down);
}
