/* The kinds of sharding. Zigzag goes by documents; the others see one sequence of tokens, the documents one after the other, whose
 * stretches are broken where a gap lies between two of them. */
#include "dist/cp/shard_lay.h"

static const int64_t LONGEST = INT64_C(1) << 60;

void attn_lay_stretch(const struct attn_shard_config *config, int64_t *u, int64_t *begin, int64_t *end) {
    const struct attn_document *d = config->document;
    *begin = d[*u].begin;
    *end = d[*u].begin + d[*u].length;
    for (++*u; *u < config->documents && d[*u].begin == *end; ++*u) *end += d[*u].length;
}

/* The next multiple of `unit`; both are at most 2^62. */
static int64_t raised(int64_t n, int64_t unit) {
    const int64_t over = n % unit;
    return over ? n + (unit - over) : n;
}

/* Each document to a multiple of 2 R, the last one further until 2 R U divides the sum; without a ring, U alone. */
static int64_t measure_zigzag(struct attn_lay *lay) {
    const struct attn_shard_config *c = lay->config;
    const int64_t unit = c->ring > 1 ? 2 * (int64_t)c->ring : 1;
    int64_t all = 0, padded = 0;
    for (int64_t u = 0; u < c->documents && all <= LONGEST; u++) all += padded = raised(c->document[u].length, unit);
    const int64_t grown = all > LONGEST ? all : raised(all, unit * c->pieces);
    lay->last = padded + (grown - all);
    return grown;
}

static int64_t divisor(int64_t a, int64_t b) {
    for (int64_t r; b != 0; a = b, b = r) r = a % b;
    return a;
}

attn_status attn_lay_measure(struct attn_lay *lay) {
    const struct attn_shard_config *c = lay->config;
    const int64_t chunks = attn_lay_chunks(c), parts = (int64_t)c->ring * c->pieces;
    int64_t all;
    bool fits = true;
    if (c->sharding == ATTN_SHARD_ZIGZAG) {
        all = measure_zigzag(lay);
    } else if (c->sharding == ATTN_SHARD_MINHEAP) { /* pieces are even where U divides chunks times the length of one */
        int64_t count = 0;
        fits = !__builtin_mul_overflow(chunks, (int64_t)c->ring, &count) && count <= LONGEST;
        lay->chunk = fits ? raised(attn_div_up(lay->tokens, count), c->pieces / divisor(c->pieces, chunks)) : 0;
        fits = fits && !__builtin_mul_overflow(count, lay->chunk, &all);
        if (!fits) all = 0;
    } else {
        all = raised(lay->tokens, parts);
        lay->chunk = all / c->ring;
    }
    if (!fits || all > LONGEST)
        return attn_fail(
            lay->ctx, ATTN_ESHAPE,
            "shards: %lld tokens in %lld documents are more than 2^60 places when padded for a ring of %d in %d pieces; expected "
            "fewer",
            (long long)lay->tokens, (long long)c->documents, c->ring, c->pieces);
    lay->places = all / c->ring;
    return ATTN_OK;
}

static void put(struct attn_lay *lay, int64_t y, int64_t first, int64_t stride, int64_t count, int64_t place) {
    if (!lay->run) {
        lay->begin[y + 1]++;
        return;
    }
    struct attn_run *last = lay->used[y] > 0 ? &lay->run[lay->begin[y] + lay->used[y] - 1] : NULL;
    if (last && last->place + last->count == place && last->first + last->count * stride == first)
        last->count += count;
    else
        lay->run[lay->begin[y] + lay->used[y]++] = (struct attn_run){first, stride, count, place};
}

/* Chunk x of a document of true length n begins at x c. Chunks that hold a token are visited by rising x, so that a position gets its early
 * one first. */
static void put_zigzag(struct attn_lay *lay) {
    const struct attn_shard_config *c = lay->config;
    const int64_t ring = c->ring, chunks = ring > 1 ? 2 * ring : 1;
    int64_t base = 0;
    for (int64_t u = 0; u < c->documents; u++) {
        const struct attn_document *d = &c->document[u];
        const int64_t chunk = u == c->documents - 1 ? lay->last / chunks : attn_div_up(d->length, chunks);
        for (int64_t x = 0; x * chunk < d->length; x++)
            put(lay, x < ring ? x : 2 * ring - 1 - x, d->begin + x * chunk, 1, attn_min64(chunk, d->length - x * chunk),
                base + (x < ring ? 0 : chunk));
        base += chunk * (chunks / ring);
    }
}

static void put_stripe(struct attn_lay *lay) {
    const int64_t ring = lay->config->ring;
    int64_t begin, end, before = 0;
    for (int64_t u = 0; u < lay->config->documents; before += end - begin) {
        attn_lay_stretch(lay->config, &u, &begin, &end);
        for (int64_t i = 0; i < attn_min64(ring, end - begin); i++)
            put(lay, (before + i) % ring, begin + i, ring, attn_div_up(end - begin - i, ring), (before + i) / ring);
    }
}

/* Chunk x has tokens [x chunk, (x + 1) chunk) of the sequence. */
static void put_chunks(struct attn_lay *lay) {
    int64_t begin, end, before = 0;
    for (int64_t y = 0; lay->slot && y < lay->config->ring; y++) lay->slot[y] = -1;
    for (int64_t u = 0, x = -1; u < lay->config->documents; before += end - begin) {
        attn_lay_stretch(lay->config, &u, &begin, &end);
        for (int64_t s = before; s < before + end - begin;) {
            const int64_t stop = attn_min64(before + end - begin, (s / lay->chunk + 1) * lay->chunk);
            const bool fresh = s / lay->chunk != x;
            x = s / lay->chunk;
            const int64_t y = lay->owner ? lay->owner[x] : x;
            if (lay->slot) lay->slot[y] += fresh;
            put(lay, y, begin + (s - before), 1, stop - s, (lay->slot ? lay->slot[y] * lay->chunk : 0) + s % lay->chunk);
            s = stop;
        }
    }
}

void attn_lay_put_all(struct attn_lay *lay) {
    if (lay->config->sharding == ATTN_SHARD_ZIGZAG)
        put_zigzag(lay);
    else if (lay->config->sharding == ATTN_SHARD_STRIPE)
        put_stripe(lay);
    else
        put_chunks(lay);
}
