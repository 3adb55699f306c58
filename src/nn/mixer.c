/* Mixers by their text: the list of kinds, options, and the calls that check. */
#include "nn/mixer.h"

#include "base/nearest.h"
#include "nn/mixer/heads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64, TEXT = 512, OPTIONS = 16, KINDS = 64 };

static const attn_mixer_kind *const own[] = {
    &attn_mixer_attention, &attn_mixer_baseconv,     &attn_mixer_shortconv, &attn_mixer_longconv, &attn_mixer_hyena,   &attn_mixer_h3,
    &attn_mixer_rwkv,      &attn_mixer_rwkv_channel, &attn_mixer_mamba,     &attn_mixer_sliding,  &attn_mixer_blocked, &attn_mixer_linear,
    &attn_mixer_based,     &attn_mixer_retnet,       &attn_mixer_select,    &attn_mixer_aaren,
};
enum { OWN = sizeof own / sizeof own[0] };

struct attn_mixer {
    const attn_mixer_kind *kind;
    attn_tape *tape;
    void *self;
    int64_t width; /* D */
};

int attn_mixer_count(void) {
    return OWN;
}

const attn_mixer_kind *attn_mixer_at(int index) {
    return index >= 0 && index < OWN ? own[index] : NULL;
}

const void *attn_mixer_self(const attn_mixer *mixer) {
    return mixer->self;
}

const struct attn_softmax *attn_mixer_softmax(const attn_mixer *mixer) {
    return mixer->kind == &attn_mixer_attention || mixer->kind == &attn_mixer_sliding ? mixer->self : NULL;
}

/* -------------------------------------------------------------------------------------------------------- text */

/* The part of layer `layer` in "a:x=1+b". False: longer than TEXT. */
static bool part_of(const char *text, int64_t layer, char part[TEXT]) {
    int64_t parts = 1;
    for (const char *c = text; *c; c++) parts += *c == '+';
    for (int64_t i = layer % parts; i > 0; i--) text = strchr(text, '+') + 1;
    const size_t n = strcspn(text, "+");
    if (n >= TEXT) return false;
    memcpy(part, text, n);
    part[n] = '\0';
    return true;
}

/* Cuts `text` at its first `at` and returns what stands behind; NULL: it has none. */
static char *cut(char *text, char at) {
    char *found = strchr(text, at);
    if (found) *found++ = '\0';
    return found;
}

