/* The cost model: pairs, tiles, FLOPs, bytes and predicted seconds of an execution, before it runs.
 *
 * A mask is counted by halving: a rectangle that is empty or full is counted as a whole, any other is cut along tile borders until it is
 * one tile. So the time is that of the partial tiles and of the spans they lie in, not of T x S. Sequences of the same lengths as the one
 * before, and the heads that share a mask, are counted once. Nothing is allocated.
 */
#include "plan/plan.h"

#include <math.h>

/* Pairs and tiles of one head, or sums of them. Per head they are below 2^63: lengths are below 2^31. */
struct count {
    double pairs, full, partial, empty; /* tiles */
    double computed;                    /* pairs of full and partial tiles, tiles at the end of a sequence counted whole */
};

struct rect {
    int64_t q0, q1, k0, k1;
};

static void count_tiles(const struct attn_mask_view *view, const struct attn_cost *tile, struct rect r, struct count *c) {
    const int64_t rows = attn_div_up(r.q1 - r.q0, tile->queries), columns = attn_div_up(r.k1 - r.k0, tile->keys);
    if (rows == 0 || columns == 0) return;
    const int64_t area = attn_mask_view_area(view, r.q0, r.q1, r.k0, r.k1);
    const double tiles = (double)rows * (double)columns, whole = tiles * tile->queries * tile->keys;
    const bool full = area == (r.q1 - r.q0) * (r.k1 - r.k0), single_pairs = tile->queries == 1 && tile->keys == 1;
    if (area == 0) {
        c->empty += tiles;
    } else if (full || tiles == 1 || single_pairs) {
        c->pairs += (double)area;
        c->full += full ? tiles : single_pairs ? (double)area : 0;
        c->partial += full || single_pairs ? 0 : 1;
        c->empty += single_pairs ? tiles - (double)area : 0;
        c->computed += single_pairs ? (double)area : whole;
    } else {
        struct rect first = r, second = r;
        const bool taller = rows * tile->queries >= columns * tile->keys;
        if (rows > 1 && (taller || columns == 1))
            first.q1 = second.q0 = r.q0 + rows / 2 * tile->queries;
        else
            first.k1 = second.k0 = r.k0 + columns / 2 * tile->keys;
        count_tiles(view, tile, first, c);
        count_tiles(view, tile, second, c);
    }
}

static void add(struct count *sum, const struct count *c, double times) {
    sum->pairs += times * c->pairs;
    sum->full += times * c->full;
    sum->partial += times * c->partial;
    sum->empty += times * c->empty;
    sum->computed += times * c->computed;
}

/* All heads of a sequence. */
static struct count count_sequence(const struct attn_exec *x, int64_t b, const struct attn_seq *s, const struct attn_cost *tile) {
    struct count sum = {0};
    const int32_t masks = attn_mask_heads(x->mask), shared = x->shape->heads / masks;
    for (int32_t n = 0; n < masks; n++) {
        struct attn_mask_view view;
        struct count c = {0};
        attn_exec_view(x, b, n * shared, s, &view);
        count_tiles(&view, tile, (struct rect){0, s->q_len, 0, s->k_len}, &c);
        add(&sum, &c, shared);
    }
    return sum;
}

static bool same_sequence(const struct attn_seq *a, const struct attn_seq *b) {
    return a->q_len == b->q_len && a->k_len == b->k_len && a->global_q == b->global_q && a->global_k == b->global_k;
}

static struct count count_batch(const struct attn_exec *x, const struct attn_cost *tile) {
    struct count sum = {0}, last = {0};
    struct attn_seq before = {0};
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        if (b == 0 || attn_mask_batch(x->mask) > 1 || !same_sequence(&s, &before)) last = count_sequence(x, b, &s, tile);
        add(&sum, &last, 1);
        before = s;
    }
    return sum;
}

/* Tokens of all sequences, and elements of the bias that they reach. */
struct tokens {
    double queries, keys, bias;
};

static struct tokens count_tokens(const struct attn_exec *x) {
    const uint32_t shared = x->shape->bias_broadcast;
    struct tokens t = {0};
    for (int64_t b = 0; b < x->batch; b++) {
        const struct attn_seq s = attn_exec_seq(x, b);
        const double rows = shared & ATTN_SHARE_QUERY ? 1 : (double)s.q_len, keys = shared & ATTN_SHARE_KEY ? 1 : (double)s.k_len;
        const double bias = rows * keys * (shared & ATTN_SHARE_HEAD ? 1 : x->shape->heads);
        t.queries += (double)s.q_len;
        t.keys += (double)s.k_len;
        t.bias = shared & ATTN_SHARE_BATCH ? fmax(t.bias, bias) : t.bias + bias;
    }
    return t;
}

static double round_up(int32_t width, int32_t step) {
    return (double)attn_div_up(width, step) * step;
}

