/* The claims of the paper, and the experiments on which they are measured. Thresholds are the paper's statements; learning rates of the quick scale were
 * fixed by the sweep of the full one before its seeds were looked at. */
#include "system/zoology/claims.h"

#include "system/zoology/hand_built.h"
#include "system/zoology/zoology.h"

#include <math.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------------------- checks */

static attn_status hand_built(attn_ctx *ctx, double *value) {
    static const struct attn_mqar tasks[] = {
        {8192, 64, 4, 1, 0.01, false}, {8192, 128, 8, 1, 0.01, false}, {8192, 256, 16, 1, 0.01, false}, {8192, 512, 64, 1, 0.01, false}};
    int64_t right = 0, questions = 0;
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        int64_t some, asked;
        const attn_status status = attn_hand_built_recall(ctx, &tasks[i], 1, 0, 8, &some, &asked);
        if (status) return status;
        right += some;
        questions += asked;
    }
    *value = (double)right / (double)questions;
    return ATTN_OK;
}

/* Two steps and an evaluation. */
static attn_status try_mixer(attn_ctx *ctx, const char *mixer) {
    static const char *const small[] = {"vocabulary=64", "length=16", "pairs=4",          "width=16",
                                        "batch=8",       "steps=2",   "train_examples=0", "test_examples=8"};
    enum { SMALL = sizeof small / sizeof small[0] };
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_figures figures = {.count = 0};
    char text[128] = "";
    attn_status status = attn_task_recipe(ctx, &attn_zoology_mqar, &recipe);
    if (status) return status;
    attn_append(text, sizeof text, "mixer=%s", mixer);
    status = attn_recipe_set(recipe, text);
    for (int i = 0; i < SMALL && !status; i++) status = attn_recipe_set(recipe, small[i]);
    if (!status) {
        status = attn_job_open(ctx, &attn_zoology_mqar, recipe, NULL, 0, NULL, &job);
        for (int64_t step = 0; step < 2 && !status; step++) {
            attn_tape_reset(attn_model_tape(job.model));
            attn_tensor *loss = attn_zoology_mqar.loss(&job, step, 0, 1);
            status = loss ? attn_tape_backward(loss) : attn_tape_status(attn_model_tape(job.model));
        }
        if (!status) status = attn_zoology_mqar.evaluate(&job, NULL, &figures);
        attn_job_close(&job);
    }
    attn_free(ctx, recipe);
    if (!status && !isfinite(attn_figures_get(&figures, "loss")))
        status = attn_fail(ctx, ATTN_EINVAL, "mixer %s: the loss is no number", mixer);
    return status;
}

