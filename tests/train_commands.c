/* The training commands as a user runs them, beside what training itself does (tests/train/train_program.c): mistakes in the data and their sentences,
 * models that are evaluated and asked, lists. */
#include "io/npy.h"
#include "support/shell.h"
#include "support/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 16, VOCABULARY = 10, TOKENS = 400 };

static char folder[64], output[OUTPUT];

/* A language model that is trained in a few milliseconds. */
#define LM                                                                                                                                 \
    "$ATTN train lm tokenizer=numbers vocabulary=10 width=8 layers=1 length=8 batch=2 epochs=0 eval_every=0 patience=0 warmup=0 steps=2 "  \
    "--threads 1 "

static void expect(const char *line, int status, const char *piece) {
    const int got = test_shell(folder, line, output, OUTPUT);
    if (got != status || strstr(output, piece) == NULL)
        fail_msg("%s: exit %d, expected %d; expected \"%s\" in:\n%s", line, got, status, piece, output);
}

/* Numbers of tokens [0, below), of which one may be another. */
static void write_tokens(const char *name, int count, int below, int place, int other) {
    char path[128], header[ATTN_NPY_COMPOSED];
    const int64_t shape[] = {count};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(header, 1, attn_npy_compose(header, ATTN_NPY_I32, 1, shape), file);
    for (int i = 0; i < count; i++) {
        const int32_t token = i == place ? other : i * 7 % below;
        fwrite(&token, sizeof token, 1, file);
    }
    assert_int_equal(fclose(file), 0);
}

/* The run "lm" in the store "runs". */
static int set_up(void **state) {
    (void)state;
    test_store_make(folder);
    write_tokens("tokens.npy", TOKENS, VOCABULARY, -1, 0);
    write_tokens("few.npy", 8, VOCABULARY, -1, 0);
    write_tokens("large.npy", TOKENS, VOCABULARY, 3, VOCABULARY);
    write_tokens("negative.npy", TOKENS, VOCABULARY, 5, -1);
    expect(LM "data=tokens.npy --quiet && mv runs/zoology-lm* runs/lm", 0, "");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(folder);
    return 0;
}

static void a_token_outside_the_vocabulary_is_refused_with_its_place(void **state) {
    (void)state;
    expect(LM "data=large.npy", 2, "attn: large.npy: element 3: found 10, expected a token in [0, 10)");
    expect(LM "data=negative.npy", 2, "attn: negative.npy: element 5: found -1, expected a token in [0, 10)");
    expect(LM "data=tokens.npy valid=large.npy", 2, "attn: large.npy: element 3: found 10, expected a token in [0, 10)");
    expect("$ATTN eval lm --data large.npy", 2, "attn: large.npy: element 3: found 10, expected a token in [0, 10)");
    expect("$ATTN eval lm --data negative.npy", 2, "attn: negative.npy: element 5: found -1, expected a token in [0, 10)");
    expect("$ATTN eval lm --bins --data large.npy", 2, "attn: large.npy: element 3: found 10");
    expect("$ATTN eval lm --against lm --data large.npy", 2, "attn: large.npy: element 3: found 10");
}

static void what_changed_since_the_run_is_told_and_the_model_evaluated(void **state) {
    (void)state;
    write_tokens("own.npy", TOKENS, VOCABULARY, -1, 0);
    expect(LM "data=own.npy seed=2 --quiet && mv runs/zoology-lm* runs/own && $ATTN eval own >plain 2>&1; cat plain", 0, "perplexity");
    assert_null(strstr(output, "SHA-256"));
    write_tokens("own.npy", TOKENS, VOCABULARY, 7, 3);
    expect("$ATTN eval own 2>&1 >/dev/null", 0, "attn: runs/own: data own.npy was 1728 bytes of SHA-256 ");
    expect("$ATTN eval runs/own/model.safetensors", 0, "..., now it is 1728 bytes of ");
    expect("cd runs/own && $ATTN eval ./model.safetensors --data ../../tokens.npy 2>&1 | grep -c SHA", 1,
           "0"); /* own.npy is not there: none other */
    expect("$ATTN eval lm --against own 2>&1", 2, "attn: runs/own: data own.npy was ");
    expect("$ATTN predict own --data few.npy --logits l.npy && echo silent", 0, "silent");
    assert_null(strstr(output, "SHA-256")); /* it reads no text */
    expect("$ATTN train --resume own 2>&1", 0, "done");
    expect("mkdir alone && cp runs/lm/model.safetensors alone && echo nothing >alone/recipe.json && $ATTN eval alone/model.safetensors", 0,
           "perplexity");
}

