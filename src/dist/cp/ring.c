/* Keys and values pass from rank to rank (Liu et al. 2023): step i has those of the position i before, while the next ones are under way. Two buffers
 * and one running output, whatever the number of ranks.
 *
 * Backward goes round in the same direction. dk and dv of a position begin at the rank behind it, go on one step behind the keys, each rank adding its
 * share when it has computed it, and from the last one home; the home's own share never leaves it. */
#include "dist/cp/stage.h"

enum { INCOMING = 2, HOME = 3 };

struct ring {
    int position, count, to, from; /* ranks */
    const char *kv;                /* at hand */
};

static int wrap(int a, int n) {
    return (a % n + n) % n;
}

static struct ring open_ring(const struct attn_cp_pass *p, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    return (struct ring){.position = s->y,
                         .count = s->steps,
                         .to = attn_grid_rank(&s->grid, s->u, wrap(s->y + 1, s->steps)),
                         .from = attn_grid_rank(&s->grid, s->u, wrap(s->y - 1, s->steps)),
                         .kv = attn_cp_at(p, ATTN_CP_KV, chunk)};
}

/* Are the keys of position x here at step i? */
static bool is_here(const struct attn_cp_stage *s, int x, int i) {
    return i < s->steps && i <= s->last[wrap(x, s->steps)];
}

/* Step i's keys go on, the next ones come. */
static attn_status pass_on(struct attn_cp_pass *p, const struct ring *r, int i, char *next) {
    struct attn_cp_stage *s = p->stage;
    const size_t bytes = attn_cp_kv_bytes(s, attn_dtype_bytes(s->cp->problem.dtype));
    attn_status status = ATTN_OK;
    if (is_here(s, r->position - i - 1, i + 1)) status = attn_cp_receive(p, &s->around, ATTN_TRAFFIC_KEYS, r->from, next, bytes);
    if (!status && is_here(s, r->position - i, i + 1)) status = attn_cp_send(p, &s->around, ATTN_TRAFFIC_KEYS, r->to, r->kv, bytes);
    return status;
}

attn_status attn_cp_ring_forward(struct attn_cp_pass *p, int chunk) {
    struct attn_cp_stage *s = p->stage;
    struct ring r = open_ring(p, chunk);
    attn_status status = ATTN_OK;
    bool some = false;
    for (int i = 0; i < r.count && !status; i++) {
        char *next = attn_cp_at(p, ATTN_CP_RING_KV, i % 2);
        status = pass_on(p, &r, i, next);
        if (!status && s->mask[i * s->chunks + chunk]) {
            status = attn_cp_attend(p, chunk, i, r.kv, s->tokens, some);
            some = true;
        }
        if (!status) status = attn_cp_wait(p, &s->around);
        r.kv = next;
    }
    if (!some) attn_cp_nothing(p, chunk, false);
    return status;
}

/* -------------------------------------------------------------------------------------------------- backward */

/* One position's gradients: this rank's share is computed, what came so far is added, and both go on. */
static attn_status share(struct attn_cp_pass *p, const struct ring *r, int chunk, int i, int *sent, bool *some) {
    struct attn_cp_stage *s = p->stage;
    const int x = wrap(r->position - i, r->count);
    const size_t bytes = attn_cp_kv_bytes(s, sizeof(float));
    char *own = attn_cp_at(p, ATTN_CP_RING_DKV, i % 2), *incoming = attn_cp_at(p, ATTN_CP_RING_DKV, INCOMING);
    int came = -1;
    attn_status status = ATTN_OK;
    if (i > 1) {
        status = attn_cp_receive(p, &s->around, ATTN_TRAFFIC_GRADIENTS, r->from, incoming, bytes);
        if (!status) came = attn_cp_take(&s->around);
    }
    if (!status) status = attn_cp_wait_one(p, &sent[i % 2]);
    if (!status) status = attn_cp_share(p, chunk, i, r->kv, own, some);
    if (!status) status = attn_cp_wait_one(p, &came);
    if (!status && i > 1) attn_cp_add(p, own, incoming);
    const int peer = i < s->last[x] ? r->to : attn_grid_rank(&s->grid, s->u, x);
    if (!status) status = attn_cp_send(p, &s->around, ATTN_TRAFFIC_GRADIENTS, peer, own, bytes);
    if (!status) sent[i % 2] = attn_cp_take(&s->around);
    return status;
}

/* What all others have added up of this position's is asked for: at once where the rank that sends it sends nothing else here and goes on only when
 * it is through, at the end where it comes behind all else from the rank before. */
static attn_status await_home(struct attn_cp_pass *p, const struct ring *r, bool end, int *home) {
    struct attn_cp_stage *s = p->stage;
    const int last = s->last[r->position];
    if (last < 1 || (last == r->count - 1) != end) return ATTN_OK;
    const attn_status status =
        attn_cp_receive(p, &s->around, ATTN_TRAFFIC_GRADIENTS, attn_grid_rank(&s->grid, s->u, wrap(r->position + last, r->count)),
                        attn_cp_at(p, ATTN_CP_RING_DKV, HOME), attn_cp_kv_bytes(s, sizeof(float)));
    if (!status) *home = attn_cp_take(&s->around);
    return status;
}

/* It comes while the rest of the own keys is computed. */
static attn_status come_home(struct attn_cp_pass *p, const struct ring *r, int chunk, int *home) {
    attn_status status = await_home(p, r, true, home);
    const bool some = *home >= 0;
    if (!status) status = attn_cp_own_late(p, chunk);
    if (!status) status = attn_cp_wait_one(p, home);
    if (!status && some) attn_cp_add(p, attn_cp_at(p, ATTN_CP_DKV, chunk), attn_cp_at(p, ATTN_CP_RING_DKV, HOME));
    return status;
}

attn_status attn_cp_ring_backward(struct attn_cp_pass *p, int chunk) {
    struct attn_cp_stage *s = p->stage;
    struct ring r = open_ring(p, chunk);
    int sent[2] = {-1, -1}, home = -1;
    bool some = false;
    attn_status status = await_home(p, &r, false, &home);
    for (int i = 0; i < r.count && !status; i++) {
        char *next = attn_cp_at(p, ATTN_CP_RING_KV, i % 2);
        int keys[2] = {-1, -1};
        status = pass_on(p, &r, i, next);
        for (int n = 0; s->around.count > 0; n++) keys[n] = attn_cp_take(&s->around);
        if (!status && i == 0)
            status = attn_cp_own_early(p, chunk, &some);
        else if (!status && is_here(s, r.position - i, i))
            status = share(p, &r, chunk, i, sent, &some);
        for (int n = 0; n < 2 && !status; n++) status = attn_cp_wait_one(p, &keys[n]);
        r.kv = next;
    }
    if (!status) status = come_home(p, &r, chunk, &home);
    for (int n = 0; n < 2 && !status; n++) status = attn_cp_wait_one(p, &sent[n]);
    if (!some) attn_cp_nothing(p, chunk, true);
    return status;
}
