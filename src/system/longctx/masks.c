/* longctx/masks: the benchmark's masks, each in turns with the full one: what is left of the rate per useful FLOP, by a kernel that skips tiles and by one
 * that computes every pair. */
#include "mask/generate.h"
#include "system/longctx/longctx.h"
#include "system/longctx/turns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const passes[] = {"fwd", "bwd", NULL}, *const peers[] = {"none", "materialised", NULL};

static const struct attn_recipe_field fields[] = {
    {"kernel", "flash, flash32, naive; empty: the plan's choice", ATTN_TEXT, "", 0, 0, NULL},
    {"peer", "what computes every pair; none: it is left out", ATTN_WORD, "none", 0, 0, peers},
    {"pass", "forward, or backward alone", ATTN_WORD, "fwd", 0, 0, passes},
    {"tokens", "a multiple of 1024", ATTN_WHOLE, "4096", 1024, 1 << 24, NULL},
    {"heads", "query heads", ATTN_WHOLE, "2", 1, 256, NULL},
    {"kv_heads", "key/value heads", ATTN_WHOLE, "1", 1, 256, NULL},
    {"dim", "head size", ATTN_WHOLE, "64", 1, 1024, NULL},
    {"rounds", "samples of each mask", ATTN_WHOLE, "5", 1, ATTN_TURN_ROUNDS, NULL},
};

static struct attn_timed_spec spec_of(const struct attn_recipe *r) {
    return (struct attn_timed_spec){.kernel = attn_recipe_words(r, "kernel"),
                                    .mask = "full",
                                    .heads = (int32_t)attn_recipe_whole(r, "heads"),
                                    .kv_heads = (int32_t)attn_recipe_whole(r, "kv_heads"),
                                    .dim = (int32_t)attn_recipe_whole(r, "dim"),
                                    .tokens = attn_recipe_whole(r, "tokens"),
                                    .backward = strcmp(attn_recipe_words(r, "pass"), "bwd") == 0,
                                    .seed = (uint64_t)attn_recipe_whole(r, "seed")};
}

static bool has_peer(const struct attn_recipe *r) {
    return strcmp(attn_recipe_words(r, "peer"), "materialised") == 0;
}

/* What came of one mask. */
struct share {
    double area, kept, dense; /* of all pairs; of the full mask's rate, by the kernel and by its peer (NaN: none) */
};

enum { FULL, MASKED, DENSE_FULL, DENSE_MASKED };

static attn_status open_turns(attn_ctx *ctx, const struct attn_recipe *r, const char *mask, struct attn_turns *turns) {
    struct attn_timed_spec spec = spec_of(r);
    attn_status status = attn_turns_add(ctx, &spec, turns);
    spec.mask = mask;
    if (!status) status = attn_turns_add(ctx, &spec, turns);
    if (status || !has_peer(r)) return status;
    spec.kernel = "materialised";
    spec.mask = "full";
    status = attn_turns_add(ctx, &spec, turns);
    spec.mask = mask;
    if (!status) status = attn_turns_add(ctx, &spec, turns);
    return status ? status : attn_timed_compare(ctx, &turns->subject[MASKED], &turns->subject[DENSE_MASKED]);
}

static attn_status measure_mask(attn_ctx *ctx, const struct attn_recipe *r, const char *name, struct attn_halt *halt,
                                struct attn_turns *turns, struct share *out) {
    char *text;
    attn_status status =
        attn_generate_pattern(ctx, name, -1, attn_recipe_whole(r, "tokens"), (uint64_t)attn_recipe_whole(r, "seed"), &text);
    if (status) return status;
    turns->count = 0;
    status = open_turns(ctx, r, text, turns);
    if (!status) status = attn_turns_run(ctx, (int)attn_recipe_whole(r, "rounds"), halt, turns);
    if (!status && !halt->heard) {
        out->area = turns->subject[MASKED].flops / turns->subject[FULL].flops;
        out->kept = out->area * attn_turns_ratio(turns, FULL, MASKED);
        out->dense = has_peer(r) ? out->area * attn_turns_ratio(turns, DENSE_FULL, DENSE_MASKED) : (double)NAN;
    }
    attn_turns_close(turns);
    attn_free(ctx, text);
    return status;
}

static void add(const char *name, const char *mask, double value, struct attn_figures *out) {
    char text[48];
    snprintf(text, sizeof text, "%s_%s", name, mask);
    if (!isnan(value)) attn_figures_add(out, text, value);
}

/* Irregular: neither full nor causal. */
enum { IRREGULAR = ATTN_PATTERN_COUNT - 2 };
static void summarize(const struct share *share, int causal, struct attn_figures *out) {
    double sum = 0, dense = 0, least = (double)INFINITY, ahead = (double)INFINITY;
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++) {
        if (n == causal || isnan(share[n].kept)) continue;
        sum += share[n].kept / IRREGULAR;
        dense += share[n].dense / IRREGULAR;
        least = fmin(least, share[n].kept);
        ahead = fmin(ahead, share[n].kept / share[n].dense);
    }
    attn_figures_add(out, "mean_share", sum);
    attn_figures_add(out, "least_share", least);
    attn_figures_add(out, "causal_share", share[causal].kept);
    if (!isnan(dense)) attn_figures_add(out, "mean_dense", dense);
    if (!isnan(dense)) attn_figures_add(out, "least_ahead", ahead);
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++) {
        add("share", attn_generate_pattern_names[n], share[n].kept, out);
        add("dense", attn_generate_pattern_names[n], share[n].dense, out);
        add("area", attn_generate_pattern_names[n], share[n].area, out);
    }
}

static attn_status measure(attn_ctx *ctx, const struct attn_recipe *r, struct attn_halt *halt, struct attn_figures *out) {
    struct share share[ATTN_PATTERN_COUNT];
    int causal = 0;
    attn_status status = ATTN_OK;
    struct attn_turns *turns = attn_alloc(ctx, sizeof *turns);
    if (!turns) return attn_no_memory(ctx, "times of attention", sizeof *turns);
    for (int n = 0; n < ATTN_PATTERN_COUNT && !status && !halt->heard; n++) {
        const char *name = attn_generate_pattern_names[n];
        share[n] = (struct share){(double)NAN, (double)NAN, (double)NAN};
        if (strcmp(name, "causal") == 0) causal = n;
        if (strcmp(name, "full") != 0) status = measure_mask(ctx, r, name, halt, turns, &share[n]);
    }
    if (!status && !halt->heard) summarize(share, causal, out);
    attn_free(ctx, turns);
    return status;
}

static double seconds(const struct attn_recipe *r) {
    const struct attn_timed_spec spec = spec_of(r);
    const double full = attn_timed_guess(&spec, 1), masked = attn_timed_guess(&spec, 0.4), dense = has_peer(r) ? 3 * full : 0;
    return (ATTN_PATTERN_COUNT - 1) * (full + masked + dense) * (double)(attn_recipe_whole(r, "rounds") + 2);
}

const struct attn_task attn_longctx_masks = {.name = "longctx/masks",
                                             .summary =
                                                 "measured: what the benchmark's masks leave of the full mask's rate per useful FLOP",
                                             .fields = fields,
                                             .field_count = sizeof fields / sizeof fields[0],
                                             .figure = "mean_share",
                                             .along = "tokens",
                                             .panel = "pass",
                                             .measure = measure,
                                             .seconds = seconds};
