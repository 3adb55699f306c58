#include "report/runs.h"

#include "base/nearest.h"
#include "io/record.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 160 /* of fields in which runs of several tasks may differ */ };

/* ---------------------------------------------------------------------------------------------------------- entries */

static bool entry_of(const char *name, const json_t *value, struct attn_entry *out) {
    *out = (struct attn_entry){.name = name, .text = json_string_value(value), .number = (double)NAN};
    if (json_is_boolean(value)) out->text = json_is_true(value) ? "true" : "false";
    if (json_is_number(value)) {
        out->number = json_number_value(value);
        attn_real_text(out->number, out->digits, sizeof out->digits);
    }
    return out->text || json_is_number(value);
}

attn_status attn_entries_read(attn_ctx *ctx, const char *name, const char *text, size_t bytes, struct attn_entries *out) {
    json_error_t error;
    json_t *root = json_loadb(text, bytes, 0, &error), *value;
    const char *key;
    *out = (struct attn_entries){NULL, 0, NULL};
    if (!json_is_object(root)) {
        json_decref(root);
        return attn_fail(ctx, ATTN_EINVAL, "%s: found no JSON object, expected one", name);
    }
    out->at = attn_alloc(ctx, json_object_size(root) * sizeof *out->at);
    out->json = root;
    if (!out->at) {
        attn_entries_free(ctx, out);
        return attn_no_memory(ctx, name, json_object_size(root) * sizeof *out->at);
    }
    json_object_foreach(root, key, value) if (entry_of(key, value, &out->at[out->count])) out->count++;
    for (int i = 0; i < out->count; i++)
        if (!out->at[i].text) out->at[i].text = out->at[i].digits;
    return ATTN_OK;
}

void attn_entries_free(attn_ctx *ctx, struct attn_entries *entries) {
    attn_free(ctx, entries->at);
    json_decref(entries->json);
    *entries = (struct attn_entries){NULL, 0, NULL};
}

const struct attn_entry *attn_entries_get(const struct attn_entries *entries, const char *name) {
    for (int i = 0; i < entries->count; i++)
        if (strcmp(entries->at[i].name, name) == 0) return &entries->at[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------- runs */

attn_status attn_report_runs_open(attn_ctx *ctx, const struct attn_run_list *list, struct attn_report_runs *out) {
    attn_status status = ATTN_OK;
    *out = (struct attn_report_runs){ctx, attn_alloc(ctx, (size_t)list->count * sizeof *out->at), 0};
    if (!out->at) return attn_no_memory(ctx, "the table of runs", (size_t)list->count * sizeof *out->at);
    for (int64_t i = 0; i < list->count && !status; i++) {
        struct attn_report_run *run = &out->at[out->count];
        *run = (struct attn_report_run){.summary = &list->at[i], .recipe = list->recipe[i]};
        status = attn_entries_read(ctx, run->summary->id, run->recipe, strlen(run->recipe), &run->fields);
        if (!status) out->count++;
        if (status == ATTN_EINVAL) status = ATTN_OK;
    }
    if (status) attn_report_runs_close(out);
    return status;
}

void attn_report_runs_close(struct attn_report_runs *runs) {
    for (int64_t i = 0; i < runs->count; i++) attn_entries_free(runs->ctx, &runs->at[i].fields);
    attn_free(runs->ctx, runs->at);
    *runs = (struct attn_report_runs){.ctx = runs->ctx};
}

static bool is_number(const char *name, double number, struct attn_entry *out) {
    *out = (struct attn_entry){.name = name, .number = number};
    out->text = attn_real_text(number, out->digits, sizeof out->digits);
    return isfinite(number);
}

static bool is_text(const char *name, const char *text, struct attn_entry *out) {
    *out = (struct attn_entry){.name = name, .text = text, .number = (double)NAN};
    return true;
}

const char *const attn_report_costs[] = {"forward_flops", "step_flops", "state_bytes", "paper_state_bytes", NULL};

/* False: no name of attn_report_costs. */
static bool is_cost(const struct attn_cost *cost, const char *name, double *out) {
    const double value[] = {cost->forward_flops, cost->step_flops, (double)cost->state_bytes, (double)cost->paper_state_bytes};
    int i = 0;
    while (attn_report_costs[i] && strcmp(attn_report_costs[i], name) != 0) i++;
    *out = attn_report_costs[i] && value[i] >= 0 ? value[i] : (double)NAN;
    return attn_report_costs[i] != NULL;
}

bool attn_report_value(const struct attn_report_run *run, const char *name, struct attn_entry *out) {
    const struct attn_run_summary *s = run->summary;
    const struct attn_entry *field = attn_entries_get(&run->fields, name);
    double cost;
    if (strcmp(name, "run") == 0) return is_text(name, s->id, out);
    if (strcmp(name, "task") == 0) return is_text(name, s->task, out);
    if (strcmp(name, "state") == 0) return is_text(name, attn_run_state_name(s->state), out);
    if (strcmp(name, "step") == 0) return is_number(name, (double)s->step, out);
    if (strcmp(name, "parameters") == 0) return is_number(name, (double)s->parameters, out);
    if (strcmp(name, "seconds") == 0) return is_number(name, s->seconds, out);
    if (strcmp(name, "train_loss") == 0) return is_number(name, s->loss, out);
    if (is_cost(&s->cost, name, &cost)) return is_number(name, cost, out);
    if (field) *out = *field;
    if (field && out->text == field->digits) out->text = out->digits;
    if (field) return true;
    if (strcmp(name, "steps") == 0) return is_number(name, (double)s->steps, out);
    return is_number(name, attn_figures_get(&s->figures, name), out);
}

/* Refuses a name that no run has, with the nearest. */
static attn_status must_have(const struct attn_report_runs *runs, const char *name) {
    static const char *const own[] = {"run", "task", "state", "step", "steps", "parameters", "seconds", "train_loss"};
    const char *names[NAMES];
    int count = 0;
    struct attn_entry value;
    for (int64_t i = 0; i < runs->count; i++)
        if (attn_report_value(&runs->at[i], name, &value)) return ATTN_OK;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i], name) == 0) return ATTN_OK;
        names[count++] = own[i];
    }
    for (int i = 0; attn_report_costs[i]; i++) names[count++] = attn_report_costs[i];
    if (runs->count == 0) return ATTN_OK;
    const struct attn_report_run *run = &runs->at[0];
    for (int i = 0; i < run->summary->figures.count; i++) names[count++] = run->summary->figures.at[i].name;
    for (int i = 0; i < run->fields.count && count < NAMES; i++) names[count++] = run->fields.at[i].name;
    const char *nearest = attn_nearest(name, names, count);
    return attn_fail(runs->ctx, ATTN_EINVAL, "no run has a field or figure '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                     nearest ? nearest : "", nearest ? "'?" : "");
}

