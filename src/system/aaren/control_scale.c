#include "system/aaren/control_scale.h"

#include <jansson.h>

#include <math.h>
#include <string.h>

static const double least_deviation = 1e-6;

static attn_status make_room(attn_ctx *ctx, struct attn_aaren_control_scale *s) {
    const size_t observations = (size_t)s->observations * sizeof *s->mean, actions = (size_t)s->actions * sizeof *s->middle;
    s->mean = attn_alloc(ctx, observations);
    s->deviation = attn_alloc(ctx, observations);
    s->middle = attn_alloc(ctx, actions);
    s->half = attn_alloc(ctx, actions);
    return s->mean && s->deviation && s->middle && s->half ? ATTN_OK
                                                           : attn_no_memory(ctx, "means and deviations", 2 * (observations + actions));
}

void attn_aaren_control_scale_free(attn_ctx *ctx, struct attn_aaren_control_scale *scale) {
    attn_free(ctx, scale->mean);
    attn_free(ctx, scale->deviation);
    attn_free(ctx, scale->middle);
    attn_free(ctx, scale->half);
    *scale = (struct attn_aaren_control_scale){.observations = 0};
}

/* ---------------------------------------------------------------------------------------------------- from episodes */

/* One column of the steps that training has. */
struct column {
    const struct attn_aaren_episodes *episodes;
    const bool *train;
    const float *x;
    int64_t stride;
};
struct moments {
    double mean, deviation, low, high;
};

static struct moments moments_of(const struct column *c) {
    const struct attn_aaren_episodes *e = c->episodes;
    struct moments m = {.low = HUGE_VAL, .high = -HUGE_VAL};
    double sum = 0, squares = 0;
    int64_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < e->count; i++)
            for (int64_t t = e->first[i]; t < e->first[i + 1] && c->train[i]; t++) {
                const double x = (double)c->x[t * c->stride];
                if (pass == 0) {
                    sum += x;
                    count++;
                    m.low = fmin(m.low, x);
                    m.high = fmax(m.high, x);
                } else {
                    squares += (x - m.mean) * (x - m.mean);
                }
            }
        m.mean = sum / (double)count;
    }
    m.deviation = sqrt(squares / (double)count);
    return m;
}

static void scale_actions(const struct attn_aaren_episodes *e, const bool *train, bool bounded, struct attn_aaren_control_scale *s) {
    bool within = true;
    for (int64_t j = 0; j < e->actions; j++) {
        const struct moments m = moments_of(&(struct column){e, train, e->action + j, e->actions});
        const double half = bounded ? (m.high - m.low) / 2 : m.deviation;
        within = within && m.low >= -1 && m.high <= 1;
        s->middle[j] = bounded ? (m.high + m.low) / 2 : m.mean;
        s->half[j] = half > least_deviation ? half : 1; /* an action that never changes */
    }
    for (int64_t j = 0; j < e->actions && bounded && within; j++) {
        s->middle[j] = 0;
        s->half[j] = 1;
    }
}

static void scale_returns(const struct attn_aaren_episodes *e, const bool *train, const struct attn_aaren_control_wish *wish,
                          struct attn_aaren_control_scale *s) {
    double most = 0, best = -HUGE_VAL;
    for (int64_t i = 0; i < e->count; i++) {
        if (!train[i]) continue;
        best = fmax(best, attn_aaren_episode_return(e, i));
        for (int64_t t = e->first[i]; t < e->first[i + 1]; t++) most = fmax(most, fabs(e->to_go[t]));
    }
    s->returns = wish->returns > 0 ? wish->returns : most > 0 ? most : 1;
    s->target = isnan(wish->target) ? best : wish->target;
}

attn_status attn_aaren_control_scale_make(attn_ctx *ctx, const struct attn_aaren_episodes *e, const bool *train,
                                          const struct attn_aaren_control_wish *wish, struct attn_aaren_control_scale *out) {
    struct attn_aaren_control_scale s = {.observations = e->observations, .actions = e->actions, .horizon = wish->horizon};
    const attn_status status = make_room(ctx, &s);
    if (status) {
        attn_aaren_control_scale_free(ctx, &s);
        return status;
    }
    for (int64_t j = 0; j < e->observations; j++) {
        const struct moments m = moments_of(&(struct column){e, train, e->observation + j, e->observations});
        s.mean[j] = m.mean;
        s.deviation[j] = m.deviation + least_deviation;
    }
    scale_actions(e, train, wish->bounded, &s);
    scale_returns(e, train, wish, &s);
    *out = s;
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------ JSON */

static json_t *array_of(const double *x, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++) json_array_append_new(array, json_real(x[i]));
    return array;
}

