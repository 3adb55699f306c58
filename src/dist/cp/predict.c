/* A prediction: the stages of a mechanism, one or the groups of hybrid, added up rank by rank. */
#include "dist/cp/predict.h"

#include "dist/cp/schedule.h"
#include "dist/cp/stage.h"

#include <math.h>
#include <string.h>

/* What a rank does in all rounds. */
struct rank {
    bool seen;
    struct attn_rank_time time[2];
    double area, places, bytes[2], long_bytes[2];
};

struct sum {
    attn_ctx *ctx;
    const attn_problem *problem;
    const attn_mask *mask;
    const struct attn_cp_config *config;
    const struct attn_cp_machine *machine;
    struct attn_cp_prediction *out;
    struct rank *rank; /* [ranks] */
    int ranks, passes;
    double longest[2]; /* of the round */
    double padded, tokens, useful, needed, sent;
};

/* ------------------------------------------------------------------------------------------------------ one stage */

/* Of the bytes along the ring, and of those of exchanged heads, which leave the node. */
static void add_bytes(const struct attn_stage_view *v, int pass, int rank, struct rank *r) {
    const struct attn_topology *t = &v->machine->topology;
    const int64_t *bytes = v->volume.bytes[pass];
    const double heads = (double)(bytes[ATTN_TRAFFIC_HEADS] + bytes[ATTN_TRAFFIC_ROWS]);
    const double near = (double)(bytes[ATTN_TRAFFIC_KEYS] + bytes[ATTN_TRAFFIC_GRADIENTS]);
    const double far = (double)(bytes[ATTN_TRAFFIC_LONG_KEYS] + bytes[ATTN_TRAFFIC_LONG_GRADIENTS]);
    r->bytes[pass] += heads + near + far;
    if (v->grid.ulysses > 1) r->long_bytes[pass] += heads * attn_heads_fan(t, &v->grid, rank).between / (v->grid.ulysses - 1);
    if (v->grid.ring == 1) return;
    if (v->grid.mechanism == ATTN_CP_ALLGATHER) {
        r->long_bytes[pass] += near * attn_ring_fan(t, &v->grid, rank).between / (v->grid.ring - 1);
        return;
    }
    r->long_bytes[pass] += attn_ring_hop(t, &v->grid, rank, false).between ? near : 0;
    r->long_bytes[pass] += attn_ring_hop(t, &v->grid, rank, true).between ? far : 0;
}

static void add_rank(struct sum *s, const struct attn_stage_view *v, int pass, int rank, int p, const struct attn_rank_time *time) {
    struct rank *r = &s->rank[rank];
    r->time[pass].compute += time->compute;
    r->time[pass].communication += time->communication;
    r->time[pass].total += time->total;
    s->longest[pass] = fmax(s->longest[pass], time->total);
    add_bytes(v, pass, rank, r);
    if (pass > 0) return;
    r->seen = true;
    r->area += v->area[p] / v->grid.ulysses * (double)s->problem->batch;
    r->places += (double)v->places;
}

/* In hybrid a rank that was not looked at is as the one before that was: it may have been looked at in another round. */
static void add_times(struct sum *s, struct attn_stage_view *v, int u, struct attn_rank_time *time) {
    const bool all = v->grid.mechanism == ATTN_CP_HYBRID;
    for (int pass = 0; pass < s->passes; pass++) {
        attn_stage_times(v, pass, u, time);
        for (int p = 0; p < v->positions; p++) {
            const int end = p + 1 == v->positions ? v->grid.ring : v->position[p + 1];
            for (int y = v->position[p]; y < (all ? end : v->position[p] + 1); y++)
                add_rank(s, v, pass, attn_grid_rank(&v->grid, u, y), p, &time[p]);
        }
    }
}

/* As the executor lays it out, but for the kernel's own. */
static double workspace_of(const struct sum *s, const struct attn_stage_view *v) {
    struct attn_cp cp = {.problem = *s->problem, .config = *s->config};
    struct attn_cp_rooms rooms;
    const int32_t sent = attn_grid_kv_heads(&v->grid, s->problem->kv_heads);
    const int chunks = attn_grid_chunks(&v->grid, s->config->exchanges, sent);
    const struct attn_cp_stage stage = {.cp = &cp,
                                        .grid = v->grid,
                                        .places = v->places,
                                        .tokens = v->places * v->grid.ulysses,
                                        .chunks = chunks,
                                        .heads = s->problem->heads / v->grid.ulysses / chunks,
                                        .kv_heads = sent / v->grid.ulysses / chunks};
    return attn_cp_lay_out(&stage, &rooms) ? (double)rooms.bytes : (double)INFINITY;
}

