/* A model: its tape, and the parameters on it by name. */
#include "nn/model.h"

#include "base/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 256, DEPTH = 64 };

struct kept_mask {
    attn_mask *mask;
    bool causal; /* attn_model_causal's, of `window` */
    int64_t window;
    struct kept_mask *before;
};

struct attn_model {
    attn_tape *tape;
    uint64_t seed;
    char prefix[NAME];  /* of what is made now, with its point */
    size_t left[DEPTH]; /* its length before each attn_model_enter that has not been left: what was entered may have points itself */
    int depth;
    struct attn_model_entry *first, *newest;
    struct kept_mask *masks;
    int64_t count, elements;
};

attn_status attn_model_create(attn_ctx *ctx, uint64_t seed, attn_model **out) {
    if (!ctx || !out) return attn_fail(ctx, ATTN_EINVAL, "model: context and out must not be NULL");
    attn_model *model = attn_alloc(ctx, sizeof *model);
    if (!model) return attn_no_memory(ctx, "model", sizeof *model);
    *model = (attn_model){.seed = seed};
    const attn_status status = attn_tape_create(ctx, &model->tape);
    if (status) {
        attn_free(ctx, model);
        return status;
    }
    *out = model;
    return ATTN_OK;
}

void attn_model_destroy(attn_model *model) {
    if (!model) return;
    attn_ctx *ctx = model->tape->ctx;
    for (struct kept_mask *m = model->masks; m; m = m->before) attn_mask_destroy(m->mask);
    attn_tape_destroy(model->tape);
    attn_free(ctx, model);
}

attn_tape *attn_model_tape(attn_model *model) {
    return model->tape;
}

void *attn_model_memory(attn_model *model, size_t bytes) {
    if (model->tape->status) return NULL;
    void *memory = attn_arena_take(&model->tape->kept, bytes);
    if (memory) return memset(memory, 0, bytes);
    attn_tape_fail(model->tape, ATTN_ENOMEM, "model: no memory for %zu bytes", bytes);
    return NULL;
}

const attn_mask *attn_model_mask(attn_model *model, attn_mask *mask) {
    struct kept_mask *kept = attn_model_memory(model, sizeof *kept);
    if (!kept) {
        attn_mask_destroy(mask);
        return NULL;
    }
    *kept = (struct kept_mask){.mask = mask, .before = model->masks};
    model->masks = kept;
    return mask;
}

const attn_mask *attn_model_causal(attn_model *model, int64_t before) {
    attn_mask *mask;
    if (model->tape->status) return NULL;
    for (const struct kept_mask *m = model->masks; m; m = m->before) /* layers share it, and what is planned for it */
        if (m->causal && m->window == before) return m->mask;
    const int64_t low = before == ATTN_UNLIMITED ? -ATTN_UNLIMITED : -before;
    model->tape->status = attn_mask_band(model->tape->ctx, low, 0, ATTN_BOTTOM_RIGHT, &mask);
    if (model->tape->status || !attn_model_mask(model, mask)) return NULL;
    model->masks->causal = true;
    model->masks->window = before;
    return mask;
}

/* ------------------------------------------------------------------------------------------------------ names */

void attn_model_enter(attn_model *model, const char *name, ...) {
    char word[NAME];
    va_list args;
    va_start(args, name);
    vsnprintf(word, sizeof word, name, args);
    va_end(args);
    const size_t length = strlen(model->prefix);
    const bool fits = model->depth < DEPTH && length + strlen(word) + 2 <= NAME;
    if (model->depth < DEPTH) model->left[model->depth] = length;
    model->depth++;
    if (fits)
        attn_append(model->prefix, sizeof model->prefix, "%s.", word);
    else
        attn_tape_fail(model->tape, ATTN_EINVAL, "model: names in \"%s%s\" become longer than %d bytes, or more than %d deep",
                       model->prefix, word, NAME, DEPTH);
}

void attn_model_leave(attn_model *model) {
    if (model->depth == 0) return;
    model->depth--;
    if (model->depth < DEPTH) model->prefix[model->left[model->depth]] = '\0';
}

static bool plain(const char *name) {
    const size_t n = strlen(name);
    return n > 0 && n == strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
}

static bool taken(const attn_model *model, const char *name) {
    for (const struct attn_model_entry *e = model->first; e; e = e->next)
        if (strcmp(e->name, name) == 0) return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------- parameters */

attn_tensor *attn_model_parameter(attn_model *model, const char *name, int dims, const int64_t *size) {
    char whole[NAME];
    const int length = snprintf(whole, sizeof whole, "%s%s", model->prefix, name);
    if (length < 0 || length >= NAME || !plain(whole) || taken(model, whole))
        return attn_tape_fail(model->tape, ATTN_EINVAL, "model: parameter \"%s%s\": names are plain words of at most %d bytes, each once",
                              model->prefix, name, NAME - 1);
    attn_tensor *x = attn_parameter(model->tape, dims, size);
    struct attn_model_entry *e = attn_model_memory(model, sizeof *e);
    char *text = attn_model_memory(model, (size_t)length + 1);
    if (!x || !e || !text) return NULL;
    memcpy(text, whole, (size_t)length + 1);
    *e = (struct attn_model_entry){.tensor = x, .name = text, .rate = 1, .decay = 1};
    *(model->newest ? &model->newest->next : &model->first) = e;
    model->newest = e;
    model->count++;
    model->elements += x->count;
    return x;
}

uint64_t attn_model_seed(const attn_model *model) {
    const char *name = model->newest ? model->newest->name : "";
    return attn_hash(attn_hash(ATTN_HASH_START, &model->seed, sizeof model->seed), name, strlen(name));
}

void attn_model_scale(attn_model *model, double rate, double decay) {
    if (!model->newest) return;
    model->newest->rate = rate;
    model->newest->decay = decay;
}

int64_t attn_model_count(const attn_model *model) {
    return model->count;
}

int64_t attn_model_elements(const attn_model *model) {
    return model->elements;
}

const struct attn_model_entry *attn_model_first(const attn_model *model) {
    return model->first;
}

static const struct attn_model_entry *entry_at(const attn_model *model, int64_t index) {
    const struct attn_model_entry *e = index >= 0 ? model->first : NULL;
    for (int64_t i = 0; e && i < index; i++) e = e->next;
    return e;
}

attn_tensor *attn_model_tensor(const attn_model *model, int64_t index) {
    const struct attn_model_entry *e = entry_at(model, index);
    return e ? e->tensor : NULL;
}

const char *attn_model_name(const attn_model *model, int64_t index) {
    const struct attn_model_entry *e = entry_at(model, index);
    return e ? e->name : NULL;
}

/* -------------------------------------------------------------------------------------------------- optimiser */

attn_status attn_model_optimizer(attn_model *model, const attn_optimizer_config *config, double decay, attn_optimizer **out) {
    attn_ctx *ctx = model->tape->ctx;
    if (model->tape->status) return model->tape->status;
    attn_parameter_group *groups = attn_alloc(ctx, (size_t)model->count * sizeof *groups);
    if (!groups) return attn_no_memory(ctx, "groups of parameters", (size_t)model->count * sizeof *groups);
    int64_t count = 0;
    for (struct attn_model_entry *e = model->first; e; e = e->next)
        groups[count++] = (attn_parameter_group){&e->tensor, 1, e->rate, e->decay * decay};
    const attn_status status = attn_optimizer_create(ctx, config, groups, count, out);
    attn_free(ctx, groups);
    return status;
}
