/* What ranks settle among themselves, from messages between two, and what all transports share. */
#include "dist/cp/transport.h"

#include <assert.h>
#include <string.h>

void attn_transport_count(struct attn_transport *t, enum attn_traffic_kind kind, int peer, size_t bytes) {
    if (peer == t->rank || kind >= ATTN_TRAFFIC_KINDS) return;
    t->sent[kind].messages++;
    t->sent[kind].bytes += (int64_t)bytes;
}

attn_status attn_link_fail(int rank, const struct attn_link_call *call, int peer, const char *what) {
    if (peer < 0) return attn_fail(call->ctx, ATTN_ESYSTEM, "rank %d: step %lld: %s: %s", rank, (long long)call->step, call->name, what);
    return attn_fail(call->ctx, ATTN_ESYSTEM, "rank %d: step %lld: %s with rank %d: %s", rank, (long long)call->step, call->name, peer,
                     what);
}

attn_status attn_transport_pass(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int to,
                                const void *send, int from, void *receive, size_t bytes) {
    int sent = -1, received = -1;
    attn_status status = from < 0 ? ATTN_OK : t->receive(t, call, kind, from, receive, bytes, &received);
    if (!status && to >= 0) status = t->send(t, call, kind, to, send, bytes, &sent);
    if (!status && received >= 0) status = t->wait(t, call, received);
    if (!status && sent >= 0) status = t->wait(t, call, sent);
    return status;
}

/* Each rank tells the one `stride` further on what it has heard, for stride 1, 2, 4, ...: the lowest failure has then been everywhere, and hearing of
 * it twice does no harm. */
attn_status attn_transport_agree(struct attn_transport *t, const struct attn_link_call *call, attn_status status) {
    struct attn_verdict *own = &t->own, *other = &t->other;
    if (t->counts_only) return status;
    if (t->lost) return attn_link_fail(t->rank, call, -1, "a rank was lost before");
    *own = (struct attn_verdict){.status = (int32_t)status, .rank = t->rank};
    if (status) attn_ctx_error(call->ctx, own->text, sizeof own->text);
    for (int stride = 1; stride < t->count; stride *= 2) {
        const int to = (t->rank + stride) % t->count, from = (t->rank - stride + t->count) % t->count;
        const attn_status met = attn_transport_pass(t, call, ATTN_TRAFFIC_CONTROL, to, own, from, other, sizeof *own);
        if (met) return met;
        if (other->status && (!own->status || other->rank < own->rank)) *own = *other;
    }
    if (!own->status) return ATTN_OK;
    own->text[sizeof own->text - 1] = '\0';
    return attn_fail(call->ctx, (attn_status)own->status, "rank %d: %.900s", (int)own->rank, own->text);
}

/* Numbers of rank 0 to all: twice as many have them after each step. */
static attn_status spread(struct attn_transport *t, const struct attn_link_call *call, double *numbers, size_t bytes) {
    attn_status status = ATTN_OK;
    for (int stride = 1; stride < t->count && !status; stride *= 2) {
        const bool sends = t->rank < stride && t->rank + stride < t->count, receives = t->rank >= stride && t->rank < 2 * stride;
        status = attn_transport_pass(t, call, ATTN_TRAFFIC_CONTROL, sends ? t->rank + stride : -1, numbers,
                                     receives ? t->rank - stride : -1, numbers, bytes);
    }
    return status;
}

attn_status attn_transport_share(struct attn_transport *t, const struct attn_link_call *call, double *numbers, int count) {
    const size_t bytes = (size_t)count * sizeof *numbers;
    assert(count <= ATTN_COMPARED);
    if (t->counts_only || t->count == 1) return ATTN_OK;
    if (t->lost) return attn_link_fail(t->rank, call, -1, "a rank was lost before");
    memcpy(t->compared, numbers, bytes);
    const attn_status status = spread(t, call, t->compared, bytes);
    if (!status) memcpy(numbers, t->compared, bytes);
    return status;
}

attn_status attn_transport_compare(struct attn_transport *t, const struct attn_link_call *call, const double *numbers,
                                   const char *const *names, int count) {
    const size_t bytes = (size_t)count * sizeof *numbers;
    assert(count <= ATTN_COMPARED);
    if (t->counts_only || t->count == 1) return ATTN_OK;
    if (t->lost) return attn_link_fail(t->rank, call, -1, "a rank was lost before");
    memcpy(t->compared, numbers, bytes);
    attn_status status = spread(t, call, t->compared, bytes);
    if (status) return status;
    for (int i = 0; i < count && !status; i++)
        if (memcmp(&numbers[i], &t->compared[i], sizeof numbers[i]) != 0)
            status = attn_fail(call->ctx, ATTN_EINVAL, "%s: %s is %.17g, but rank 0 has %.17g; expected the same on all ranks", call->name,
                               names[i], numbers[i], t->compared[i]);
    return attn_transport_agree(t, call, status);
}