static attn_status add_stage(struct sum *s, const struct attn_grid *grid, const struct attn_document *document, int64_t documents) {
    struct attn_stage_view view;
    attn_status status = attn_stage_view_open(s->ctx, s->problem, s->mask, s->config, grid, document, documents, s->machine, &view);
    if (status) return status;
    const size_t bytes = (size_t)view.positions * sizeof(struct attn_rank_time);
    struct attn_rank_time *time = attn_alloc(s->ctx, bytes);
    const int64_t members = (int64_t)grid->ulysses * grid->ring;
    const int step = members > attn_cp_exact(s->machine) ? (int)attn_div_up(grid->ulysses, 8) : 1; /* pieces, where all would be too many */
    if (!time) status = attn_no_memory(s->ctx, "a prediction", bytes);
    for (int u = 0; u < grid->ulysses && !status; u += step) add_times(s, &view, u, time);
    for (int pass = 0; pass < s->passes && !status; pass++)
        for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++)
            s->out->total_bytes[pass] += (double)members * (double)view.volume.bytes[pass][kind];
    s->out->sampled = s->out->sampled || view.sampled || step > 1;
    s->out->memory = fmax(s->out->memory, workspace_of(s, &view));
    s->padded += (double)view.padded;
    s->tokens += (double)view.tokens;
    s->useful += view.useful * view.kv;
    s->needed += view.needed * view.kv;
    s->sent += view.sent * view.kv;
    attn_free(s->ctx, time);
    attn_stage_view_close(&view);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ hybrid */

static attn_status add_group(struct sum *s, const struct attn_hybrid *hybrid, const struct attn_hybrid_group *group,
                             const struct attn_document *document, struct attn_document *own) {
    const struct attn_grid grid = {.mechanism = ATTN_CP_HYBRID, .first = group->first, .ulysses = 1, .ring = group->count, .windows = 1};
    attn_hybrid_documents(hybrid, group, document, own);
    return add_stage(s, &grid, own, group->documents);
}

static void end_round(struct sum *s) {
    for (int pass = 0; pass < s->passes; pass++) {
        s->out->seconds[pass] += s->longest[pass];
        s->longest[pass] = 0;
    }
}

