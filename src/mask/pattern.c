/* The patterns by name: each reads its parameters and gives a band or a list of slices.
 *
 * A pattern is correct where its slices are: rows of documents follow the table of the Long-Context Attention Benchmark (Bu et
 * al. 2025), with P prefix keys, not P + 1, and blocks that end before the next one begins.
 */
#include "base/nearest.h"
#include "mask/generate.h"
#include "mask/parse.h"

#include <stdio.h>
#include <string.h>

static const int64_t MOST = ATTN_MASK_LEN;

struct pattern {
    const char *name, *canonical;
    attn_status (*read)(struct attn_parser *p, const struct pattern *pattern, attn_mask **out);
    int slices_each; /* of a document */
    /* Slices of document u = [s, e) of l; parameter n. Returns how many. */
    int (*slices)(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice);
};

static attn_slice rect(int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    return (attn_slice){q0, q1, k0, k1, -ATTN_FAR, ATTN_FAR};
}
static attn_slice below(int64_t q0, int64_t q1, int64_t k0, int64_t k1) {
    return (attn_slice){q0, q1, k0, k1, -ATTN_FAR, 0};
}

/* [:top-left|:bottom-right]; *named says whether it was there. */
static attn_status read_align(struct attn_parser *p, attn_align *align, bool *named) {
    *align = ATTN_TOP_LEFT;
    *named = p->text[p->at] == ':';
    if (!*named) return ATTN_OK;
    p->at++;
    if (attn_parse_word(p, "top-left")) return ATTN_OK;
    *align = ATTN_BOTTOM_RIGHT;
    return attn_parse_word(p, "bottom-right") ? ATTN_OK : attn_parse_fail(p, p->at, "expected top-left or bottom-right");
}

static attn_status expect(struct attn_parser *p, char c, const char *what) {
    return attn_parse_accept(p, c) ? ATTN_OK : attn_parse_fail(p, p->at, "expected '%c' and %s", c, what);
}

/* A number of keys or `inf`, at least `least`. */
static attn_status read_side(struct attn_parser *p, const char *what, int64_t least, int64_t *side) {
    if (attn_parse_word(p, "inf")) {
        *side = ATTN_FAR;
        return ATTN_OK;
    }
    if (least < 0 && attn_parse_word(p, "-inf")) {
        *side = -ATTN_FAR;
        return ATTN_OK;
    }
    return attn_parse_int(p, what, least, MOST, side);
}

static attn_status read_band_text(struct attn_parser *p, const char *head, int64_t low, int64_t high, attn_mask **out) {
    attn_align align;
    bool named, diagonal = low > -ATTN_FAR || high < ATTN_FAR;
    char text[128];
    attn_status status = read_align(p, &align, &named);
    if (status != ATTN_OK) return status;
    bool band = strncmp(head, "band", 4) == 0;
    snprintf(text, sizeof text, "%s%s", head, align == ATTN_BOTTOM_RIGHT ? ":bottom-right" : named && !band ? ":top-left" : "");
    return attn_mask_make_band(p->ctx, low, high, align, diagonal && !named && !band, text, out);
}

static attn_status read_full(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    return attn_mask_make_band(p->ctx, -ATTN_FAR, ATTN_FAR, ATTN_TOP_LEFT, false, pattern->canonical, out);
}

static attn_status read_causal(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    return read_band_text(p, pattern->canonical, -ATTN_FAR, 0, out);
}

static attn_status read_window(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t l, r;
    char head[96], left[ATTN_MASK_SIDE], right[ATTN_MASK_SIDE];
    attn_status status = expect(p, ':', "the keys to the left and to the right: L,R");
    if (status == ATTN_OK) status = read_side(p, "the number of keys to the left", 0, &l);
    if (status == ATTN_OK) status = expect(p, ',', "the number of keys to the right");
    if (status == ATTN_OK) status = read_side(p, "the number of keys to the right", 0, &r);
    if (status != ATTN_OK) return status;
    attn_mask_print_side(left, l);
    attn_mask_print_side(right, r);
    snprintf(head, sizeof head, "%s:%s,%s", pattern->canonical, left, right);
    return read_band_text(p, head, -l, r, out);
}

