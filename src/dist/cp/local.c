/* Messages between threads.
 *
 * A rank's mail is what others have sent to it and no receive has met: a queue for each sender and tag, under a lock. A met pair belongs to the receiver,
 * but that the sender may withdraw its memory when a rank is lost: whoever copies from it says so in the send's state. Records of messages stay until the world
 * closes, so that nobody looks at one that is gone. */
#include "dist/cp/local.h"

#include "base/clock.h"
#include "base/parallel.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { OFFERED, COPIED_FROM, TAKEN, WITHDRAWN };

struct message {
    struct message *next; /* in a queue, among a rank's receives, or among those free */
    int ticket, peer;
    enum attn_traffic_kind kind;
    bool under_way; /* its ticket has not been waited for */
    bool sends;
    const char *from;
    char *to;
    size_t bytes;
    atomic_int state; /* of a send */

    /* Of a receive. */
    struct message *met;
    bool taken, wrong_size;
    size_t moved;
    double due; /* of the segment under way; -1: none is */
};

struct queue {
    struct message *first, **end;
};

struct rank {
    struct attn_transport transport; /* first: whoever has it has the rank */
    struct attn_local_world *world;
    bool open;
    atomic_flag lock;
    struct queue *mail; /* [count][ATTN_TRAFFIC_TAGS] */

    /* The rank's own. */
    struct message **message; /* [messages], by ticket */
    int messages, room;
    struct message *free, *receives; /* receives: in the order in which they were begun, until they are taken */
    struct message **moving;         /* [count]: of each sender's link */
};

struct attn_local_world {
    attn_ctx *ctx;
    int count;
    double deadline;
    struct attn_local_delay delay;
    atomic_int lost; /* 1 + the rank that gave up first; 0: none has */
    struct rank *rank;
    struct queue *mail;
    struct message **moving;
};

static void lock(atomic_flag *flag) {
    while (atomic_flag_test_and_set_explicit(flag, memory_order_acquire)) attn_parallel_wait();
}

static void unlock(atomic_flag *flag) {
    atomic_flag_clear_explicit(flag, memory_order_release);
}

/* ------------------------------------------------------------------------------------------------ receiving */

static struct queue *mail_of(const struct rank *r, int sender, enum attn_traffic_kind kind) {
    return &r->mail[sender * ATTN_TRAFFIC_TAGS + (int)kind];
}

/* In the order in which receives were begun, under one lock, so that a send that comes meanwhile goes to the first of them. */
static void meet(struct rank *r) {
    lock(&r->lock);
    for (struct message *m = r->receives; m; m = m->next) {
        struct queue *mail = mail_of(r, m->peer, m->kind);
        if (m->met || !mail->first) continue;
        m->met = mail->first;
        mail->first = m->met->next;
        if (!mail->first) mail->end = &mail->first;
        m->wrong_size = m->met->bytes != m->bytes;
    }
    unlock(&r->lock);
}

/* False: the sender's memory is not there any more. */
static bool copy(struct message *m, size_t bytes) {
    int offered = OFFERED;
    if (!atomic_compare_exchange_strong(&m->met->state, &offered, COPIED_FROM)) return false;
    if (bytes) memcpy(m->to + m->moved, m->met->from + m->moved, bytes);
    m->moved += bytes;
    m->taken = m->moved == m->bytes;
    atomic_store(&m->met->state, m->taken ? TAKEN : OFFERED);
    return true;
}

/* Segments that are due are copied, and the next one begins now. */
static void move(const struct attn_local_world *world, struct message *m, double now) {
    const struct attn_local_delay *d = &world->delay;
    while (!m->taken) {
        const size_t left = m->bytes - m->moved, n = d->segment && d->segment < left ? d->segment : left;
        if (m->due < 0.0) m->due = now + (m->moved == 0 ? d->latency : 0.0) + (d->bandwidth > 0.0 ? (double)n / d->bandwidth : 0.0);
        if (now < m->due || !copy(m, n)) return;
        m->due = -1.0;
    }
}

static void progress(struct attn_transport *t) {
    struct rank *r = (struct rank *)t;
    const double now = attn_clock();
    if (!r->receives || atomic_load(&r->world->lost)) return;
    meet(r);
    for (struct message **at = &r->receives; *at;) {
        struct message *m = *at;
        struct message **moving = &r->moving[m->peer];
        if (m->met && !m->wrong_size && !*moving) *moving = m;
        if (m->met && *moving == m) move(r->world, m, now);
        if (m->taken) {
            *moving = NULL;
            *at = m->next;
        } else {
            at = &m->next;
        }
    }
}

/* ------------------------------------------------------------------------------------------------- losing */

