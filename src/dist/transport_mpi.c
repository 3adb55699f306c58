/* Messages over MPI.
 *
 * A ticket is a place in a table; requests of the first pieces lie side by side, so that one call of MPI asks for all of them. Further pieces, of messages
 * above 256 MiB, have an array of their own, which stays with the ticket for the next such message. */
#include "dist/transport_mpi.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

enum { FIRST_TAG = 16 };

struct message {
    int peer, next; /* next: of those free; -1: none */
    bool under_way;
    int more, room; /* pieces behind the first one */
    MPI_Request *rest;
};

struct mpi_transport {
    struct attn_transport transport; /* first: whoever has it has the rest */
    struct attn_link link;
    attn_ctx *ctx;
    MPI_Request *first;      /* [room], by ticket */
    struct message *message; /* [room] */
    int tickets, room, free;
    bool failed; /* MPI has said so between waits, and has forgotten the request since: the next wait says it */
};

// NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker): it knows waits alone, and requests here are tested until they are done, or given up

/* ------------------------------------------------------------------------------------------------- tickets */

static bool grow(struct mpi_transport *m) {
    const int room = m->room ? (int)attn_min64(2 * (int64_t)m->room, INT32_MAX) : 16;
    MPI_Request *first = attn_alloc(m->ctx, (size_t)room * sizeof *first);
    struct message *message = attn_alloc(m->ctx, (size_t)room * sizeof *message);
    if (!first || !message) {
        attn_free(m->ctx, first);
        attn_free(m->ctx, message);
        return false;
    }
    if (m->room) {
        memcpy(first, m->first, (size_t)m->room * sizeof *first);
        memcpy(message, m->message, (size_t)m->room * sizeof *message);
    }
    attn_free(m->ctx, m->first);
    attn_free(m->ctx, m->message);
    m->first = first;
    m->message = message;
    m->room = room;
    return true;
}

/* Room for pieces behind the first one. */
static bool make_room(const struct mpi_transport *m, struct message *s, int more) {
    MPI_Request *rest = s->rest;
    if (more > s->room) {
        rest = attn_alloc(m->ctx, (size_t)more * sizeof *rest);
        if (!rest) return false;
        attn_free(m->ctx, s->rest);
        s->rest = rest;
        s->room = more;
    }
    for (int i = 0; rest && i < more; i++) rest[i] = MPI_REQUEST_NULL;
    return true;
}

/* But for pieces behind the first one. */
static attn_status reserve(struct attn_transport *t, const struct attn_link_call *call, int count) {
    struct mpi_transport *m = (struct mpi_transport *)t;
    while (m->room < count)
        if (!grow(m)) return attn_no_memory(call->ctx, call->name, (size_t)count * (sizeof *m->first + sizeof *m->message));
    return ATTN_OK;
}

/* A ticket that is taken. False: there is no memory. */
static bool take(struct mpi_transport *m, int peer, int more, int *ticket) {
    if (m->free < 0) {
        if (m->tickets == m->room && !grow(m)) return false;
        m->message[m->tickets] = (struct message){.next = -1};
        m->first[m->tickets] = MPI_REQUEST_NULL;
        m->free = m->tickets++;
    }
    struct message *s = &m->message[m->free];
    if (!make_room(m, s, more)) return false;
    *ticket = m->free;
    m->free = s->next;
    s->peer = peer;
    s->more = more;
    s->under_way = true;
    return true;
}

static void give_back(struct mpi_transport *m, int ticket) {
    m->message[ticket].under_way = false;
    m->message[ticket].next = m->free;
    m->free = ticket;
}

/* ------------------------------------------------------------------------------------------------ messages */

static attn_status lose(struct mpi_transport *m, const struct attn_link_call *call, int ticket, const char *what) {
    struct message *s = &m->message[ticket];
    m->transport.lost = m->link.lost = true;
    attn_link_give_up(&m->first[ticket], 1);
    attn_link_give_up(s->rest, s->more);
    return attn_link_fail(m->link.rank, call, s->peer, what);
}