static attn_status read_window_causal(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t l;
    char head[64], left[ATTN_MASK_SIDE];
    attn_status status = expect(p, ':', "the number of keys to the left");
    if (status == ATTN_OK) status = read_side(p, "the number of keys to the left", 0, &l);
    if (status != ATTN_OK) return status;
    attn_mask_print_side(left, l);
    snprintf(head, sizeof head, "%s:%s", pattern->canonical, left);
    return read_band_text(p, head, -l, 0, out);
}

static attn_status read_band(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t low = 0, high = 0;
    char head[96], lo[ATTN_MASK_SIDE], hi[ATTN_MASK_SIDE];
    attn_status status = expect(p, ':', "the diagonals LOW,HIGH of j - i");
    if (status == ATTN_OK) status = read_side(p, "the lowest diagonal", -MOST, &low);
    if (status == ATTN_OK) status = expect(p, ',', "the highest diagonal");
    attn_parse_space(p);
    size_t at = p->at;
    if (status == ATTN_OK) status = read_side(p, "the highest diagonal", -MOST, &high);
    if (status == ATTN_OK && low > high) status = attn_parse_fail(p, at, "the highest diagonal is below the lowest");
    if (status != ATTN_OK) return status;
    attn_mask_print_side(lo, low);
    attn_mask_print_side(hi, high);
    snprintf(head, sizeof head, "%s:%s,%s", pattern->canonical, lo, hi);
    return read_band_text(p, head, low, high, out);
}

static attn_status read_strip(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t a = 0, b = 0;
    char text[64], end[ATTN_MASK_SIDE];
    attn_status status = expect(p, ':', "BEGIN,END, the end not included");
    if (status == ATTN_OK) status = attn_parse_int(p, "the first index", 0, MOST, &a);
    if (status == ATTN_OK) status = expect(p, ',', "the end, not included");
    attn_parse_space(p);
    size_t at = p->at;
    if (status == ATTN_OK) status = read_side(p, "the end", 0, &b);
    if (status == ATTN_OK && b < a) status = attn_parse_fail(p, at, "the end is before the beginning");
    if (status != ATTN_OK) return status;
    attn_mask_print_side(end, b);
    snprintf(text, sizeof text, "%s:%lld,%s", pattern->canonical, (long long)a, end);
    attn_slice s = pattern->canonical[0] == 'r' ? rect(a, b, 0, ATTN_FAR) : rect(0, ATTN_FAR, a, b);
    return attn_mask_make_slices(p->ctx, -1, -1, &s, 1, false, text, out);
}

static attn_status read_prefix_causal(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t n;
    char text[64];
    attn_status status = expect(p, ':', "the number of prefix tokens");
    if (status == ATTN_OK) status = attn_parse_int(p, "the number of prefix tokens", 0, MOST, &n);
    if (status != ATTN_OK) return status;
    snprintf(text, sizeof text, "%s:%lld", pattern->canonical, (long long)n);
    attn_slice s[2] = {rect(0, n, 0, n), below(n, ATTN_FAR, 0, ATTN_FAR)};
    return attn_mask_make_slices(p->ctx, -1, -1, s, 2, true, text, out);
}

static attn_status read_global(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t w;
    char text[64];
    attn_status status = expect(p, ':', "the window; twice as many first tokens are global");
    if (status == ATTN_OK) status = attn_parse_int(p, "the window", 0, MOST / 2, &w);
    if (status != ATTN_OK) return status;
    snprintf(text, sizeof text, "%s:%lld", pattern->canonical, (long long)w);
    attn_slice s[3] = {rect(0, 2 * w, 0, ATTN_FAR), rect(2 * w, ATTN_FAR, 0, 2 * w), {2 * w, ATTN_FAR, 2 * w, ATTN_FAR, -w, w}};
    return attn_mask_make_slices(p->ctx, -1, -1, s, 3, true, text, out);
}

