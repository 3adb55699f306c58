/* Arrays of an execution: which must be there, which must not, their strides and defaults, and that no output is another array.
 * One table names them all; the checks are the same for each. Strides are in elements, axes batch, head, token, dim.
 */
#include "plan/plan.h"

#include <stdint.h>

enum need { FORBIDDEN, OPTIONAL, REQUIRED };
enum kind {
    TENSOR,
    LSE,
    BIAS,
    PER_HEAD,
    WEIGHTS,
    QUERY,
    STATE
}; /* the last two: [batch, head, dim], a query by default shared by sequences */

struct array {
    const char *name;
    const void *data;
    const int64_t *stride;
    int64_t extent[4];
    enum kind kind;
    enum need need;
    const char *feature; /* what announces it, for the sentence */
    const char *field;   /* and where; NULL: problem.features */
    bool written;
    attn_dtype type;
    int64_t step;          /* elements that lie in one piece: strides are multiples of it */
    struct attn_array *in; /* where the result goes: one of the two */
    struct attn_array_out *out;
};

static bool is_default(const int64_t stride[4]) {
    return !(stride[0] | stride[1] | stride[2] | stride[3]);
}

static void default_strides(const attn_plan *plan, const struct array *a, int64_t stride[4]) {
    const int64_t heads = a->extent[1], tokens = a->extent[2], last = a->extent[3];
    int64_t step = 1;
    switch (a->kind) {
    case TENSOR:
        stride[3] = 1;
        stride[1] = plan->problem.layout == ATTN_BHTD ? tokens * last : last;
        stride[2] = plan->problem.layout == ATTN_BHTD ? last : heads * last;
        stride[0] = heads * tokens * last;
        return;
    case LSE:
        stride[3] = 0;
        stride[2] = 1;
        stride[1] = tokens;
        stride[0] = heads * tokens;
        return;
    case BIAS:
        for (int axis = 3; axis >= 0; axis--) {
            const bool shared = plan->shape.bias_broadcast & (1u << axis);
            stride[axis] = shared ? 0 : step;
            if (__builtin_mul_overflow(step, a->extent[axis], &step)) step = INT64_MAX; /* global lengths may be huge: refused below */
        }
        return;
    case WEIGHTS:
        for (int axis = 3; axis >= 0; axis--) {
            stride[axis] = step;
            if (__builtin_mul_overflow(step, a->extent[axis], &step)) step = INT64_MAX;
        }
        return;
    case PER_HEAD:
        stride[0] = stride[2] = stride[3] = 0;
        stride[1] = 1;
        return;
    case QUERY:
    case STATE:
        stride[3] = 1;
        stride[2] = 0;
        stride[1] = last;
        stride[0] = a->kind == STATE ? heads * last : 0;
        return;
    }
}

static const char *axis_name(enum kind kind, int axis) {
    static const char *const tensor[] = {"batch", "head", "token", "dim"}, *const bias[] = {"batch", "head", "query", "key"};
    return kind == BIAS || kind == WEIGHTS ? bias[axis] : tensor[axis];
}

static attn_status check_stride(const attn_plan *plan, const struct array *a, int axis, int64_t stride) {
    attn_ctx *ctx = plan->ctx;
    const bool used = a->extent[axis] > 1, rows = a->kind == TENSOR || a->kind == QUERY || a->kind == STATE;
    if (stride < 0)
        return attn_fail(ctx, ATTN_EINVAL, "execute: the %s stride of %s is %lld, expected at least 0", axis_name(a->kind, axis), a->name,
                         (long long)stride);
    if (rows && axis == 3 && used && stride != 1 && !(plan->shape.features & ATTN_DIM_STRIDE))
        return attn_fail(ctx, ATTN_EINVAL,
                         "execute: the dim stride of %s is %lld, expected 1, or ATTN_DIM_STRIDE among the plan's features%s", a->name,
                         (long long)stride, stride == 0 ? "; where one stride is set, all four are needed" : "");
    if (used && axis < 3 && stride % a->step)
        return attn_fail(ctx, ATTN_EINVAL, "execute: the %s stride of %s is %lld, expected a multiple of %lld, the block of %s",
                         axis_name(a->kind, axis), a->name, (long long)stride, (long long)a->step, attn_dtype_name(plan->shape.kv_dtype));
    if (a->kind == BIAS && stride && (plan->shape.bias_broadcast & (1u << axis)))
        return attn_fail(ctx, ATTN_EINVAL, "execute: the %s stride of %s is %lld, expected 0: bias_broadcast shares this axis",
                         axis_name(a->kind, axis), a->name, (long long)stride);
    const bool may_sum = (a->kind == PER_HEAD || a->kind == QUERY) && axis == 0;
    if (a->written && used && stride == 0 && !may_sum && !(a->kind == BIAS && (plan->shape.bias_broadcast & (1u << axis))))
        return attn_fail(ctx, ATTN_EINVAL,
                         "execute: the %s stride of %s is 0 with %lld elements along it; an output must not overlap itself",
                         axis_name(a->kind, axis), a->name, (long long)a->extent[axis]);
    return ATTN_OK;
}

