/* Fuzz target: any bytes as a table of events. What is read keeps the reader's promises, and the marks that it learned are known to it. */
#include "io/events.h"

#include "base/context.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check(const struct attn_events *e) {
    must(e->sequences >= 1 && e->sequences <= e->events && e->first[0] == 0 && e->first[e->sequences] == e->events);
    must(e->names.count == e->sequences);
    for (int64_t s = 0; s < e->sequences; s++) {
        must(e->first[s] < e->first[s + 1] && e->mark[e->first[s]] >= 0);
        for (int64_t i = e->first[s]; i < e->first[s + 1]; i++) {
            must(fabs(e->time[i]) <= 1e30 && e->mark[i] < e->marks.count);
            must(e->mark[i] >= 0 || i + 1 == e->first[s + 1]);
            must(i == e->first[s] || e->time[i] >= e->time[i - 1]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct attn_events_options options[3];
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    attn_events_options_init(&options[0]);
    options[1] = (struct attn_events_options){.time = "1", .mark = "2", .sort = true};
    options[2] = (struct attn_events_options){.sequence = "3", .time = "2", .mark = "1", .bound = {6, 7}, .bounds = 2};
    for (int i = 0; i < 3; i++) {
        struct attn_events e, again;
        if (attn_events_parse(ctx, "fuzz", data, size, &options[i], NULL, &e) != ATTN_OK) continue;
        check(&e);
        must(attn_events_parse(ctx, "fuzz", data, size, &options[i], &e.marks, &again) == ATTN_OK && again.marks.count == e.marks.count);
        for (int64_t k = 0; k < e.events; k++) must(again.mark[k] == e.mark[k]);
        attn_events_free(ctx, &again);
        attn_events_free(ctx, &e);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
