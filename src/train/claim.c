#include "train/claim.h"

#include "base/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const attn_scale_names[] = {"smoke", "quick", "full", "night", "paper", NULL};
const char *const attn_verdict_names[] = {"holds", "does not hold", "inconclusive", "not tested at this scale"};

enum { ASSIGNMENTS = 48, FILES = 4 };

/* ------------------------------------------------------------------------------------------------------------ recipes */

/* The path of the file that "data=NAME" names. False: there is no folder of data, or the path is too long. */
static bool file_path(const char *file, char path[ATTN_FILE_PATH]) {
    const char *folder = getenv("ATTN_DATA");
    return folder && folder[0] && snprintf(path, ATTN_FILE_PATH, "%s/%s", folder, strchr(file, '=') + 1) < ATTN_FILE_PATH;
}

bool attn_experiment_has_data(const struct attn_experiment *e, char *missing, size_t size) {
    const char *folder = getenv("ATTN_DATA");
    for (int i = 0; e->files && e->files[i]; i++) {
        char path[ATTN_FILE_PATH];
        const char *name = strchr(e->files[i], '=') + 1;
        if (file_path(e->files[i], path) && attn_path_exists(path)) continue;
        if (folder && folder[0])
            snprintf(missing, size, "%s has no %s", folder, name);
        else
            snprintf(missing, size, "ATTN_DATA is not set, expected a folder with %s", name);
        return false;
    }
    return true;
}

/* Assignments of one arm: common ones, files, its own, the seeds, the tuning. */
struct assignments {
    const char *all[ASSIGNMENTS];
    int count;
    char seeds[32], files[FILES][2 * ATTN_FILE_PATH + 64];
};

/* data="PATH", with two quotes for each in the path, as attn_sweep_assign reads it. */
static void assign_path(const char *file, const char *path, char *out, size_t size) {
    int n = snprintf(out, size, "%.*s=\"", (int)strcspn(file, "="), file);
    for (const char *c = path; *c; c++) {
        if (*c == '"') out[n++] = '"';
        out[n++] = *c;
    }
    memcpy(out + n, "\"", 2);
}

static attn_status gather(attn_ctx *ctx, const struct attn_experiment *e, int arm, int seeds, struct assignments *a) {
    a->count = 0;
    snprintf(a->seeds, sizeof a->seeds, "seed=1..%d", seeds);
    for (int i = 0; e->common && e->common[i]; i++) a->all[a->count++] = e->common[i];
    for (int i = 0; i < FILES && e->files && e->files[i]; i++) {
        char path[ATTN_FILE_PATH];
        if (!file_path(e->files[i], path))
            return attn_fail(ctx, ATTN_EINVAL, "%s: ATTN_DATA names no folder, expected that of %s", e->name, e->files[i]);
        assign_path(e->files[i], path, a->files[i], sizeof a->files[i]);
        a->all[a->count++] = a->files[i];
    }
    for (int i = 0; i < ATTN_ARM_ASSIGNMENTS && e->arms[arm].assignments[i]; i++) a->all[a->count++] = e->arms[arm].assignments[i];
    a->all[a->count++] = a->seeds;
    for (int i = 0; e->tuning && e->tuning[i]; i++) a->all[a->count++] = e->tuning[i];
    return ATTN_OK;
}