/* Strides as given or by default, checked; the batch stride of packed arrays counts as 0. */
static attn_status resolve_strides(const attn_plan *plan, const struct array *a, int64_t stride[4]) {
    const bool packed = plan->shape.packed && (a->kind == TENSOR || a->kind == LSE || a->kind == WEIGHTS);
    const bool given = !is_default(a->stride);
    if (!given) default_strides(plan, a, stride);
    int64_t last = 0;
    for (int axis = 0; axis < 4; axis++) {
        if (given) stride[axis] = a->stride[axis];
        const bool unused = (packed && axis == 0) || (a->kind == LSE && axis == 3) || (a->kind == PER_HEAD && axis >= 2) ||
                            ((a->kind == QUERY || a->kind == STATE) && axis == 2);
        if (unused) stride[axis] = 0;
        if (given && !unused) {
            const attn_status status = check_stride(plan, a, axis, stride[axis]);
            if (status) return status;
        }
        int64_t reach;
        if (a->extent[axis] > 1 && (__builtin_mul_overflow(stride[axis], a->extent[axis] - 1, &reach) ||
                                    __builtin_add_overflow(last, reach, &last) || last > INT64_MAX / 16))
            return attn_fail(plan->ctx, ATTN_EINVAL, "execute: the strides of %s reach past memory's addresses (%s stride %lld)", a->name,
                             axis_name(a->kind, axis), (long long)stride[axis]);
    }
    if (a->extent[3] <= 1 && (a->kind == TENSOR || a->kind == QUERY || a->kind == STATE)) stride[3] = 1; /* of one element any would do */
    return ATTN_OK;
}

static attn_status bind_array(const attn_plan *plan, const struct array *a) {
    attn_ctx *ctx = plan->ctx;
    bool empty = false;
    for (int axis = 0; axis < 4; axis++) empty = empty || a->extent[axis] == 0;
    if (a->need == REQUIRED && !a->data && !empty)
        return attn_fail(ctx, ATTN_EINVAL, "execute: %s is NULL, expected an array%s%s", a->name, a->feature ? ", as the plan has " : "",
                         a->feature ? a->feature : "");
    if (a->need == FORBIDDEN && a->data)
        return attn_fail(ctx, ATTN_EINVAL, "execute: %s is given, but the plan lacks %s; announce it in problem.%s", a->name, a->feature,
                         a->field ? a->field : "features");
    if ((uintptr_t)a->data % attn_dtype_bytes(a->type))
        return attn_fail(ctx, ATTN_EINVAL, "execute: %s is not aligned to its elements of %zu bytes", a->name, attn_dtype_bytes(a->type));
    int64_t stride[4] = {0, 0, 0, 0};
    const attn_status status = a->data ? resolve_strides(plan, a, stride) : ATTN_OK;
    if (a->in)
        *a->in = (struct attn_array){a->data, stride[0], stride[1], stride[2], stride[3], a->type};
    else
        *a->out = (struct attn_array_out){(void *)(uintptr_t)a->data, stride[0], stride[1], stride[2], stride[3], a->type};
    return status;
}

/* Cheap, so not complete: partly overlapping arrays are the caller's word. */
static attn_status check_aliases(const attn_plan *plan, const struct array *arrays, int count) {
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (i != j && arrays[i].written && arrays[i].data && arrays[i].data == arrays[j].data)
                return attn_fail(plan->ctx, ATTN_EINVAL,
                                 "execute: the output %s is the same memory as %s; outputs must not overlap other arrays", arrays[i].name,
                                 arrays[j].name);
    return ATTN_OK;
}

