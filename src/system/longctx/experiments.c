#include "system/longctx/experiments.h"

#include "system/longctx/longctx.h"

/* The plain loops stop earlier: they take forty times as long. */
#define ARMS(last, plain)                                                                                                                  \
    {"flash forward", {"kernel=flash", "pass=fwd", last}}, {"flash backward", {"kernel=flash", "pass=bwd", last}},                         \
        {"flash32 forward", {"kernel=flash32", "pass=fwd", last}}, {"flash32 backward", {"kernel=flash32", "pass=bwd", last}},             \
        {"naive forward", {"kernel=naive", "pass=fwd", plain}}, {                                                                          \
        "naive backward", {                                                                                                                \
            "kernel=naive", "pass=bwd", plain                                                                                              \
        }                                                                                                                                  \
    }
static const struct attn_arm quick_kernels[] = {ARMS("to=4096", "to=512")}, full_kernels[] = {ARMS("to=16384", "to=2048")};
enum { KERNELS = sizeof quick_kernels / sizeof quick_kernels[0] };

const struct attn_experiment attn_longctx_lengths_quick = {.name = "lengths",
                                                           .title = "Kernels at 16 to 4096 tokens (naive: 512), 2 query heads over 1 of 64",
                                                           .task = &attn_longctx_lengths,
                                                           .arms = quick_kernels,
                                                           .arm_count = KERNELS,
                                                           .seeds = 3};
const struct attn_experiment attn_longctx_lengths_full = {.name = "lengths",
                                                          .title =
                                                              "Kernels at 16 to 16384 tokens (naive: 2048), 2 query heads over 1 of 64",
                                                          .task = &attn_longctx_lengths,
                                                          .arms = full_kernels,
                                                          .arm_count = KERNELS,
                                                          .seeds = 5};

static const char *const beside_quick[] = {"peer=materialised", "from=256", "to=4096", "rounds=5", NULL};
static const char *const beside_full[] = {"peer=materialised", "from=256", "to=8192", NULL};
static const struct attn_arm beside_arms[] = {{"forward", {"pass=fwd"}}, {"backward", {"pass=bwd"}}};
enum { BESIDE = sizeof beside_arms / sizeof beside_arms[0] };

const struct attn_experiment attn_longctx_beside_quick = {.name = "beside",
                                                          .title = "The plan's kernel beside materialised scores, 256 to 4096 tokens",
                                                          .task = &attn_longctx_lengths,
                                                          .common = beside_quick,
                                                          .arms = beside_arms,
                                                          .arm_count = BESIDE,
                                                          .seeds = 3};
const struct attn_experiment attn_longctx_beside_full = {.name = "beside",
                                                         .title = "The plan's kernel beside materialised scores, 256 to 8192 tokens",
                                                         .task = &attn_longctx_lengths,
                                                         .common = beside_full,
                                                         .arms = beside_arms,
                                                         .arm_count = BESIDE,
                                                         .seeds = 5};

static const char *const masks_quick[] = {"tokens=4096", "heads=1", "rounds=3", NULL}, *const masks_full[] = {"tokens=8192", "rounds=7",
                                                                                                              NULL};
static const struct attn_arm mask_arms[] = {{"forward", {"pass=fwd", "peer=materialised"}}, {"backward", {"pass=bwd"}}};
enum { MASKS = sizeof mask_arms / sizeof mask_arms[0] };

const struct attn_experiment attn_longctx_masks_quick = {
    .name = "masks",
    .title = "The benchmark's masks beside the full one, 4096 tokens, drawn anew for each repeat",
    .task = &attn_longctx_masks,
    .common = masks_quick,
    .arms = mask_arms,
    .arm_count = MASKS,
    .seeds = 3};
const struct attn_experiment attn_longctx_masks_full = {
    .name = "masks",
    .title = "The benchmark's masks beside the full one, 8192 tokens, drawn anew for each repeat",
    .task = &attn_longctx_masks,
    .common = masks_full,
    .arms = mask_arms,
    .arm_count = MASKS,
    .seeds = 5};
