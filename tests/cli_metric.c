/* attn metric as a user runs it, and the series of numbers that it reads: values, forms of output, files of every kind, refusals and exit
 * statuses. */
#include "io/npz.h"
#include "support/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 14 };
static char folder[64];
static attn_ctx *ctx;

/* Output of `attn metric ARGUMENTS` in the test's folder, both streams; the exit status. */
static int run(const char *arguments, char *output) {
    char line[4096];
    snprintf(line, sizeof line, "\"$ATTN\" metric %s", arguments);
    return test_shell(folder, line, output, OUTPUT);
}

static void expect(const char *arguments, int status, const char *piece) {
    static char output[OUTPUT];
    const int got = run(arguments, output);
    if (got != status || strstr(output, piece) == NULL)
        fail_msg("attn metric %s: exit %d, expected %d; expected \"%s\" in:\n%s", arguments, got, status, piece, output);
}

static void write_text(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_true(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

enum form { NPY, NPZ, SAFETENSORS };

static void write_array(const char *name, enum form form, enum attn_npy_type type, int64_t count, const void *data) {
    static struct attn_file_writer writer;
    const struct attn_safetensors_source source = {"x", type, 1, &count, data};
    char path[128];
    attn_status status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(attn_file_begin(ctx, NULL, path, &writer), ATTN_OK);
    if (form == NPY)
        status = attn_npy_write(ctx, &writer, type, 1, &count, data);
    else if (form == NPZ)
        status = attn_npz_write(ctx, &writer, &source, 1, true);
    else
        status = attn_safetensors_write(ctx, &writer, NULL, 0, &source, 1);
    if (status == ATTN_OK) status = attn_file_sync(ctx, &writer);
    if (status == ATTN_OK) status = attn_file_commit(ctx, &writer);
    attn_file_abort(&writer);
    assert_true(status == ATTN_OK || status == ATTN_EUNSUPPORTED);
}

static int set_up(void **state) {
    (void)state;
    static const float scores[] = {0.1f, 0.4f, 0.35f, 0.8f};
    static const int64_t labels[] = {0, 0, 1, 1};
    static const uint8_t bytes[] = {0, 0, 1, 1};
    snprintf(folder, sizeof folder, "/tmp/attn-metric-XXXXXX");
    if (mkdtemp(folder) == NULL || attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return -1;
    write_array("scores.npy", NPY, ATTN_NPY_F32, 4, scores);
    write_array("labels.npy", NPY, ATTN_NPY_I64, 4, labels);
    write_array("bytes.npy", NPY, ATTN_NPY_U8, 4, bytes);
    write_array("three.npy", NPY, ATTN_NPY_I64, 3, labels);
    write_array("labels.npz", NPZ, ATTN_NPY_I64, 4, labels);
    write_array("model.safetensors", SAFETENSORS, ATTN_NPY_F32, 4, scores);
    write_text("t.csv",
               "predicted,label,score,nll,tokens,slice\n1,1,0.9,2.5,2,a\n0,1,0.4,1,1,\"b, too\"\n2,0,0.5,3,4,a\n0,0,0.1,0.5,1,c\n");
    write_text("bad.csv", "p,l\n1,1\nx,1\n2\n0,0\n");
    write_text("bare.tsv", "1\t1\n0\t1\n");
    write_text("one.csv", "label\n0\n0\n1\n1\n");
    write_text("bare.csv", "0.5,1\n0.25,1\n");
    write_text("bare.txt", "0.5\n0.25\n");
    write_text("years.csv", "2023,2024\n1,0.5\n1,0.25\n");
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    attn_ctx_destroy(ctx);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void metrics_of_the_columns_of_a_table_are_right(void **state) {
    (void)state;
    expect("accuracy --predictions t.csv:predicted --labels t.csv:label", 0, "0.500000");
    expect("accuracy --predictions t.csv:predicted --labels t.csv:label --json", 0,
           "{\"metric\":\"accuracy\",\"of\":\"all\",\"value\":0.5,\"count\":4,\"bad_rows\":0}\n");
    expect("auc --scores t.csv:score --labels t.csv:2 --json", 0, "\"value\":0.75,");
    expect("perplexity --nll t.csv:nll --json", 0, "\"value\":5.754602676005731,\"count\":4"); /* exp(7 / 4) */
    expect("perplexity --nll t.csv:nll --tokens t.csv:tokens --csv", 0, "metric,of,value,count,bad_rows\nperplexity,all,2.39887529396709");
    expect("perplexity --nll t.csv:nll --tokens t.csv:tokens --bins t.csv:slice --json", 0,
           "\"of\":\"b, too\",\"value\":2.71828182845904"); /* exp(1 / 1) */
    expect("accuracy --predictions bare.tsv:1 --labels bare.tsv:2 --no-header --json", 0, "\"value\":0.5,\"count\":2");
    expect("mse --predictions t.csv:nll --truth t.csv:tokens --json", 0, "\"value\":0.375,\"count\":4");
    expect("mae --predictions t.csv:nll --truth t.csv:tokens --json", 0, "\"value\":0.5,\"count\":4");
}

static void arrays_of_every_file_are_read(void **state) {
    (void)state;
    expect("auc --scores scores.npy --labels labels.npy --json", 0, "\"value\":0.75,\"count\":4");
    expect("auc --scores scores.npy --labels bytes.npy --json", 0, "\"value\":0.75,");
    expect("auc --scores model.safetensors:x --labels one.csv --json", 0, "\"value\":0.75,");
    expect("perplexity --nll scores.npy --bins labels.npy --json", 0, "\"of\":\"1\",\"value\":1.77713");
#if defined(ATTN_HAVE_ZLIB)
    expect("auc --scores scores.npy --labels labels.npz:x --json", 0, "\"value\":0.75,");
#else
    expect("auc --scores scores.npy --labels labels.npz:x", 2, "");
#endif
}

static void bad_rows_are_refused_or_counted(void **state) {
    (void)state;
    expect("accuracy --predictions bad.csv:p --labels bad.csv:l", 2, "attn: bad.csv: line 4, column 1: found 1 cells, expected 2");
    expect("accuracy --predictions bad.csv:p --labels bad.csv:l --skip-bad --json", 0, "\"value\":1,\"count\":2,\"bad_rows\":2");
    expect("accuracy --predictions bad.csv:p --labels bad.csv:l --skip-bad", 0,
           "attn: metric: 2 bad rows left out; the first: bad.csv: line 4");
    expect("accuracy --predictions bad.csv:p --labels three.npy --skip-bad", 2,
           "found 2 bad rows, expected none, as series of another file would not fit any more");
}

static void mistakes_are_named_with_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *piece;
    } cases[] = {
        {"", "attn: metric: its name is missing; see attn metric --help"},
        {"acuracy", "attn: metric: there is no metric 'acuracy'; did you mean 'accuracy'?"},
        {"xyz", "attn: metric: there is no metric 'xyz'; see attn metric --help"},
        {"accuracy", "attn: metric accuracy: --predictions FILE is missing"},
        {"accuracy --predictions t.csv:label", "attn: metric accuracy: --labels FILE is missing"},
        {"accuracy --prediction t.csv:label", "did you mean --predictions"},
        {"accuracy --predictions t.csv --labels t.csv:label", "--predictions t.csv: found 6 columns, expected t.csv:COLUMN"},
        {"accuracy --predictions t.csv:lable --labels t.csv:label", "t.csv: found no column \"lable\"; did you mean \"label\"?"},
        {"accuracy --predictions t.csv:7 --labels t.csv:label", "t.csv: found no column \"7\", expected one of its 6: predicted, label"},
        {"accuracy --predictions t.csv:slice --labels t.csv:label",
         "t.csv: line 2, column 6 (slice): found \"a\", expected a whole number"},
        {"accuracy --predictions none.csv:1 --labels t.csv:label", "none.csv: cannot be read: No such file"},
        {"accuracy --predictions three.npy --labels labels.npy", "--labels labels.npy: found 4 values, expected 3, as --predictions has"},
        {"accuracy --predictions scores.npy --labels labels.npy", "scores.npy: element 0: found 0.1, expected a whole number"},
        {"accuracy --predictions labels.npy:x --labels labels.npy", "found a name behind .npy"},
        {"accuracy --predictions model.safetensors --labels labels.npy", "found no name of an array, expected FILE:NAME"},
        {"auc --scores model.safetensors:y --labels labels.npy", "found no tensor \"y\", expected one of its 1: x"},
        {"auc --scores scores.npy --labels t.csv:predicted", "auc: t.csv: line 4: found 2, expected 0 or 1, a label"},
        {"perplexity --nll t.csv:nll --tokens t.csv:slice", "t.csv: line 2, column 6 (slice): found \"a\", expected a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i].arguments, 2, cases[i].piece);
}

static void every_metric_explains_itself_with_an_example(void **state) {
    (void)state;
    expect("--help", 0, "Example:\n  attn metric accuracy");
    expect("accuracy --help", 0, "Example:\n  attn metric accuracy --predictions answers.csv:predicted");
    expect("auc --help", 0, "--scores FILE");
    expect("perplexity --help", 0, "--bins FILE");
}

static void numbers_in_the_first_line_are_data_and_it_says_so(void **state) {
    (void)state;
    expect("perplexity --nll bare.txt --json", 0, "\"value\":1.4549914146182013,\"count\":2");
    expect("perplexity --nll bare.txt", 0, "attn: bare.txt: line 1: found numbers in the place of names, and takes them for data");
    expect("perplexity --nll bare.csv:1 --tokens bare.csv:2 --json", 0, "\"value\":1.4549914146182013,\"count\":2");
    expect("perplexity --nll bare.csv:x", 2, "found no column \"x\"");
    expect("perplexity --nll bare.txt --no-header 2>&1 >/dev/null | wc -l", 0, "0");
    expect("perplexity --nll years.csv:2024 --json", 0,
           "{\"metric\":\"perplexity\",\"of\":\"all\",\"value\":1.4549914146182013,\"count\":2");
    expect("perplexity --nll years.csv:2024 2>&1 >/dev/null | wc -l", 0, "0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_the_first_line_are_data_and_it_says_so),
        cmocka_unit_test(metrics_of_the_columns_of_a_table_are_right),
        cmocka_unit_test(arrays_of_every_file_are_read),
        cmocka_unit_test(bad_rows_are_refused_or_counted),
        cmocka_unit_test(mistakes_are_named_with_what_was_meant),
        cmocka_unit_test(every_metric_explains_itself_with_an_example),
    };
    return cmocka_run_group_tests_name("cli: metric", tests, set_up, tear_down);
}