/* Pieces of one message arrive in the order in which they were begun, so one tag is enough. */
static attn_status begin(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                         const char *from, char *to, size_t bytes, int *ticket) {
    struct mpi_transport *m = (struct mpi_transport *)t;
    const size_t piece = attn_link_piece(&m->link), pieces = bytes ? (bytes - 1) / piece + 1 : 1;
    const int tag = FIRST_TAG + (int)kind;
    if (t->lost) return attn_link_fail(t->rank, call, peer, "a rank was lost before");
    if (pieces > INT32_MAX) return attn_fail(call->ctx, ATTN_ESHAPE, "%s: a message of %zu bytes is too long", call->name, bytes);
    if (!take(m, peer, (int)pieces - 1, ticket)) return attn_no_memory(call->ctx, call->name, pieces * sizeof *m->message);
    attn_status status = ATTN_OK;
    for (size_t i = 0; i < pieces && !status; i++) {
        const size_t at = i * piece, left = bytes - at;
        const int n = (int)(left < piece ? left : piece);
        MPI_Request *request = i ? &m->message[*ticket].rest[i - 1] : &m->first[*ticket];
        const int begun = from ? MPI_Isend(from + at, n, MPI_BYTE, peer, tag, m->link.comm, request)
                               : MPI_Irecv(to ? to + at : NULL, n, MPI_BYTE, peer, tag, m->link.comm, request);
        if (begun != MPI_SUCCESS) status = lose(m, call, *ticket, attn_link_refused);
    }
    return status;
}

static attn_status send(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                        const void *data, size_t bytes, int *ticket) {
    static const char nothing[1];
    const attn_status status = begin(t, call, kind, peer, data ? data : nothing, NULL, bytes, ticket);
    if (!status) attn_transport_count(t, kind, peer, bytes);
    return status;
}

static attn_status receive(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer, void *data,
                           size_t bytes, int *ticket) {
    return begin(t, call, kind, peer, NULL, data, bytes, ticket);
}

/* Any call that tests lets all messages go on. */
static void progress(struct attn_transport *t) {
    struct mpi_transport *m = (struct mpi_transport *)t;
    int index, done;
    if (t->lost || m->failed || !m->tickets) return;
    m->failed = MPI_Testany(m->tickets, m->first, &index, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS;
}

static attn_status wait(struct attn_transport *t, const struct attn_link_call *call, int ticket) {
    struct mpi_transport *m = (struct mpi_transport *)t;
    assert(ticket >= 0 && ticket < m->tickets && m->message[ticket].under_way);
    struct message *s = &m->message[ticket];
    const double begun = attn_clock();
    if (t->lost) return attn_link_fail(t->rank, call, s->peer, "a rank was lost before");
    const char *wrong = m->failed ? attn_link_refused : attn_link_wait(&m->link, &m->first[ticket], 1);
    if (!wrong && s->more) wrong = attn_link_wait(&m->link, s->rest, s->more);
    t->waited += attn_clock() - begun;
    if (wrong) return lose(m, call, ticket, wrong);
    give_back(m, ticket);
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------- open and close */

static void close_transport(struct attn_transport *t) {
    struct mpi_transport *m = (struct mpi_transport *)t;
    if (t->lost) return;
    for (int i = 0; i < m->tickets; i++)
        if (m->message[i].under_way) return; /* a failure between begin and wait: as if a rank were lost */
    for (int i = 0; i < m->tickets; i++) attn_free(m->ctx, m->message[i].rest);
    attn_link_close(&m->link);
    attn_free(m->ctx, m->first);
    attn_free(m->ctx, m->message);
    attn_free(m->ctx, m);
}

// NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker)

attn_status attn_mpi_transport_open(attn_ctx *ctx, MPI_Comm comm, double deadline, size_t piece, struct attn_transport **out) {
    struct mpi_transport *m = attn_alloc(ctx, sizeof *m); /* where calls that are under way may find it for ever */
    *out = NULL;
    if (!m) return attn_no_memory(ctx, "messages of MPI", sizeof *m);
    *m = (struct mpi_transport){.ctx = ctx, .free = -1};
    const attn_status status = attn_link_open(&m->link, ctx, comm, deadline);
    if (status) {
        if (!m->link.lost) attn_free(ctx, m);
        return status;
    }
    m->link.piece = piece;
    m->transport = (struct attn_transport){.rank = m->link.rank,
                                           .count = m->link.count,
                                           .reserve = reserve,
                                           .send = send,
                                           .receive = receive,
                                           .progress = progress,
                                           .wait = wait,
                                           .close = close_transport};
    *out = &m->transport;
    return ATTN_OK;
}
