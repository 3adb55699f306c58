/* Learning byte pairs from a text: the most frequent pair of neighbours becomes a token, again and again.
 *
 * Different pieces are counted once; each is then a list of tokens in one array. For every pair: how often it comes (pieces times their
 * counts), and in which pieces it was ever seen. A heap gives the pair with the greatest count, of equals the one with the lowest numbers.
 * Counts only fall but for the pairs that a merge makes, which are pushed anew; an entry whose count is out of date is pushed again with
 * its true one, so the heap's top is always right. */
#include "io/bpe_alphabet.h"
#include "io/tokenizer_parts.h"

#include <string.h>

enum { PIECE = 1024, DEFAULT_MOST = 4096, DEFAULT_LEAST = 2, BYTES = 256 };

/* A piece of the text: token[begin .. begin + length). */
struct piece {
    uint32_t begin, length;
    int64_t count;
};

struct pair {
    int64_t count;
    int32_t left, right;
    uint32_t *piece; /* where it was seen, the last one only once in a row */
    size_t pieces, room;
    bool raised; /* in this merge */
};

struct entry {
    int64_t count;
    int32_t pair, left, right;
};

struct trainer {
    attn_ctx *ctx;
    struct attn_vocabulary texts; /* of the pieces */
    struct piece *piece;
    int32_t *token;
    struct pair *pair;
    struct attn_merges numbers; /* of the pairs, by their tokens */
    struct entry *heap;
    int32_t *raised; /* pairs whose count grew in this merge */
    size_t pieces_room, pair_room, heap_count, heap_room, raised_count, raised_room;
};

/* ------------------------------------------------------------------------------------------------------------- heap */

static bool before(struct entry a, struct entry b) {
    return a.count != b.count ? a.count > b.count : a.left != b.left ? a.left < b.left : a.right < b.right;
}

static attn_status push(struct trainer *r, int32_t number) {
    const struct entry entry = {r->pair[number].count, number, r->pair[number].left, r->pair[number].right};
    const attn_status status = attn_grow(r->ctx, "pairs", (void **)&r->heap, &r->heap_room, r->heap_count + 1, sizeof *r->heap);
    if (status != ATTN_OK) return status;
    size_t i = r->heap_count++;
    for (; i > 0 && before(entry, r->heap[(i - 1) / 2]); i = (i - 1) / 2) r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = entry;
    return ATTN_OK;
}

static struct entry pop(struct trainer *r) {
    const struct entry top = r->heap[0], last = r->heap[--r->heap_count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < r->heap_count; i = child) {
        if (child + 1 < r->heap_count && before(r->heap[child + 1], r->heap[child])) child++;
        if (!before(r->heap[child], last)) break;
        r->heap[i] = r->heap[child];
    }
    r->heap[i] = last;
    return top;
}

