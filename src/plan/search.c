/* The search: every mistake a caller can make is found here, then the kernel runs. */
#include "kernel/search/search.h"

void attn_search_init(attn_search *search) {
    *search = (attn_search){.size = sizeof(*search), .queries = -1, .keys = -1};
}

/* What the search runs on; ops NULL: the reference. */
struct choice {
    const struct attn_search_ops *ops;
    int workers;
};

static attn_status check_length(attn_ctx *ctx, const char *field, int64_t value) {
    if (value < 0) return attn_fail(ctx, ATTN_EINVAL, "search: %s is %lld, expected at least 0 (it must be set)", field, (long long)value);
    if (value > INT32_MAX)
        return attn_fail(ctx, ATTN_ESHAPE, "search: %s is %lld, expected at most %d", field, (long long)value, INT32_MAX);
    return ATTN_OK;
}

static attn_status check_shape(attn_ctx *ctx, const attn_search *s, struct choice *choice) {
    if (!s) return attn_fail(ctx, ATTN_EINVAL, "search: search is NULL, expected one set by attn_search_init");
    if (s->size != sizeof(*s))
        return attn_fail(ctx, ATTN_EINVAL, "search: search.size is %zu, expected %zu; call attn_search_init first", s->size, sizeof(*s));
    attn_status status = check_length(ctx, "queries", s->queries);
    if (!status) status = check_length(ctx, "keys", s->keys);
    if (status) return status;
    if (s->dim < 1) return attn_fail(ctx, ATTN_EINVAL, "search: dim is %d, expected the size of query and key, at least 1", s->dim);
    if (s->top < 1 || s->top > ATTN_SEARCH_TOP)
        return attn_fail(ctx, ATTN_EINVAL, "search: top is %d, expected the number of keys wanted, 1 to %d", s->top, ATTN_SEARCH_TOP);
    if (s->threads < 0)
        return attn_fail(ctx, ATTN_EINVAL, "search: threads is %d, expected at least 1, or 0 for the context's", s->threads);
    if (s->kernel && strcmp(s->kernel, "naive") != 0)
        return attn_fail(ctx, ATTN_EINVAL, "search: kernel is \"%.64s\", expected \"naive\", or NULL for the fastest", s->kernel);
    const int most = attn_ctx_threads(ctx);
    choice->workers = s->threads == 0 || s->threads > most ? most : s->threads;
    choice->ops = s->kernel ? NULL : attn_search_choose(ctx);
    return ATTN_OK;
}

static attn_status find_bytes(attn_ctx *ctx, const attn_search *s, const struct choice *choice, size_t *bytes) {
    *bytes = attn_round64((size_t)choice->workers * (size_t)s->top * sizeof(float));
    if (choice->ops && !attn_search_bytes(s, choice->workers, bytes))
        return attn_fail(ctx, ATTN_ESHAPE, "search: dim %d for %d workers does not fit memory's addresses", s->dim, choice->workers);
    return ATTN_OK;
}

attn_status attn_search_workspace(attn_ctx *ctx, const attn_search *search, size_t *bytes) {
    if (!ctx) return ATTN_EINVAL;
    struct choice choice = {NULL, 1};
    if (!bytes) return attn_fail(ctx, ATTN_EINVAL, "search: bytes is NULL, expected a place for the number");
    const attn_status status = check_shape(ctx, search, &choice);
    return status ? status : find_bytes(ctx, search, &choice, bytes);
}

static attn_status check_rows(attn_ctx *ctx, const char *name, const float *rows, int64_t count, int32_t dim, int64_t *stride) {
    int64_t last;
    if (!rows && count > 0) return attn_fail(ctx, ATTN_EINVAL, "search: %s is NULL, expected %lld rows", name, (long long)count);
    if ((uintptr_t)rows % sizeof(float)) return attn_fail(ctx, ATTN_EINVAL, "search: %s is not aligned to its elements of 4 bytes", name);
    if (*stride < 0)
        return attn_fail(ctx, ATTN_EINVAL, "search: %s_stride is %lld, expected at least 1, or 0 for dim", name, (long long)*stride);
    if (*stride == 0) *stride = dim;
    if (__builtin_mul_overflow(*stride, count, &last) || last > INT64_MAX / 16)
        return attn_fail(ctx, ATTN_EINVAL, "search: %s_stride %lld reaches past memory's addresses", name, (long long)*stride);
    return ATTN_OK;
}

static attn_status check_ranges(attn_ctx *ctx, const attn_search *s) {
    if (!s->begins != !s->ends)
        return attn_fail(ctx, ATTN_EINVAL, "search: %s is NULL, expected both begins and ends, or neither", s->begins ? "ends" : "begins");
    for (int64_t i = 0; s->begins && i < s->queries; i++)
        if (s->begins[i] < 0 || s->begins[i] > s->ends[i] || s->ends[i] > s->keys)
            return attn_fail(ctx, ATTN_ESHAPE, "search: begins[%lld], ends[%lld] are %lld, %lld, expected 0 <= begin <= end <= %lld keys",
                             (long long)i, (long long)i, (long long)s->begins[i], (long long)s->ends[i], (long long)s->keys);
    return ATTN_OK;
}

static attn_status check_outputs(attn_ctx *ctx, const attn_search *s, size_t bytes) {
    const void *inputs[] = {s->q, s->k, s->begins, s->ends, s->score};
    if (!s->index && s->queries > 0) return attn_fail(ctx, ATTN_EINVAL, "search: index is NULL, expected room for queries * top numbers");
    if ((uintptr_t)s->index % sizeof(int64_t) || (uintptr_t)s->score % sizeof(float))
        return attn_fail(ctx, ATTN_EINVAL, "search: %s is not aligned to its elements",
                         (uintptr_t)s->index % sizeof(int64_t) ? "index" : "score");
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (inputs[i] && (inputs[i] == s->index || (i < 4 && inputs[i] == s->score)))
            return attn_fail(ctx, ATTN_EINVAL, "search: %s is the same memory as another array; outputs must not overlap other arrays",
                             inputs[i] == s->index ? "index" : "score");
    if (!s->workspace) return attn_fail(ctx, ATTN_EWORKSPACE, "search: workspace is NULL, expected %zu bytes aligned to 64", bytes);
    if ((uintptr_t)s->workspace % 64)
        return attn_fail(ctx, ATTN_EWORKSPACE, "search: workspace is at %p, expected an address aligned to 64", s->workspace);
    if (s->workspace_bytes < bytes)
        return attn_fail(ctx, ATTN_EWORKSPACE, "search: workspace_bytes is %zu, expected at least %zu (attn_search_workspace)",
                         s->workspace_bytes, bytes);
    return ATTN_OK;
}

attn_status attn_search_run(attn_ctx *ctx, const attn_search *search) {
    if (!ctx) return ATTN_EINVAL;
    struct choice choice = {NULL, 1};
    size_t bytes = 0;
    attn_status status = check_shape(ctx, search, &choice);
    if (status) return status;
    attn_search own = *search;
    status = find_bytes(ctx, &own, &choice, &bytes);
    if (!status) status = check_rows(ctx, "q", own.q, own.queries, own.dim, &own.q_stride);
    if (!status) status = check_rows(ctx, "k", own.k, own.keys, own.dim, &own.k_stride);
    if (!status) status = check_ranges(ctx, &own);
    if (!status) status = check_outputs(ctx, &own, bytes);
    if (status || own.queries == 0) return status;
    if (choice.ops)
        attn_search_scan(ctx, choice.ops, &own, choice.workers);
    else
        attn_search_naive(ctx, &own, choice.workers);
    return ATTN_OK;
}
