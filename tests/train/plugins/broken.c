/* Plugins that must be refused: each is this file with another macro. */
#include "attn_train.h"

#if defined(BROKEN_SYMBOL)
extern const attn_plugin attn_another_name;
#define attn_plugin_main attn_another_name
#endif

#if defined(BROKEN_CALL)
attn_tensor *attn_there_is_no_such_operator(attn_tensor *x);
#define attn_relu attn_there_is_no_such_operator
#endif

static void make(void *mixer, attn_model *model, const attn_mixer_place *place, const double *option) {
    (void)mixer;
    (void)model;
    (void)place;
    (void)option;
}

static attn_tensor *mix(void *mixer, attn_mixer_call *call) {
    (void)mixer;
#if defined(BROKEN_LATER)
    return attn_add(call->u, attn_narrow(call->u, 1, attn_size(call->u, 1) - 1, 1));
#else
    return attn_relu(call->u);
#endif
}

#if defined(BROKEN_STEP)
static int64_t state_size(const void *mixer, int64_t tokens) {
    (void)mixer;
    (void)tokens;
    return 0;
}

static attn_tensor *step(void *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    (void)mixer;
    (void)state;
    (void)tokens;
    return attn_relu(position == 5 ? attn_affine(call->u, 2, 0) : call->u);
}
#endif

#if defined(BROKEN_DEFAULT)
static const attn_mixer_option options[] = {{.name = "an option", .meaning = "of no use", .value = 2, .high = 1}};
#elif defined(BROKEN_WORD)
static const char *const words[] = {"a", "b", NULL};
static const attn_mixer_option options[] = {{.name = "an option", .meaning = "of no use", .value = 2, .words = words}};
#else
static const attn_mixer_option options[] = {{.name = "an option", .meaning = "of no use", .high = 1}};
#endif

static const attn_mixer_kind kind = {
#if defined(BROKEN_KIND_SIZE)
    .size = sizeof(attn_mixer_kind) - 8,
#else
    .size = sizeof(attn_mixer_kind),
#endif
#if defined(BROKEN_NAME)
    .name = "two:words",
#elif defined(BROKEN_TAKEN)
    .name = "attention",
#else
    .name = "broken",
#endif
    .summary = "a mixer for tests",
#if defined(BROKEN_OPTIONS)
    .options = NULL,
#else
    .options = options,
#endif
    .option_count = 1,
    .make = make,
#if !defined(BROKEN_MIX)
    .mix = mix,
#endif
#if defined(BROKEN_STEP)
    .state_size = state_size,
    .step = step,
#endif
};

static const attn_mixer_kind *const mixers[] = {
    &kind,
#if defined(BROKEN_TWICE)
    &kind,
#elif defined(BROKEN_NULL)
    NULL,
#endif
};

const attn_plugin attn_plugin_main = {
#if defined(BROKEN_SIZE)
    .size = sizeof(attn_plugin) + 8,
#else
    .size = sizeof(attn_plugin),
#endif
#if defined(BROKEN_VERSION)
    .version = ATTN_VERSION + 100,
#else
    .version = ATTN_VERSION,
#endif
#if !defined(BROKEN_EMPTY)
    .mixers = mixers,
    .mixer_count = sizeof mixers / sizeof *mixers,
#endif
};