static int slices_full(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice) {
    (void)l, (void)u, (void)n;
    slice[0] = rect(s, e, s, e);
    return 1;
}

static int slices_causal(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice) {
    (void)l, (void)u, (void)n;
    slice[0] = below(s, e, s, e);
    return 1;
}

static int slices_share(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice) {
    (void)n;
    slice[0] = below(s, e, s, e);
    slice[1] = rect(s, e, 0, u ? l->length[0] : 0);
    return 2;
}

static int slices_blockwise(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice) {
    (void)n;
    slice[0] = below(s, e, u == l->count - 1 ? 0 : s, e);
    return 1;
}

static int slices_prefix(const struct attn_lengths *l, int64_t u, int64_t s, int64_t e, int64_t n, attn_slice *slice) {
    (void)l, (void)u;
    int64_t prefix = s + attn_min64(n, e - s);
    slice[0] = rect(s, prefix, s, prefix);
    slice[1] = below(prefix, e, s, e);
    return 2;
}

/* A mask of documents from its list. */
static attn_status make_documents(struct attn_parser *p, const struct pattern *pattern, const struct attn_lengths *l, const char *head,
                                  int64_t n, attn_mask **out) {
    size_t bytes = (size_t)l->count * (size_t)pattern->slices_each * sizeof(attn_slice);
    attn_slice *slices = attn_alloc(p->ctx, bytes);
    char *text = slices ? attn_lengths_text(l, head) : NULL;
    attn_status status = slices ? ATTN_ENOMEM : attn_no_memory(p->ctx, "slices", bytes);
    int64_t count = 0, s = 0;
    for (int64_t u = 0; text && u < l->count; s += l->length[u++]) count += pattern->slices(l, u, s, s + l->length[u], n, slices + count);
    if (text) status = attn_mask_make_slices(p->ctx, l->total, l->total, slices, count, false, text, out);
    attn_free(p->ctx, text);
    attn_free(p->ctx, slices);
    return status;
}

static attn_status read_documents(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    struct attn_lengths l = {.ctx = p->ctx};
    char head[64];
    attn_status status = expect(p, ':', "document lengths, or @FILE");
    if (status == ATTN_OK) status = attn_parse_lengths(p, &l);
    snprintf(head, sizeof head, "%s:", pattern->canonical);
    if (status == ATTN_OK) status = make_documents(p, pattern, &l, head, 0, out);
    attn_lengths_free(&l);
    return status;
}

static attn_status read_prefix_document(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    struct attn_lengths l = {.ctx = p->ctx};
    char head[64];
    int64_t n = 0;
    attn_status status = expect(p, ':', "PREFIX;LENGTHS");
    if (status == ATTN_OK) status = attn_parse_int(p, "the number of prefix tokens", 0, MOST, &n);
    if (status == ATTN_OK) status = expect(p, ';', "document lengths, or @FILE");
    if (status == ATTN_OK) status = attn_parse_lengths(p, &l);
    snprintf(head, sizeof head, "%s:%lld;", pattern->canonical, (long long)n);
    if (status == ATTN_OK) status = make_documents(p, pattern, &l, head, n, out);
    attn_lengths_free(&l);
    return status;
}