static attn_status arm_recipes(attn_ctx *ctx, const struct attn_experiment *e, int seeds, int arm, struct attn_sweep *out) {
    struct assignments a;
    const attn_status status = gather(ctx, e, arm, seeds, &a);
    return status ? status : attn_sweep_expand(ctx, e->task, NULL, a.all, a.count, out);
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

/* The newest run of a recipe, one that is done before one that is not, as attn_store_find; NULL: there is none. */
static attn_status find_run(attn_ctx *ctx, const struct attn_run_views *runs, const struct attn_recipe *recipe,
                            struct attn_sources *sources, const struct attn_run_summary **out) {
    int64_t at = -1;
    char *text = attn_recipe_text(recipe);
    attn_status status = text ? ATTN_OK : ATTN_ENOMEM;
    *out = NULL;
    for (int64_t i = 0; i < runs->count && !status; i++) {
        const struct attn_run_summary *run = runs->at[i].summary;
        if (*out && (*out)->state == ATTN_RUN_DONE && run->state != ATTN_RUN_DONE) continue;
        if (!attn_recipe_is(recipe, text, runs->at[i].recipe)) continue;
        status = attn_store_check_sources(ctx, run->folder, recipe, sources);
        if (status == ATTN_EINVAL) { /* made of other files than there are now */
            status = ATTN_OK;
            continue;
        }
        *out = run;
        at = i;
    }
    if (at >= 0 && runs->used) runs->used[at] = true;
    attn_free(ctx, text);
    return status;
}

double attn_tuning_best(const struct attn_run_summary *const *runs, int64_t count, const char *figure, bool lower, int64_t *index) {
    double best = (double)NAN;
    *index = -1;
    for (int64_t i = 0; i < count; i++)
        if (!runs[i] || (runs[i]->state != ATTN_RUN_DONE && runs[i]->state != ATTN_RUN_FAILED)) return best;
    for (int64_t i = 0; i < count; i++) {
        const double value = runs[i]->state == ATTN_RUN_DONE ? attn_figures_get(&runs[i]->figures, figure) : (double)NAN;
        if (isnan(value) || !(isnan(best) || (lower ? value < best : value > best))) continue;
        best = value;
        *index = i;
    }
    return best;
}

/* Finds the runs of an arm's recipes. */
static attn_status find_runs(attn_ctx *ctx, const struct attn_sweep *sweep, const struct attn_run_views *runs, struct attn_sources *sources,
                             const struct attn_run_summary **found, struct attn_arm_result *out) {
    out->runs = sweep->count;
    for (int64_t i = 0; i < sweep->count; i++) {
        const attn_status status = find_run(ctx, runs, attn_sweep_recipe(sweep, i), sources, &found[i]);
        if (status) return status;
        if (!found[i]) continue;
        out->parameters = attn_max64(out->parameters, found[i]->parameters); /* 0: it failed before it had any */
        out->seconds += found[i]->seconds;
        out->failed += found[i]->state == ATTN_RUN_FAILED;
        if (found[i]->state != ATTN_RUN_DONE) continue;
        out->done++;
        attn_version_count_add(&out->versions, found[i]);
    }
    return ATTN_OK;
}

/* What was tuned: seeds are the first field that varies. */
static void name_tuning(const struct attn_sweep *sweep, int64_t index, char *text, size_t size) {
    char label[128];
    attn_sweep_label(sweep, index, label, sizeof label);
    const char *tuning = strncmp(label, "seed=", 5) == 0 ? label + strcspn(label, " ") : label;
    text[0] = '\0';
    attn_append(text, size, "%s", *tuning == ' ' ? tuning + 1 : tuning);
}

attn_status attn_experiment_read(attn_ctx *ctx, const struct attn_experiment *e, int seeds, const struct attn_run_views *runs,
                                 struct attn_sources *sources, int arm, struct attn_arm_result *out) {
    struct attn_sweep sweep;
    const int count = seeds_of(e, seeds);
    *out = (struct attn_arm_result){.runs = 0};
    for (int i = 0; i < ATTN_CLAIM_SEEDS; i++) out->figure[i] = (double)NAN;
    attn_status status = arm_recipes(ctx, e, count, arm, &sweep);
    if (status) return status;
    out->recipe = *attn_sweep_recipe(&sweep, 0);
    const size_t bytes = (size_t)sweep.count * sizeof(const struct attn_run_summary *);
    const struct attn_run_summary **found = attn_alloc(ctx, bytes);
    status = found ? find_runs(ctx, &sweep, runs, sources, found, out) : attn_no_memory(ctx, "the runs of an experiment", bytes);
    const int64_t tunings = sweep.count / count;
    for (int i = 0; i < count && !status; i++) {
        int64_t best;
        out->figure[i] = attn_tuning_best(found + i * tunings, tunings, e->task->figure, e->task->lower, &best);
        if (best >= 0) out->figures[i] = found[i * tunings + best]->figures;
        if (best >= 0 && e->task->references)
            status = e->task->references(ctx, attn_sweep_recipe(&sweep, i * tunings + best), &out->figures[i]);
        if (i > 0 || best < 0) continue;
        name_tuning(&sweep, best, out->best, sizeof out->best);
        memcpy(out->folder, found[best]->folder, sizeof out->folder);
    }
    out->interval = attn_interval_of(out->figure, count);
    attn_free(ctx, found);
    attn_sweep_free(ctx, &sweep);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- verdicts */

/* Whether a term before this one has its arm. */
static bool named_before(const struct attn_claim *claim, int sum, const struct attn_claim_term *term) {
    for (int i = 0; i <= sum; i++)
        for (const struct attn_claim_term *t = claim->sums[i]; t->arm && t != term; t++)
            if (strcmp(t->arm, term->arm) == 0) return true;
    return false;
}

const char *attn_claim_arm(const struct attn_claim *claim, int index) {
    if (claim->kind != ATTN_CLAIM_SUMS) return index < ATTN_CLAIM_ARMS ? claim->arms[index] : NULL;
    for (int i = 0; claim->sums[i]; i++)
        for (const struct attn_claim_term *t = claim->sums[i]; t->arm; t++)
            if (!named_before(claim, i, t) && index-- == 0) return t->arm;
    return NULL;
}

bool attn_claim_lower(const struct attn_claim *claim, const struct attn_experiment *experiment) {
    return claim->figure ? claim->lower : experiment->task->lower;
}

static const struct attn_arm_result *arm_named(const struct attn_experiment *e, const struct attn_arm_result *arms, const char *name) {
    for (int i = 0; i < e->arm_count; i++)
        if (strcmp(e->arms[i].name, name) == 0) return &arms[i];
    return NULL;
}

/* A figure of an arm's best run. NaN: there is none. */
static double figure_of(const struct attn_experiment *e, const struct attn_arm_result *arms, const char *name, const char *figure,
                        int seed) {
    const struct attn_arm_result *arm = arm_named(e, arms, name);
    if (!arm || isnan(arm->figure[seed])) return (double)NAN;
    return figure ? attn_figures_get(&arm->figures[seed], figure) : arm->figure[seed];
}

static double least_sum(const struct attn_claim *claim, const struct attn_experiment *e, const struct attn_arm_result *arms, int seed) {
    double least = (double)INFINITY;
    for (int i = 0; claim->sums[i]; i++) {
        double sum = 0;
        for (const struct attn_claim_term *t = claim->sums[i]; t->arm; t++)
            sum += t->weight * figure_of(e, arms, t->arm, t->figure ? t->figure : claim->figure, seed);
        if (isnan(sum)) return sum;
        least = fmin(least, sum);
    }
    return least;
}

/* The claim's number of one seed. NaN: a run is missing. */
static double number_of(const struct attn_claim *claim, const struct attn_experiment *e, const struct attn_arm_result *arms, int seed) {
    double first = (double)NAN, before = first, least = (double)INFINITY, greatest = -(double)INFINITY, others = greatest, rise = least;
    const double better = attn_claim_lower(claim, e) ? -1 : 1;
    for (int i = 0; i < ATTN_CLAIM_ARMS && claim->arms[i]; i++) {
        const double x = figure_of(e, arms, claim->arms[i], claim->figure, seed);
        if (isnan(x)) return x;
        least = fmin(least, x);
        greatest = fmax(greatest, x);
        if (i > 0) others = fmax(others, better * x);
        if (i > 0) rise = fmin(rise, better * (x - before));
        if (i == 0) first = better * x;
        before = x;
    }
    switch (claim->kind) {
    case ATTN_CLAIM_AT_LEAST:
        return least;
    case ATTN_CLAIM_AT_MOST:
        return -greatest;
    case ATTN_CLAIM_ABOVE:
        return first - others;
    case ATTN_CLAIM_RISING:
        return rise;
    case ATTN_CLAIM_SUMS:
        return least_sum(claim, e, arms, seed);
    case ATTN_CLAIM_CHECK:
        break;
    }
    return (double)NAN;
}

/* Arms that are all alike, as where all answer everything, are neither above each other nor rising: there a difference of 0 does not reach 0. */
static bool reaches(enum attn_claim_kind kind, double low, double threshold) {
    return kind == ATTN_CLAIM_AT_LEAST || kind == ATTN_CLAIM_AT_MOST ? low >= threshold : low > threshold;
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
