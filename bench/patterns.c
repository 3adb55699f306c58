/* Texts of masks for the bench. */
#include "bench/patterns.h"

#include "base/context.h"
#include "mask/generate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void attn_pattern_list(char *text, size_t size) {
    size_t used = 0;
    for (int n = 0; n < ATTN_PATTERN_COUNT && used < size; n++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", n > 0 ? ";" : "", attn_generate_pattern_names[n]);
}

attn_status attn_pattern_make(attn_ctx *ctx, const char *spec, const struct attn_pattern_draw *draw, struct attn_pattern *out) {
    size_t length = 0;
    char *drawn = NULL;
    attn_status status = ATTN_OK;
    while (isalnum((unsigned char)spec[length]) || spec[length] == '_') length++;
    if (strpbrk(spec, "&|!() ") != NULL) length = strlen(spec); /* algebra goes by all of its text, cut to the room there is */
    snprintf(out->name, sizeof out->name, "%.*s", (int)length, spec);
    if (attn_generate_knows(spec)) status = attn_generate_pattern(ctx, spec, draw->corpus, draw->kv_len, draw->seed, &drawn);
    if (status != ATTN_OK) return status;
    const bool aligned = drawn != NULL && (strcmp(spec, "causal") == 0 || strncmp(spec, "sliding", 7) == 0);
    const char *align = aligned && draw->q_len != draw->kv_len ? ":bottom-right" : "";
    const int wrote = snprintf(out->text, sizeof out->text, "%s%s", drawn != NULL ? drawn : spec, align);
    attn_free(ctx, drawn);
    if ((size_t)wrote >= sizeof out->text)
        return attn_fail(ctx, ATTN_EMASK, "bench: the text of mask %s has %d bytes, expected at most %zu", out->name, wrote,
                         sizeof out->text - 1);
    return ATTN_OK;
}
