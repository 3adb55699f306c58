/* The benchmark's twelve static masks with drawn parameters, and its block-sparse masks (Bu et al. 2025). */
#include "base/random.h"
#include "mask/generate.h"
#include "mask/mask.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 1024, BLOCK = 1024, BLOCKS_MOST = 8, TRIES = 64 };

const char *const attn_generate_pattern_names[ATTN_PATTERN_COUNT] = {
    "full",           "causal",           "full_document",    "causal_document",    "sliding_window",        "sliding_window_causal",
    "share_question", "causal_blockwise", "prefix_lm_causal", "prefix_lm_document", "global_sliding_window", "block_causal_document"};

/* Documents of a corpus; more than one where `several` asks for it and there are two tokens. */
static attn_status documents(int corpus, int64_t total, bool several, struct attn_random *r, struct attn_lengths *out) {
    attn_status status = ATTN_OK;
    for (int n = 0; n < TRIES && status == ATTN_OK; n++) {
        out->count = out->total = 0;
        status = attn_generate_documents(corpus < 0 ? attn_corpus_for(total) : (enum attn_corpus)corpus, total,
                                         (uint64_t)attn_random_between(r, 0, INT64_MAX - 1), out);
        if (!several || out->count > 1) return status;
    }
    if (status != ATTN_OK || total < 2) return status;
    out->count = out->total = 0;
    (void)attn_lengths_append(out, total / 2, 1); /* there is room: this list held a document */
    (void)attn_lengths_append(out, total - total / 2, 1);
    return ATTN_OK;
}

/* Documents of one to eight blocks. */
static attn_status block_documents(int64_t total, struct attn_random *r, struct attn_lengths *out) {
    while (out->total < total) {
        const char *wrong = attn_lengths_append(out, attn_min64(attn_random_between(r, 1, BLOCKS_MOST) * BLOCK, total - out->total), 1);
        if (wrong) return attn_fail(out->ctx, out->no_memory ? ATTN_ENOMEM : ATTN_EINVAL, "documents: %s", wrong);
    }
    return ATTN_OK;
}

/* Text of a pattern without documents; empty if it has some. */
static void plain_text(const char *name, int64_t total, struct attn_random *r, char *text, size_t size) {
    text[0] = 0;
    if (strcmp(name, "full") == 0 || strcmp(name, "causal") == 0)
        snprintf(text, size, "%s", name);
    else if (strcmp(name, "sliding_window") == 0)
        snprintf(text, size, "%s:%d,%d", name, WINDOW, WINDOW);
    else if (strcmp(name, "sliding_window_causal") == 0)
        snprintf(text, size, "%s:%d", name, WINDOW);
    else if (strcmp(name, "prefix_lm_causal") == 0)
        snprintf(text, size, "%s:%lld", name, (long long)attn_random_between(r, 1, total));
    else if (strcmp(name, "global_sliding_window") == 0)
        snprintf(text, size, "%s:%lld", name, (long long)attn_random_between(r, 1, attn_max64(1, total / 3 - 1)));
}

bool attn_generate_knows(const char *name) {
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++)
        if (strcmp(name, attn_generate_pattern_names[n]) == 0) return true;
    return false;
}

attn_status attn_generate_pattern(attn_ctx *ctx, const char *name, int corpus, int64_t total, uint64_t seed, char **text) {
    struct attn_lengths l = {.ctx = ctx};
    struct attn_random r;
    char head[96];
    if (!attn_generate_knows(name) || corpus >= ATTN_CORPUS_COUNT || total < 1)
        return attn_fail(ctx, ATTN_EINVAL,
                         "mask: %s over %lld tokens of corpus %d; a name of the benchmark, at least 1 token and a corpus from 0 to %d, or "
                         "-1, are needed",
                         name, (long long)total, corpus, ATTN_CORPUS_COUNT - 1);
    attn_random_init(&r, seed);
    plain_text(name, total, &r, head, sizeof head);
    attn_status status = ATTN_OK;
    if (!head[0]) {
        bool blocks = strcmp(name, "block_causal_document") == 0, prefix = strcmp(name, "prefix_lm_document") == 0;
        bool several = strcmp(name, "share_question") == 0 || strcmp(name, "causal_blockwise") == 0;
        status = blocks ? block_documents(total, &r, &l) : documents(corpus, total, several, &r, &l);
        snprintf(head, sizeof head, "%s:", name);
        if (blocks) snprintf(head, sizeof head, "%s:%d;", name, BLOCK);
        if (prefix && status == ATTN_OK) snprintf(head, sizeof head, "%s:%lld;", name, (long long)attn_random_between(&r, 1, l.length[0]));
    }
    char *made = status == ATTN_OK ? attn_lengths_text(&l, head) : NULL;
    attn_lengths_free(&l);
    if (made) *text = made;
    return status == ATTN_OK && !made ? ATTN_ENOMEM : status;
}

void attn_generate_even_cuts(int64_t total, int64_t block, int64_t *cuts) {
    for (int64_t n = 0; n <= attn_div_up(total, block); n++) cuts[n] = attn_min64(n * block, total);
}

static void sift(int64_t *x, int64_t root, int64_t count) {
    int64_t moved = x[root];
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        child += child + 1 < count && x[child] < x[child + 1];
        if (x[child] <= moved) break;
        x[root] = x[child];
    }
    x[root] = moved;
}