/* The pair that comes most often, with its count of now; *number -1: there is none. */
static attn_status best_pair(struct trainer *r, int32_t *number) {
    *number = -1;
    while (r->heap_count > 0) {
        const struct entry top = pop(r);
        if (top.count == r->pair[top.pair].count) {
            *number = top.pair;
            break;
        }
        const attn_status status = r->pair[top.pair].count > 0 ? push(r, top.pair) : ATTN_OK;
        if (status != ATTN_OK) return status;
    }
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ pairs */

/* Adds `count` to a pair of neighbours in a piece. */
static attn_status raise(struct trainer *r, int32_t left, int32_t right, uint32_t piece, int64_t count) {
    int32_t number = attn_merges_find(&r->numbers, left, right);
    attn_status status = ATTN_OK;
    if (number < 0) {
        number = r->numbers.count;
        status = attn_grow(r->ctx, "pairs", (void **)&r->pair, &r->pair_room, (size_t)number + 1, sizeof *r->pair);
        if (status != ATTN_OK) return status;
        r->pair[number] = (struct pair){.left = left, .right = right};
        status = attn_merges_add(r->ctx, &r->numbers, left, right, 0);
        if (status != ATTN_OK) return status;
    }
    struct pair *p = &r->pair[number];
    p->count += count;
    if (p->pieces == 0 || p->piece[p->pieces - 1] != piece) {
        status = attn_grow(r->ctx, "pairs", (void **)&p->piece, &p->room, p->pieces + 1, sizeof *p->piece);
        if (status == ATTN_OK) p->piece[p->pieces++] = piece;
    }
    if (status == ATTN_OK && !p->raised) {
        p->raised = true;
        status = attn_grow(r->ctx, "pairs", (void **)&r->raised, &r->raised_room, r->raised_count + 1, sizeof *r->raised);
        if (status == ATTN_OK) r->raised[r->raised_count++] = number;
    }
    return status;
}

static attn_status push_raised(struct trainer *r) {
    attn_status status = ATTN_OK;
    for (size_t i = 0; i < r->raised_count && status == ATTN_OK; i++) {
        r->pair[r->raised[i]].raised = false;
        status = push(r, r->raised[i]);
    }
    r->raised_count = 0;
    return status;
}

/* All pairs of a piece: `raise` them, or take their counts away. */
static attn_status count_pairs(struct trainer *r, uint32_t which, bool add) {
    const struct piece *p = &r->piece[which];
    const int32_t *token = r->token + p->begin;
    attn_status status = ATTN_OK;
    for (uint32_t i = 0; i + 1 < p->length && status == ATTN_OK; i++) {
        if (add)
            status = raise(r, token[i], token[i + 1], which, p->count);
        else
            r->pair[attn_merges_find(&r->numbers, token[i], token[i + 1])].count -= p->count;
    }
    return status;
}

static attn_status merge_in_piece(struct trainer *r, uint32_t which, int32_t left, int32_t right, int32_t product) {
    struct piece *p = &r->piece[which];
    int32_t *token = r->token + p->begin;
    uint32_t found = 0, to = 0;
    while (found + 1 < p->length && (token[found] != left || token[found + 1] != right)) found++;
    if (found + 1 >= p->length) return ATTN_OK; /* an earlier merge took it away */
    attn_status status = count_pairs(r, which, false);
    for (uint32_t i = 0; i < p->length; to++) {
        const bool here = i + 1 < p->length && token[i] == left && token[i + 1] == right;
        token[to] = here ? product : token[i];
        i += here ? 2 : 1;
    }
    p->length = to;
    if (status == ATTN_OK) status = count_pairs(r, which, true);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- pieces */

static attn_status count_piece(struct trainer *r, const char *text, size_t length) {
    const int32_t known = r->texts.count;
    int32_t number;
    attn_status status = attn_vocabulary_add(r->ctx, &r->texts, text, length, &number);
    if (status == ATTN_OK)
        status = attn_grow(r->ctx, "pieces of text", (void **)&r->piece, &r->pieces_room, (size_t)number + 1, sizeof *r->piece);
    if (status != ATTN_OK) return status;
    if (number == known) r->piece[number] = (struct piece){r->texts.begin[number], (uint32_t)length, 0};
    r->piece[number].count++;
    return ATTN_OK;
}

static attn_status count_pieces(struct trainer *r, const struct attn_tokenizer *t, const char *text, size_t size) {
    struct attn_split split;
    const char *piece;
    size_t length;
    attn_status status = attn_split_begin(r->ctx, t->splitter, text, size, &split);
    if (status != ATTN_OK) return status;
    do {
        status = attn_split_next(r->ctx, &split, &piece, &length);
        for (size_t at = 0; status == ATTN_OK && at < length; at += PIECE)
            status = count_piece(r, piece + at, length - at < PIECE ? length - at : PIECE);
    } while (status == ATTN_OK && piece != NULL);
    attn_split_end(&split);
    if (status != ATTN_OK) return status;
    r->token = attn_alloc(r->ctx, r->texts.used * sizeof *r->token);
    if (r->token == NULL) return attn_no_memory(r->ctx, "pieces of text", r->texts.used * sizeof *r->token);
    for (size_t i = 0; i < r->texts.used; i++) r->token[i] = t->byte[(uint8_t)r->texts.bytes[i]];
    for (int32_t i = 0; i < r->texts.count && status == ATTN_OK; i++) status = count_pairs(r, (uint32_t)i, true);
    return status == ATTN_OK ? push_raised(r) : status;
}

static void free_trainer(struct trainer *r) {
    for (int32_t i = 0; i < r->numbers.count && r->pair != NULL; i++) attn_free(r->ctx, r->pair[i].piece);
    attn_vocabulary_free(r->ctx, &r->texts);
    attn_merges_free(r->ctx, &r->numbers);
    attn_free(r->ctx, r->piece);
    attn_free(r->ctx, r->token);
    attn_free(r->ctx, r->pair);
    attn_free(r->ctx, r->heap);
    attn_free(r->ctx, r->raised);
}

/* ----------------------------------------------------------------------------------------------------------- merges */

/* The token that two make: a new one, or one that other pairs have made before. These two themselves may have merged before, too, and have
 * come together again when one of them was made in another way. */
static attn_status add_product(attn_ctx *ctx, struct attn_tokenizer *t, int32_t left, int32_t right, int32_t *product) {
    char bytes[2 * PIECE];
    size_t a, b;
    const int32_t known = attn_merges_find(&t->merges, left, right);
    if (known >= 0) {
        *product = t->merges.list[known].product;
        return ATTN_OK;
    }
    const char *text = attn_vocabulary_get(&t->vocabulary, left, &a);
    memcpy(bytes, text, a);
    text = attn_vocabulary_get(&t->vocabulary, right, &b);
    memcpy(bytes + a, text, b);
    attn_status status = attn_vocabulary_add(ctx, &t->vocabulary, bytes, a + b, product);
    return status == ATTN_OK ? attn_merges_add(ctx, &t->merges, left, right, *product) : status;
}

static attn_status learn(struct trainer *r, struct attn_tokenizer *t, int64_t least, int32_t most) {
    attn_status status = ATTN_OK;
    while (t->vocabulary.count < most) {
        int32_t number, product = 0;
        status = best_pair(r, &number);
        if (status != ATTN_OK || number < 0 || r->pair[number].count < least) break;
        const int32_t left = r->pair[number].left, right = r->pair[number].right;
        uint32_t *pieces = r->pair[number].piece;
        const size_t count = r->pair[number].pieces;
        r->pair[number].piece = NULL; /* the array of pairs may move */
        r->pair[number].pieces = r->pair[number].room = 0;
        status = add_product(r->ctx, t, left, right, &product);
        for (size_t i = 0; i < count && status == ATTN_OK; i++) status = merge_in_piece(r, pieces[i], left, right, product);
        attn_free(r->ctx, pieces);
        if (status == ATTN_OK) status = push_raised(r);
        if (status != ATTN_OK) break;
    }
    return status;
}

/* The tokens of single bytes, in the order of their letters in GPT-2's alphabet: those that stand for themselves first. */
static attn_status add_bytes(attn_ctx *ctx, struct attn_tokenizer *t) {
    attn_status status = ATTN_OK;
    for (uint32_t letter = 0; letter < 2 * BYTES && status == ATTN_OK; letter++) {
        const int byte = attn_bpe_byte(letter);
        const char text = (char)byte;
        if (byte >= 0) status = attn_vocabulary_add(ctx, &t->vocabulary, &text, 1, &t->byte[byte]);
    }
    return status;
}

attn_status attn_bpe_make(attn_ctx *ctx, const char *name, const char *text, size_t size, const struct attn_tokenizer_options *options,
                          struct attn_tokenizer *t) {
    const int32_t most = (options->most > 0 ? options->most : DEFAULT_MOST) - options->special_count;
    const int64_t least = options->least > 0 ? options->least : DEFAULT_LEAST;
    struct trainer trainer = {.ctx = ctx};
    if (most < BYTES)
        return attn_fail(ctx, ATTN_EINVAL,
                         "%s: found a vocabulary of %d tokens, expected at least %d: each byte and each special token is one", name,
                         (int)most + options->special_count, BYTES + options->special_count);
    attn_status status = add_bytes(ctx, t);
    if (status == ATTN_OK) status = count_pieces(&trainer, t, text, size);
    if (status == ATTN_OK) status = learn(&trainer, t, least, most);
    for (int i = 0; i < options->special_count && status == ATTN_OK; i++)
        status = attn_tokenizer_add_special(ctx, t, name, options->special[i], strlen(options->special[i]));
    free_trainer(&trainer);
    return status;
}