/* Skips where the plugin was not built. */
static void a_plugin_that_changed_or_is_missing_is_named(void **state) {
    const char *plugins = getenv("ATTN_TEST_PLUGINS");
    (void)state;
    if (plugins == NULL) skip();
    expect("cp \"$ATTN_TEST_PLUGINS/my_mixer.so\" mine.so", 0, "");
    expect(LM "data=tokens.npy mixer=my_mixer --plugin mine.so --quiet && mv runs/zoology-lm* runs/mine", 0, "");
    expect("$ATTN eval mine --plugin mine.so | grep -c SHA-256", 1, "0");
    expect("$ATTN eval mine", 2, ", which is not loaded now; --plugin mine.so loads it\nattn: there is no mixer 'my_mixer'");
    expect("$ATTN predict mine </dev/null", 2, ", which is not loaded now; --plugin mine.so loads it\nattn: there is no mixer 'my_mixer'");
    expect("printf x >>mine.so; $ATTN eval mine --plugin mine.so", 0, "attn: runs/mine: the plugin mine.so was ");
    expect("$ATTN predict mine --plugin mine.so --data few.npy --logits l.npy", 0, "attn: runs/mine: the plugin mine.so was ");
}

static void logits_do_not_replace_the_tokens(void **state) {
    (void)state;
    expect("$ATTN predict lm --data tokens.npy --logits ./tokens.npy", 2,
           "attn: predict: --logits ./tokens.npy: expected another file than that of --data, which it would replace");
    expect("wc -c <tokens.npy", 0, "1728");
}

static void a_sweep_says_which_list_of_its_file_the_command_line_replaces(void **state) {
    (void)state;
    expect("echo '{\"width\": [8, 16], \"seed\": [1, 2], \"lr\": 0.5}' >sweep.json && " LM
           "data=tokens.npy --sweep sweep.json width=24 lr=0.1,0.2 --dry-run --json 2>&1 >/dev/null",
           0, "attn: sweep.json: width is replaced by the command line\n");
    assert_null(strstr(output, "lr")); /* no list */
    assert_null(strstr(output, "seed"));
    expect(LM "data=tokens.npy --sweep sweep.json width=24 lr=0.1,0.2 --dry-run", 0, "parameters, 2 steps\n4 recipes\n");
    expect(LM "data=tokens.npy --sweep sweep.json --dry-run | tail -n 1", 0, "2 recipes");
}

static void a_sweep_with_a_mistake_in_a_recipe_trains_none(void **state) {
    (void)state;
    expect(LM "data=tokens.npy mixer=attention,based:feature=8,atention seed=8,9 --store none", 2,
           "attn: mixer=based:feature=8 seed=8: mixer based has no option 'feature'");
    expect(LM "data=tokens.npy mixer=attention,attention+atention seed=8 --store none", 2,
           "there is no mixer 'atention'; did you mean 'attention'?");
    expect(LM "data=tokens.npy mixer=attention,based micro_batches=3 --store none", 2, "recipe: micro_batches=3: expected a power of two");
    expect("ls none", 2, "No such file");
}

static void what_stopped_says_how_it_goes_on(void **state) {
    const char *plugins = getenv("ATTN_TEST_PLUGINS");
    (void)state;
    expect(LM "data=tokens.npy steps=1000000 seed=5 --time-limit 0.2s && false", 130, " goes on with it");
    expect("rm runs/zoology-lm*/checkpoint.safetensors; $ATTN train --resume runs/zoology-lm* --time-limit 0.1s", 130,
           "there is no checkpoint: beginning anew with runs/zoology-lm");
    expect("$ATTN train --resume runs/zoology-lm* --time-limit 0.1s", 130, "going on with runs/zoology-lm");
    expect("rm -r runs/zoology-lm*; " LM "data=tokens.npy steps=1000000 seed=5..8 --time-limit 0.3s --jobs 1 && false", 130,
           "1 recipe stopped, 3 not begun; the same command goes on\n");
    expect("rm -r runs/zoology-lm*; " LM "data=tokens.npy seed=6 steps=1 --store once", 0, ", 1 step, ");
    if (plugins == NULL) skip();
    expect("cp \"$ATTN_TEST_PLUGINS/my_mixer.so\" again.so && " LM
           "data=tokens.npy mixer=my_mixer steps=1000000 --plugin again.so --time-limit 0.2s",
           130, " --plugin again.so goes on with it\n");
    expect("$ATTN train --resume runs/zoology-lm*", 2,
           ", which is not loaded now; --plugin again.so loads it; put back what the run began with");
    expect("rm -r runs/zoology-lm*", 0, "");
}