static double pass_seconds(const struct attn_cost *cost, const struct attn_shape *shape, double heads, double rows, double pairs,
                           double machine) {
    const double width = round_up(shape->dim, cost->dims) + round_up(shape->v_dim, cost->dims);
    const double row = cost->row + cost->row_element * width, pair = cost->pair + cost->element * width;
    return 1e-9 * machine * (cost->call + cost->head * heads + row * rows + pairs * pair);
}

double attn_seconds_at_capacity(const struct attn_cost *cost, const struct attn_shape *shape) {
    const double rows = (double)shape->q_tokens, sequences = shape->q_len > 0 ? ceil(rows / (double)shape->q_len) : 0;
    const double pairs = round_up((int32_t)shape->q_len, cost->queries) * round_up((int32_t)shape->kv_len, cost->keys);
    return pass_seconds(cost, shape, sequences * shape->heads, rows * shape->heads, pairs * sequences * shape->heads, 1);
}

static int64_t whole_number(double x) {
    return x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

/* Bytes of an element of keys and values. */
static double stored_bytes(attn_dtype dtype) {
    static const double bytes[] = {4, 8, 2, 2, 34.0 / 32};
    return bytes[dtype];
}

static void fill(const attn_plan *plan, const struct attn_exec *x, attn_estimate *e) {
    const struct attn_shape *p = &plan->shape;
    const struct attn_cost *forward = attn_plan_cost(plan->kernel->forward_cost);
    const struct attn_cost *backward = attn_plan_cost(plan->kernel->backward_cost);
    const struct tokens t = count_tokens(x);
    const struct count c = count_batch(x, forward);
    const double in = (double)attn_dtype_bytes(p->dtype), out = (double)attn_dtype_bytes(p->o_dtype), d = p->dim, v = p->v_dim;
    const double lse = p->dtype == ATTN_F64 ? sizeof(double) : sizeof(float), grad = (double)attn_dtype_bytes(p->grad_dtype);
    const double rows = p->heads * t.queries, keys = p->kv_heads * t.keys, stored = stored_bytes(p->kv_dtype);
    const double heads = (double)x->batch * p->heads;
    /* A learned query reads each key once, and is itself no array of tokens. */
    const bool learned = p->score == ATTN_SCORE_LEARNED_QUERY;
    const double pairs = learned ? rows : c.pairs, q = learned ? 0 : d;
    const double bias = p->features & ATTN_BIAS ? sizeof(float) * t.bias : 0, dbias = p->features & ATTN_BIAS_GRAD ? bias : 0;
    /* How much slower than the machine that the costs were measured on: 2 FLOPs take cost.element. */
    const double flop_pair = forward->element + forward->row_element; /* one of the two is 0 */
    const double machine = e->flops_per_second > 0 ? 2e9 / flop_pair / e->flops_per_second : 1;
    e->pairs = whole_number(c.pairs);
    e->tile_queries = forward->queries;
    e->tile_keys = forward->keys;
    e->tiles_full = whole_number(c.full);
    e->tiles_partial = whole_number(c.partial);
    e->tiles_empty = whole_number(c.empty);
    e->forward_flops = 2 * (d + v) * pairs;
    e->forward_bytes = rows * (in * q + out * v + lse) + keys * stored * (d + v) + bias;
    e->forward_seconds = pass_seconds(forward, p, heads, t.queries * p->heads, c.computed, machine);
    e->backward_flops = e->backward_bytes = e->backward_seconds = 0;
    if (!(p->features & ATTN_BACKWARD)) return;
    e->backward_flops = 2 * (3 * d + 2 * v) * pairs;
    e->backward_bytes = rows * ((in + grad) * q + (in + out) * v + lse) + keys * (in + grad) * (d + v) + bias + dbias;
    e->backward_seconds = pass_seconds(backward, p, heads, t.queries * p->heads, count_batch(x, backward).computed, machine);
}

void attn_estimate_init(attn_estimate *estimate) {
    *estimate = (attn_estimate){.size = sizeof(*estimate)};
}

attn_status attn_plan_estimate(const attn_plan *plan, const attn_args *args, attn_estimate *out) {
    if (!plan) return ATTN_EINVAL;
    struct attn_exec x = {.ctx = plan->ctx, .shape = &plan->shape};
    if (!out || out->size != sizeof(*out))
        return attn_fail(plan->ctx, ATTN_EINVAL, "estimate: out is %s, expected an attn_estimate set by attn_estimate_init",
                         out ? "not initialised" : "NULL");
    if (!(out->flops_per_second >= 0) || isinf(out->flops_per_second))
        return attn_fail(plan->ctx, ATTN_EINVAL, "estimate: flops_per_second is %g, expected a rate, or 0 for the kernel's",
                         out->flops_per_second);
    attn_status status = attn_args_check(plan->ctx, args);
    if (!status) status = attn_bind_lengths(plan, args, &x);
    if (!status) fill(plan, &x, out);
    return status;
}
