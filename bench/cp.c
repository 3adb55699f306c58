/* Measuring an attention over ranks. All ranks do the same: what one decides by, all know. */
#include "bench/cp.h"

#include "base/clock.h"
#include "bench/cp_part.h"
#include "bench/cp_wire.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE = 2 };

/* A run as it is, without messages, without arithmetic: in turns, so that what disturbs the machine meets all alike. */
enum kind { WHOLE, ARITHMETIC, MESSAGES, KINDS };

struct measuring {
    attn_ctx *ctx;
    const struct attn_cp_spec *spec;
    struct attn_transport *transport;
    struct attn_link_call call;
    struct attn_cp_figures *f;
    struct attn_cp *cp;
    struct attn_cp_part part;
    int passes;
    struct attn_transport none;
    struct attn_wire wire;
    struct attn_cp *bare; /* of wire: a schedule that computes nothing */
    char *wire_memory;
    double *slowest, *mean; /* [KINDS][2][repeats] */
};

/* Of a number of each rank: the greatest, and the mean. */
static attn_status gather(struct measuring *m, double own, double *greatest, double *mean) {
    struct attn_transport *t = m->transport;
    double both[2] = {own, own}, other = 0;
    attn_status status = ATTN_OK;
    if (t->rank == 0) {
        for (int r = 1; r < t->count && !status; r++) {
            status = attn_transport_pass(t, &m->call, ATTN_TRAFFIC_CONTROL, -1, NULL, r, &other, sizeof other);
            both[0] = attn_worse(both[0], other);
            both[1] += other;
        }
        for (int r = 1; r < t->count && !status; r++)
            status = attn_transport_pass(t, &m->call, ATTN_TRAFFIC_CONTROL, r, both, -1, NULL, sizeof both);
    } else {
        status = attn_transport_pass(t, &m->call, ATTN_TRAFFIC_CONTROL, 0, &own, -1, NULL, sizeof own);
        if (!status) status = attn_transport_pass(t, &m->call, ATTN_TRAFFIC_CONTROL, -1, NULL, 0, both, sizeof both);
    }
    if (greatest) *greatest = both[0];
    if (mean) *mean = both[1] / t->count;
    return status;
}

static attn_status run(struct measuring *m, struct attn_cp *cp, int pass) {
    return pass ? attn_cp_backward(cp, &m->part.args, &m->part.gradients) : attn_cp_forward(cp, &m->part.args);
}

static struct attn_cp_config config_for(const struct measuring *m, const struct attn_cp_sequence *s) {
    struct attn_cp_config config = m->spec->config;
    const bool by_document = config.sharding == ATTN_SHARD_ZIGZAG || config.grid.mechanism == ATTN_CP_HYBRID;
    config.document = by_document ? s->document : NULL;
    config.documents = by_document ? s->documents : 0;
    return config;
}

/* This rank's part of a sequence, with its arrays and workspace. */
static attn_status open_part(struct measuring *m, const struct attn_cp_sequence *s) {
    const struct attn_cp_config config = config_for(m, s);
    attn_status status = attn_cp_open(m->ctx, &s->problem, s->mask, &config, m->transport, &m->cp);
    if (status) return status;
    const size_t bytes = (size_t)attn_max64(m->cp->places, 1) * sizeof(int64_t);
    int64_t *token = attn_alloc(m->ctx, bytes);
    if (!token) status = attn_no_memory(m->ctx, "bench cp", bytes);
    if (!status) attn_cp_tokens(m->cp, token);
    if (!status) status = attn_cp_part_open(m->ctx, &s->problem, m->cp->places, token, m->spec->seed, &m->part);
    attn_free(m->ctx, token);
    if (!status) {
        m->part.args.workspace_bytes = m->cp->workspace;
        m->part.args.workspace = attn_alloc(m->ctx, m->cp->workspace);
        if (!m->part.args.workspace) status = attn_no_memory(m->ctx, "bench cp", m->cp->workspace);
    }
    if (!status) memset(m->part.args.workspace, 0, m->cp->workspace);
    return attn_transport_agree(m->transport, &m->call, status);
}