/* Nobody reads this rank's memory any more. */
static void withdraw(struct rank *r) {
    for (int i = 0; i < r->messages; i++) {
        struct message *m = r->message[i];
        int offered = OFFERED;
        if (!m->under_way || !m->sends) continue;
        while (!atomic_compare_exchange_weak(&m->state, &offered, WITHDRAWN) && offered != TAKEN && offered != WITHDRAWN) {
            offered = OFFERED;
            attn_parallel_wait();
        }
    }
}

static attn_status lose(struct rank *r, const struct attn_link_call *call, int peer, const char *what) {
    int none = 0;
    char other[64];
    if (!atomic_compare_exchange_strong(&r->world->lost, &none, r->transport.rank + 1) && none != r->transport.rank + 1) {
        snprintf(other, sizeof other, "rank %d has given up", none - 1);
        what = other;
    }
    r->transport.lost = true;
    withdraw(r);
    return attn_link_fail(r->transport.rank, call, peer, what);
}

static attn_status lost_before(const struct rank *r, const struct attn_link_call *call, int peer) {
    return attn_link_fail(r->transport.rank, call, peer, "a rank was lost before");
}

/* ------------------------------------------------------------------------------------------------ messages */

static attn_status no_memory(const struct attn_link_call *call, size_t bytes) {
    return attn_no_memory(call->ctx, call->name, bytes);
}

/* NULL: *status says why. */
static struct message *fresh(struct rank *r, const struct attn_link_call *call, attn_status *status) {
    attn_ctx *ctx = r->world->ctx;
    struct message *m = r->free;
    if (m) {
        r->free = m->next;
        return m;
    }
    if (r->messages == r->room) {
        const int room = r->room ? 2 * r->room : 16;
        struct message **message = attn_alloc(ctx, (size_t)room * sizeof *message);
        if (!message) {
            *status = no_memory(call, (size_t)room * sizeof *message);
            return NULL;
        }
        if (r->messages) memcpy(message, r->message, (size_t)r->messages * sizeof *message);
        attn_free(ctx, r->message);
        r->message = message;
        r->room = room;
    }
    m = attn_alloc(ctx, sizeof *m);
    if (!m) {
        *status = no_memory(call, sizeof *m);
        return NULL;
    }
    m->ticket = r->messages;
    r->message[r->messages++] = m;
    return m;
}

static attn_status reserve(struct attn_transport *t, const struct attn_link_call *call, int count) {
    struct rank *r = (struct rank *)t;
    struct message *kept = r->free;
    attn_status status = ATTN_OK;
    r->free = NULL;
    while (r->messages < count && !status) {
        struct message *m = fresh(r, call, &status);
        if (!m) break;
        *m = (struct message){.next = kept, .ticket = m->ticket};
        kept = m;
    }
    r->free = kept;
    return status;
}

static struct message *begin(struct rank *r, const struct attn_link_call *call, const struct message *of, attn_status *status) {
    assert(of->peer >= 0 && of->peer < r->world->count);
    *status = r->transport.lost ? lost_before(r, call, of->peer) : ATTN_OK;
    struct message *m = *status ? NULL : fresh(r, call, status);
    if (!m) return NULL;
    const int ticket = m->ticket;
    *m = *of;
    m->ticket = ticket;
    m->under_way = true;
    atomic_init(&m->state, OFFERED);
    return m;
}

static attn_status send(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer,
                        const void *data, size_t bytes, int *ticket) {
    struct rank *r = (struct rank *)t, *to = &r->world->rank[peer];
    attn_status status;
    struct message *m = begin(r, call, &(struct message){.peer = peer, .kind = kind, .sends = true, .from = data, .bytes = bytes}, &status);
    if (!m) return status;
    struct queue *mail = mail_of(to, t->rank, kind);
    lock(&to->lock);
    *mail->end = m;
    mail->end = &m->next;
    unlock(&to->lock);
    attn_transport_count(t, kind, peer, bytes);
    *ticket = m->ticket;
    return ATTN_OK;
}

static attn_status receive(struct attn_transport *t, const struct attn_link_call *call, enum attn_traffic_kind kind, int peer, void *data,
                           size_t bytes, int *ticket) {
    struct rank *r = (struct rank *)t;
    struct message **end = &r->receives;
    attn_status status;
    struct message *m = begin(r, call, &(struct message){.peer = peer, .kind = kind, .to = data, .bytes = bytes, .due = -1.0}, &status);
    if (!m) return status;
    while (*end) end = &(*end)->next;
    *end = m;
    *ticket = m->ticket;
    return ATTN_OK;
}

static bool is_done(const struct message *m) {
    return m->sends ? atomic_load(&m->state) == TAKEN : m->taken;
}

