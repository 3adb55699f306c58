#include "train/claim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const attn_scale_names[] = {"smoke", "quick", "full", "night", "paper", NULL};
const char *const attn_verdict_names[] = {"holds", "does not hold", "inconclusive", "not tested at this scale"};

enum { ASSIGNMENTS = 48 };

/* ------------------------------------------------------------------------------------------------------------ recipes */

/* Assignments of one arm: common ones, its own, the seeds, the tuning. */
static int gather(const struct attn_experiment *e, int arm, const char *seeds, const char *all[ASSIGNMENTS]) {
    int count = 0;
    for (int i = 0; e->common && e->common[i]; i++) all[count++] = e->common[i];
    for (int i = 0; i < ATTN_ARM_ASSIGNMENTS && e->arms[arm].assignments[i]; i++) all[count++] = e->arms[arm].assignments[i];
    all[count++] = seeds;
    for (int i = 0; e->tuning && e->tuning[i]; i++) all[count++] = e->tuning[i];
    return count;
}

static attn_status arm_recipes(attn_ctx *ctx, const struct attn_experiment *e, int seeds, int arm, struct attn_sweep *out) {
    const char *all[ASSIGNMENTS];
    char text[32];
    snprintf(text, sizeof text, "seed=1..%d", seeds);
    return attn_sweep_expand(ctx, e->task, NULL, all, gather(e, arm, text, all), out);
}

static int seeds_of(const struct attn_experiment *e, int seeds) {
    const int n = seeds > 0 ? seeds : e->seeds;
    return n < ATTN_CLAIM_SEEDS ? n : ATTN_CLAIM_SEEDS;
}