/* One slice a block of queries: it sees its document up to the block's end. */
static attn_status make_block_causal(struct attn_parser *p, const struct pattern *pattern, const struct attn_lengths *l, int64_t block,
                                     size_t at, attn_mask **out) {
    int64_t count = 0, s = 0;
    for (int64_t u = 0; u < l->count && count <= ATTN_PARSE_PIECES; u++) count += attn_div_up(l->length[u], block);
    attn_status status = attn_parse_pieces(p, at, count - l->count); /* documents are counted */
    if (status != ATTN_OK) return status;
    char head[64];
    snprintf(head, sizeof head, "%s:%lld;", pattern->canonical, (long long)block);
    attn_slice *slices = attn_alloc(p->ctx, (size_t)count * sizeof *slices);
    char *text = slices ? attn_lengths_text(l, head) : NULL;
    status = slices ? ATTN_ENOMEM : attn_no_memory(p->ctx, "slices", (size_t)count * sizeof *slices);
    count = 0;
    for (int64_t u = 0; text && u < l->count; s += l->length[u++])
        for (int64_t b = 0; b < l->length[u]; b += block) {
            int64_t end = s + attn_min64(b + block, l->length[u]);
            slices[count++] = rect(s + b, end, s, end);
        }
    if (text) status = attn_mask_make_slices(p->ctx, l->total, l->total, slices, count, false, text, out);
    attn_free(p->ctx, text);
    attn_free(p->ctx, slices);
    return status;
}

static attn_status read_block_causal(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    struct attn_lengths l = {.ctx = p->ctx};
    int64_t block = 1024;
    attn_status status = expect(p, ':', "[BLOCK;]LENGTHS");
    attn_parse_space(p);
    size_t at = p->at, digits = strspn(p->text + at, "0123456789");
    if (status == ATTN_OK && digits && p->text[at + digits] == ';') {
        status = attn_parse_int(p, "the block", 1, MOST, &block);
        p->at += status == ATTN_OK;
    }
    if (status == ATTN_OK) status = attn_parse_lengths(p, &l);
    if (status == ATTN_OK) status = make_block_causal(p, pattern, &l, block, at, out);
    attn_lengths_free(&l);
    return status;
}

/* A fraction from 0 to 1, written as 0.25. */
static attn_status read_ratio(struct attn_parser *p, double *ratio) {
    attn_parse_space(p);
    size_t begin = p->at;
    double value = 0.0, unit = 1.0;
    for (; p->text[p->at] >= '0' && p->text[p->at] <= '9'; p->at++) value = value * 10.0 + (p->text[p->at] - '0');
    if (p->at > begin && p->text[p->at] == '.')
        for (p->at++; p->text[p->at] >= '0' && p->text[p->at] <= '9'; p->at++) value += (p->text[p->at] - '0') * (unit /= 10.0);
    if (p->at == begin || p->at - begin > 20 || value > 1.0)
        return attn_parse_fail(p, begin, "expected the kept fraction of blocks, from 0 to 1, such as 0.25");
    *ratio = value;
    return ATTN_OK;
}

/* BLOCK,RATIO,SEED;T[,S] */
static attn_status read_block_sparse(struct attn_parser *p, const struct pattern *pattern, attn_mask **out) {
    int64_t block = 0, seed = 0, q_len = 0, k_len;
    double ratio = 0.0;
    char text[160];
    attn_status status = expect(p, ':', "BLOCK,RATIO,SEED;T");
    if (status == ATTN_OK) status = attn_parse_int(p, "the block", 1, MOST, &block);
    if (status == ATTN_OK) status = expect(p, ',', "the kept fraction of blocks");
    attn_parse_space(p);
    const char *digits = p->text + p->at;
    if (status == ATTN_OK) status = read_ratio(p, &ratio);
    int digit_count = (int)(p->text + p->at - digits);
    if (status == ATTN_OK) status = expect(p, ',', "a seed");
    if (status == ATTN_OK) status = attn_parse_int(p, "the seed", 0, INT64_MAX, &seed);
    if (status == ATTN_OK) status = expect(p, ';', "the length");
    attn_parse_space(p);
    size_t at = p->at;
    if (status == ATTN_OK) status = attn_parse_int(p, "the length", 1, MOST, &q_len);
    k_len = q_len;
    if (status == ATTN_OK && attn_parse_accept(p, ',')) status = attn_parse_int(p, "the number of keys", 1, MOST, &k_len);
    if (status != ATTN_OK) return status;
    const int64_t rows = attn_div_up(q_len, block), columns = attn_div_up(k_len, block);
    status = attn_parse_pieces(p, at, rows > ATTN_PARSE_PIECES / columns ? INT64_MAX : rows * columns);
    if (status != ATTN_OK) return status;
    snprintf(text, sizeof text, "%s:%lld,%.*s,%lld;%lld,%lld", pattern->canonical, (long long)block, digit_count, digits, (long long)seed,
             (long long)q_len, (long long)k_len);
    return attn_generate_block_sparse(p->ctx, q_len, k_len, block, ratio, (uint64_t)seed, text, out);
}

