/* Language models on WikiText-2: 4096 byte pairs, windows of 256 tokens, five passes of 3 million tokens, which all take in one order. Widths are such that the
 * models' parameters are within 2% of each other. */
#include "system/zoology/experiments.h"
#include "system/zoology/zoology.h"

static const struct attn_arm arms[] = {
    {"attention", {"mixer=attention:heads=4", "width=192"}},
    {"BaseConv", {"mixer=baseconv:kernel=3+baseconv:kernel=-1", "width=217"}},
    {"BaseConv, one layer of chosen positions",
     {"mixer=baseconv:kernel=3+baseconv:kernel=-1+select:selector=programmatic:heads=4+baseconv:kernel=-1", "width=212"}},
};
static const char *const files[] = {"data=wikitext-2/wiki.train.raw.gz", "valid=wikitext-2/wiki.valid.raw.gz", NULL};
static const char *const common[] = {"layers=4", "epochs=5", "batch=4", NULL};
static const char *const rates[] = {"lr=1e-3,2e-3", NULL};

const struct attn_experiment attn_zoology_text_night = {.name = "text",
                                                        .title = "Language models of 2.6 million parameters on WikiText-2, five passes",
                                                        .task = &attn_zoology_lm,
                                                        .common = common,
                                                        .files = files,
                                                        .tuning = rates,
                                                        .arms = arms,
                                                        .arm_count = sizeof arms / sizeof arms[0],
                                                        .seeds = 1};