attn_status attn_generate_cuts(attn_ctx *ctx, int64_t total, int64_t blocks, int64_t least, uint64_t seed, int64_t *cuts) {
    struct attn_random r;
    if (blocks < 1 || least < 1 || least > total / blocks)
        return attn_fail(ctx, ATTN_EINVAL, "blocks: %lld of at least %lld tokens do not fit %lld tokens", (long long)blocks,
                         (long long)least, (long long)total);
    attn_random_init(&r, seed);
    int64_t *inner = cuts + 1, n = blocks - 1;
    for (int64_t i = 0; i < n; i++) inner[i] = attn_random_between(&r, 0, total - blocks * least);
    for (int64_t i = n / 2; i-- > 0;) sift(inner, i, n);
    for (int64_t left = n - 1; left > 0; left--) {
        int64_t last = inner[left];
        inner[left] = inner[0];
        inner[0] = last;
        sift(inner, 0, left);
    }
    for (int64_t i = 0; i < n; i++) inner[i] += (i + 1) * least;
    cuts[0] = 0;
    cuts[blocks] = total;
    return ATTN_OK;
}

/* Kept blocks: of each of `rows` rows of `columns` scores the best, at least one. */
static attn_status draw_map(attn_ctx *ctx, int64_t rows, int64_t columns, double ratio, uint64_t seed, float **out, int64_t *kept) {
    size_t bytes;
    struct attn_random r;
    if (!(ratio >= 0.0 && ratio <= 1.0)) return attn_fail(ctx, ATTN_EINVAL, "blocks: kept fraction %g; it must be from 0 to 1", ratio);
    if (rows < 1 || columns < 1 || !attn_mul_size((size_t)rows, (size_t)columns, &bytes) || !attn_mul_size(bytes, sizeof(float), &bytes))
        return attn_fail(ctx, ATTN_EINVAL, "blocks: %lld x %lld", (long long)rows, (long long)columns);
    float *scores = attn_alloc(ctx, bytes);
    if (!scores) return attn_no_memory(ctx, "scores of blocks", bytes);
    attn_random_init(&r, seed);
    for (int64_t i = 0; i < rows * columns; i++) scores[i] = (float)attn_random_uniform(&r);
    *kept = attn_max64(1, (int64_t)floor(ratio * (double)columns + 1e-9));
    *out = scores;
    return ATTN_OK;
}

attn_status attn_generate_block_map(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                    double ratio, uint64_t seed, attn_mask **out) {
    float *scores;
    int64_t kept;
    attn_status status = draw_map(ctx, q_blocks, k_blocks, ratio, seed, &scores, &kept);
    if (status != ATTN_OK) return status;
    status = attn_mask_top_blocks(ctx, q_cuts, q_blocks, k_cuts, k_blocks, scores, kept, out);
    attn_free(ctx, scores);
    return status;
}

attn_status attn_generate_global_block_map(attn_ctx *ctx, const int64_t *q_cuts, int64_t q_blocks, const int64_t *k_cuts, int64_t k_blocks,
                                           double ratio, uint64_t seed, attn_mask **out) {
    float *scores;
    int64_t kept, blocks;
    if (__builtin_mul_overflow(q_blocks, k_blocks, &blocks)) return attn_fail(ctx, ATTN_EINVAL, "blocks: too many");
    attn_status status = draw_map(ctx, 1, blocks, ratio, seed, &scores, &kept);
    if (status != ATTN_OK) return status;
    size_t bytes = attn_round64((size_t)blocks) + (size_t)kept * sizeof(int64_t);
    uint8_t *keep = attn_alloc(ctx, bytes);
    if (keep) {
        memset(keep, 0, (size_t)blocks);
        attn_mask_keep_best(scores, blocks, kept, (int64_t *)(void *)(keep + attn_round64((size_t)blocks)), keep);
        status = attn_mask_blocks(ctx, q_cuts, q_blocks, k_cuts, k_blocks, keep, out);
    } else {
        status = attn_no_memory(ctx, "the blocks of a mask", bytes);
    }
    attn_free(ctx, keep);
    attn_free(ctx, scores);
    return status;
}

attn_status attn_generate_block_sparse(attn_ctx *ctx, int64_t q_len, int64_t k_len, int64_t block, double ratio, uint64_t seed,
                                       const char *text, attn_mask **out) {
    int64_t rows = attn_div_up(q_len, block), columns = attn_div_up(k_len, block);
    size_t bytes = (size_t)(rows + columns + 2) * sizeof(int64_t);
    int64_t *cuts = attn_alloc(ctx, bytes);
    if (!cuts) return attn_no_memory(ctx, "cuts of blocks", bytes);
    attn_mask *m = NULL;
    attn_generate_even_cuts(q_len, block, cuts);
    attn_generate_even_cuts(k_len, block, cuts + rows + 1);
    attn_status status = attn_generate_block_map(ctx, cuts, rows, cuts + rows + 1, columns, ratio, seed, &m);
    attn_free(ctx, cuts);
    if (status != ATTN_OK) return status;
    status = attn_mask_make_slices(ctx, q_len, k_len, m->slices, m->count, false, text, out);
    attn_mask_destroy(m);
    return status;
}
