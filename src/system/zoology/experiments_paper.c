/* The paper's own task and budget: a vocabulary of 8192, 100,000 examples, 64 passes, four rates; and all that figure 2 has. */
#include "system/zoology/experiments.h"
#include "system/zoology/zoology.h"

static const char *const rates[] = {"lr=1e-4,4.64e-4,2.154e-3,1e-2", NULL};

/* Two layers of attention, four of the others. */
#define ATTENTION "mixer=attention:dropout=0.1", "layers=2"
#define BASECONV  "mixer=baseconv:kernel=3+baseconv:kernel=-1", "layers=4"
#define HYENA     "mixer=hyena", "layers=4"
#define H3        "mixer=h3", "layers=4"
#define RWKV      "mixer=rwkv", "layers=4"
#define BASED     "mixer=baseconv:kernel=3+based", "layers=4"

/* ---------------------------------------------------------------------------------------------------------- one night */

#define AT_64  "length=64", "pairs=4"
#define AT_128 "length=128", "pairs=8"

static const struct attn_arm night_arms[] = {
    {"attention (64,4) d=64", {ATTENTION, AT_64, "width=64"}},
    {"attention (128,8) d=64", {ATTENTION, AT_128, "width=64"}},
    {"BaseConv (64,4) d=32", {BASECONV, AT_64, "width=32"}},
    {"BaseConv (128,8) d=32", {BASECONV, AT_128, "width=32"}},
    {"BaseConv (64,4) d=64", {BASECONV, AT_64, "width=64"}},
    {"BaseConv (128,8) d=64", {BASECONV, AT_128, "width=64"}},
    {"BaseConv (64,4) d=128", {BASECONV, AT_64, "width=128"}},
    {"BaseConv (128,8) d=128", {BASECONV, AT_128, "width=128"}},
    {"Hyena (64,4) d=64", {HYENA, AT_64, "width=64"}},
    {"Hyena (128,8) d=64", {HYENA, AT_128, "width=64"}},
    {"H3 (64,4) d=64", {H3, AT_64, "width=64"}},
    {"H3 (128,8) d=64", {H3, AT_128, "width=64"}},
    {"RWKV (64,4) d=64", {RWKV, AT_64, "width=64"}},
    {"RWKV (128,8) d=64", {RWKV, AT_128, "width=64"}},
    {"Based (64,4) d=64", {BASED, AT_64, "width=64"}},
    {"Based (128,8) d=64", {BASED, AT_128, "width=64"}},
};
static const char *const night_common[] = {"dropout=0.1", "eval_every=196", "target=0.99", NULL};

const struct attn_experiment attn_zoology_recall_night = {
    .name = "recall",
    .title = "4 pairs in 64 tokens and 8 in 128, vocabulary 8192, 100,000 examples, 64 passes",
    .task = &attn_zoology_mqar,
    .common = night_common,
    .tuning = rates,
    .arms = night_arms,
    .arm_count = sizeof night_arms / sizeof night_arms[0],
    .seeds = 1};

/* ----------------------------------------------------------------------------------------------------------- figure 2 */

/* 7 mixers, 4 widths, 4 lengths and 4 rates: 448 runs. Batches and evaluations, one a pass, are the paper's, as that attention without a window alone has
 * learned positions; a window is an eighth of the tokens. */
#define SIZES_64  "batch=512", "eval_every=196"
#define SIZES_128 "batch=512", "eval_every=196"
#define SIZES_256 "batch=256", "eval_every=391"
#define SIZES_512 "batch=128", "eval_every=782"
/* Micro-batches, so that no model needs more than some gigabytes, and at least 4 processes can share a step. */
#define MICRO_64  "micro_batches=4"
#define MICRO_128 "micro_batches=8"
#define MICRO_256 "micro_batches=16"
#define MICRO_512 "micro_batches=64"
#define GRID_ARM(name, n, d, w, ...)                                                                                                       \
    {                                                                                                                                      \
        name " (" #n "," #d ") d=" #w, {                                                                                                   \
            __VA_ARGS__, "length=" #n, "pairs=" #d, "width=" #w, SIZES_##n, MICRO_##w                                                      \
        }                                                                                                                                  \
    }
#define GRID_WIDTHS(name, n, d, ...)                                                                                                       \
    GRID_ARM(name, n, d, 64, __VA_ARGS__), GRID_ARM(name, n, d, 128, __VA_ARGS__), GRID_ARM(name, n, d, 256, __VA_ARGS__),                 \
        GRID_ARM(name, n, d, 512, __VA_ARGS__)
#define GRID(name, ...)                                                                                                                    \
    GRID_WIDTHS(name, 64, 4, __VA_ARGS__), GRID_WIDTHS(name, 128, 8, __VA_ARGS__), GRID_WIDTHS(name, 256, 16, __VA_ARGS__),                \
        GRID_WIDTHS(name, 512, 64, __VA_ARGS__)
#define WINDOW(window) "mixer=sliding:window=" window, "layers=4"

static const struct attn_arm grid_arms[] = {
    GRID("attention", ATTENTION),
    GRID_WIDTHS("sliding window", 64, 4, WINDOW("8")),
    GRID_WIDTHS("sliding window", 128, 8, WINDOW("16")),
    GRID_WIDTHS("sliding window", 256, 16, WINDOW("32")),
    GRID_WIDTHS("sliding window", 512, 64, WINDOW("64")),
    GRID("BaseConv", BASECONV),
    GRID("Hyena", HYENA),
    GRID("H3", H3),
    GRID("RWKV", RWKV),
    GRID("Based", BASED),
};
static const char *const grid_common[] = {"dropout=0.1", "target=0.99", NULL};

const struct attn_experiment attn_zoology_recall_paper = {
    .name = "figure-2",
    .title = "4 to 64 pairs in 64 to 512 tokens, widths 64 to 512, vocabulary 8192, 100,000 examples, 64 passes",
    .task = &attn_zoology_mqar,
    .common = grid_common,
    .tuning = rates,
    .arms = grid_arms,
    .arm_count = sizeof grid_arms / sizeof grid_arms[0],
    .seeds = 1};
