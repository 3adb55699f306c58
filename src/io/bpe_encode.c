/* Encoding by byte pairs. A piece is a list of tokens, at first one for each byte; a heap gives the pair that merges earliest (of equals the
 * leftmost), until none does: n log n for a piece of n bytes, however long. What a piece came to is kept, as texts repeat their words.
 *
 * Invariant of the list: token[i] < 0 where i was merged into a token before it. An entry of the heap counts only while its two tokens are
 * still those that stand there. */
#include "io/tokenizer_parts.h"

#include <string.h>

enum { CACHED_BYTES = 64, CACHED_PIECES = 1 << 20 };

struct pair {
    int32_t rank, at, left, right;
};

struct encoder {
    attn_ctx *ctx;
    const struct attn_tokenizer *t;
    int32_t *token, *next, *previous; /* of the piece's list, by byte */
    struct pair *heap;
    size_t room[4], heap_count;
    struct attn_vocabulary pieces; /* what was seen before */
    struct attn_numbers kept;      /* and what it came to: piece i is kept[begin[i] .. begin[i + 1]) */
    uint32_t *begin;
    size_t begin_room;
};

static bool before(struct pair a, struct pair b) {
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(struct encoder *e, int32_t at) {
    const int32_t left = e->token[at], follower = e->next[at];
    if (follower < 0) return;
    const struct pair pair = {attn_merges_find(&e->t->merges, left, e->token[follower]), at, left, e->token[follower]};
    if (pair.rank < 0) return;
    size_t i = e->heap_count++;
    for (; i > 0 && before(pair, e->heap[(i - 1) / 2]); i = (i - 1) / 2) e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = pair;
}

static struct pair pop(struct encoder *e) {
    const struct pair top = e->heap[0], last = e->heap[--e->heap_count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < e->heap_count; i = child) {
        if (child + 1 < e->heap_count && before(e->heap[child + 1], e->heap[child])) child++;
        if (!before(e->heap[child], last)) break;
        e->heap[i] = e->heap[child];
    }
    e->heap[i] = last;
    return top;
}

/* Each merge takes one entry away and adds two at most: 3 n in all. */
static attn_status reserve(struct encoder *e, size_t n) {
    attn_status status = attn_grow(e->ctx, "a piece of text", (void **)&e->token, &e->room[0], n, sizeof *e->token);
    if (status == ATTN_OK) status = attn_grow(e->ctx, "a piece of text", (void **)&e->next, &e->room[1], n, sizeof *e->next);
    if (status == ATTN_OK) status = attn_grow(e->ctx, "a piece of text", (void **)&e->previous, &e->room[2], n, sizeof *e->previous);
    if (status == ATTN_OK) status = attn_grow(e->ctx, "a piece of text", (void **)&e->heap, &e->room[3], 3 * n, sizeof *e->heap);
    return status;
}

/* Merges a piece and puts its tokens behind those of `out`. */
static attn_status merge(struct encoder *e, const char *piece, size_t n, struct attn_numbers *out) {
    attn_status status = reserve(e, n);
    if (status != ATTN_OK) return status;
    for (size_t i = 0; i < n; i++) {
        e->token[i] = e->t->byte[(uint8_t)piece[i]];
        e->next[i] = i + 1 < n ? (int32_t)i + 1 : -1;
        e->previous[i] = (int32_t)i - 1;
    }
    e->heap_count = 0;
    for (size_t i = 0; i + 1 < n; i++) push(e, (int32_t)i);
    while (e->heap_count > 0) {
        const struct pair p = pop(e);
        const int32_t right = e->next[p.at];
        if (e->token[p.at] != p.left || right < 0 || e->token[right] != p.right) continue;
        e->token[p.at] = e->t->merges.list[p.rank].product;
        e->token[right] = -1;
        e->next[p.at] = e->next[right];
        if (e->next[p.at] >= 0) e->previous[e->next[p.at]] = p.at;
        if (e->previous[p.at] >= 0) push(e, e->previous[p.at]);
        push(e, p.at);
    }
    for (int32_t i = 0; i >= 0 && status == ATTN_OK; i = e->next[i]) status = attn_numbers_add(e->ctx, out, &e->token[i], 1);
    return status;
}

static attn_status encode_piece(struct encoder *e, const char *piece, size_t length, struct attn_numbers *out) {
    if (length > CACHED_BYTES || e->pieces.count == CACHED_PIECES) return merge(e, piece, length, out);
    const int32_t known = e->pieces.count;
    int32_t number;
    attn_status status = attn_vocabulary_add(e->ctx, &e->pieces, piece, length, &number);
    if (status == ATTN_OK && number == known) {
        status = merge(e, piece, length, &e->kept);
        if (status == ATTN_OK)
            status = attn_grow(e->ctx, "pieces of text", (void **)&e->begin, &e->begin_room, (size_t)number + 2, sizeof *e->begin);
        if (status == ATTN_OK && number == 0) e->begin[0] = 0;
        if (status == ATTN_OK) e->begin[number + 1] = (uint32_t)e->kept.count;
    }
    if (status != ATTN_OK) return status;
    return attn_numbers_add(e->ctx, out, e->kept.item + e->begin[number], e->begin[number + 1] - e->begin[number]);
}

attn_status attn_bpe_encode(attn_ctx *ctx, const struct attn_tokenizer *t, const char *text, size_t size, struct attn_numbers *out) {
    struct encoder e = {.ctx = ctx, .t = t};
    struct attn_split split;
    const char *piece;
    size_t length;
    attn_status status = attn_split_begin(ctx, t->splitter, text, size, &split);
    if (status != ATTN_OK) return status;
    do {
        status = attn_split_next(ctx, &split, &piece, &length);
        if (status == ATTN_OK && piece != NULL) status = encode_piece(&e, piece, length, out);
    } while (status == ATTN_OK && piece != NULL);
    attn_split_end(&split);
    attn_vocabulary_free(ctx, &e.pieces);
    attn_free(ctx, e.kept.item);
    attn_free(ctx, e.begin);
    attn_free(ctx, e.token);
    attn_free(ctx, e.next);
    attn_free(ctx, e.previous);
    attn_free(ctx, e.heap);
    return status;
}