static const attn_mixer_kind *kind_named(attn_tape *tape, const char *name, const attn_mixer_kind *const *kinds, int count) {
    const char *names[KINDS];
    int n = 0;
    for (int i = 0; i < OWN + count; i++) {
        const attn_mixer_kind *kind = i < OWN ? own[i] : kinds[i - OWN];
        if (strcmp(kind->name, name) == 0) return kind;
        if (n < KINDS) names[n++] = kind->name; /* to be proposed */
    }
    const char *nearest = attn_nearest(name, names, n);
    attn_tape_fail(tape, ATTN_EINVAL, "there is no mixer '%s'%s%s%s", name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
    return NULL;
}

/* Number `index` of the option's words, or its number. NaN: neither. */
static double value_of(const attn_mixer_option *option, const char *text) {
    if (option->words) {
        for (int i = 0; option->words[i]; i++)
            if (strcmp(option->words[i], text) == 0) return i;
        return (double)NAN;
    }
    char *end;
    const double value = strtod(text, &end);
    const bool fits = end != text && *end == '\0' && value >= option->low && value <= option->high;
    return fits && (!option->whole || value == floor(value)) ? value : (double)NAN;
}

static void refuse_value(attn_tape *tape, const char *mixer, const attn_mixer_option *option, const char *value) {
    char words[TEXT] = "";
    if (!option->words) {
        attn_tape_fail(tape, ATTN_EINVAL, "mixer %s: %s=%s: expected a %snumber from %g to %g", mixer, option->name, value,
                       option->whole ? "whole " : "", option->low, option->high);
        return;
    }
    for (int i = 0; option->words[i]; i++) attn_append(words, sizeof words, "%s%s", i > 0 ? ", " : "", option->words[i]);
    attn_tape_fail(tape, ATTN_EINVAL, "mixer %s: %s=%s: expected one of %s", mixer, option->name, value, words);
}

/* One "key=value". */
static void take_option(attn_tape *tape, const attn_mixer_kind *kind, char *text, double *values) {
    const char *names[OPTIONS], *value = cut(text, '=');
    for (int i = 0; i < kind->option_count; i++) {
        names[i] = kind->options[i].name;
        if (strcmp(names[i], text) != 0) continue;
        values[i] = value_of(&kind->options[i], value ? value : "");
        if (isnan(values[i])) refuse_value(tape, kind->name, &kind->options[i], value ? value : "");
        return;
    }
    const char *nearest = attn_nearest(text, names, kind->option_count);
    attn_tape_fail(tape, ATTN_EINVAL, "mixer %s has no option '%s'%s%s%s", kind->name, text, nearest ? "; did you mean '" : "",
                   nearest ? nearest : "", nearest ? "'?" : "");
}

/* The kind and the options of a layer's part of the text, which is cut up. NULL: the tape says why. */
static const attn_mixer_kind *parse(attn_tape *tape, const char *text, int64_t layer, const attn_mixer_kind *const *kinds, int count,
                                    double values[OPTIONS]) {
    char part[TEXT];
    if (!part_of(text, layer, part)) {
        attn_tape_fail(tape, ATTN_EINVAL, "mixer: a layer's text is longer than %d bytes", TEXT - 1);
        return NULL;
    }
    char *options = cut(part, ':');
    const attn_mixer_kind *kind = kind_named(tape, part, kinds, count);
    if (!kind) return NULL;
    if (kind->size != sizeof *kind || kind->option_count > OPTIONS) {
        attn_tape_fail(tape, ATTN_EINVAL, "mixer %s: it was built for another version of attn_train.h", part);
        return NULL;
    }
    for (int i = 0; i < kind->option_count; i++) values[i] = kind->options[i].value;
    for (char *rest; options && !tape->status; options = rest) {
        rest = cut(options, ':');
        take_option(tape, kind, options, values);
    }
    return tape->status ? NULL : kind;
}

attn_status attn_mixer_check(attn_tape *tape, const char *text, const attn_mixer_kind *const *kinds, int count) {
    double values[OPTIONS];
    int64_t layer = 0;
    for (const char *at = text; at && !tape->status;) {
        (void)parse(tape, text, layer++, kinds, count, values);
        at = strchr(at, '+');
        if (at) at++;
    }
    return tape->status;
}

attn_mixer *attn_mixer_make(attn_model *model, const char *text, const attn_mixer_place *place, const attn_mixer_kind *const *kinds,
                            int count) {
    attn_tape *tape = attn_model_tape(model);
    double values[OPTIONS];
    attn_mixer *mixer = attn_model_memory(model, sizeof *mixer);
    const attn_mixer_kind *kind = mixer ? parse(tape, text, place->layer, kinds, count, values) : NULL;
    if (!kind) return NULL;
    *mixer = (attn_mixer){kind, tape, attn_model_memory(model, kind->bytes), place->width};
    if (!mixer->self) return NULL;
    kind->make(mixer->self, model, place, values);
    return tape->status ? NULL : mixer;
}

/* ------------------------------------------------------------------------------------------------------- calls */

const attn_mixer_kind *attn_mixer_kind_of(const attn_mixer *mixer) {
    return mixer->kind;
}

/* Mixers read and keep rows of D numbers without looking again. */
static bool is_sequence(const attn_mixer *mixer, attn_tensor *u) {
    if (!attn_usable(1, &u)) return false;
    if (u->dims == 3 && u->size[2] == mixer->width) return true;
    char text[ATTN_SHAPE_TEXT];
    attn_tape_fail(u->tape, ATTN_ESHAPE, "mixer %s: u must be [B, T, %lld]; it is %s", mixer->kind->name, (long long)mixer->width,
                   attn_shape_text(u, text));
    return false;
}

/* What a mixer gave for u, which others read as tokens of u's shape; a plugin's may be anything. */
static attn_tensor *of_shape(const attn_mixer *mixer, const attn_tensor *u, attn_tensor *y) {
    char text[ATTN_SHAPE_TEXT];
    if (!y && !mixer->tape->status) return attn_tape_fail(mixer->tape, ATTN_EINVAL, "mixer %s gave no tensor", mixer->kind->name);
    if (!y || !attn_usable(1, &y)) return NULL;
    if (y->dims == 3 && memcmp(y->size, u->size, 3 * sizeof *u->size) == 0) return y;
    return attn_tape_fail(mixer->tape, ATTN_ESHAPE, "mixer %s gave %s for u [%lld, %lld, %lld], expected the shape of u", mixer->kind->name,
                          attn_shape_text(y, text), (long long)u->size[0], (long long)u->size[1], (long long)u->size[2]);
}

attn_tensor *attn_mix(attn_mixer *mixer, attn_mixer_call *call) {
    if (!mixer || !is_sequence(mixer, call->u)) return NULL;
    if (mixer->tape->split && !attn_mixer_softmax(mixer))
        return attn_tape_fail(mixer->tape, ATTN_EUNSUPPORTED, "mixer %s: its tokens cannot be split over ranks", mixer->kind->name);
    return of_shape(mixer, call->u, mixer->kind->mix(mixer->self, call));
}

int64_t attn_mixer_state(const attn_mixer *mixer, int64_t tokens) {
    return mixer && mixer->kind->state_size ? mixer->kind->state_size(mixer->self, tokens) : -1;
}

int64_t attn_mixer_paper_state(const attn_mixer *mixer, int64_t tokens) {
    return mixer && mixer->kind->paper_size ? mixer->kind->paper_size(mixer->self, tokens) : attn_mixer_state(mixer, tokens);
}

attn_tensor *attn_mixer_step(attn_mixer *mixer, attn_mixer_call *call, attn_real *state, int64_t tokens, int64_t position) {
    if (!mixer || !is_sequence(mixer, call->u)) return NULL;
    if (!mixer->kind->step)
        return attn_tape_fail(mixer->tape, ATTN_EUNSUPPORTED, "mixer %s has no form that goes token by token", mixer->kind->name);
    if (call->u->size[1] != 1 || position < 0 || position >= tokens)
        return attn_tape_fail(mixer->tape, ATTN_ESHAPE, "mixer %s: %lld tokens at position %lld; a step takes one, at 0 to %lld",
                              mixer->kind->name, (long long)call->u->size[1], (long long)position, (long long)tokens - 1);
    const bool record = mixer->tape->record;
    attn_tape_record(mixer->tape, false);
    attn_tensor *y = mixer->kind->step(mixer->self, call, state, tokens, position);
    attn_tape_record(mixer->tape, record);
    return of_shape(mixer, call->u, y);
}
