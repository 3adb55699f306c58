/* Rows of one rank to the places of all, and back. Piece by piece, all ranks in turn, so that none waits longer than a round takes: a rank says which tokens
 * its next places hold, and the root sends or receives their rows. */
#include "dist/mpi_plan.h"

#include <string.h>

enum { PIECE = 4 << 20 /* bytes of rows under way to or from one rank */ };

struct transfer {
    attn_mpi_plan *plan;
    struct attn_link_call call;
    int root;
    size_t bytes;       /* of a row */
    int64_t rows;       /* of a piece */
    int64_t own_places; /* of this rank */
    int64_t *token;     /* [own_places] */
    int64_t *places;    /* of the root: [count] */
    int64_t *asked;     /* of the root: [rows] */
    char *piece;        /* of the root: rows */
};

static attn_status check(const attn_mpi_plan *plan, int root, const void *whole, const void *own) {
    const struct attn_transport *t = plan->transport;
    if (root < 0 || root >= t->count)
        return attn_fail(plan->ctx, ATTN_EINVAL, "rows over ranks: root is %d, expected 0 to %d", root, t->count - 1);
    if ((!whole && t->rank == root) || (!own && plan->cp->places))
        return attn_fail(plan->ctx, ATTN_EINVAL, "rows over ranks: %s is NULL, expected an array of %lld rows", own ? "whole" : "own",
                         (long long)(own ? plan->cp->problem.q_len : plan->cp->places));
    return ATTN_OK;
}

static attn_status allocate(struct transfer *x) {
    attn_ctx *ctx = x->plan->ctx;
    const struct attn_transport *t = x->plan->transport;
    const bool is_root = t->rank == x->root;
    const size_t piece = (size_t)x->rows * x->bytes, asked = (size_t)x->rows * sizeof *x->asked;
    x->token = attn_alloc(ctx, (size_t)x->own_places * sizeof *x->token);
    if (is_root) x->places = attn_alloc(ctx, (size_t)t->count * sizeof *x->places);
    if (is_root) x->asked = attn_alloc(ctx, asked);
    if (is_root) x->piece = attn_alloc(ctx, piece);
    if (!x->token || (is_root && (!x->places || !x->asked || !x->piece))) return attn_no_memory(ctx, x->call.name, piece + asked);
    attn_cp_tokens(x->plan->cp, x->token);
    return ATTN_OK;
}

/* All ranks must come. */
static attn_status open_transfer(struct transfer *x, attn_status status) {
    static const char *const names[] = {"root", "bytes"};
    struct attn_transport *t = x->plan->transport;
    const double numbers[] = {x->root, (double)x->bytes};
    x->own_places = x->plan->cp->places;
    x->rows = attn_max64(1, (int64_t)(PIECE / (x->bytes ? x->bytes : 1)));
    status = attn_transport_agree(t, &x->call, status);
    if (!status) status = attn_transport_compare(t, &x->call, numbers, names, 2);
    return status ? status : attn_transport_agree(t, &x->call, allocate(x));
}

/* What is under way when a rank is lost stays. */
static void close_transfer(struct transfer *x) {
    attn_ctx *ctx = x->plan->ctx;
    if (x->plan->transport->lost) return;
    attn_free(ctx, x->token);
    attn_free(ctx, x->places);
    attn_free(ctx, x->asked);
    attn_free(ctx, x->piece);
}

/* Rows of the whole to side by side; of padding 0. And back. */
static void pick(const struct transfer *x, const int64_t *token, int64_t rows, const char *whole, char *to) {
    for (int64_t i = 0; i < rows; i++) {
        if (token[i] < 0)
            memset(to + (size_t)i * x->bytes, 0, x->bytes);
        else
            memcpy(to + (size_t)i * x->bytes, whole + (size_t)token[i] * x->bytes, x->bytes);
    }
}

static void put(const struct transfer *x, const int64_t *token, int64_t rows, const char *from, char *whole) {
    for (int64_t i = 0; i < rows; i++)
        if (token[i] >= 0) memcpy(whole + (size_t)token[i] * x->bytes, from + (size_t)i * x->bytes, x->bytes);
}

