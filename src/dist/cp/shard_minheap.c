/* Chunks of queries to the position with the least area that has room (MagiAttention's dispatch): by falling area, and of equal ones by rising
 * number; of positions with equal area, the first. */
#include "dist/cp/cut.h"
#include "dist/cp/heap.h"
#include "dist/cp/shard_lay.h"
#include "mask/segments.h"
#include "mask/view.h"

#include <string.h>

struct deal {
    double *area; /* of each chunk */
    double *load; /* of each position */
};

static bool larger(const void *user, int64_t a, int64_t b) {
    const struct deal *d = user;
    return d->area[a] != d->area[b] ? d->area[a] > d->area[b] : a < b;
}

static bool lighter(const void *user, int64_t a, int64_t b) {
    const struct deal *d = user;
    return d->load[a] != d->load[b] ? d->load[a] < d->load[b] : a < b;
}

/* Adds the pairs of each chunk's queries with all keys of the documents. keys: the stretches, by place in the sequence. */
static void measure_chunks(const struct attn_lay *lay, const struct attn_places *keys, double *area) {
    const struct attn_shard_config *c = lay->config;
    const int32_t heads = attn_mask_heads(c->mask);
    const int64_t mask_len = c->mask ? c->mask_len : ATTN_MASK_LEN;
    for (int64_t i = 0; i < keys->runs; i++) {
        const struct attn_run *r = &keys->run[i];
        for (int64_t done = 0, some; done < r->count; done += some) {
            const int64_t x = (r->place + done) / lay->chunk;
            some = attn_min64(r->count - done, (x + 1) * lay->chunk - r->place - done);
            const struct attn_run rows = {r->first + done, 1, some, 0};
            const struct attn_places queries = {&rows, 1, some};
            area[x] += attn_cut_area(c->mask, mask_len, heads, &queries, keys);
        }
    }
}

static void deal_out(const struct attn_lay *lay, struct deal *d, int64_t *order, int64_t *heap, int64_t *held, int *owner) {
    const int64_t chunks = attn_lay_chunks(lay->config), all = chunks * lay->config->ring;
    int64_t positions = lay->config->ring;
    for (int64_t x = 0; x < all; x++) order[x] = x;
    for (int64_t y = 0; y < positions; y++) heap[y] = y; /* all are without load: by number */
    attn_heap_sort(order, all, larger, d);
    for (int64_t n = 0; n < all; n++) {
        const int64_t y = heap[0];
        owner[order[n]] = (int)y;
        d->load[y] += d->area[order[n]];
        if (++held[y] == chunks) heap[0] = heap[--positions];
        attn_heap_sift(heap, positions, 0, lighter, d);
    }
}

attn_status attn_lay_minheap(const struct attn_lay *lay, int **owner) {
    const struct attn_shard_config *c = lay->config;
    const int64_t ring = c->ring, all = attn_lay_chunks(c) * ring;
    const size_t n = (size_t)all, r = (size_t)ring, u = (size_t)c->documents;
    const size_t bytes = (2 * n + 3 * r) * sizeof(int64_t) + u * sizeof(struct attn_run);
    attn_status status = c->mask ? attn_cut_check(lay->ctx, c->mask, c->mask_len) : ATTN_OK;
    if (status != ATTN_OK) return status;
    if (n > SIZE_MAX / 64 || u > SIZE_MAX / 64) return attn_no_memory(lay->ctx, "the chunks of shards", SIZE_MAX);
    struct attn_run *stretch = attn_alloc(lay->ctx, bytes);
    int *mine = attn_alloc(lay->ctx, n * sizeof *mine);
    if (!stretch || !mine) {
        attn_free(lay->ctx, stretch);
        attn_free(lay->ctx, mine);
        return attn_no_memory(lay->ctx, "the chunks of shards", bytes);
    }
    memset(stretch, 0, bytes);
    struct deal d = {.area = (double *)(void *)(stretch + u)};
    d.load = d.area + n;
    int64_t *order = (int64_t *)(void *)(d.load + r), *heap = order + n, *held = heap + r;
    struct attn_places keys = {stretch, 0, lay->tokens};
    for (int64_t i = 0, begin, end, place = 0; i < c->documents; place += end - begin) {
        attn_lay_stretch(c, &i, &begin, &end);
        stretch[keys.runs++] = (struct attn_run){begin, 1, end - begin, place};
    }
    measure_chunks(lay, &keys, d.area);
    deal_out(lay, &d, order, heap, held, mine);
    attn_free(lay->ctx, stretch);
    *owner = mine;
    return ATTN_OK;
}
