/* The double ring (Gu et al. 2024, LoongTrain): positions are cut in W windows of S. The keys at a window's begin start for the same place of the next
 * window, few long ways of which there are W - 1, while they go round within their window in S steps.
 *
 * Backward, dk and dv go round with them and are at their window's begin again after S steps, from where they follow the keys to the next window; after W
 * windows they are home. */
#include "dist/cp/stage.h"

enum { INCOMING = 2, CARRIED = 3, FAR = 4 };

struct place {
    int windows, size;                      /* W, S */
    int next, before, next_far, before_far; /* ranks */
};

static struct place open_place(const struct attn_cp_stage *s) {
    const int windows = s->grid.windows, size = s->grid.ring / windows, a = s->y / size, b = s->y % size;
    return (struct place){.windows = windows,
                          .size = size,
                          .next = attn_grid_rank(&s->grid, s->u, a * size + (b + 1) % size),
                          .before = attn_grid_rank(&s->grid, s->u, a * size + (b + size - 1) % size),
                          .next_far = attn_grid_rank(&s->grid, s->u, (a + 1) % windows * size + b),
                          .before_far = attn_grid_rank(&s->grid, s->u, (a + windows - 1) % windows * size + b)};
}

/* Keys to one rank and from another, two messages under way. */
struct keys {
    int ticket[2];
};

static attn_status begin(struct attn_cp_pass *p, enum attn_traffic_kind kind, int to, const char *kv, int from, char *next,
                         struct keys *keys) {
    struct attn_cp_list *list = &p->stage->around;
    const size_t bytes = attn_cp_kv_bytes(p->stage, attn_dtype_bytes(p->stage->cp->problem.dtype));
    attn_status status = attn_cp_receive(p, list, kind, from, next, bytes);
    if (!status) keys->ticket[0] = attn_cp_take(list);
    if (!status) status = attn_cp_send(p, list, kind, to, kv, bytes);
    if (!status) keys->ticket[1] = attn_cp_take(list);
    return status;
}

static attn_status end(struct attn_cp_pass *p, struct keys *keys) {
    const attn_status status = attn_cp_wait_one(p, &keys->ticket[0]);
    return status ? status : attn_cp_wait_one(p, &keys->ticket[1]);
}

/* What a step does with the keys at hand. */
typedef attn_status (*step_fn)(struct attn_cp_pass *p, const struct place *at, int chunk, int step, const char *kv, void *state);

static attn_status go_round(struct attn_cp_pass *p, int chunk, step_fn do_step, void *state) {
    const struct place at = open_place(p->stage);
    const char *start = attn_cp_at(p, ATTN_CP_KV, chunk);
    attn_status status = ATTN_OK;
    for (int w = 0; w < at.windows && !status; w++) {
        struct keys far = {{-1, -1}};
        char *next_start = attn_cp_at(p, ATTN_CP_RING_KV, 2 + w % 2);
        const char *kv = start;
        if (w < at.windows - 1) status = begin(p, ATTN_TRAFFIC_LONG_KEYS, at.next_far, start, at.before_far, next_start, &far);
        for (int i = 0; i < at.size && !status; i++) {
            struct keys near = {{-1, -1}};
            char *next = attn_cp_at(p, ATTN_CP_RING_KV, i % 2);
            if (i < at.size - 1) status = begin(p, ATTN_TRAFFIC_KEYS, at.next, kv, at.before, next, &near);
            if (!status) status = do_step(p, &at, chunk, w * at.size + i, kv, state);
            if (!status) status = end(p, &near);
            kv = next;
        }
        if (!status) status = end(p, &far);
        start = next_start;
    }
    return status;
}

/* --------------------------------------------------------------------------------------------------- forward */

static attn_status step_forward(struct attn_cp_pass *p, const struct place *at, int chunk, int step, const char *kv, void *state) {
    const struct attn_cp_stage *s = p->stage;
    bool *some = state;
    (void)at;
    if (!s->mask[step * s->chunks + chunk]) return ATTN_OK;
    const bool merge = *some;
    *some = true;
    return attn_cp_attend(p, chunk, step, kv, s->tokens, merge);
}

