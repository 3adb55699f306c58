/* Fuzz target: any bytes as recorded episodes. What is read can be written, and is the same when it is read again. */
#include "base/context.h"
#include "system/aaren/control_episodes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check(attn_ctx *ctx, const struct attn_aaren_episodes *e) {
    struct attn_aaren_episodes again;
    char *text = NULL;
    size_t bytes = 0;
    must(e->count >= 1 && e->steps >= e->count && e->first[0] == 0 && e->first[e->count] == e->steps);
    for (int64_t i = 0; i < e->count; i++) must(e->first[i] < e->first[i + 1]);
    for (int64_t i = 0; i < e->steps * e->observations; i++) must(isfinite(e->observation[i]));
    for (int64_t i = 0; i < e->steps; i++) must(isfinite(e->reward[i]) && isfinite(e->to_go[i]));
    FILE *out = open_memstream(&text, &bytes);
    must(out != NULL && attn_aaren_episodes_write(ctx, e, e->count, out) == ATTN_OK && fclose(out) == 0);
    must(attn_aaren_episodes_parse(ctx, "again", (const uint8_t *)text, bytes, &again) == ATTN_OK);
    must(again.count == e->count && again.observations == e->observations && again.actions == e->actions);
    must(memcmp(again.first, e->first, (size_t)(e->count + 1) * sizeof *e->first) == 0);
    for (int64_t i = 0; i < e->steps * e->observations; i++) must(again.observation[i] == e->observation[i]);
    for (int64_t i = 0; i < e->steps * e->actions; i++) must(again.action[i] == e->action[i]);
    for (int64_t i = 0; i < e->steps; i++) must(again.to_go[i] == e->to_go[i]);
    attn_aaren_episodes_free(ctx, &again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct attn_aaren_episodes e;
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (attn_aaren_episodes_parse(ctx, "fuzz", data, size, &e) == ATTN_OK) {
        check(ctx, &e);
        attn_aaren_episodes_free(ctx, &e);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