attn_status attn_experiment_recipes(attn_ctx *ctx, const struct attn_experiment *e, int seeds, struct attn_sweep *out) {
    attn_status status = ATTN_OK;
    *out = (struct attn_sweep){.count = 0};
    for (int arm = 0; arm < e->arm_count && !status; arm++) {
        struct attn_sweep part;
        status = arm_recipes(ctx, e, seeds_of(e, seeds), arm, &part);
        if (status) break;
        status = attn_sweep_join(ctx, out, &part);
        attn_sweep_free(ctx, &part);
    }
    if (status) attn_sweep_free(ctx, out);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ results */

static void take_run(const struct attn_experiment *e, const struct attn_sweep *arm, int64_t index, const struct attn_run_summary *run,
                     struct attn_arm_result *out, double *best) {
    const double figure = attn_figures_get(&run->figures, e->task->figure);
    out->parameters = run->parameters;
    out->seconds += run->seconds;
    if (run->state != ATTN_RUN_DONE) return;
    out->done++;
    attn_version_count_add(&out->versions, run);
    if (!(isnan(*best) || (e->task->lower ? figure < *best : figure > *best))) return;
    *best = figure;
    if (best != out->figure) return;
    char label[sizeof out->best];
    attn_sweep_label(arm, index, label, sizeof label);
    const char *tuning = strncmp(label, "seed=", 5) == 0 ? label + strcspn(label, " ") : label; /* seeds are the first field that varies */
    out->best[0] = '\0';
    attn_append(out->best, sizeof out->best, "%s", *tuning == ' ' ? tuning + 1 : tuning);
}

attn_status attn_experiment_read(attn_ctx *ctx, const struct attn_experiment *e, int seeds, const char *store, struct attn_sources *sources,
                                 int arm, struct attn_arm_result *out) {
    struct attn_sweep sweep;
    const int count = seeds_of(e, seeds);
    bool missing[ATTN_CLAIM_SEEDS] = {false};
    *out = (struct attn_arm_result){.runs = 0};
    for (int i = 0; i < ATTN_CLAIM_SEEDS; i++) out->figure[i] = (double)NAN;
    attn_status status = arm_recipes(ctx, e, count, arm, &sweep);
    if (status) return status;
    const int64_t tunings = sweep.count / count;
    out->runs = sweep.count;
    for (int64_t i = 0; i < sweep.count && !status; i++) {
        struct attn_run_summary run;
        bool found = false;
        status = attn_store_find(ctx, store, attn_sweep_recipe(&sweep, i), sources, &run, &found);
        if (!status && found) take_run(e, &sweep, i, &run, out, &out->figure[i / tunings]);
        if (!found || (run.state != ATTN_RUN_DONE && run.state != ATTN_RUN_FAILED)) missing[i / tunings] = true;
    }
    for (int i = 0; i < count; i++) /* the best of a part of the tuning would favour arms that are further along */
        if (missing[i]) out->figure[i] = (double)NAN;
    out->interval = attn_interval_of(out->figure, count);
    attn_sweep_free(ctx, &sweep);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- verdicts */

static const struct attn_arm_result *arm_named(const struct attn_experiment *e, const struct attn_arm_result *arms, const char *name) {
    for (int i = 0; i < e->arm_count; i++)
        if (strcmp(e->arms[i].name, name) == 0) return &arms[i];
    return NULL;
}

/* The claim's number of one seed. NaN: a run is missing. */
static double number_of(const struct attn_claim *claim, const struct attn_experiment *e, const struct attn_arm_result *arms, int seed) {
    double x[ATTN_CLAIM_ARMS] = {(double)NAN}, least = (double)INFINITY, greatest = -(double)INFINITY, others = greatest, rise = least;
    int count = 0;
    for (; count < ATTN_CLAIM_ARMS && claim->arms[count]; count++) {
        const struct attn_arm_result *arm = arm_named(e, arms, claim->arms[count]);
        x[count] = arm ? arm->figure[seed] : (double)NAN;
        if (isnan(x[count])) return (double)NAN;
        least = fmin(least, x[count]);
        greatest = fmax(greatest, x[count]);
        if (count > 0) others = fmax(others, x[count]);
        if (count > 0) rise = fmin(rise, x[count] - x[count - 1]);
    }
    switch (claim->kind) {
    case ATTN_CLAIM_AT_LEAST:
        return least;
    case ATTN_CLAIM_AT_MOST:
        return -greatest;
    case ATTN_CLAIM_ABOVE:
        return x[0] - others;
    case ATTN_CLAIM_RISING:
        return rise;
    case ATTN_CLAIM_CHECK:
        break;
    }
    return (double)NAN;
}

/* Arms that are all alike, as where all answer everything, are neither above each other nor rising: there a difference of 0 does not reach 0. */
static bool reaches(enum attn_claim_kind kind, double low, double threshold) {
    return kind == ATTN_CLAIM_ABOVE || kind == ATTN_CLAIM_RISING ? low > threshold : low >= threshold;
}

static enum attn_verdict verdict_of(enum attn_claim_kind kind, const struct attn_interval *i, double threshold, double spread) {
    if (i->count == 0 || isnan(i->mean)) return ATTN_INCONCLUSIVE;
    if (i->count == 1) {
        if (spread > 0 && i->mean - threshold > spread) return ATTN_HOLDS;
        return spread > 0 && threshold - i->mean > spread ? ATTN_DOES_NOT_HOLD : ATTN_INCONCLUSIVE;
    }
    return reaches(kind, i->low, threshold) ? ATTN_HOLDS : i->high < threshold ? ATTN_DOES_NOT_HOLD : ATTN_INCONCLUSIVE;
}

static void conclude(const struct attn_claim *claim, enum attn_scale scale, struct attn_claim_result *out) {
    out->surprise = out->verdict != claim->at[scale].expected;
}

void attn_claim_judge(const struct attn_claim *claim, enum attn_scale scale, const struct attn_arm_result *arms, int seeds,
                      struct attn_claim_result *out) {
    const struct attn_experiment *e = claim->at[scale].experiment;
    double x[ATTN_CLAIM_SEEDS];
    const int count = seeds_of(e, seeds);
    for (int i = 0; i < count; i++) x[i] = number_of(claim, e, arms, i);
    out->interval = attn_interval_of(x, count);
    out->verdict = verdict_of(claim->kind, &out->interval, claim->threshold, claim->at[scale].spread);
    conclude(claim, scale, out);
}

void attn_claim_judge_value(const struct attn_claim *claim, enum attn_scale scale, double value, struct attn_claim_result *out) {
    out->interval = (struct attn_interval){1, value, 0, value, value};
    out->verdict = isnan(value) ? ATTN_INCONCLUSIVE : value >= claim->threshold ? ATTN_HOLDS : ATTN_DOES_NOT_HOLD;
    conclude(claim, scale, out);
}
