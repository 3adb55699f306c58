/* Plugins: the example is loaded and trained; everything else is refused with what is wrong with it. ATTN_TEST_PLUGINS: the folder of
 * plugins for tests. ATTN_PLUGIN: another build of the example. */
#include "attn_train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { BATCH = 16, TOKENS = 12, VOCABULARY = 5 };

static attn_ctx *context(void) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = 1; /* the model is tiny */
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

/* Of a file in the folder of plugins. */
static void path_of(char path[1024], const char *file) {
    const char *folder = getenv("ATTN_TEST_PLUGINS");
    if (folder)
        snprintf(path, 1024, "%s/%s", folder, file);
    else
        fail_msg("ATTN_TEST_PLUGINS is not set; ctest sets it");
}

static const attn_plugin *open_example(attn_ctx *ctx) {
    const attn_plugin *plugin = NULL;
    const char *given = getenv("ATTN_PLUGIN");
    char path[1024], text[1024];
    path_of(path, "my_mixer.so");
    if (attn_plugin_open(ctx, given ? given : path, &plugin)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    return plugin;
}

static attn_sequence *make(attn_model *model, const attn_plugin *plugin, const char *mixer) {
    attn_sequence_config config;
    attn_sequence_config_init(&config);
    config.vocabulary = VOCABULARY;
    config.width = 16;
    config.layers = 2;
    config.length = TOKENS;
    config.mixer = mixer;
    config.kinds = plugin->mixers;
    config.kind_count = plugin->mixer_count;
    return attn_sequence_make(model, &config);
}

/* The label of a token is the one before it. */
static void draw(int32_t token[BATCH * TOKENS], int32_t label[BATCH * TOKENS], uint32_t *state) {
    for (int i = 0; i < BATCH * TOKENS; i++) {
        *state = *state * 1664525u + 1013904223u;
        token[i] = (int32_t)((*state >> 16) % VOCABULARY);
        label[i] = i % TOKENS < 1 ? -1 : token[i - 1];
    }
}

static double train(attn_model *model, attn_sequence *sequence, int steps, attn_optimizer *optimizer) {
    attn_tape *tape = attn_model_tape(model);
    uint32_t state = 1;
    double last = 0;
    for (int step = 0; step < steps; step++) {
        int32_t token[BATCH * TOKENS], label[BATCH * TOKENS];
        draw(token, label, &state);
        attn_tape_reset(tape);
        attn_tensor *hidden = attn_sequence_hidden(sequence, BATCH, TOKENS, token, true, NULL);
        attn_tensor *loss = attn_cross_entropy(attn_sequence_logits(sequence, hidden), label);
        assert_int_equal(attn_tape_backward(loss), ATTN_OK);
        last = (double)attn_data(loss)[0];
        attn_optimizer_step(optimizer, 0.01);
    }
    return last;
}

static void the_example_learns_what_stood_before(void **state) {
    attn_ctx *ctx = context();
    attn_model *model;
    attn_optimizer_config config;
    attn_optimizer *optimizer;
    (void)state;
    const attn_plugin *plugin = open_example(ctx);
    assert_int_equal(plugin->mixer_count, 1);
    assert_string_equal(plugin->mixers[0]->name, "my_mixer");
    assert_int_equal(attn_model_create(ctx, 3, &model), ATTN_OK);
    attn_sequence *sequence = make(model, plugin, "my_mixer:memory=2");
    assert_non_null(sequence);
    attn_optimizer_config_init(&config);
    assert_int_equal(attn_model_optimizer(model, &config, 0, &optimizer), ATTN_OK);
    assert_true(fabs(train(model, sequence, 1, optimizer) - log(VOCABULARY)) < 0.1); /* knows nothing yet */
    assert_true(train(model, sequence, 300, optimizer) < 0.4 * log(VOCABULARY));
    attn_optimizer_destroy(optimizer);
    attn_model_destroy(model);
    attn_ctx_destroy(ctx);
}

static void options_of_a_plugin_are_checked_like_others(void **state) {
    attn_ctx *ctx = context();
    attn_model *model;
    char text[1024];
    (void)state;
    const attn_plugin *plugin = open_example(ctx);
    assert_int_equal(attn_model_create(ctx, 3, &model), ATTN_OK);
    assert_null(make(model, plugin, "my_mixer:memory=1"));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), "mixer my_mixer: memory=1: expected a number from 2 to 1e+06");
    attn_model_destroy(model);
    attn_ctx_destroy(ctx);
}

static void make_nothing(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    (void)mixer;
    (void)model;
    (void)place;
    (void)option;
}

static attn_tensor *mix_to_fewer_tokens(void *mixer, attn_mixer_call *call) {
    (void)mixer;
    return attn_narrow(call->u, 1, 0, attn_size(call->u, 1) - 1);
}

static attn_tensor *mix_to_nothing(void *mixer, attn_mixer_call *call) {
    (void)mixer;
    (void)call;
    return NULL;
}