attn_status attn_aaren_control_scale_text(attn_ctx *ctx, const struct attn_aaren_control_scale *s, char **text) {
    json_t *object = json_pack("{s:I, s:f, s:f, s:o, s:o, s:o, s:o}", "horizon", (json_int_t)s->horizon, "returns", s->returns, "target",
                               s->target, "mean", array_of(s->mean, s->observations), "deviation", array_of(s->deviation, s->observations),
                               "middle", array_of(s->middle, s->actions), "half", array_of(s->half, s->actions));
    char *said = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(object);
    const size_t bytes = said ? strlen(said) + 1 : 0;
    *text = said ? attn_alloc(ctx, bytes) : NULL;
    if (*text) memcpy(*text, said, bytes);
    free(said);
    return *text ? ATTN_OK : attn_no_memory(ctx, "what a model knows of its data", bytes);
}

static attn_status wrong(attn_ctx *ctx, const char *name, const char *expected) {
    return attn_fail(ctx, ATTN_EINVAL, "the model's own data: \"%s\": expected %s", name, expected);
}

static attn_status read_number(attn_ctx *ctx, const json_t *object, const char *name, double *out) {
    const json_t *x = json_object_get(object, name);
    if (!json_is_number(x) || !isfinite(json_number_value(x))) return wrong(ctx, name, "a finite number");
    *out = json_number_value(x);
    return ATTN_OK;
}

/* positive: what is divided by. */
static attn_status read_array(attn_ctx *ctx, const json_t *object, const char *name, int64_t count, bool positive, double *out) {
    const json_t *array = json_object_get(object, name);
    if (!json_is_array(array) || json_array_size(array) != (size_t)count) return wrong(ctx, name, "an array as long as its neighbours");
    for (int64_t i = 0; i < count; i++) {
        const json_t *x = json_array_get(array, (size_t)i);
        out[i] = json_number_value(x);
        if (!json_is_number(x) || !isfinite(out[i]) || (positive && !(out[i] > 0)))
            return wrong(ctx, name, positive ? "numbers above 0" : "finite numbers");
    }
    return ATTN_OK;
}

static attn_status from_object(attn_ctx *ctx, const json_t *object, struct attn_aaren_control_scale *s) {
    double horizon = 0;
    const size_t observations = json_array_size(json_object_get(object, "mean")),
                 actions = json_array_size(json_object_get(object, "middle"));
    if (observations < 1 || observations > ATTN_CONTROL_NUMBERS)
        return wrong(ctx, "mean", "an array of numbers, one for each of an observation");
    if (actions < 1 || actions > ATTN_CONTROL_NUMBERS) return wrong(ctx, "middle", "an array of numbers, one for each of an action");
    s->observations = (int64_t)observations;
    s->actions = (int64_t)actions;
    attn_status status = make_room(ctx, s);
    if (!status) status = read_number(ctx, object, "horizon", &horizon);
    if (!status && !(horizon >= 1 && horizon <= ATTN_CONTROL_STEPS)) status = wrong(ctx, "horizon", "a number of steps");
    if (!status) s->horizon = (int64_t)horizon;
    if (!status) status = read_number(ctx, object, "returns", &s->returns);
    if (!status && !(s->returns > 0)) status = wrong(ctx, "returns", "a number above 0");
    if (!status) status = read_number(ctx, object, "target", &s->target);
    if (!status) status = read_array(ctx, object, "mean", s->observations, false, s->mean);
    if (!status) status = read_array(ctx, object, "deviation", s->observations, true, s->deviation);
    if (!status) status = read_array(ctx, object, "middle", s->actions, false, s->middle);
    return status ? status : read_array(ctx, object, "half", s->actions, true, s->half);
}

attn_status attn_aaren_control_scale_parse(attn_ctx *ctx, const char *text, struct attn_aaren_control_scale *out) {
    json_error_t error;
    json_t *object = json_loads(text, 0, &error);
    struct attn_aaren_control_scale s = {.observations = 0};
    if (!object) return attn_fail(ctx, ATTN_EINVAL, "the model's own data: line %d, column %d: %s", error.line, error.column, error.text);
    const attn_status status = from_object(ctx, object, &s);
    json_decref(object);
    if (status)
        attn_aaren_control_scale_free(ctx, &s);
    else
        *out = s;
    return status;
}