static attn_status add_hybrid(struct sum *s, const struct attn_document *document, int64_t documents) {
    struct attn_hybrid hybrid;
    const size_t bytes = (size_t)documents * sizeof *document;
    const int64_t capacity = s->config->capacity ? s->config->capacity : ATTN_HYBRID_CAPACITY;
    attn_status status = attn_documents_check(s->ctx, s->mask, s->problem->kv_len, document, documents);
    if (!status) status = attn_hybrid_open(s->ctx, s->ranks, document, documents, capacity, &hybrid);
    if (status) return status;
    struct attn_document *own = attn_alloc(s->ctx, bytes);
    if (!own) status = attn_no_memory(s->ctx, "a prediction", bytes);
    for (int64_t round = 0; round < hybrid.rounds && !status; round++) {
        for (int64_t g = hybrid.round[round]; g < hybrid.round[round + 1] && !status; g++)
            status = add_group(s, &hybrid, &hybrid.group[g], document, own);
        end_round(s);
    }
    attn_free(s->ctx, own);
    attn_hybrid_close(&hybrid);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ all */

/* Of the ranks that were looked at. */
static void finish(struct sum *s) {
    struct attn_cp_prediction *o = s->out;
    double count = 0, area = 0, most = 0, communication = 0, exposed = 0;
    int slowest[2] = {0, 0};
    for (int r = 0; r < s->ranks; r++) {
        const struct rank *rank = &s->rank[r];
        for (int pass = 0; pass < s->passes && rank->seen; pass++) {
            if (rank->time[pass].total > s->rank[slowest[pass]].time[pass].total) slowest[pass] = r;
            o->mean_seconds[pass] += rank->time[pass].total;
            o->bytes[pass] = fmax(o->bytes[pass], rank->bytes[pass]);
            o->long_bytes[pass] = fmax(o->long_bytes[pass], rank->long_bytes[pass]);
        }
        count += rank->seen || s->config->grid.mechanism == ATTN_CP_HYBRID;
        area += rank->area;
        most = fmax(most, rank->area);
        o->places = attn_max64(o->places, (int64_t)rank->places);
    }
    for (int pass = 0; pass < s->passes; pass++) {
        o->mean_seconds[pass] /= count;
        o->compute[pass] = s->rank[slowest[pass]].time[pass].compute;
        o->communication[pass] = s->rank[slowest[pass]].time[pass].communication;
        o->exposed[pass] = fmax(0, s->rank[slowest[pass]].time[pass].total - o->compute[pass]);
        communication += o->communication[pass];
        exposed += o->exposed[pass];
    }
    o->overlap = communication > 0 ? fmax(0, 1 - exposed / communication) : (double)NAN;
    o->pairs = o->sampled ? area / count * s->ranks : area;
    o->balance = area > 0 ? most / (area / count) : 1;
    o->padding = s->tokens > 0 ? s->padded / s->tokens : 1;
    o->useful = s->sent > 0 ? s->useful / s->sent : (double)NAN;
    o->needed = s->sent > 0 ? s->needed / s->sent : (double)NAN;
}

/* Inputs, outputs and gradients of a rank, and whether they fit. */
static void weigh(const attn_problem *p, const struct attn_topology *t, struct attn_cp_prediction *o) {
    const double e = (double)attn_dtype_bytes(p->dtype), out = (double)attn_dtype_bytes(p->o_dtype),
                 g = (double)attn_dtype_bytes(p->grad_dtype);
    const double rows = (double)p->batch * (double)o->places, d = p->dim, v = p->v_dim, both = d + v;
    const double forward = p->heads * (d * e + v * out + sizeof(float)) + p->kv_heads * both * e;
    const double backward = p->heads * (v * e + d * g) + p->kv_heads * both * g;
    o->arrays = rows * (forward + (p->features & ATTN_BACKWARD ? backward : 0));
    if (o->arrays + o->memory <= t->memory) return;
    o->status = ATTN_ENOMEM;
    attn_append(o->why, sizeof o->why, "needs %.4g GiB a rank, %.4g of them beside inputs and outputs; there are %.4g GiB",
                (o->arrays + o->memory) * 0x1p-30, o->memory * 0x1p-30, t->memory * 0x1p-30);
}

/* What is no failure of the call, but of the mechanism: its sentence becomes the answer. */
static attn_status excuse(attn_ctx *ctx, attn_status status, struct attn_cp_prediction *o) {
    char sentence[1024];
    if (status != ATTN_EUNSUPPORTED && status != ATTN_EMASK) return status;
    o->status = ATTN_EUNSUPPORTED;
    attn_append(o->why, sizeof o->why, "%s", attn_ctx_error(ctx, sentence, sizeof sentence));
    return ATTN_OK;
}

static attn_status add_all(struct sum *s) {
    const struct attn_document whole = {0, s->problem->kv_len};
    const struct attn_document *document = s->config->document ? s->config->document : &whole;
    const int64_t documents = s->config->document ? s->config->documents : 1;
    const size_t bytes = (size_t)s->ranks * sizeof *s->rank;
    s->rank = attn_alloc(s->ctx, bytes);
    if (!s->rank) return attn_no_memory(s->ctx, "a prediction", bytes);
    memset(s->rank, 0, bytes);
    if (s->config->grid.mechanism == ATTN_CP_HYBRID) return add_hybrid(s, document, documents);
    const attn_status status = add_stage(s, &s->config->grid, document, documents);
    end_round(s);
    return status;
}

attn_status attn_cp_predict(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                            const struct attn_cp_machine *machine, struct attn_cp_prediction *out) {
    attn_problem checked;
    *out = (struct attn_cp_prediction){.ranks = (int64_t)config->grid.ulysses * config->grid.ring};
    attn_status status = attn_problem_check(ctx, problem, &checked);
    if (status) return excuse(ctx, status, out);
    struct sum s = {.ctx = ctx, .problem = &checked, .mask = mask, .config = config, .machine = machine, .out = out};
    s.ranks = config->grid.ulysses * config->grid.ring;
    s.passes = checked.features & ATTN_BACKWARD ? 2 : 1;
    status = add_all(&s);
    if (!status) {
        finish(&s);
        weigh(&checked, &machine->topology, out);
    }
    attn_free(ctx, s.rank);
    return excuse(ctx, status, out);
}