static void a_mixer_that_changes_the_shape_is_told_so(void **state) {
    static const attn_mixer_kind kinds[] = {
        {.size = sizeof(attn_mixer_kind), .name = "fewer", .summary = "of a test", .make = make_nothing, .mix = mix_to_fewer_tokens},
        {.size = sizeof(attn_mixer_kind), .name = "nothing", .summary = "of a test", .make = make_nothing, .mix = mix_to_nothing}};
    static const attn_mixer_kind *const list[] = {&kinds[0], &kinds[1]};
    const attn_plugin plugin = {.mixers = list, .mixer_count = 2};
    for (int i = 0; i < 2; i++) {
        attn_ctx *ctx = context();
        attn_model *model;
        int32_t token[BATCH * TOKENS] = {0};
        char text[1024];
        (void)state;
        assert_int_equal(attn_model_create(ctx, 3, &model), ATTN_OK);
        attn_sequence *sequence = make(model, &plugin, kinds[i].name);
        assert_non_null(sequence);
        assert_null(attn_sequence_hidden(sequence, BATCH, TOKENS, token, false, NULL));
        assert_int_equal(attn_tape_status(attn_model_tape(model)), i == 0 ? ATTN_ESHAPE : ATTN_EINVAL);
        attn_ctx_error(ctx, text, sizeof text);
        if (!strstr(text, i == 0 ? "mixer fewer gave [" : "mixer nothing gave no tensor")) fail_msg("found \"%s\"", text);
        attn_model_destroy(model);
        attn_ctx_destroy(ctx);
    }
}

static void expect_refusal(attn_ctx *ctx, const char *path, const char *sentence) {
    const attn_plugin *plugin = NULL;
    char text[1024];
    assert_int_equal(attn_plugin_open(ctx, path, &plugin), ATTN_EINVAL);
    assert_null(plugin);
    if (!strstr(attn_ctx_error(ctx, text, sizeof text), sentence)) fail_msg("%s: \"%s\" lacks \"%s\"", path, text, sentence);
}

static void what_is_no_plugin_of_this_version_is_refused_with_the_reason(void **state) {
    static const struct {
        const char *file, *sentence;
    } broken[] = {
        {"SYMBOL", "it defines no attn_plugin_main"},
        {"CALL", "undefined symbol: attn_there_is_no_such_operator"},
        {"SIZE", "it was built for another version of attn_train.h; this is attn "},
        {"VERSION", "it was built for another version of attn_train.h"},
        {"EMPTY", "it has no mixers"},
        {"NULL", "mixer 1 of 2 is NULL"},
        {"KIND_SIZE", "mixer 0: its size is "},
        {"NAME", "mixer 0: its name must be a word"},
        {"TAKEN", "there is a mixer 'attention' already"},
        {"TWICE", "there is a mixer 'broken' already"},
        {"OPTIONS", "mixer broken: summary, make and mix are needed"},
        {"DEFAULT", "mixer broken: option an option: found the default 2, expected a number from 0 to 1"},
        {"WORD", "mixer broken: option an option: found the default 2, expected a whole number from 0 to 1"},
        {"MIX", "mixer broken: summary, make and mix are needed"},
    };
    attn_ctx *ctx = context();
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char path[1024], file[64];
        snprintf(file, sizeof file, "broken_%s.so", broken[i].file);
        path_of(path, file);
        expect_refusal(ctx, path, broken[i].sentence);
    }
    attn_ctx_destroy(ctx);
}

static void what_is_no_shared_object_is_refused(void **state) {
    static const char text[] = "this is no program";
    char path[] = "/tmp/attn_plugin_XXXXXX";
    attn_ctx *ctx = context();
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, sizeof text), sizeof text);
    close(file);
    expect_refusal(ctx, path, "it cannot be loaded: ");
    unlink(path);
    expect_refusal(ctx, path, "No such file or directory");
    expect_refusal(ctx, "there_is_none.so", "plugin there_is_none.so: No such file or directory");
    expect_refusal(ctx, "/tmp", "it cannot be loaded: ");
    expect_refusal(ctx, "", "No such file or directory");
    assert_int_equal(attn_plugin_open(ctx, NULL, NULL), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

static void a_plain_name_is_one_of_the_current_directory(void **state) {
    char before[4096], path[1024];
    const attn_plugin *plugin = NULL;
    attn_ctx *ctx = context();
    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    path_of(path, "");
    assert_int_equal(chdir(path), 0);
    assert_int_equal(attn_plugin_open(ctx, "my_mixer.so", &plugin), ATTN_OK);
    assert_int_equal(chdir(before), 0);
    assert_string_equal(plugin->mixers[0]->name, "my_mixer");
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_learns_what_stood_before),
        cmocka_unit_test(options_of_a_plugin_are_checked_like_others),
        cmocka_unit_test(a_mixer_that_changes_the_shape_is_told_so),
        cmocka_unit_test(what_is_no_plugin_of_this_version_is_refused_with_the_reason),
        cmocka_unit_test(what_is_no_shared_object_is_refused),
        cmocka_unit_test(a_plain_name_is_one_of_the_current_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