/* After a rank was lost, messages may still come into this memory. */
static void close_part(struct measuring *m) {
    if (m->transport->lost) return;
    attn_cp_close(m->cp);
    attn_cp_close(m->bare);
    attn_cp_part_close(&m->part);
    attn_free(m->ctx, m->wire_memory);
    m->cp = m->bare = NULL;
    m->wire_memory = NULL;
}

static attn_status check(struct measuring *m) {
    const struct attn_cp_sequence *s = &m->spec->checked;
    struct attn_cp_part whole;
    attn_status status = attn_cp_part_open(m->ctx, &s->problem, s->problem.q_len, NULL, m->spec->seed, &whole);
    whole.args.mask = s->mask;
    if (!status) status = attn_run(m->ctx, &s->problem, &whole.args, m->passes > 1 ? &whole.gradients : NULL);
    status = attn_transport_agree(m->transport, &m->call, status);
    if (!status) status = open_part(m, s);
    for (int pass = 0; pass < m->passes && !status; pass++) status = run(m, m->cp, pass);
    double error = status ? 0 : attn_cp_part_differs(&whole, &m->part, m->passes > 1);
    if (!status) status = gather(m, error, &m->f->max_error, NULL);
    m->f->wrong = !status && !(m->f->max_error <= (s->problem.dtype == ATTN_F32 ? 1e-5 : 5e-2));
    close_part(m);
    attn_cp_part_close(&whole);
    return status;
}

static int64_t sent_bytes(const struct attn_transport *t, int64_t *messages) {
    int64_t bytes = 0;
    *messages = 0;
    for (int i = 0; i < ATTN_TRAFFIC_KINDS; i++) {
        bytes += t->sent[i].bytes;
        *messages += t->sent[i].messages;
    }
    return bytes;
}

/* All begin together. What comes out without messages is thrown away. */
static attn_status time_run(struct measuring *m, enum kind kind, int pass, double *slowest, double *mean) {
    struct attn_cp *cp = kind == MESSAGES ? m->bare : m->cp;
    struct attn_transport *const transport = cp->transport;
    attn_status status = attn_transport_agree(m->transport, &m->call, ATTN_OK);
    if (kind == ARITHMETIC) cp->transport = &m->none;
    const double begun = attn_clock();
    if (!status) status = run(m, cp, pass);
    const double own = attn_clock() - begun;
    cp->transport = transport;
    return status ? status : gather(m, own, slowest, mean);
}

/* The first run of a pass: what it sends. */
static attn_status count_run(struct measuring *m, int pass) {
    struct attn_cp_figures *f = m->f;
    int64_t before, messages;
    double slowest, mean, waited = m->transport->waited;
    const int64_t bytes = sent_bytes(m->transport, &before);
    attn_status status = time_run(m, WHOLE, pass, &slowest, &mean);
    const int64_t sent = sent_bytes(m->transport, &messages) - bytes;
    waited = m->transport->waited - waited;
    if (!status) status = gather(m, (double)sent, &f->greatest[pass], &f->bytes[pass]);
    if (!status) status = gather(m, (double)(messages - before), NULL, &f->messages[pass]);
    if (!status) status = gather(m, waited, &f->waited[pass], NULL);
    f->bytes[pass] *= m->transport->count;
    f->messages[pass] *= m->transport->count;
    return status;
}

/* The schedule with messages alone, in memory of its own. */
static attn_status open_bare(struct measuring *m) {
    const struct attn_cp_sequence *s = &m->spec->timed;
    const struct attn_cp_config config = config_for(m, s);
    const size_t bytes = 4 * (size_t)fmax(m->f->greatest[0], m->f->greatest[1]) + (1 << 20);
    m->wire_memory = attn_alloc(m->ctx, bytes);
    attn_status status = m->wire_memory ? ATTN_OK : attn_no_memory(m->ctx, "bench cp", bytes);
    if (m->wire_memory) memset(m->wire_memory, 0, bytes);
    attn_wire_none(m->transport->rank, m->transport->count, &m->none);
    attn_wire_bare(m->transport, m->wire_memory, bytes, &m->wire);
    if (!status) status = attn_cp_open(m->ctx, &s->problem, s->mask, &config, &m->wire.transport, &m->bare);
    return attn_transport_agree(m->transport, &m->call, status);
}

