/* The pattern of GPT-2's encoder, run by PCRE2 over stretches of valid UTF-8, so that PCRE2 need not check them again for every piece. */
#include "io/bpe_split.h"

#include "io/utf8.h"

#if defined(ATTN_HAVE_PCRE2)
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* What Unicode calls white space. PCRE2's \s has U+180E besides, which the encoders of others have not. */
#define BLANK "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

static const char pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" BLANK "\\p{L}\\p{N}]+|[" BLANK "]+(?![^" BLANK "])|[" BLANK "]+";

struct attn_splitter {
    pcre2_general_context *memory;
    pcre2_code *code;
};

static void *allocate(size_t bytes, void *ctx) {
    return attn_alloc(ctx, bytes);
}

static void release(void *memory, void *ctx) {
    attn_free(ctx, memory);
}

void attn_splitter_free(attn_ctx *ctx, struct attn_splitter *splitter) {
    if (splitter == NULL) return;
    pcre2_code_free(splitter->code);
    pcre2_general_context_free(splitter->memory);
    attn_free(ctx, splitter);
}

attn_status attn_splitter_create(attn_ctx *ctx, struct attn_splitter **out) {
    struct attn_splitter *s = attn_alloc(ctx, sizeof *s);
    attn_status status = ATTN_OK;
    int error;
    PCRE2_SIZE at;
    if (s == NULL) return attn_no_memory(ctx, "PCRE2", sizeof *s);
    *s = (struct attn_splitter){NULL, NULL};
    s->memory = pcre2_general_context_create(allocate, release, ctx);
    pcre2_compile_context *compile = s->memory == NULL ? NULL : pcre2_compile_context_create(s->memory);
    if (compile != NULL) s->code = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1, PCRE2_UTF | PCRE2_UCP, &error, &at, compile);
    pcre2_compile_context_free(compile);
    if (s->memory == NULL || compile == NULL || (s->code == NULL && error == PCRE2_ERROR_HEAP_FAILED))
        status = attn_no_memory(ctx, "PCRE2", 0);
    else if (s->code == NULL)
        status = attn_fail(ctx, ATTN_EUNSUPPORTED, "PCRE2 knows no Unicode properties (error %d); install one built with Unicode", error);
    else
        pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE); /* slower without, the same pieces */
    if (status == ATTN_OK)
        *out = s;
    else
        attn_splitter_free(ctx, s);
    return status;
}

attn_status attn_split_begin(attn_ctx *ctx, const struct attn_splitter *splitter, const char *text, size_t size, struct attn_split *out) {
    pcre2_match_data *match = pcre2_match_data_create(1, splitter->memory);
    if (match == NULL) return attn_no_memory(ctx, "PCRE2", 0);
    *out = (struct attn_split){splitter, match, text, 0, attn_utf8_valid((const uint8_t *)text, size), size};
    return ATTN_OK;
}

void attn_split_end(struct attn_split *split) {
    pcre2_match_data_free(split->match);
}

/* Bytes up to the next character, where there is none at `at`. */
static size_t invalid_bytes(const struct attn_split *s) {
    size_t at = s->at;
    while (at < s->size && attn_utf8_length((const uint8_t *)s->text + at, s->size - at) == 0) at++;
    return at - s->at;
}

attn_status attn_split_next(attn_ctx *ctx, struct attn_split *s, const char **piece, size_t *length) {
    *piece = s->at == s->size ? NULL : s->text + s->at;
    *length = 0;
    if (*piece == NULL) return ATTN_OK;
    if (s->at == s->valid) {
        *length = invalid_bytes(s);
        s->at += *length;
        s->valid = s->at + attn_utf8_valid((const uint8_t *)s->text + s->at, s->size - s->at);
        return ATTN_OK;
    }
    const int found =
        pcre2_match(s->splitter->code, (PCRE2_SPTR)*piece, s->valid - s->at, 0, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, s->match, NULL);
    if (found < 0 && found == PCRE2_ERROR_NOMEMORY) return attn_no_memory(ctx, "PCRE2", 0);
    if (found < 0) return attn_fail(ctx, ATTN_ESYSTEM, "PCRE2: byte %zu of a text: matching failed with error %d", s->at, found);
    *length = pcre2_get_ovector_pointer(s->match)[1];
    s->at += *length;
    return ATTN_OK;
}
#else
attn_status attn_splitter_create(attn_ctx *ctx, struct attn_splitter **out) {
    (void)out;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "byte pairs: this program was built without PCRE2; install libpcre2-dev and build again");
}

void attn_splitter_free(attn_ctx *ctx, struct attn_splitter *splitter) {
    (void)ctx, (void)splitter;
}

attn_status attn_split_begin(attn_ctx *ctx, const struct attn_splitter *splitter, const char *text, size_t size, struct attn_split *out) {
    (void)splitter, (void)text, (void)size, (void)out;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "byte pairs: this program was built without PCRE2; install libpcre2-dev and build again");
}

attn_status attn_split_next(attn_ctx *ctx, struct attn_split *split, const char **piece, size_t *length) {
    (void)split, (void)piece, (void)length;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "byte pairs: this program was built without PCRE2; install libpcre2-dev and build again");
}

void attn_split_end(struct attn_split *split) {
    (void)split;
}
#endif