void attn_bias_extents(const struct attn_exec *x, int64_t extents[4]) {
    extents[0] = x->batch;
    extents[1] = x->shape->heads;
    extents[2] = x->global_q_len >= 0 ? x->global_q_len : x->q_offset + x->q_len;
    extents[3] = x->global_kv_len >= 0 ? x->global_kv_len : x->kv_offset + x->kv_len;
    for (int axis = 0; axis < 4; axis++)
        if (x->shape->bias_broadcast & (1u << axis)) extents[axis] = 1;
}

struct extents {
    int64_t q[4], k[4], v[4], o[4], lse[4], bias[4], head[4], state[4], row[4], weights[4];
};

static struct extents extents_of(const struct attn_exec *x) {
    const struct attn_shape *p = x->shape;
    const int64_t batch = p->packed && x->batch ? 1 : x->batch;
    const int64_t queries = p->packed ? x->cu_q[x->batch] : x->q_len;
    const int64_t keys = p->block_tokens ? p->block_tokens : p->packed ? x->cu_kv[x->batch] : x->kv_len;
    const int64_t planes = p->block_tokens ? x->blocks : batch;
    struct extents e = {
        .q = {batch, p->heads, queries, p->dim},
        .k = {planes, p->kv_heads, keys, p->dim},
        .v = {planes, p->kv_heads, keys, p->v_dim},
        .o = {batch, p->heads, queries, p->v_dim},
        .lse = {batch, p->heads, queries, 1},
        .head = {x->batch, p->heads, 1, 1},
        .state = {x->batch, p->heads, 1, p->v_dim},
        .row = {x->batch, p->heads, 1, p->dim},
        .weights = {batch, p->heads, queries, x->kv_len},
    };
    if (p->score == ATTN_SCORE_LEARNED_QUERY) {
        e.q[0] = x->batch;
        e.q[2] = 1;
    }
    attn_bias_extents(x, e.bias);
    return e;
}

static struct array array_of(const char *name, const void *data, const int64_t stride[4], const int64_t extent[4], enum kind kind,
                             enum need need) {
    return (struct array){
        .name = name, .data = data, .stride = stride, .kind = kind, .need = need, .extent = {extent[0], extent[1], extent[2], extent[3]}};
}

static void announced_by_score(struct array *a, const char *score) {
    a->feature = score;
    a->field = "score";
}