static attn_status send_to(const struct transfer *x, int peer, const void *data, size_t bytes) {
    return attn_transport_pass(x->plan->transport, &x->call, ATTN_TRAFFIC_CONTROL, peer, data, -1, NULL, bytes);
}

static attn_status receive_from(const struct transfer *x, int peer, void *data, size_t bytes) {
    return attn_transport_pass(x->plan->transport, &x->call, ATTN_TRAFFIC_CONTROL, -1, NULL, peer, data, bytes);
}

/* The root's part for one rank's places [at, at + rows). */
static attn_status serve(const struct transfer *x, int peer, int64_t rows, const char *from_whole, char *to_whole) {
    attn_status status = receive_from(x, peer, x->asked, (size_t)rows * sizeof *x->asked);
    if (status) return status;
    if (from_whole) {
        pick(x, x->asked, rows, from_whole, x->piece);
        return send_to(x, peer, x->piece, (size_t)rows * x->bytes);
    }
    status = receive_from(x, peer, x->piece, (size_t)rows * x->bytes);
    if (!status) put(x, x->asked, rows, x->piece, to_whole);
    return status;
}

static attn_status serve_all(const struct transfer *x, const char *from_whole, char *to_whole) {
    const struct attn_transport *t = x->plan->transport;
    attn_status status = ATTN_OK;
    int64_t most = 0;
    for (int peer = 0; peer < t->count && !status; peer++) {
        if (peer == t->rank) continue;
        status = receive_from(x, peer, &x->places[peer], sizeof x->places[peer]);
        most = attn_max64(most, x->places[peer]);
    }
    for (int64_t at = 0; at < most && !status; at += x->rows)
        for (int peer = 0; peer < t->count && !status; peer++) {
            const int64_t rows = peer == t->rank ? 0 : attn_min64(x->rows, x->places[peer] - at);
            if (rows > 0) status = serve(x, peer, rows, from_whole, to_whole);
        }
    return status;
}

/* Another rank's part. */
static attn_status ask(const struct transfer *x, const char *from_own, char *to_own) {
    attn_status status = send_to(x, x->root, &x->own_places, sizeof x->own_places);
    for (int64_t at = 0; at < x->own_places && !status; at += x->rows) {
        const int64_t rows = attn_min64(x->rows, x->own_places - at);
        const size_t first = (size_t)at * x->bytes, bytes = (size_t)rows * x->bytes;
        status = send_to(x, x->root, x->token + at, (size_t)rows * sizeof *x->token);
        if (!status) status = from_own ? send_to(x, x->root, from_own + first, bytes) : receive_from(x, x->root, to_own + first, bytes);
    }
    return status;
}

attn_status attn_mpi_dispatch(attn_mpi_plan *plan, int root, size_t bytes, const void *whole, void *own) {
    if (!plan) return ATTN_EINVAL;
    struct transfer x = {.plan = plan, .call = {plan->ctx, "dispatch over ranks", plan->settled++}, .root = root, .bytes = bytes};
    attn_status status = open_transfer(&x, check(plan, root, whole, own));
    if (!status && plan->transport->rank == root) {
        pick(&x, x.token, x.own_places, whole, own);
        status = serve_all(&x, whole, NULL);
    } else if (!status) {
        status = ask(&x, NULL, own);
    }
    close_transfer(&x);
    return attn_mpi_plan_done(plan, status);
}

attn_status attn_mpi_undispatch(attn_mpi_plan *plan, int root, size_t bytes, const void *own, void *whole) {
    if (!plan) return ATTN_EINVAL;
    struct transfer x = {.plan = plan, .call = {plan->ctx, "undispatch over ranks", plan->settled++}, .root = root, .bytes = bytes};
    attn_status status = open_transfer(&x, check(plan, root, whole, own));
    if (!status && plan->transport->rank == root) {
        put(&x, x.token, x.own_places, own, whole);
        status = serve_all(&x, NULL, whole);
    } else if (!status) {
        status = ask(&x, own, NULL);
    }
    close_transfer(&x);
    return attn_mpi_plan_done(plan, status);
}