static attn_status every_mixer_runs(attn_ctx *ctx, double *value) {
    int good = 0;
    for (int i = 0; i < attn_mixer_count(); i++) {
        const attn_status status = try_mixer(ctx, attn_mixer_at(i)->name);
        if (status == ATTN_ENOMEM || status == ATTN_ESYSTEM) return status;
        good += status == ATTN_OK;
    }
    *value = (double)good / attn_mixer_count();
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- experiments */

/* A short convolution first, then the mixer: what the setting of the paper's repository gives to every mixer, so that none has to learn a shift. */
#define BEHIND "mixer=baseconv:kernel=3+"

static const struct attn_arm behind_arms[] = {
    {"attention", {BEHIND "attention"}},
    {"Based f=4", {BEHIND "based:f=4"}},
    {"Based f=8", {BEHIND "based:f=8"}},
    {"Based f=16", {BEHIND "based:f=16"}},
    {"sliding window 4", {BEHIND "sliding:window=4"}},
    {"sliding window 16", {BEHIND "sliding:window=16"}},
    {"BaseConv long", {BEHIND "baseconv:kernel=-1"}},
    {"Hyena", {BEHIND "hyena"}},
    {"H3", {BEHIND "h3"}},
    {"RWKV", {BEHIND "rwkv"}},
};
enum { BEHIND_ARMS = sizeof behind_arms / sizeof behind_arms[0] };

static const char *const behind_common[] = {"vocabulary=256",   "length=32",    "pairs=8",    "width=32",
                                            "layers=2",         "batch=64",     "steps=2000", "schedule=constant",
                                            "train_examples=0", "positions=no", NULL};
static const char *const two_rates[] = {"lr=2e-3,5e-3", NULL};
static const char *const one_rate[] = {"lr=5e-3", NULL};

static const struct attn_experiment behind_quick = {
    .name = "behind-a-convolution",
    .title = "A mixer behind a short convolution: 8 pairs in 32 tokens, width 32, 2000 steps of 64",
    .task = &attn_zoology_mqar,
    .common = behind_common,
    .tuning = one_rate,
    .arms = behind_arms,
    .arm_count = BEHIND_ARMS,
    .seeds = 3};
static const struct attn_experiment behind_full = {
    .name = "behind-a-convolution",
    .title = "A mixer behind a short convolution: 8 pairs in 32 tokens, width 32, 2000 steps of 64",
    .task = &attn_zoology_mqar,
    .common = behind_common,
    .tuning = two_rates,
    .arms = behind_arms,
    .arm_count = BEHIND_ARMS,
    .seeds = 3};

/* --------------------------------------------------------------------------------------------------------------- claims */

const struct attn_claim attn_zoology_claims[ATTN_ZOOLOGY_CLAIMS] = {
    {.name = "set-weights-recall",
     .sentence = "Two layers of attention solve recall with parameters that do not grow with the length",
     .place = "prop. 4.3",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = hand_built,
     .at = {[ATTN_SMOKE] = {.tested = true}, [ATTN_QUICK] = {.tested = true}, [ATTN_FULL] = {.tested = true}}},
    {.name = "every-mixer-runs",
     .sentence = "(no claim of the paper: every mixer trains two steps and is evaluated)",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = every_mixer_runs,
     .at = {[ATTN_SMOKE] = {.tested = true}}},
    {.name = "attention-recalls",
     .sentence = "Attention solves multi-query recall",
     .place = "fig. 2, sec. 4",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"attention"},
     .threshold = 0.99,
     .at = {[ATTN_QUICK] = {.experiment = &behind_quick}, [ATTN_FULL] = {.experiment = &behind_full}}},
    {.name = "convolution-does-not",
     .sentence = "Gated convolutions with filters that do not depend on the input fall short at the same width",
     .place = "fig. 2, claim 1",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"BaseConv long"},
     .threshold = -0.5,
     .at = {[ATTN_QUICK] = {.experiment = &behind_quick}, [ATTN_FULL] = {.experiment = &behind_full}}},
    {.name = "attention-above-all",
     .sentence = "Every other mixer is at least 0.3 below attention",
     .place = "fig. 2",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"attention", "BaseConv long", "Hyena", "H3", "RWKV"},
     .threshold = 0.3,
     .at = {[ATTN_QUICK] = {.experiment = &behind_quick}, [ATTN_FULL] = {.experiment = &behind_full}}},
    {.name = "recall-grows-with-state",
     .sentence = "Linear attention recalls the more, the larger its state",
     .place = "Based (Arora et al. 2024)",
     .kind = ATTN_CLAIM_RISING,
     .arms = {"Based f=4", "Based f=8", "Based f=16"},
     .threshold = 0,
     .at = {[ATTN_QUICK] = {.experiment = &behind_quick}, [ATTN_FULL] = {.experiment = &behind_full}}},
    {.name = "windows-reach-no-further",
     .sentence = "A sliding window recalls what lies within it: more with 16 tokens than with 4, and less than attention",
     .place = "app. E",
     .kind = ATTN_CLAIM_RISING,
     .arms = {"sliding window 4", "sliding window 16", "attention"},
     .threshold = 0.1,
     .at = {[ATTN_QUICK] = {.experiment = &behind_quick}, [ATTN_FULL] = {.experiment = &behind_full}}},
};