/* The arrays of attn_args. */
static int list_args(const attn_plan *plan, const attn_args *g, enum attn_pass pass, struct attn_exec *x, const struct extents *e,
                     struct array *list) {
    const uint32_t features = plan->shape.features;
    const bool forward = pass == ATTN_PASS_FORWARD, weights = pass == ATTN_PASS_WEIGHTS;
    const bool writes = forward || pass == ATTN_PASS_BOTH, lse_needed = !forward || (g->accumulate & ATTN_ACCUMULATE_O);
    const bool learned = plan->shape.score == ATTN_SCORE_LEARNED_QUERY, state = g->state_o.data || g->state_lse.data;
    const enum need state_need = !learned ? FORBIDDEN : state ? REQUIRED : OPTIONAL; /* both or neither */
    /* The additive score is content with weights: v and o both or neither, and backward reads no o. */
    const bool additive = plan->shape.score == ATTN_SCORE_ADDITIVE, mixes = !additive || g->v.data || (forward && g->o.data);
    const enum need v_need = weights || !mixes ? OPTIONAL : REQUIRED, o_need = additive && !forward ? OPTIONAL : v_need;
    int n = 0;
    list[n] = array_of("args.q", g->q.data, g->q.stride, e->q, learned ? QUERY : TENSOR, REQUIRED);
    list[n++].in = &x->q;
    list[n] = array_of("args.k", g->k.data, g->k.stride, e->k, TENSOR, REQUIRED);
    list[n++].in = &x->k;
    list[n] = array_of("args.v", g->v.data, g->v.stride, e->v, TENSOR, v_need);
    list[n++].in = &x->v;
    list[n] = array_of("args.o", g->o.data, g->o.stride, e->o, TENSOR, o_need);
    list[n].written = writes;
    list[n++].out = &x->o;
    list[n] = array_of("args.lse", g->lse.data, g->lse.stride, e->lse, LSE, lse_needed ? REQUIRED : OPTIONAL);
    list[n].written = writes;
    list[n++].out = &x->lse;
    list[n] = array_of("args.alibi", g->alibi.data, g->alibi.stride, e->head, PER_HEAD, features & ATTN_ALIBI ? REQUIRED : FORBIDDEN);
    list[n].feature = "ATTN_ALIBI";
    list[n++].in = &x->alibi;
    list[n] = array_of("args.bias", g->bias.data, g->bias.stride, e->bias, BIAS, features & ATTN_BIAS ? REQUIRED : FORBIDDEN);
    list[n].feature = "ATTN_BIAS";
    list[n++].in = &x->bias;
    list[n] = array_of("args.sink", g->sink.data, g->sink.stride, e->head, PER_HEAD, features & ATTN_SINK ? OPTIONAL : FORBIDDEN);
    list[n].feature = "ATTN_SINK";
    list[n++].in = &x->sink;
    list[n] = array_of("args.state_o", g->state_o.data, g->state_o.stride, e->state, STATE, state_need);
    list[n++].in = &x->state_o;
    list[n] = array_of("args.state_lse", g->state_lse.data, g->state_lse.stride, e->head, STATE, state_need);
    list[n++].in = &x->state_lse;
    for (int i = n - 2; i < n && !learned; i++) announced_by_score(&list[i], "ATTN_SCORE_LEARNED_QUERY");
    list[n] = array_of("args.w", g->w.data, g->w.stride, e->row, QUERY, additive ? REQUIRED : FORBIDDEN);
    list[n++].in = &x->w;
    list[n] = array_of("args.weights", g->weights.data, g->weights.stride, e->weights, WEIGHTS, additive ? OPTIONAL : FORBIDDEN);
    list[n].written = writes;
    list[n++].out = &x->weights;
    for (int i = n - 2; i < n; i++) announced_by_score(&list[i], "ATTN_SCORE_ADDITIVE");
    return n;
}

/* The arrays of attn_gradients. */
static int list_gradients(const attn_plan *plan, const attn_gradients *g, struct attn_exec *x, const struct extents *e,
                          struct array *list) {
    const uint32_t features = plan->shape.features;
    const bool learned = plan->shape.score == ATTN_SCORE_LEARNED_QUERY;
    const enum need state_need = learned ? OPTIONAL : FORBIDDEN;
    const bool additive = plan->shape.score == ATTN_SCORE_ADDITIVE;
    const enum need mix_need = additive && !g->d_o.data && !g->dv.data ? OPTIONAL : REQUIRED; /* gradients of the glimpse: all or none */
    int n = 0;
    list[n] = array_of("gradients.d_o", g->d_o.data, g->d_o.stride, e->o, TENSOR, mix_need);
    list[n++].in = &x->d_o;
    list[n] = array_of("gradients.d_lse", g->d_lse.data, g->d_lse.stride, e->lse, LSE, OPTIONAL);
    list[n++].in = &x->d_lse;
    list[n] = array_of("gradients.d_weights", g->d_weights.data, g->d_weights.stride, e->weights, WEIGHTS, additive ? OPTIONAL : FORBIDDEN);
    announced_by_score(&list[n], "ATTN_SCORE_ADDITIVE");
    list[n++].in = &x->d_weights;
    list[n] = array_of("gradients.d_last_o", g->d_last_o.data, g->d_last_o.stride, e->state, STATE, state_need);
    list[n++].in = &x->d_last_o;
    list[n] = array_of("gradients.d_last_lse", g->d_last_lse.data, g->d_last_lse.stride, e->head, STATE, state_need);
    list[n++].in = &x->d_last_lse;
    for (int i = n - 2; i < n && !learned; i++) announced_by_score(&list[i], "ATTN_SCORE_LEARNED_QUERY");
    const int first_output = n;
    list[n] = array_of("gradients.dq", g->dq.data, g->dq.stride, e->q, learned ? QUERY : TENSOR, REQUIRED);
    list[n++].out = &x->dq;
    list[n] = array_of("gradients.dk", g->dk.data, g->dk.stride, e->k, TENSOR, REQUIRED);
    list[n++].out = &x->dk;
    list[n] = array_of("gradients.dv", g->dv.data, g->dv.stride, e->v, TENSOR, mix_need);
    list[n++].out = &x->dv;
    list[n] = array_of("gradients.dbias", g->dbias.data, g->dbias.stride, e->bias, BIAS, features & ATTN_BIAS_GRAD ? REQUIRED : FORBIDDEN);
    list[n].feature = "ATTN_BIAS_GRAD";
    list[n++].out = &x->dbias;
    list[n] =
        array_of("gradients.dalibi", g->dalibi.data, g->dalibi.stride, e->head, PER_HEAD, features & ATTN_ALIBI ? OPTIONAL : FORBIDDEN);
    list[n].feature = "ATTN_ALIBI";
    list[n++].out = &x->dalibi;
    list[n] = array_of("gradients.dsink", g->dsink.data, g->dsink.stride, e->head, PER_HEAD, features & ATTN_SINK ? OPTIONAL : FORBIDDEN);
    list[n].feature = "ATTN_SINK";
    list[n++].out = &x->dsink;
    list[n] = array_of("gradients.dstate_o", g->dstate_o.data, g->dstate_o.stride, e->state, STATE, state_need);
    list[n++].out = &x->dstate_o;
    list[n] = array_of("gradients.dstate_lse", g->dstate_lse.data, g->dstate_lse.stride, e->head, STATE, state_need);
    list[n++].out = &x->dstate_lse;
    for (int i = n - 2; i < n && !learned; i++) announced_by_score(&list[i], "ATTN_SCORE_LEARNED_QUERY");
    list[n] = array_of("gradients.dw", g->dw.data, g->dw.stride, e->row, QUERY, additive ? OPTIONAL : FORBIDDEN);
    announced_by_score(&list[n], "ATTN_SCORE_ADDITIVE");
    list[n++].out = &x->dw;
    for (int i = first_output; i < n; i++) list[i].written = true;
    return n;
}

