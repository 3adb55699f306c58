#include "system/aaren/control_npz.h"

#include "io/npz.h"

#include <math.h>
#include <string.h>

enum { UNTIMED = 1000 /* steps of an episode at most, where there are no timeouts */ };

struct arrays {
    attn_ctx *ctx;
    const struct attn_npz *npz;
    int64_t rows, observations, actions;
    float *observation, *action, *reward, *terminal, *timeout; /* timeout NULL: there are none */
};

/* An array of `rank` axes with `rows` rows (0: any number) and its numbers, freed by attn_free. */
static attn_status take(const struct arrays *a, const char *name, int rank, int64_t *rows, int64_t *width, float **out) {
    struct attn_npy array;
    attn_status status = attn_npz_take(a->ctx, a->npz, name, &array);
    if (status) return status;
    const int64_t columns = array.rank == 2 ? array.shape[1] : 1;
    if (array.rank != rank || (*rows > 0 && array.shape[0] != *rows))
        status =
            attn_fail(a->ctx, ATTN_EINVAL, "%s: array \"%s\": found %d axes of %lld rows, expected %d%s", a->npz->path, name, array.rank,
                      (long long)(array.rank > 0 ? array.shape[0] : 0), rank, *rows > 0 ? " and as many rows as \"observations\"" : "");
    else if (columns < 1 || columns > ATTN_CONTROL_NUMBERS || array.shape[0] < 1)
        status = attn_fail(a->ctx, ATTN_EINVAL, "%s: array \"%s\": found %lld rows of %lld numbers, expected rows of 1 to %d", a->npz->path,
                           name, (long long)array.shape[0], (long long)columns, ATTN_CONTROL_NUMBERS);
    if (!status) status = attn_npy_to_f32(a->ctx, &array, out);
    if (!status) {
        *rows = array.shape[0];
        *width = columns;
    }
    attn_npy_free(a->ctx, &array);
    return status;
}

static attn_status take_finite(const struct arrays *a, const char *name, int rank, int64_t *rows, int64_t *width, float **out) {
    const attn_status status = take(a, name, rank, rows, width, out);
    for (int64_t i = 0; !status && i < *rows * *width; i++)
        if (!isfinite((*out)[i]))
            return attn_fail(a->ctx, ATTN_EINVAL, "%s: array \"%s\": row %lld, column %lld: found %g, expected a finite number",
                             a->npz->path, name, (long long)(i / *width + 1), (long long)(i % *width + 1), (double)(*out)[i]);
    return status;
}

static attn_status take_all(struct arrays *a) {
    int64_t one;
    attn_status status = take_finite(a, "observations", 2, &a->rows, &a->observations, &a->observation);
    if (!status) status = take_finite(a, "actions", 2, &a->rows, &a->actions, &a->action);
    if (!status) status = take_finite(a, "rewards", 1, &a->rows, &one, &a->reward);
    if (!status) status = take(a, "terminals", 1, &a->rows, &one, &a->terminal);
    if (!status && attn_zip_find(&a->npz->zip, "timeouts.npy")) status = take(a, "timeouts", 1, &a->rows, &one, &a->timeout);
    return status;
}

/* Behind which rows an episode ends; what is no number is no end. */
static bool ends(const struct arrays *a, int64_t row, int64_t length) {
    if (a->terminal[row] > 0 || length == ATTN_CONTROL_STEPS) return true;
    return a->timeout ? a->timeout[row] > 0 : length == UNTIMED;
}

/* first [rows + 1] (NULL: not wanted); returns the steps of whole episodes. */
static int64_t cut(const struct arrays *a, int64_t *first, int64_t *count) {
    int64_t begin = 0;
    *count = 0;
    for (int64_t row = 0; row < a->rows; row++)
        if (ends(a, row, row + 1 - begin)) {
            begin = row + 1;
            (*count)++;
            if (first) first[*count] = begin;
        }
    return begin;
}

static attn_status to_episodes(const struct arrays *a, struct attn_aaren_episodes *out) {
    struct attn_aaren_episodes e;
    int64_t count;
    const int64_t steps = cut(a, NULL, &count);
    if (count == 0)
        return attn_fail(a->ctx, ATTN_EINVAL, "%s: found no end of an episode in %lld steps, expected one in \"terminals\" or \"timeouts\"",
                         a->npz->path, (long long)a->rows);
    const attn_status status = attn_aaren_episodes_make(a->ctx, a->observations, a->actions, count, steps, &e);
    if (status) return status;
    cut(a, e.first, &count);
    memcpy(e.observation, a->observation, (size_t)(steps * e.observations) * sizeof *e.observation);
    memcpy(e.action, a->action, (size_t)(steps * e.actions) * sizeof *e.action);
    for (int64_t t = 0; t < steps; t++) e.reward[t] = (double)a->reward[t];
    attn_aaren_episodes_sum(&e);
    if (steps < a->rows)
        attn_log(a->ctx, ATTN_LOG_INFO, "%s: the last %lld steps have no end of an episode and are left out", a->npz->path,
                 (long long)(a->rows - steps));
    *out = e;
    return ATTN_OK;
}

attn_status attn_aaren_control_npz(attn_ctx *ctx, const char *path, struct attn_aaren_episodes *out) {
    struct attn_npz npz;
    struct arrays a = {.ctx = ctx, .npz = &npz};
    attn_status status = attn_npz_open(ctx, NULL, path, &npz);
    if (status) return status;
    status = take_all(&a);
    if (!status) status = to_episodes(&a, out);
    attn_free(ctx, a.observation);
    attn_free(ctx, a.action);
    attn_free(ctx, a.reward);
    attn_free(ctx, a.terminal);
    attn_free(ctx, a.timeout);
    attn_npz_close(ctx, &npz);
    return status;
}