static double *at(const struct measuring *m, double *numbers, enum kind kind, int pass) {
    return numbers + ((int)kind * 2 + pass) * m->spec->repeats;
}

static void sum_up(struct measuring *m) {
    struct attn_cp_figures *f = m->f;
    for (int pass = 0; pass < m->passes; pass++) {
        f->slowest[pass] = attn_median(at(m, m->slowest, WHOLE, pass), f->repeats);
        f->mean[pass] = attn_median(at(m, m->mean, WHOLE, pass), f->repeats);
        f->compute[pass] = attn_median(at(m, m->slowest, ARITHMETIC, pass), f->repeats);
        f->communication[pass] = attn_median(at(m, m->slowest, MESSAGES, pass), f->repeats);
        if (f->communication[pass] > f->slowest[pass] / 50 && f->bytes[pass] > 0)
            f->overlap[pass] = 1 - (f->slowest[pass] - f->compute[pass]) / f->communication[pass];
    }
}

static attn_status time_runs(struct measuring *m) {
    attn_status status = ATTN_OK;
    for (int pass = 0; pass < m->passes && !status; pass++) status = count_run(m, pass);
    if (!status) status = open_bare(m);
    for (int n = 1 - SETTLE; n < m->spec->repeats && !status; n++) {
        double stop = m->spec->stopped && m->spec->stopped();
        const int to = n < 0 ? 0 : n;
        for (int kind = 0; kind < KINDS; kind++)
            for (int pass = 0; pass < m->passes && !status; pass++)
                status = time_run(m, (enum kind)kind, pass, at(m, m->slowest, (enum kind)kind, pass) + to,
                                  at(m, m->mean, (enum kind)kind, pass) + to);
        if (!status && n >= 0) m->f->repeats = n + 1;
        if (!status) status = gather(m, stop, &stop, NULL);
        m->f->stopped = !status && stop > 0;
        if (m->f->stopped) break;
    }
    if (!status && m->f->repeats > 0) sum_up(m);
    return status;
}

static attn_status measure(struct measuring *m) {
    struct attn_cp_figures *f = m->f;
    double most, mean, places = 0;
    attn_status status = check(m);
    if (status || f->wrong) return status;
    status = open_part(m, &m->spec->timed);
    if (!status) status = gather(m, m->cp->own_area, &most, &mean);
    if (!status) status = gather(m, (double)m->cp->workspace, NULL, &f->workspace);
    if (status) return status;
    f->area = m->cp->area;
    f->balance = mean > 0 ? most / mean : 1;
    status = gather(m, (double)m->cp->places, NULL, &places);
    f->padding = places * m->transport->count / (double)m->spec->timed.problem.q_len;
    return status ? status : time_runs(m);
}

attn_status attn_cp_measure(attn_ctx *ctx, const struct attn_cp_spec *spec, struct attn_transport *transport,
                            struct attn_cp_figures *figures) {
    struct measuring m = {.ctx = ctx, .spec = spec, .transport = transport, .call = {ctx, "bench cp", 0}, .f = figures};
    const size_t count = KINDS * 2 * (size_t)spec->repeats, bytes = 2 * count * sizeof *m.slowest;
    *figures = (struct attn_cp_figures){.overlap = {(double)NAN, (double)NAN}};
    m.passes = spec->timed.problem.features & ATTN_BACKWARD ? 2 : 1;
    m.slowest = attn_alloc(ctx, bytes);
    m.mean = m.slowest ? m.slowest + count : NULL;
    attn_status status = m.slowest ? ATTN_OK : attn_no_memory(ctx, "bench cp", bytes);
    status = attn_transport_agree(transport, &m.call, status);
    if (!status) status = measure(&m);
    if (status) attn_ctx_error(ctx, figures->message, sizeof figures->message);
    close_part(&m);
    attn_free(ctx, m.slowest);
    return status;
}
