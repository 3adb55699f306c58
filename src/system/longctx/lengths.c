/* longctx/lengths: one kernel at lengths that double, in turns: how its rate grows with them; with a peer beside it also from where on, and by how much, it is
 * faster and smaller than scores that are materialised. */
#include "system/longctx/longctx.h"
#include "system/longctx/turns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LENGTHS = ATTN_TURN_SUBJECTS / 2 };

static const char *const passes[] = {"fwd", "bwd", NULL}, *const types[] = {"f32", "bf16", NULL},
                         *const peers[] = {"none", "materialised", NULL};

static const struct attn_recipe_field fields[] = {
    {"kernel", "flash, flash32, flash-pairs, naive; materialised: products of a BLAS and all scores of a head; empty: the plan's choice",
     ATTN_TEXT, "", 0, 0, NULL},
    {"peer", "what is timed in turns with it at every length", ATTN_WORD, "none", 0, 0, peers},
    {"pass", "forward, or backward alone", ATTN_WORD, "fwd", 0, 0, passes},
    {"mask", "a mask's text (attn mask)", ATTN_TEXT, "full", 0, 0, NULL},
    {"dtype", "of all arrays", ATTN_WORD, "f32", 0, 0, types},
    {"heads", "query heads", ATTN_WHOLE, "2", 1, 256, NULL},
    {"kv_heads", "key/value heads", ATTN_WHOLE, "1", 1, 256, NULL},
    {"dim", "head size", ATTN_WHOLE, "64", 1, 1024, NULL},
    {"from", "the shortest length", ATTN_WHOLE, "16", 1, 1 << 24, NULL},
    {"to", "lengths double up to this one", ATTN_WHOLE, "4096", 1, 1 << 24, NULL},
    {"rounds", "samples of each length", ATTN_WHOLE, "7", 1, ATTN_TURN_ROUNDS, NULL},
};

/* How many there are: more than LENGTHS is too many. */
static int lengths_of(const struct attn_recipe *r, int64_t length[LENGTHS]) {
    int count = 0;
    for (int64_t t = attn_recipe_whole(r, "from"); t <= attn_recipe_whole(r, "to"); t *= 2) {
        if (count < LENGTHS) length[count] = t;
        count++;
    }
    return count;
}

static struct attn_timed_spec spec_of(const struct attn_recipe *r, int64_t tokens) {
    return (struct attn_timed_spec){.kernel = attn_recipe_words(r, "kernel"),
                                    .mask = attn_recipe_words(r, "mask"),
                                    .bf16 = strcmp(attn_recipe_words(r, "dtype"), "bf16") == 0,
                                    .heads = (int32_t)attn_recipe_whole(r, "heads"),
                                    .kv_heads = (int32_t)attn_recipe_whole(r, "kv_heads"),
                                    .dim = (int32_t)attn_recipe_whole(r, "dim"),
                                    .tokens = tokens,
                                    .backward = strcmp(attn_recipe_words(r, "pass"), "bwd") == 0,
                                    .seed = (uint64_t)attn_recipe_whole(r, "seed")};
}

static bool has_peer(const struct attn_recipe *r) {
    return strcmp(attn_recipe_words(r, "peer"), "materialised") == 0;
}

/* Subject n is the kernel at length n; behind all of those, its peer. */
static attn_status open_all(attn_ctx *ctx, const struct attn_recipe *r, const int64_t *length, int count, struct attn_turns *turns) {
    const bool peer = has_peer(r);
    attn_status status = ATTN_OK;
    for (int n = 0; n < count && !status; n++) {
        const struct attn_timed_spec spec = spec_of(r, length[n]);
        status = attn_turns_add(ctx, &spec, turns);
    }
    for (int n = 0; n < count && !status && peer; n++) {
        struct attn_timed_spec spec = spec_of(r, length[n]);
        spec.kernel = "materialised";
        status = attn_turns_add(ctx, &spec, turns);
        if (!status && !spec.bf16) status = attn_timed_compare(ctx, &turns->subject[n], &turns->subject[count + n]);
    }
    return status;
}

static void add_length(const char *name, int64_t length, double value, struct attn_figures *out) {
    char text[48];
    snprintf(text, sizeof text, "%s_%lld", name, (long long)length);
    attn_figures_add(out, text, value);
}

/* The rate at length b over that at length a, in the same rounds. */
static double gain(const struct attn_turns *turns, int a, int b) {
    return turns->subject[b].flops / turns->subject[a].flops * attn_turns_ratio(turns, a, b);
}