static void lists_say_what_fields_and_options_take(void **state) {
    (void)state;
    expect("$ATTN systems lm", 0, ", or numbers (bpe|word|character|gpt2|numbers)\n");
    expect("$ATTN systems lm", 0, "not the embedding's (true|false)\n");
    expect("$ATTN systems --mixers", 0, "\n  :heads=1              whole 1 to 1024           heads, which divide the width\n");
    expect(
        "$ATTN systems --mixers --json", 0,
        "{\"mixer\":\"attention\",\"options\":null,\"summary\":null,\"option\":\"heads\",\"default\":\"1\",\"takes\":\"whole 1 to 1024\","
        "\"meaning\":\"heads, which divide the width\"}\n");
    expect("$ATTN systems --mixers --json", 0, "\"option\":\"act\",\"default\":\"none\",\"takes\":\"none|silu\",");
    expect("$ATTN systems --mixers --csv | head -n 1", 0, "mixer,options,summary,option,default,takes,meaning\n");
}

static void examples_of_stacked_recall_are_pairs_then_keys_with_their_values_as_labels(void **state) {
    enum { PAIRS = 3, EXAMPLES = 4, ROWS = 3 * PAIRS };
    int shown[3][ROWS], used = 0, examples = 0;
    (void)state;
    assert_int_equal(test_shell(folder, "$ATTN data stacked pairs=3 passes=2 vocabulary=20 --count 4", output, OUTPUT), 0);
    for (const char *line = output; *line; line = strchr(line, '\n') + 1, examples++) {
        static const char *const names[] = {"{\"keys\": [", "], \"values\": [", "], \"labels\": ["};
        const char *at = line;
        for (int part = 0; part < 3; part++) {
            assert_memory_equal(at, names[part], strlen(names[part]));
            at += strlen(names[part]);
            for (int i = 0; i < ROWS; i++, at += used) assert_int_equal(sscanf(at, i > 0 ? ", %d%n" : "%d%n", &shown[part][i], &used), 1);
        }
        assert_memory_equal(at, "]}\n", 3);
        for (int i = 0; i < 2 * PAIRS; i++) {
            assert_in_range(shown[1][i], 0, 9);
            assert_int_equal(shown[2][i], -1);
        }
        for (int i = 2 * PAIRS; i < ROWS; i++) {
            int pair = 0;
            while (pair < PAIRS && shown[0][pair] != shown[0][i]) pair++;
            assert_true(pair < PAIRS);
            assert_int_equal(shown[1][i], -1);
            assert_int_equal(shown[2][i], shown[1][pair]);
        }
    }
    assert_int_equal(examples, EXAMPLES);
}

static void tasks_have_short_names_and_misspelt_ones_a_proposal(void **state) {
    (void)state;
    expect("$ATTN systems stacked", 0, "zoology/stacked: ");
    expect("$ATTN systems ar_single", 0, "zoology/ar_single: ");
    expect("$ATTN data staked", 2, "attn: there is no task 'staked'; did you mean 'stacked'? attn systems lists them");
    expect("$ATTN train zoology/mqr", 2, "attn: there is no task 'zoology/mqr'; did you mean 'zoology/mqar'?");
    expect("$ATTN systems ar_singel", 2, "did you mean 'ar_single'?");
}

