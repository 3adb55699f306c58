/* Shards of a sequence: what is asked is checked, tokens are laid at the places of ring positions (shard_lay.c), and each position's places are
 * cut in U pieces of t places, one for each part. */
#include "dist/cp/shard_lay.h"

#include <assert.h>
#include <string.h>

static const char *const names[ATTN_SHARDINGS] = {"contiguous", "zigzag", "stripe", "minheap"};

const char *attn_sharding_name(enum attn_sharding sharding) {
    return names[sharding];
}

int attn_sharding_find(const char *name) {
    for (int i = 0; i < ATTN_SHARDINGS; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

static attn_status check_documents(attn_ctx *ctx, const struct attn_shard_config *c, int64_t *tokens) {
    const int64_t longest = INT64_C(1) << 60;
    int64_t end = 0;
    *tokens = 0;
    if (c->documents < 1 || !c->document)
        return attn_fail(ctx, ATTN_EINVAL, "shards: %lld documents%s; expected at least one", (long long)c->documents,
                         c->document ? "" : ", array NULL");
    for (int64_t u = 0; u < c->documents; u++) {
        const struct attn_document *d = &c->document[u];
        if (d->begin < end || d->begin > longest || d->length < 1 || d->length > longest - d->begin)
            return attn_fail(
                ctx, ATTN_EINVAL,
                "shards: document %lld begins at %lld and has %lld tokens; expected a begin of at least %lld, at least one token, "
                "and an end of at most 2^60",
                (long long)u, (long long)d->begin, (long long)d->length, (long long)end);
        end = d->begin + d->length;
        *tokens += d->length;
    }
    if (c->sharding == ATTN_SHARD_MINHEAP && c->mask && end > c->mask_len)
        return attn_fail(ctx, ATTN_EINVAL, "shards: documents end at %lld, the mask at %lld; expected a mask of at least their length",
                         (long long)end, (long long)c->mask_len);
    return ATTN_OK;
}

static attn_status check(attn_ctx *ctx, const struct attn_shard_config *c, int64_t *tokens) {
    const int64_t most = INT64_C(1) << 40;
    if ((int)c->sharding < 0 || (int)c->sharding >= ATTN_SHARDINGS)
        return attn_fail(ctx, ATTN_EINVAL, "shards: sharding %d; expected 0 to %d", (int)c->sharding, ATTN_SHARDINGS - 1);
    if (c->ring < 1 || c->pieces < 1 || (int64_t)c->ring * c->pieces > most)
        return attn_fail(ctx, ATTN_EINVAL, "shards: a ring of %d in %d pieces; expected both at least 1, and at most 2^40 parts", c->ring,
                         c->pieces);
    if (c->chunks < 0) return attn_fail(ctx, ATTN_EINVAL, "shards: %lld chunks; expected at least 1, or 0", (long long)c->chunks);
    return check_documents(ctx, c, tokens);
}

/* Memory for count elements of bytes each, filled with 0. */
static attn_status take(attn_ctx *ctx, int64_t count, size_t bytes, void **out) {
    size_t all;
    if (!attn_mul_size((size_t)count, bytes, &all)) return attn_no_memory(ctx, "shards", SIZE_MAX);
    *out = attn_alloc(ctx, all);
    if (!*out) return attn_no_memory(ctx, "shards", all);
    memset(*out, 0, all);
    return ATTN_OK;
}

static void lay_free(struct attn_lay *lay, int *owner) {
    attn_free(lay->ctx, owner);
    attn_free(lay->ctx, lay->slot);
    attn_free(lay->ctx, lay->begin);
    attn_free(lay->ctx, lay->used);
    attn_free(lay->ctx, lay->run);
}

/* The runs of ring positions: those of y are run[begin[y] .. begin[y] + used[y]). */
static attn_status lay_positions(struct attn_lay *lay, int **owner) {
    const int64_t ring = lay->config->ring;
    const bool minheap = lay->config->sharding == ATTN_SHARD_MINHEAP;
    void *begin = NULL, *used = NULL, *slot = NULL, *run = NULL;
    attn_status status = attn_lay_measure(lay);
    if (status == ATTN_OK && minheap) status = attn_lay_minheap(lay, owner);
    lay->owner = *owner;
    if (status == ATTN_OK) status = take(lay->ctx, ring + 1, sizeof *lay->begin, &begin);
    lay->begin = begin;
    if (status == ATTN_OK) status = take(lay->ctx, ring, sizeof *lay->used, &used);
    lay->used = used;
    if (status == ATTN_OK && minheap) status = take(lay->ctx, ring, sizeof *lay->slot, &slot);
    lay->slot = slot;
    if (status != ATTN_OK) return status;
    attn_lay_put_all(lay);
    for (int64_t y = 0; y < ring; y++) lay->begin[y + 1] += lay->begin[y];
    status = take(lay->ctx, lay->begin[ring], sizeof *lay->run, &run);
    lay->run = run;
    if (status == ATTN_OK) attn_lay_put_all(lay);
    return status;
}

/* Cuts the runs of all positions in pieces of t places; out NULL: only counts. */
static int64_t cut_pieces(const struct attn_lay *lay, int64_t t, struct attn_shards *out) {
    const int64_t pieces = lay->config->pieces;
    int64_t count = 0;
    for (int64_t y = 0; y < lay->config->ring; y++) {
        int64_t u = 0;
        if (out) out->begin[y * pieces] = count;
        for (int64_t i = lay->begin[y]; i < lay->begin[y] + lay->used[y]; i++) {
            const struct attn_run *r = &lay->run[i];
            for (int64_t done = 0, some; done < r->count; done += some, count++) {
                const int64_t place = r->place + done;
                some = attn_min64(r->count - done, (place / t + 1) * t - place);
                if (!out) continue;
                while (u < place / t) out->begin[y * pieces + ++u] = count;
                out->run[count] = (struct attn_run){r->first + done * r->stride, r->stride, some, place % t};
            }
        }
        while (out && u < pieces) out->begin[y * pieces + ++u] = count;
    }
    return count;
}

attn_status attn_shards_open(attn_ctx *ctx, const struct attn_shard_config *config, struct attn_shards *out) {
    struct attn_lay lay = {.ctx = ctx, .config = config};
    struct attn_shards s = {.ctx = ctx, .ring = config->ring, .pieces = config->pieces};
    int *owner = NULL;
    void *begin = NULL, *run = NULL;
    attn_status status = check(ctx, config, &lay.tokens);
    if (status == ATTN_OK) status = lay_positions(&lay, &owner);
    if (status == ATTN_OK) {
        s.tokens = lay.tokens;
        s.places = lay.places / config->pieces;
        s.padded = lay.places * config->ring;
        s.stride = config->sharding == ATTN_SHARD_STRIPE ? config->ring : 1;
        status = take(ctx, (int64_t)config->ring * config->pieces + 1, sizeof *s.begin, &begin);
    }
    if (status == ATTN_OK) status = take(ctx, cut_pieces(&lay, s.places, NULL), sizeof *s.run, &run);
    s.begin = begin;
    s.run = run;
    if (status == ATTN_OK) {
        (void)cut_pieces(&lay, s.places, &s);
        *out = s;
    } else {
        attn_free(ctx, begin);
    }
    lay_free(&lay, owner);
    return status;
}

void attn_shards_close(struct attn_shards *shards) {
    attn_free(shards->ctx, shards->run);
    attn_free(shards->ctx, shards->begin);
    memset(shards, 0, sizeof *shards);
}

/* Joins the runs of position y; run NULL: only counts. */
static int64_t join(const struct attn_shards *s, int y, struct attn_run *run) {
    struct attn_run last = {0, 0, 0, 0};
    int64_t count = 0;
    for (int u = 0; u < s->pieces; u++) {
        const int64_t part = (int64_t)y * s->pieces + u;
        for (int64_t i = s->begin[part]; i < s->begin[part + 1]; i++) {
            struct attn_run next = s->run[i];
            next.place += u * s->places;
            if (count > 0 && last.place + last.count == next.place && last.first + last.count * s->stride == next.first) {
                last.count += next.count;
            } else {
                last = next;
                count++;
            }
            if (run) run[count - 1] = last;
        }
    }
    return count;
}

int64_t attn_shards_position_runs(const struct attn_shards *shards, int y) {
    assert(y >= 0 && y < shards->ring);
    return join(shards, y, NULL);
}

int64_t attn_shards_position(const struct attn_shards *shards, int y, struct attn_run *run) {
    assert(y >= 0 && y < shards->ring);
    return join(shards, y, run);
}
