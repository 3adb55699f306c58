/* What ranks compute and send with: measured once, kept in a file. */
#include "dist/mpi_machine.h"
#include "dist/start.h"
#include "dist/transport_mpi.h"

#include "base/clock.h"
#include "base/file.h"
#include "dist/cp/rates.h"
#include "plan/plan.h"

#include <math.h>
#include <string.h>

#define WHAT "measuring the machine"
enum { ROUNDS = 200, PIECES = 8, PIECE = 4 << 20, TOKENS = 1024, RUNS = 3 };

static void from_topology(const struct attn_topology *t, attn_mpi_machine *out) {
    *out = (attn_mpi_machine){.size = sizeof *out,
                              .ranks_per_node = t->ranks_per_node,
                              .latency_inside = t->latency[0],
                              .latency_between = t->latency[1],
                              .bandwidth_inside = t->bandwidth[0],
                              .bandwidth_between = t->bandwidth[1],
                              .links = t->links,
                              .memory = t->memory,
                              .flops = t->flops};
}

void attn_mpi_machine_init(attn_mpi_machine *machine) {
    struct attn_topology usual;
    attn_topology_usual(&usual);
    from_topology(&usual, machine);
}

attn_status attn_mpi_machine_topology(attn_ctx *ctx, const attn_mpi_machine *m, struct attn_topology *out) {
    attn_topology_usual(out);
    if (!m) return ATTN_OK;
    if (m->size != sizeof *m)
        return attn_fail(ctx, ATTN_EINVAL, "machine: size is %zu, expected %zu; call attn_mpi_machine_init first", m->size, sizeof *m);
    if (m->ranks_per_node < 1 || m->links < 1 || !(m->latency_inside >= 0) || !(m->latency_between >= 0) || !(m->bandwidth_inside > 0) ||
        !(m->bandwidth_between > 0) || !(m->memory > 0) || !(m->flops >= 0))
        return attn_fail(ctx, ATTN_EINVAL,
                         "machine: %lld ranks a node, %lld links, latencies %g and %g, bandwidths %g and %g, memory %g, flops %g; expected "
                         "numbers above 0, latencies and flops 0 or more",
                         (long long)m->ranks_per_node, (long long)m->links, m->latency_inside, m->latency_between, m->bandwidth_inside,
                         m->bandwidth_between, m->memory, m->flops);
    *out = (struct attn_topology){.ranks_per_node = m->ranks_per_node,
                                  .latency = {m->latency_inside, m->latency_between},
                                  .bandwidth = {m->bandwidth_inside, m->bandwidth_between},
                                  .links = m->links,
                                  .memory = m->memory,
                                  .flops = m->flops};
    return ATTN_OK;
}

attn_status attn_mpi_machine_load(attn_ctx *ctx, const char *path, attn_mpi_machine *out) {
    struct attn_topology t;
    if (!ctx) return ATTN_EINVAL;
    if (!path || !out)
        return attn_fail(ctx, ATTN_EINVAL, "machine: %s is NULL, expected a %s", path ? "out" : "path", path ? "place for it" : "file");
    const attn_status status = attn_topology_read(ctx, path, &t);
    if (!status) from_topology(&t, out);
    return status;
}

attn_status attn_mpi_machine_save(attn_ctx *ctx, const char *path, const attn_mpi_machine *machine) {
    struct attn_topology t;
    char text[ATTN_TOPOLOGY_TEXT];
    if (!ctx) return ATTN_EINVAL;
    if (!path || !machine)
        return attn_fail(ctx, ATTN_EINVAL, "machine: %s is NULL, expected a %s", path ? "machine" : "path", path ? "machine" : "file");
    const attn_status status = attn_mpi_machine_topology(ctx, machine, &t);
    if (status) return status;
    attn_topology_text(&t, text);
    return attn_file_save(ctx, NULL, path, text, strlen(text));
}

/* ------------------------------------------------------------------------------------------------ measured */

struct measuring {
    attn_ctx *ctx;
    struct attn_transport *transport;
    struct attn_link_call call;
    char *memory[2]; /* [PIECE] */
};