static void what_is_wrong_is_named_with_what_would_do(void **state) {
    (void)state;
    expect("printf '' >empty.txt; yes 'a b c' | head -n 200 >text.txt; "
           "$ATTN train lm data=text.txt valid=empty.txt tokenizer=character length=8 batch=2 steps=2",
           2, "attn: empty.txt: found 0 tokens to evaluate, expected at least 2");
    expect("$ATTN train lm data=tokens.npy", 2,
           "attn: tokens.npy: found an array and tokenizer=bpe, expected tokenizer=numbers vocabulary=N with it");
    expect(LM "data=tokens.npy heads=4", 2,
           "attn: recipe: zoology/lm has no field 'heads', but its mixer has such an option; did you mean 'mixer=attention:heads=...'?");
    expect(LM "data=tokens.npy mixer=mamba heads=4", 2,
           "attn: recipe: zoology/lm has no field 'heads'; attn systems zoology/lm lists its fields\n");
    expect("$ATTN data hull pts=5", 2, "pointer/hull has no field 'pts'; attn systems pointer/hull lists its fields\n");
    expect("$ATTN train hull --zzz 5", 2, "there is no option --zzz; see attn train --help; a field is given as zzz=VALUE\n");
    expect("$ATTN train hull --threads 0", 2, "--threads 0: expected a whole number from 1 to 4096");
    expect("$ATTN predict lm a.csv", 2,
           "attn: predict: found 'a.csv' behind the model, expected one model alone: --input FILE names what is to be answered\n");
    expect(LM "data=tokens.npy mixer=mamba+attention d_state=4", 2, "did you mean 'mixer=mamba:d_state=...'?");
    expect("$ATTN eval lm eval_tokens=0", 2, "attn: eval: found 'eval_tokens=0' behind the model, expected one model alone");
    expect("$ATTN train --resume lm --store elsewhere", 2,
           "there is no run 'lm', neither as a folder nor in the store elsewhere; attn runs lists them, --store DIR names another");
    expect("$ATTN predict lm --data large.npy --logits l.npy", 2,
           "attn: large.npy: found sequences of 400 tokens, expected at most 8, for which the model was made");
    write_tokens("eleven.npy", 8, VOCABULARY, 3, VOCABULARY);
    expect("$ATTN predict lm --data eleven.npy --logits l.npy", 2, "attn: eleven.npy: element 3: found 10, expected a token in [0, 10)");
    expect("$ATTN train mqar vocabulary=64 length=16 pairs=99 steps=1", 2, "99 pairs shown 1 time; ");
    expect("mkdir empty && $ATTN runs --store empty", 0, "attn: runs: empty: there are no runs in it\n");
    expect("mkdir one && cp -r runs/lm one && $ATTN runs --store one --task zoology/mqar", 0,
           "attn: runs: one: none of 1 run meets the conditions\n");
}

static void a_plugin_is_tried_for_what_mixers_promise(void **state) {
    (void)state;
    if (getenv("ATTN_TEST_PLUGINS") == NULL) skip();
    expect("$ATTN systems --mixers --check --plugin $ATTN_TEST_PLUGINS/my_mixer.so --json", 0,
           "{\"mixer\":\"my_mixer\",\"causal\":\"yes\",\"leak\":0,\"token_by_token\":\"equal\",");
    expect("$ATTN systems --mixers --check --plugin $ATTN_TEST_PLUGINS/broken_LATER.so --json", 1, "\"causal\":\"no\"");
    expect("$ATTN systems --mixers --check --plugin $ATTN_TEST_PLUGINS/broken_LATER.so", 1,
           "attn: mixer broken: outputs depend on later tokens: by ");
    expect("$ATTN systems --mixers --check --plugin $ATTN_TEST_PLUGINS/broken_STEP.so", 1, "attn: mixer broken: step and mix differ by ");
    expect("$ATTN systems --mixers --check --plugin $ATTN_TEST_PLUGINS/broken_STEP.so --json", 1,
           "\"causal\":\"yes\",\"leak\":0,\"token_by_token\":\"differs\"");
    expect("$ATTN systems --mixers --check", 2, "attn: systems: --check is of the mixers of plugins: expected --mixers --plugin FILE");
    expect("$ATTN systems --check --plugin x.so", 2, "expected --mixers --plugin FILE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_outside_the_vocabulary_is_refused_with_its_place),
        cmocka_unit_test(what_changed_since_the_run_is_told_and_the_model_evaluated),
        cmocka_unit_test(a_plugin_that_changed_or_is_missing_is_named),
        cmocka_unit_test(logits_do_not_replace_the_tokens),
        cmocka_unit_test(a_sweep_says_which_list_of_its_file_the_command_line_replaces),
        cmocka_unit_test(a_sweep_with_a_mistake_in_a_recipe_trains_none),
        cmocka_unit_test(what_stopped_says_how_it_goes_on),
        cmocka_unit_test(what_is_wrong_is_named_with_what_would_do),
        cmocka_unit_test(a_plugin_is_tried_for_what_mixers_promise),
        cmocka_unit_test(lists_say_what_fields_and_options_take),
        cmocka_unit_test(examples_of_stacked_recall_are_pairs_then_keys_with_their_values_as_labels),
        cmocka_unit_test(tasks_have_short_names_and_misspelt_ones_a_proposal),
    };
    return cmocka_run_group_tests_name("train: commands", tests, set_up, tear_down);
}
