#include "support/transports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool test_is(bool right, const struct attn_transport *t, const char *what) {
    if (!right) fprintf(stderr, "rank %d of %d: %s\n", t->rank, t->count, what);
    return right;
}

bool test_says(attn_ctx *ctx, const struct attn_transport *t, const char *piece) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (strstr(text, piece)) return true;
    fprintf(stderr, "rank %d: \"%s\"; expected \"%s\"\n", t->rank, text, piece);
    return false;
}

/* ----------------------------------------------------------------------------------------------- messages */

enum { MESSAGES = 6, MOST = 3000 };

static size_t bytes_of(int from, int to, int kind, int number) {
    return (size_t)((from * 977 + to * 331 + kind * 71 + number * 1201) % MOST);
}

static uint8_t byte_of(int from, int to, int kind, int number, size_t at) {
    return (uint8_t)((size_t)(from * 7 + to * 5 + kind * 3 + number) + at * 11);
}

struct letters {
    uint8_t at[8][ATTN_TRAFFIC_KINDS][MESSAGES][MOST]; /* by peer */
    int ticket[8][ATTN_TRAFFIC_KINDS][MESSAGES];
};

bool test_messages_arrive(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "letters", 0};
    struct letters *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    bool right = true;
    (void)user;
    for (int round = 0; round < 3; round++) {
        for (int peer = 0; peer < t->count; peer++)
            for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++)
                for (int i = 0; i < MESSAGES; i++) {
                    const size_t n = bytes_of(t->rank, peer, kind, i);
                    for (size_t j = 0; j < n; j++) out->at[peer][kind][i][j] = byte_of(t->rank, peer, kind, i + round, j);
                    memset(in->at[peer][kind][i], 0, MOST);
                    right = right &&
                            !t->send(t, &call, (enum attn_traffic_kind)kind, peer, out->at[peer][kind][i], n, &out->ticket[peer][kind][i]);
                    right = right && !t->receive(t, &call, (enum attn_traffic_kind)kind, peer, in->at[peer][kind][i],
                                                 bytes_of(peer, t->rank, kind, i), &in->ticket[peer][kind][i]);
                }
        for (int peer = t->count; peer-- > 0 && right;)
            for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++)
                for (int i = MESSAGES; i-- > 0;) {
                    right = right && !t->wait(t, &call, in->ticket[peer][kind][i]) && !t->wait(t, &call, out->ticket[peer][kind][i]);
                    for (size_t j = 0; right && j < bytes_of(peer, t->rank, kind, i); j++)
                        right = in->at[peer][kind][i][j] == byte_of(peer, t->rank, kind, i + round, j);
                }
    }
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) {
        int64_t bytes = 0;
        for (int peer = 0; peer < t->count; peer++)
            for (int i = 0; i < MESSAGES && peer != t->rank; i++) bytes += (int64_t)bytes_of(t->rank, peer, kind, i);
        right = right && t->sent[kind].bytes == 3 * bytes && t->sent[kind].messages == 3 * MESSAGES * (t->count - 1);
    }
    free(in);
    free(out);
    return test_is(right, t, "a message is not what was sent, or not counted as such");
}

bool test_all_agree(void *user, attn_ctx *ctx, struct attn_transport *t) {
    const struct attn_link_call call = {ctx, "meeting", 4};
    const char *const names[] = {"one", "two"};
    char text[128];
    (void)user;
    IS(attn_transport_agree(t, &call, ATTN_OK) == ATTN_OK);
    for (int who = 0; who < t->count; who++) {
        attn_status status = t->rank >= who && t->rank <= who + 2 ? attn_fail(ctx, ATTN_ESHAPE, "wrong at %d", t->rank) : ATTN_OK;
        IS(attn_transport_agree(t, &call, status) == ATTN_ESHAPE);
        snprintf(text, sizeof text, "rank %d: wrong at %d", who, who);
        IS(test_says(ctx, t, text));
        const double numbers[] = {1.5, t->rank == who ? -2.0 : -1.0};
        status = attn_transport_compare(t, &call, numbers, names, 2);
        IS(status == (t->count > 1 ? ATTN_EINVAL : ATTN_OK));
        snprintf(text, sizeof text, "rank %d: meeting: two is %d, but rank 0 has %d; expected the same on all ranks", who ? who : 1,
                 who ? -2 : -1, who ? -1 : -2);
        if (t->count > 1) IS(test_says(ctx, t, text));
    }
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) IS(t->sent[kind].messages == 0);
    return true;
}