static attn_status pass(struct measuring *m, int to, int from, int which, size_t bytes) {
    return attn_transport_pass(m->transport, &m->call, ATTN_TRAFFIC_CONTROL, to, m->memory[which], from, m->memory[1 - which], bytes);
}

/* How many ranks from 0 on are on rank 0's node, by its name. */
static attn_status count_neighbours(struct measuring *m, double *neighbours) {
    const int rank = m->transport->rank;
    char own[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    attn_status status = ATTN_OK;
    MPI_Get_processor_name(own, &length);
    memcpy(m->memory[0], own, sizeof own);
    if (rank > 0) status = pass(m, 0, -1, 0, sizeof own);
    *neighbours = 1;
    for (int peer = 1; peer < m->transport->count && rank == 0 && !status; peer++) {
        status = pass(m, -1, peer, 0, sizeof own);
        if (memcmp(m->memory[1], own, sizeof own) == 0 && *neighbours == peer) ++*neighbours;
    }
    return status ? status : attn_transport_share(m->transport, &m->call, neighbours, 1);
}

/* Rank 0 and a peer: there and back, then both ways at once, as around a ring. Ranks but these have nothing to do. */
static attn_status measure_link(struct measuring *m, int peer, double *latency, double *bandwidth) {
    const int rank = m->transport->rank;
    attn_status status = ATTN_OK;
    if (rank != 0 && rank != peer) return ATTN_OK;
    const int other = rank == 0 ? peer : 0;
    double begun = attn_clock(), best = (double)INFINITY;
    for (int i = 0; i < 2 * ROUNDS && !status; i++)
        status = (i % 2 == 0) == (rank == 0) ? pass(m, other, -1, 0, 8) : pass(m, -1, other, 0, 8);
    *latency = (attn_clock() - begun) / (2 * ROUNDS);
    for (int i = 0; i < PIECES && !status; i++) {
        begun = attn_clock();
        status = pass(m, other, other, 0, PIECE);
        best = fmin(best, attn_clock() - begun);
    }
    *bandwidth = PIECE / fmax(best - *latency, 1e-9);
    return status;
}

/* FLOP/s of this rank on a part of the problem. */
static attn_status measure_kernels(struct measuring *m, const attn_problem *problem, double *flops) {
    attn_problem p = *problem;
    attn_args args;
    attn_gradients g;
    p.q_len = p.kv_len = attn_min64(p.q_len, TOKENS);
    p.batch = 1;
    p.q_tokens = p.kv_tokens = -1;
    attn_plan *plan = NULL;
    attn_status status = attn_plan_create(m->ctx, &p, &plan);
    if (status) return status;
    const size_t wide = (size_t)(p.q_len * p.heads) * (size_t)(p.dim > p.v_dim ? p.dim : p.v_dim) * sizeof(double); /* of any type */
    const size_t each = attn_round64(wide), bytes = 9 * each + attn_round64(attn_plan_workspace(plan));
    char *memory = attn_alloc(m->ctx, bytes);
    if (!memory) {
        attn_plan_destroy(plan);
        return attn_no_memory(m->ctx, WHAT, bytes);
    }
    memset(memory, 0, bytes);
    attn_args_init(&args);
    attn_gradients_init(&g);
    args.q.data = memory, args.k.data = memory + each, args.v.data = memory + 2 * each;
    args.o.data = memory + 3 * each, args.lse.data = memory + 4 * each;
    g.d_o.data = memory + 5 * each, g.dq.data = memory + 6 * each, g.dk.data = memory + 7 * each, g.dv.data = memory + 8 * each;
    args.sink.data = p.features & ATTN_SINK ? memory : NULL;
    args.workspace = memory + 9 * each;
    args.workspace_bytes = attn_plan_workspace(plan);
    const bool backward = p.features & ATTN_BACKWARD;
    const double pairs = (double)p.q_len * (double)p.q_len * p.heads;
    const double work = pairs * (attn_pair_flops(&p, 0) + (backward ? attn_pair_flops(&p, 1) : 0.0));
    double best = (double)INFINITY;
    for (int i = 0; i < RUNS && !status; i++) {
        const double begun = attn_clock();
        status = attn_forward(plan, &args);
        if (!status && backward) status = attn_backward(plan, &args, &g);
        best = fmin(best, attn_clock() - begun);
    }
    *flops = work / fmax(best, 1e-9);
    attn_free(m->ctx, memory);
    attn_plan_destroy(plan);
    return status;
}

/* The slowest rank's, on rank 0. */
static attn_status find_slowest(struct measuring *m, double *flops) {
    attn_status status = ATTN_OK;
    memcpy(m->memory[0], flops, sizeof *flops);
    if (m->transport->rank > 0) return pass(m, 0, -1, 0, sizeof *flops);
    for (int peer = 1; peer < m->transport->count && !status; peer++) {
        double other;
        status = pass(m, -1, peer, 0, sizeof *flops);
        memcpy(&other, m->memory[1], sizeof other);
        *flops = fmin(*flops, other);
    }
    return status;
}

static attn_status measure(struct measuring *m, const attn_problem *problem, attn_mpi_machine *out) {
    struct attn_transport *t = m->transport;
    double neighbours = 1, numbers[5] = {out->latency_inside, out->latency_between, out->bandwidth_inside, out->bandwidth_between, 0};
    attn_status status = count_neighbours(m, &neighbours);
    const int node = (int)neighbours;
    if (!status && node > 1) status = measure_link(m, 1, &numbers[0], &numbers[2]);
    if (!status && node < t->count) status = measure_link(m, node, &numbers[1], &numbers[3]);
    if (node > 1 && node == t->count) { /* nothing is known of others: no better than within */
        numbers[1] = fmax(numbers[1], numbers[0]);
        numbers[3] = fmin(numbers[3], numbers[2]);
    }
    if (!status) status = attn_transport_agree(t, &m->call, ATTN_OK); /* all begin together */
    if (!status) status = attn_transport_agree(t, &m->call, measure_kernels(m, problem, &numbers[4]));
    if (!status) status = find_slowest(m, &numbers[4]);
    if (!status) status = attn_transport_share(t, &m->call, numbers, 5);
    if (status) return status;
    out->ranks_per_node = node;
    out->links = 1;
    out->latency_inside = numbers[0], out->latency_between = numbers[1];
    out->bandwidth_inside = numbers[2], out->bandwidth_between = numbers[3];
    out->flops = numbers[4];
    return ATTN_OK;
}

static attn_status open_and_measure(struct measuring *m, const attn_problem *problem, attn_mpi_machine *out) {
    attn_problem filled;
    attn_status status = attn_problem_check(m->ctx, problem, &filled);
    for (int i = 0; i < 2; i++) {
        m->memory[i] = attn_alloc(m->ctx, PIECE);
        if (!m->memory[i] && !status) status = attn_no_memory(m->ctx, WHAT, PIECE);
        if (m->memory[i]) memset(m->memory[i], 0, PIECE);
    }
    status = attn_transport_agree(m->transport, &m->call, status);
    return status ? status : measure(m, &filled, out);
}

attn_status attn_mpi_machine_measure(attn_ctx *ctx, MPI_Comm comm, double deadline, const attn_problem *problem, attn_mpi_machine *out) {
    struct measuring m = {.ctx = ctx, .call = {ctx, WHAT, 0}};
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, WHAT ": out is NULL, expected a place for the machine");
    attn_mpi_machine_init(out);
    attn_status status = attn_mpi_check_alone(ctx, WHAT, "attn_mpi_machine_init", sizeof *out, sizeof *out, comm);
    if (!status) status = attn_mpi_check_deadline(ctx, WHAT, deadline);
    if (!status) status = attn_mpi_transport_open(ctx, comm, deadline, 0, &m.transport);
    if (status) return status;
    status = open_and_measure(&m, problem, out);
    if (!m.transport->lost) { /* what is under way may still write */
        attn_free(ctx, m.memory[0]);
        attn_free(ctx, m.memory[1]);
    }
    m.transport->close(m.transport);
    return status;
}