/* ------------------------------------------------------------------------------------------------------- conditions */

enum relation { EQUAL, DIFFERENT, LESS, GREATER, AT_MOST, AT_LEAST };

struct condition {
    char name[64], value[ATTN_RECIPE_TEXT];
    enum relation relation;
};

static attn_status parse_condition(attn_ctx *ctx, const char *word, size_t bytes, struct condition *out) {
    static const struct {
        const char *sign;
        enum relation relation;
    } signs[] = {{"!=", DIFFERENT}, {"<=", AT_MOST}, {">=", AT_LEAST}, {"=", EQUAL}, {"<", LESS}, {">", GREATER}};
    const size_t n = strcspn(word, "=<>! ");
    for (size_t i = 0; i < sizeof signs / sizeof signs[0] && n < bytes; i++) {
        const size_t length = strlen(signs[i].sign), rest = n + length;
        if (strncmp(word + n, signs[i].sign, length) != 0) continue;
        if (n == 0 || n >= sizeof out->name || rest > bytes || (rest < bytes && strchr("=<>!", word[rest])) ||
            bytes - rest >= sizeof out->value)
            break;
        memcpy(out->name, word, n);
        out->name[n] = '\0';
        memcpy(out->value, word + rest, bytes - rest);
        out->value[bytes - rest] = '\0';
        out->relation = signs[i].relation;
        return ATTN_OK;
    }
    return attn_fail(ctx, ATTN_EINVAL,
                     "condition '%.*s': expected NAME=VALUE, or != < > <= >= in the place of =", (int)attn_min64((int64_t)bytes, 200),
                     word);
}

/* Less than 0, 0 or more than 0, as strcmp. */
static int compare_value(const struct attn_entry *entry, const char *value) {
    char *end;
    const double number = strtod(value, &end);
    if (isnan(entry->number) || end == value || *end) return strcmp(entry->text, value);
    return (entry->number > number) - (entry->number < number);
}

static bool meets(const struct attn_report_run *run, const struct condition *c) {
    struct attn_entry entry;
    if (!attn_report_value(run, c->name, &entry)) return c->relation == DIFFERENT;
    const int order = compare_value(&entry, c->value);
    const bool truth[] = {order == 0, order != 0, order<0, order> 0, order <= 0, order >= 0};
    return truth[c->relation];
}