/* How the rate grows from length to length. */
static void rate_figures(const struct attn_turns *turns, const int64_t *length, int count, struct attn_figures *out) {
    double least = (double)INFINITY;
    for (int n = 1; n < count; n++) least = fmin(least, gain(turns, n - 1, n));
    attn_figures_add(out, "gflops", attn_turns_gflops(turns, count - 1));
    attn_figures_add(out, "rise", gain(turns, 0, count - 1));
    attn_figures_add(out, "first_gain", count > 1 ? gain(turns, 0, 1) : (double)NAN);
    attn_figures_add(out, "last_gain", count > 1 ? gain(turns, count - 2, count - 1) : (double)NAN);
    attn_figures_add(out, "least_gain", count > 1 ? least : (double)NAN);
    for (int n = 0; n < count; n++) add_length("gflops", length[n], attn_turns_gflops(turns, n), out);
}

/* The peer's seconds and bytes over the kernel's. */
static void peer_figures(const struct attn_turns *turns, const int64_t *length, int count, struct attn_figures *out) {
    double slower[LENGTHS], larger[LENGTHS], least = (double)INFINITY, crossover = (double)NAN;
    for (int n = 0; n < count; n++) {
        slower[n] = attn_turns_ratio(turns, count + n, n);
        larger[n] = attn_timed_bytes(&turns->subject[count + n]) / attn_timed_bytes(&turns->subject[n]);
        least = fmin(least, larger[n]);
        crossover = !(slower[n] > 1) ? (double)NAN : isnan(crossover) ? (double)length[n] : crossover;
    }
    attn_figures_add(out, "slower", slower[count - 1]);
    attn_figures_add(out, "crossover", crossover);
    attn_figures_add(out, "larger", larger[count - 1]);
    attn_figures_add(out, "least_larger", least);
    attn_figures_add(out, "larger_gain", count > 1 ? larger[count - 1] / larger[count - 2] : (double)NAN);
    for (int n = 0; n < count; n++) add_length("slower", length[n], slower[n], out);
    for (int n = 0; n < count; n++) add_length("larger", length[n], larger[n], out);
}

static attn_status measure(attn_ctx *ctx, const struct attn_recipe *r, struct attn_halt *halt, struct attn_figures *out) {
    int64_t length[LENGTHS];
    const int count = lengths_of(r, length);
    if (count == 0 || count > LENGTHS)
        return attn_fail(ctx, ATTN_EINVAL, "longctx/lengths: found from=%lld and to=%lld, %d lengths, expected 1 to %d",
                         (long long)attn_recipe_whole(r, "from"), (long long)attn_recipe_whole(r, "to"), count, LENGTHS);
    struct attn_turns *turns = attn_alloc(ctx, sizeof *turns);
    if (!turns) return attn_no_memory(ctx, "times of attention", sizeof *turns);
    turns->count = turns->rounds = 0;
    attn_status status = open_all(ctx, r, length, count, turns);
    if (!status) status = attn_turns_run(ctx, (int)attn_recipe_whole(r, "rounds"), halt, turns);
    if (!status && !halt->heard) rate_figures(turns, length, count, out);
    if (!status && !halt->heard && has_peer(r)) peer_figures(turns, length, count, out);
    attn_turns_close(turns);
    attn_free(ctx, turns);
    return status;
}

static double seconds(const struct attn_recipe *r) {
    int64_t length[LENGTHS];
    const int count = lengths_of(r, length);
    double sum = 0;
    for (int n = 0; n < count && n < LENGTHS; n++) {
        const struct attn_timed_spec spec = spec_of(r, length[n]);
        sum += attn_timed_guess(&spec, 1);
        if (has_peer(r)) sum += 1.5 * attn_timed_guess(&spec, 1);
    }
    return sum * (double)(attn_recipe_whole(r, "rounds") + 2);
}

const struct attn_task attn_longctx_lengths = {.name = "longctx/lengths",
                                               .summary =
                                                   "measured: a kernel's rate at lengths that double, alone or beside materialised scores",
                                               .fields = fields,
                                               .field_count = sizeof fields / sizeof fields[0],
                                               .figure = "gflops",
                                               .along = "to",
                                               .panel = "pass",
                                               .series = "gflops",
                                               .series_axis = "tokens",
                                               .measure = measure,
                                               .seconds = seconds};