static const struct pattern PATTERNS[] = {
    {"full", "full", read_full, 0, NULL},
    {"causal", "causal", read_causal, 0, NULL},
    {"full_document", "full_document", read_documents, 1, slices_full},
    {"document", "full_document", read_documents, 1, slices_full},
    {"causal_document", "causal_document", read_documents, 1, slices_causal},
    {"sliding_window", "sliding_window", read_window, 0, NULL},
    {"window", "sliding_window", read_window, 0, NULL},
    {"sliding_window_causal", "sliding_window_causal", read_window_causal, 0, NULL},
    {"share_question", "share_question", read_documents, 2, slices_share},
    {"causal_blockwise", "causal_blockwise", read_documents, 1, slices_blockwise},
    {"prefix_lm_causal", "prefix_lm_causal", read_prefix_causal, 0, NULL},
    {"prefix_lm_document", "prefix_lm_document", read_prefix_document, 2, slices_prefix},
    {"global_sliding_window", "global_sliding_window", read_global, 0, NULL},
    {"block_causal_document", "block_causal_document", read_block_causal, 0, NULL},
    {"band", "band", read_band, 0, NULL},
    {"rows", "rows", read_strip, 0, NULL},
    {"cols", "cols", read_strip, 0, NULL},
    {"block_sparse", "block_sparse", read_block_sparse, 0, NULL},
};

enum { PATTERN_COUNT = sizeof PATTERNS / sizeof *PATTERNS, NAME_SHOWN = 40 };

/* A name of n characters that is none of ours. */
static attn_status unknown_name(struct attn_parser *p, size_t n) {
    const char *names[PATTERN_COUNT];
    char word[NAME_SHOWN + 1];
    snprintf(word, sizeof word, "%.*s", (int)(n < NAME_SHOWN ? n : NAME_SHOWN), p->text + p->at);
    for (int i = 0; i < PATTERN_COUNT; i++) names[i] = PATTERNS[i].name;
    const char *nearest = attn_nearest(word, names, PATTERN_COUNT);
    return attn_parse_fail(p, p->at, "no pattern has the name '%s'; %s%s%s", word, nearest ? "did you mean " : "attn-mask(7) lists them",
                           nearest ? nearest : "", nearest ? "?" : "");
}

attn_status attn_parse_leaf(struct attn_parser *p, attn_mask **out) {
    attn_parse_space(p);
    size_t n = attn_parse_name(p);
    for (int i = 0; i < PATTERN_COUNT; i++)
        if (n == strlen(PATTERNS[i].name) && memcmp(p->text + p->at, PATTERNS[i].name, n) == 0) {
            if (++p->leaves > ATTN_PARSE_LEAVES) return attn_parse_fail(p, p->at, "more than %d patterns", ATTN_PARSE_LEAVES);
            p->at += n;
            return PATTERNS[i].read(p, &PATTERNS[i], out);
        }
    if (n == 0) return attn_parse_fail(p, p->at, "expected a pattern, '!' or '('");
    return unknown_name(p, n);
}
