/* Texts of masks for the bench. */
#include "bench/patterns.h"

#include "base/context.h"
#include "base/random.h"
#include "mask/generate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void attn_pattern_list(char *text, size_t size) {
    size_t used = 0;
    for (int n = 0; n < ATTN_PATTERN_COUNT && used < size; n++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", n > 0 ? ";" : "", attn_generate_pattern_names[n]);
}

static bool is_pattern(const char *name) {
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++)
        if (strcmp(name, attn_generate_pattern_names[n]) == 0) return true;
    return false;
}

int attn_pattern_corpus(const char *name) {
    for (int corpus = 0; corpus < ATTN_CORPUS_COUNT; corpus++)
        if (strcmp(name, attn_corpus_name((enum attn_corpus)corpus)) == 0) return corpus;
    return -1;
}

/* Patterns of documents whose lengths come from a corpus; the block-causal one has a rule of its own. */
static bool has_documents(const char *name) {
    static const char *const names[] = {"full_document", "causal_document", "share_question", "causal_blockwise", "prefix_lm_document"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static attn_status draw_documents(attn_ctx *ctx, const char *name, const struct attn_pattern_draw *draw, char **text) {
    struct attn_lengths lengths = {.ctx = ctx};
    struct attn_random random;
    char head[96];
    attn_status status = attn_generate_documents((enum attn_corpus)draw->corpus, draw->kv_len, draw->seed, &lengths);
    attn_random_init(&random, draw->seed);
    snprintf(head, sizeof head, "%s:", name);
    if (status == ATTN_OK && strcmp(name, "prefix_lm_document") == 0)
        snprintf(head, sizeof head, "%s:%lld;", name, 1 + (long long)attn_random_below(&random, (uint64_t)lengths.length[0]));
    if (status == ATTN_OK && (*text = attn_lengths_text(&lengths, head)) == NULL) status = ATTN_ENOMEM;
    attn_lengths_free(&lengths);
    return status;
}

attn_status attn_pattern_make(attn_ctx *ctx, const char *spec, const struct attn_pattern_draw *draw, struct attn_pattern *out) {
    size_t length = 0;
    char *drawn = NULL;
    attn_status status = ATTN_OK;
    while (isalnum((unsigned char)spec[length]) || spec[length] == '_') length++;
    snprintf(out->name, sizeof out->name, "%.*s", (int)length, spec);
    if (draw->corpus >= 0 && has_documents(spec))
        status = draw_documents(ctx, spec, draw, &drawn);
    else if (is_pattern(spec))
        status = attn_generate_pattern(ctx, spec, draw->kv_len, draw->seed, &drawn);
    if (status != ATTN_OK) return status;
    const bool aligned = drawn != NULL && (strncmp(spec, "causal", strlen(spec)) == 0 || strncmp(spec, "sliding", 7) == 0);
    const char *align = aligned && draw->q_len != draw->kv_len ? ":bottom-right" : "";
    const int wrote = snprintf(out->text, sizeof out->text, "%s%s", drawn != NULL ? drawn : spec, align);
    attn_free(ctx, drawn);
    if ((size_t)wrote >= sizeof out->text)
        return attn_fail(ctx, ATTN_EMASK, "bench: the text of mask %s has %d bytes, expected at most %zu", out->name, wrote,
                         sizeof out->text - 1);
    return ATTN_OK;
}