static attn_dtype type_of(const struct attn_shape *shape, const struct attn_exec *x, const struct array *a) {
    const bool state_lse = a->in == &x->state_lse || a->in == &x->d_last_lse || a->out == &x->dstate_lse;
    if (a->kind == LSE || a->kind == WEIGHTS || state_lse) return shape->dtype == ATTN_F64 ? ATTN_F64 : ATTN_F32;
    if (a->kind != TENSOR && a->kind != QUERY && a->kind != STATE) return ATTN_F32;
    if (a->in == &x->k || a->in == &x->v) return shape->kv_dtype;
    if (a->in == &x->state_o || a->out == &x->o) return shape->o_dtype;
    return a->in && a->in != &x->d_last_o ? shape->dtype : shape->grad_dtype;
}

static attn_status check_additive(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients,
                                  const struct attn_exec *x) {
    if (args->accumulate & ATTN_ACCUMULATE_O)
        return attn_fail(
            plan->ctx, ATTN_EUNSUPPORTED,
            "execute: args.accumulate has ATTN_ACCUMULATE_O, which ATTN_SCORE_ADDITIVE has no kernel for; attn_merge merges O");
    if (gradients && gradients->d_o.data && !args->v.data && x->kv_len > 0)
        return attn_fail(plan->ctx, ATTN_EINVAL, "execute: args.v is NULL, expected an array, as gradients.d_o is given");
    return ATTN_OK;
}

attn_status attn_bind_arrays(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients, enum attn_pass pass,
                             struct attn_exec *x) {
    struct array list[32];
    const struct extents e = extents_of(x);
    if (plan->shape.score == ATTN_SCORE_ADDITIVE) {
        const attn_status status = check_additive(plan, args, attn_pass_has_gradients(pass) ? gradients : NULL, x);
        if (status) return status;
    }
    int count = list_args(plan, args, pass, x, &e, list);
    if (attn_pass_has_gradients(pass)) count += list_gradients(plan, gradients, x, &e, list + count);
    for (int i = 0; i < count; i++) {
        list[i].type = type_of(&plan->shape, x, &list[i]);
        list[i].step = list[i].type == ATTN_Q8_0 ? 32 : 1;
        const attn_status status = bind_array(plan, &list[i]);
        if (status) return status;
    }
    return check_aliases(plan, list, count);
}
