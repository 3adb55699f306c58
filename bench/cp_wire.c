#include "bench/cp_wire.h"

#include "dist/cp/count.h"

void attn_wire_none(int rank, int count, struct attn_transport *out) {
    attn_count_open(rank, count, out);
    out->counts_only = false;
}

static char *next(struct attn_wire *w, size_t bytes) {
    if (w->at + bytes > w->bytes) w->at = 0;
    char *const at = w->memory + w->at;
    w->at += attn_round64(bytes);
    return at;
}

static attn_status send(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                        const void *data, size_t bytes, int *ticket) {
    struct attn_wire *w = (struct attn_wire *)(void *)t;
    (void)data;
    return w->below->send(w->below, call, kind, peer, next(w, bytes), bytes, ticket);
}

static attn_status receive(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer, void *data,
                           size_t bytes, int *ticket) {
    struct attn_wire *w = (struct attn_wire *)(void *)t;
    (void)data;
    return w->below->receive(w->below, call, kind, peer, next(w, bytes), bytes, ticket);
}

static void progress(struct attn_transport *t) {
    struct attn_transport *below = ((struct attn_wire *)(void *)t)->below;
    below->progress(below);
}

static attn_status wait(struct attn_transport *t, const struct attn_link_call *call, int ticket) {
    struct attn_transport *below = ((struct attn_wire *)(void *)t)->below;
    return below->wait(below, call, ticket);
}

static void nothing(struct attn_transport *t) {
    (void)t;
}

void attn_wire_bare(struct attn_transport *below, char *memory, size_t bytes, struct attn_wire *out) {
    *out = (struct attn_wire){.below = below, .memory = memory, .bytes = bytes};
    out->transport = (struct attn_transport){.rank = below->rank,
                                             .count = below->count,
                                             .counts_only = true,
                                             .send = send,
                                             .receive = receive,
                                             .progress = progress,
                                             .wait = wait,
                                             .close = nothing};
}