attn_status attn_cp_double_ring_forward(struct attn_cp_pass *p, int chunk) {
    bool some = false;
    const attn_status status = go_round(p, chunk, step_forward, &some);
    if (!some) attn_cp_nothing(p, chunk, false);
    return status;
}

/* -------------------------------------------------------------------------------------------------- backward */

struct gradients {
    bool some;
    int sent[2], carried; /* under way: shares, what a window has added up */
};

static attn_status receive(struct attn_cp_pass *p, enum attn_traffic_kind kind, int from, int buffer, int *ticket) {
    struct attn_cp_list *list = &p->stage->around;
    const attn_status status =
        attn_cp_receive(p, list, kind, from, attn_cp_at(p, ATTN_CP_RING_DKV, buffer), attn_cp_kv_bytes(p->stage, sizeof(float)));
    if (!status) *ticket = attn_cp_take(list);
    return status;
}

static attn_status send(struct attn_cp_pass *p, enum attn_traffic_kind kind, int to, int buffer, int *ticket) {
    struct attn_cp_list *list = &p->stage->around;
    const attn_status status =
        attn_cp_send(p, list, kind, to, attn_cp_at(p, ATTN_CP_RING_DKV, buffer), attn_cp_kv_bytes(p->stage, sizeof(float)));
    if (!status) *ticket = attn_cp_take(list);
    return status;
}

/* The window's last step: its sum is at its begin again and goes on to the next window. */
static attn_status carry(struct attn_cp_pass *p, const struct place *at, struct gradients *g) {
    int came = -1;
    attn_status status = attn_cp_wait_one(p, &g->carried);
    if (!status) status = receive(p, ATTN_TRAFFIC_GRADIENTS, at->before, CARRIED, &came);
    if (!status) status = attn_cp_wait_one(p, &came);
    return status ? status : send(p, ATTN_TRAFFIC_LONG_GRADIENTS, at->next_far, CARRIED, &g->carried);
}

static attn_status step_backward(struct attn_cp_pass *p, const struct place *at, int chunk, int step, const char *kv, void *state) {
    struct gradients *g = state;
    const int i = step % at->size, buffer = step % 2, incoming = i > 0 ? INCOMING : FAR;
    char *own = attn_cp_at(p, ATTN_CP_RING_DKV, buffer);
    int came = -1;
    attn_status status = ATTN_OK;
    if (i > 0)
        status = receive(p, ATTN_TRAFFIC_GRADIENTS, at->before, INCOMING, &came);
    else if (step > 0)
        status = receive(p, ATTN_TRAFFIC_LONG_GRADIENTS, at->before_far, FAR, &came);
    if (!status) status = attn_cp_wait_one(p, &g->sent[buffer]);
    if (!status) status = attn_cp_share(p, chunk, step, kv, own, &g->some);
    if (!status) status = attn_cp_wait_one(p, &came);
    if (!status && step > 0) attn_cp_add(p, own, attn_cp_at(p, ATTN_CP_RING_DKV, incoming));
    if (status) return status;
    if (at->size == 1) return send(p, ATTN_TRAFFIC_LONG_GRADIENTS, at->next_far, buffer, &g->sent[buffer]);
    status = send(p, ATTN_TRAFFIC_GRADIENTS, at->next, buffer, &g->sent[buffer]);
    return status || i < at->size - 1 ? status : carry(p, at, g);
}

attn_status attn_cp_double_ring_backward(struct attn_cp_pass *p, int chunk) {
    const struct place at = open_place(p->stage);
    struct gradients g = {.sent = {-1, -1}, .carried = -1};
    int came = -1;
    attn_status status = go_round(p, chunk, step_backward, &g);
    if (!status) status = receive(p, ATTN_TRAFFIC_LONG_GRADIENTS, at.before_far, FAR, &came);
    if (!status) status = attn_cp_wait_one(p, &came);
    for (int n = 0; n < 2 && !status; n++) status = attn_cp_wait_one(p, &g.sent[n]);
    if (!status) status = attn_cp_wait_one(p, &g.carried);
    if (!status) attn_cp_set(p, attn_cp_at(p, ATTN_CP_DKV, chunk), attn_cp_at(p, ATTN_CP_RING_DKV, FAR));
    if (!g.some) attn_cp_nothing(p, chunk, true);
    return status;
}
