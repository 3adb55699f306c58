/* What a saved model of events keeps beside its weights and recipe:
 *
 *   {"unit": 3600.0, "least": 0.001, "mean": 5000.0, "rate": 0.0002, "marks": ["1", "2"], "share": [0.7, 0.3]}
 *
 * (struct attn_event_facts). */
#include "system/aaren/events_task.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

attn_status attn_event_extra_write(attn_ctx *ctx, const struct attn_event_task *s, char **text) {
    json_t *all = json_object(), *marks = json_array(), *share = json_array();
    for (int32_t m = 0; m < s->facts.marks; m++) {
        size_t length;
        const char *name = attn_vocabulary_get(&s->marks, m, &length);
        json_array_append_new(marks, json_stringn(name, length));
        json_array_append_new(share, json_real(s->facts.share[m]));
    }
    json_object_set_new(all, "unit", json_real(s->facts.unit));
    json_object_set_new(all, "least", json_real(s->facts.least));
    json_object_set_new(all, "mean", json_real(s->facts.mean));
    json_object_set_new(all, "rate", json_real(s->facts.rate));
    json_object_set_new(all, "marks", marks);
    json_object_set_new(all, "share", share);
    char *made = json_dumps(all, 0);
    json_decref(all);
    const size_t bytes = made ? strlen(made) + 1 : 0;
    *text = made ? attn_alloc(ctx, bytes) : NULL;
    if (*text) memcpy(*text, made, bytes);
    free(made);
    return *text ? ATTN_OK : attn_no_memory(ctx, "what belongs to the model", bytes);
}

static attn_status wrong(attn_ctx *ctx, const char *what) {
    return attn_fail(ctx, ATTN_EINVAL, "the model's \"attn_extra\": found no %s, expected what a training of aaren/events has written",
                     what);
}

static bool positive(const json_t *object, const char *name, double *out) {
    const json_t *value = json_object_get(object, name);
    *out = json_number_value(value);
    return json_is_number(value) && *out > 0 && isfinite(*out);
}

static attn_status take_marks(attn_ctx *ctx, const json_t *marks, const json_t *share, struct attn_event_task *s) {
    const size_t count = json_array_size(marks);
    attn_status status = ATTN_OK;
    if (count < 1 || count > ATTN_EVENTS_MARKS || json_array_size(share) != count) return wrong(ctx, "marks with a share each");
    s->facts.marks = (int32_t)count;
    s->facts.share = attn_alloc(ctx, count * sizeof *s->facts.share);
    if (!s->facts.share) return attn_no_memory(ctx, "marks", count * sizeof *s->facts.share);
    for (size_t i = 0; i < count && !status; i++) {
        const json_t *name = json_array_get(marks, i), *part = json_array_get(share, i);
        int32_t number = -1;
        s->facts.share[i] = json_number_value(part);
        if (!json_is_string(name) || !(s->facts.share[i] > 0 && s->facts.share[i] <= 1))
            return wrong(ctx, "mark's name and share in (0, 1]");
        status = attn_vocabulary_add(ctx, &s->marks, json_string_value(name), json_string_length(name), &number);
        if (!status && number != (int32_t)i) status = wrong(ctx, "list of different marks");
    }
    return status;
}

attn_status attn_event_extra_read(attn_ctx *ctx, const char *text, struct attn_event_task *s) {
    json_t *all = json_loads(text, 0, NULL);
    attn_status status;
    if (!json_is_object(all))
        status = wrong(ctx, "JSON object");
    else if (!positive(all, "unit", &s->facts.unit) || !positive(all, "least", &s->facts.least) || !positive(all, "mean", &s->facts.mean) ||
             !positive(all, "rate", &s->facts.rate))
        status = wrong(ctx, "\"unit\", \"least\", \"mean\" and \"rate\" above 0");
    else
        status = take_marks(ctx, json_object_get(all, "marks"), json_object_get(all, "share"), s);
    json_decref(all);
    return status;
}