static void keep_where(struct attn_report_runs *runs, const struct condition *c) {
    int64_t kept = 0;
    for (int64_t i = 0; i < runs->count; i++) {
        const struct attn_report_run run = runs->at[i];
        if (meets(&run, c))
            runs->at[kept++] = run;
        else
            attn_entries_free(runs->ctx, &runs->at[i].fields);
    }
    runs->count = kept;
}

attn_status attn_report_where(struct attn_report_runs *runs, const char *conditions) {
    attn_status status = ATTN_OK;
    for (const char *at = conditions; *at && !status;) {
        struct condition c;
        const size_t bytes = strcspn(at, " ");
        if (bytes > 0) {
            status = parse_condition(runs->ctx, at, bytes, &c);
            if (!status) status = must_have(runs, c.name);
            if (!status) keep_where(runs, &c);
        }
        at += bytes + (at[bytes] == ' ');
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ order */

struct place {
    struct attn_report_run run;
    struct attn_entry value;
    bool has;
    int direction; /* -1: the greatest first */
    int64_t index;
};

static int in_order(const void *a, const void *b) {
    const struct place *p = a, *q = b;
    int order = 0;
    if (p->has != q->has) return p->has ? -1 : 1;
    if (p->has && !isnan(p->value.number) && !isnan(q->value.number))
        order = (p->value.number > q->value.number) - (p->value.number < q->value.number);
    else if (p->has)
        order = strcmp(p->value.text, q->value.text);
    return order != 0 ? order * p->direction : p->index < q->index ? -1 : 1;
}

attn_status attn_report_sort(struct attn_report_runs *runs, const struct attn_report_order *order) {
    attn_status status = must_have(runs, order->name);
    if (status || runs->count == 0) return status;
    struct place *places = attn_alloc(runs->ctx, (size_t)runs->count * sizeof *places);
    if (!places) return attn_no_memory(runs->ctx, "the order of runs", (size_t)runs->count * sizeof *places);
    const bool greatest = order->figure && strcmp(order->figure, order->name) == 0 && !order->lower;
    for (int64_t i = 0; i < runs->count; i++) {
        struct place *p = &places[i];
        *p = (struct place){.run = runs->at[i], .direction = greatest != order->reverse ? -1 : 1, .index = i};
        p->has = attn_report_value(&p->run, order->name, &p->value);
        if (p->has && !isnan(p->value.number)) p->value.text = ""; /* it pointed into a place, which moves */
    }
    qsort(places, (size_t)runs->count, sizeof *places, in_order);
    for (int64_t i = 0; i < runs->count; i++) runs->at[i] = places[i].run;
    attn_free(runs->ctx, places);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------ differences */

/* Most recipes have a field at the same place. */
static const struct attn_entry *field_near(const struct attn_entries *fields, int place, const char *name) {
    if (place < fields->count && strcmp(fields->at[place].name, name) == 0) return &fields->at[place];
    return attn_entries_get(fields, name);
}

static bool differs(const struct attn_report_runs *runs, int64_t first, int place) {
    const struct attn_entry *one = &runs->at[first].fields.at[place];
    if (first > 0) return true; /* the runs before have no such field */
    for (int64_t i = 0; i < runs->count; i++) {
        const struct attn_entry *other = field_near(&runs->at[i].fields, place, one->name);
        if (!other || strcmp(other->text, one->text) != 0) return true;
    }
    return false;
}

static bool listed(const char *name, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

attn_status attn_report_differences(const struct attn_report_runs *runs, const char ***names, int *count) {
    const char *seen[NAMES];
    int seen_count = 0;
    *count = 0;
    *names = attn_alloc(runs->ctx, NAMES * sizeof **names);
    if (!*names) return attn_no_memory(runs->ctx, "the fields of runs", NAMES * sizeof **names);
    for (int64_t i = 0; i < runs->count; i++)
        for (int f = 0; f < runs->at[i].fields.count && seen_count < NAMES; f++) {
            const char *name = runs->at[i].fields.at[f].name;
            if (f < seen_count && strcmp(seen[f], name) == 0) continue;
            if (listed(name, seen, seen_count)) continue;
            seen[seen_count++] = name;
            if (strcmp(name, "task") != 0 && differs(runs, i, f)) (*names)[(*count)++] = name;
        }
    return ATTN_OK;
}
