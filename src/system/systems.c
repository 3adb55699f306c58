#include "system/systems.h"

#include "base/nearest.h"
#include "system/aaren/aaren.h"
#include "system/longctx/longctx.h"
#include "system/pointer/pointer.h"
#include "system/zoology/zoology.h"

#include <string.h>

const struct attn_system *const attn_systems[] = {&attn_system_zoology, &attn_system_pointer, &attn_system_aaren, &attn_system_longctx};
const int attn_system_count = sizeof attn_systems / sizeof attn_systems[0];

static const struct {
    const char *name, *task;
} short_names[] = {
    {"lm", "zoology/lm"},           {"mqar", "zoology/mqar"},         {"stacked", "zoology/stacked"}, {"ar_single", "zoology/ar_single"},
    {"hull", "pointer/hull"},       {"delaunay", "pointer/delaunay"}, {"tsp", "pointer/tsp"},         {"sort", "pointer/sort"},
    {"forecast", "aaren/forecast"}, {"classify", "aaren/classify"},   {"events", "aaren/events"},     {"control", "aaren/control"},
    {"recall", "aaren/recall"}};
enum { SHORT_NAMES = sizeof short_names / sizeof short_names[0], NAMES = 128 };

const struct attn_task *attn_task_named(attn_ctx *ctx, const char *name) {
    const char *names[NAMES], *whole = name;
    int count = 0;
    for (int i = 0; i < SHORT_NAMES; i++) names[count++] = short_names[i].name;
    for (int i = 0; i < SHORT_NAMES; i++)
        if (strcmp(short_names[i].name, name) == 0) whole = short_names[i].task;
    for (int s = 0; s < attn_system_count; s++)
        for (int t = 0; t < attn_systems[s]->task_count; t++) {
            const struct attn_task *task = attn_systems[s]->tasks[t];
            if (strcmp(task->name, whole) == 0) return task;
            if (count < NAMES) names[count++] = task->name;
        }
    const char *nearest = attn_nearest(name, names, count);
    attn_fail(ctx, ATTN_EINVAL, "there is no task '%s'%s%s%s attn systems lists them", name, nearest ? "; did you mean '" : ";",
              nearest ? nearest : "", nearest ? "'?" : "");
    return NULL;
}