static attn_status wait(struct attn_transport *t, const struct attn_link_call *call, int ticket) {
    struct rank *r = (struct rank *)t;
    struct message *m = r->message[ticket];
    const double begun = attn_clock();
    assert(ticket >= 0 && ticket < r->messages && m->under_way);
    if (t->lost) return lost_before(r, call, m->peer);
    for (progress(t); !is_done(m); progress(t)) {
        char sizes[128];
        if (m->wrong_size) {
            snprintf(sizes, sizeof sizes, "a message of %zu bytes came; expected %zu", m->met->bytes, m->bytes);
            return lose(r, call, m->peer, sizes);
        }
        if (atomic_load(&r->world->lost) || attn_clock() - begun > r->world->deadline)
            return lose(r, call, m->peer, "no answer within the deadline");
        attn_parallel_wait();
    }
    m->under_way = false;
    m->next = r->free;
    r->free = m;
    t->waited += attn_clock() - begun;
    return ATTN_OK;
}

static void close_rank(struct attn_transport *t) {
    struct rank *r = (struct rank *)t;
    int none = 0;
    bool leaves = false;
    for (int i = 0; i < r->messages; i++) leaves = leaves || r->message[i]->under_way;
    if (leaves) {
        atomic_compare_exchange_strong(&r->world->lost, &none, t->rank + 1);
        withdraw(r);
    }
    r->open = false;
}

/* --------------------------------------------------------------------------------------------------- world */

attn_status attn_local_open(struct attn_local_world *world, int rank, struct attn_transport **out) {
    *out = NULL;
    if (rank < 0 || rank >= world->count)
        return attn_fail(world->ctx, ATTN_EINVAL, "ranks of threads: found rank %d; expected 0 to %d", rank, world->count - 1);
    struct rank *r = &world->rank[rank];
    if (r->open) return attn_fail(world->ctx, ATTN_EINVAL, "ranks of threads: rank %d is open already", rank);
    r->open = true;
    r->transport = (struct attn_transport){.rank = rank,
                                           .count = world->count,
                                           .reserve = reserve,
                                           .send = send,
                                           .receive = receive,
                                           .progress = progress,
                                           .wait = wait,
                                           .close = close_rank};
    *out = &r->transport;
    return ATTN_OK;
}

static bool allocate(struct attn_local_world *world, size_t *bytes) {
    const size_t count = (size_t)world->count;
    size_t pairs, queues;
    *bytes = SIZE_MAX;
    if (!attn_mul_size(count, count, &pairs) || !attn_mul_size(pairs, ATTN_TRAFFIC_TAGS * sizeof *world->mail, &queues)) return false;
    *bytes = queues;
    world->rank = attn_alloc(world->ctx, count * sizeof *world->rank);
    world->mail = attn_alloc(world->ctx, queues);
    world->moving = attn_alloc(world->ctx, pairs * sizeof *world->moving);
    return world->rank && world->mail && world->moving;
}

attn_status attn_local_world_open(attn_ctx *ctx, int count, double deadline, const struct attn_local_delay *delay,
                                  struct attn_local_world **out) {
    size_t bytes;
    *out = NULL;
    if (count < 1 || !(deadline > 0.0))
        return attn_fail(ctx, ATTN_EINVAL, "ranks of threads: found %d ranks, deadline %g; expected 1 or more, seconds above 0", count,
                         deadline);
    struct attn_local_world *world = attn_alloc(ctx, sizeof *world);
    if (!world) return attn_no_memory(ctx, "ranks of threads", sizeof *world);
    *world = (struct attn_local_world){.ctx = ctx, .count = count, .deadline = deadline};
    atomic_init(&world->lost, 0);
    if (delay) world->delay = *delay;
    if (!allocate(world, &bytes)) {
        world->count = 0; /* none of them is filled in */
        attn_local_world_close(world);
        return attn_no_memory(ctx, "ranks of threads", bytes);
    }
    for (int i = 0; i < count; i++) {
        struct rank *r = &world->rank[i];
        *r = (struct rank){.world = world, .mail = world->mail + (size_t)i * (size_t)count * ATTN_TRAFFIC_TAGS};
        r->moving = world->moving + (size_t)i * (size_t)count;
        atomic_flag_clear(&r->lock);
        for (int j = 0; j < count; j++) r->moving[j] = NULL;
        for (int j = 0; j < count * ATTN_TRAFFIC_TAGS; j++) r->mail[j] = (struct queue){NULL, &r->mail[j].first};
    }
    *out = world;
    return ATTN_OK;
}

void attn_local_world_close(struct attn_local_world *world) {
    if (!world) return;
    attn_ctx *ctx = world->ctx;
    for (int i = 0; i < world->count; i++) {
        for (int j = 0; j < world->rank[i].messages; j++) attn_free(ctx, world->rank[i].message[j]);
        attn_free(ctx, world->rank[i].message);
    }
    attn_free(ctx, world->rank);
    attn_free(ctx, world->mail);
    attn_free(ctx, world->moving);
    attn_free(ctx, world);
}
