/* Experiments of minutes to hours. The rates of the quick scale were fixed on trial runs of seed 1, which is judged again: of attention, Based and BaseConv in
 * one layer (600 steps at 2e-3 and 5e-3), and of all arms but the selected ones behind a convolution (2000 steps at the same two). The seeds 2 and 3 had not been
 * seen. */
#include "system/zoology/experiments.h"
#include "system/zoology/zoology.h"

/* One layer alone, key and value at one position: 32 pairs, two widths. */
#define STACKED_ARM(mixer, width)                                                                                                          \
    { "mixer=" mixer, "width=" width }
static const struct attn_arm stacked_arms[] = {
    {"attention 32", STACKED_ARM("attention", "32")},
    {"attention 64", STACKED_ARM("attention", "64")},
    {"Based 32", STACKED_ARM("based", "32")},
    {"Based 64", STACKED_ARM("based", "64")},
    {"BaseConv 32", STACKED_ARM("baseconv:kernel=-1", "32")},
    {"BaseConv 64", STACKED_ARM("baseconv:kernel=-1", "64")},
    {"Hyena 64", STACKED_ARM("hyena", "64")},
    {"H3 64", STACKED_ARM("h3", "64")},
    {"RWKV 64", STACKED_ARM("rwkv", "64")},
};
enum { STACKED_ARMS = sizeof stacked_arms / sizeof stacked_arms[0] };

static const char *const stacked_quick_common[] = {"pairs=32", "steps=600", NULL};
static const char *const stacked_full_common[] = {"pairs=32", "steps=2000", NULL};
static const char *const rate_quick[] = {"lr=2e-3", NULL};
static const char *const rates_full[] = {"lr=1e-3,2e-3,5e-3", NULL};

const struct attn_experiment attn_zoology_stacked_quick = {.name = "one-layer",
                                                           .title =
                                                               "One layer, 32 pairs of key and value at one position, 600 steps of 128",
                                                           .task = &attn_zoology_stacked,
                                                           .common = stacked_quick_common,
                                                           .tuning = rate_quick,
                                                           .arms = stacked_arms,
                                                           .arm_count = STACKED_ARMS,
                                                           .seeds = 3};
const struct attn_experiment attn_zoology_stacked_full = {.name = "one-layer",
                                                          .title =
                                                              "One layer, 32 pairs of key and value at one position, 2000 steps of 128",
                                                          .task = &attn_zoology_stacked,
                                                          .common = stacked_full_common,
                                                          .tuning = rates_full,
                                                          .arms = stacked_arms,
                                                          .arm_count = STACKED_ARMS,
                                                          .seeds = 3};

/* The same width, and fewer pairs too. Those of 32 are runs of the experiment before. */
#define PAIRS_ARMS(name, mixer)                                                                                                            \
    {name " 8", {"mixer=" mixer, "width=64", "pairs=8"}}, {name " 16", {"mixer=" mixer, "width=64", "pairs=16"}}, {                        \
        name " 32", {                                                                                                                      \
            "mixer=" mixer, "width=64", "pairs=32"                                                                                         \
        }                                                                                                                                  \
    }
static const struct attn_arm pairs_arms[] = {
    PAIRS_ARMS("attention", "attention"), PAIRS_ARMS("Based", "based"), PAIRS_ARMS("BaseConv", "baseconv:kernel=-1"),
    PAIRS_ARMS("Hyena", "hyena"),         PAIRS_ARMS("H3", "h3"),       PAIRS_ARMS("RWKV", "rwkv"),
};
static const char *const pairs_common[] = {"steps=2000", NULL};

const struct attn_experiment attn_zoology_pairs_full = {.name = "one-layer-by-pairs",
                                                        .title =
                                                            "One layer of width 64; 8, 16 and 32 pairs of key and value at one position, "
                                                            "2000 steps of 128",
                                                        .task = &attn_zoology_stacked,
                                                        .common = pairs_common,
                                                        .tuning = rates_full,
                                                        .arms = pairs_arms,
                                                        .arm_count = sizeof pairs_arms / sizeof pairs_arms[0],
                                                        .seeds = 3};

/* A short convolution first, then the mixer: what the later setting of the paper's repository gives to every mixer, so that none has to learn a shift. */
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

static const char *const behind_common[] = {"vocabulary=256", "length=32",        "pairs=8",    "width=32",
                                            "layers=2",       "batch=64",         "steps=2000", "schedule=constant",
                                            "positions=no",   "train_examples=0", NULL};
static const char *const behind_rate[] = {"lr=5e-3", NULL};
static const char *const behind_rates[] = {"lr=2e-3,5e-3", NULL};

const struct attn_experiment attn_zoology_behind_quick = {
    .name = "behind-a-convolution",
    .title = "A mixer behind a short convolution: 8 pairs in 32 tokens, width 32, 2000 steps of 64",
    .task = &attn_zoology_mqar,
    .common = behind_common,
    .tuning = behind_rate,
    .arms = behind_arms,
    .arm_count = BEHIND_ARMS,
    .seeds = 3};
const struct attn_experiment attn_zoology_behind_full = {
    .name = "behind-a-convolution",
    .title = "A mixer behind a short convolution: 8 pairs in 32 tokens, width 32, 2000 steps of 64",
    .task = &attn_zoology_mqar,
    .common = behind_common,
    .tuning = behind_rates,
    .arms = behind_arms,
    .arm_count = BEHIND_ARMS,
    .seeds = 3};

/* The narrow one is an arm of the experiment before. */
static const struct attn_arm window_arms[] = {
    {"window of an eighth", {BEHIND "sliding:window=4"}},
    {"window of all", {BEHIND "sliding:window=32"}},
};
const struct attn_experiment attn_zoology_window_full = {
    .name = "windows",
    .title = "A sliding window behind a short convolution: 8 pairs in 32 tokens, width 32, 2000 steps of 64",
    .task = &attn_zoology_mqar,
    .common = behind_common,
    .tuning = behind_rates,
    .arms = window_arms,
    .arm_count = sizeof window_arms / sizeof window_arms[0],
    .seeds = 3};

/* Attention at some positions only, in one of four layers. */
#define SELECTED(layer) "mixer=baseconv:kernel=3+" layer "+baseconv:kernel=3+baseconv:kernel=-1"

static const struct attn_arm selected_arms[] = {
    {"none", {SELECTED("baseconv:kernel=-1")}},
    {"random", {SELECTED("select:selector=random:k=8")}},
    {"programmatic", {SELECTED("select:selector=programmatic")}},
    {"learned", {SELECTED("select:selector=sigmoid:k=8")}},
    {"full", {SELECTED("select:selector=full")}},
};
enum { SELECTED_ARMS = sizeof selected_arms / sizeof selected_arms[0] };

static const char *const selected_common[] = {"vocabulary=1024", "length=128",       "pairs=8",    "width=64",
                                              "layers=4",        "batch=64",         "steps=2000", "schedule=constant",
                                              "positions=no",    "train_examples=0", NULL};
const struct attn_experiment attn_zoology_selected_full = {
    .name = "selected-positions",
    .title = "Attention at selected positions in one of four layers: 8 pairs in 128 tokens, width 64",
    .task = &attn_zoology_mqar,
    .common = selected_common,
    .tuning = behind_rates,
    .arms = selected_arms,
    .arm_count = SELECTED_ARMS,
    .seeds = 3};
