#include "dist/cp/topology.h"

#include "base/file.h"
#include "base/nearest.h"
#include "dist/cp/quantity.h"

#include <math.h>
#include <string.h>

enum { BYTES = 1 << 16, KEYS = 8 };

enum key { RANKS_PER_NODE, LATENCY_INSIDE, LATENCY_BETWEEN, BANDWIDTH_INSIDE, BANDWIDTH_BETWEEN, LINKS, MEMORY, FLOPS };
static const char *const keys[KEYS] = {"ranks_per_node",    "latency_inside", "latency_between", "bandwidth_inside",
                                       "bandwidth_between", "links",          "memory",          "flops"};

void attn_topology_usual(struct attn_topology *out) {
    *out = (struct attn_topology){
        .ranks_per_node = 8, .latency = {2e-6, 5e-6}, .bandwidth = {450e9, 50e9}, .links = 8, .memory = (double)INFINITY};
}

struct place {
    attn_ctx *ctx;
    const char *name;
    int64_t line;
};

static attn_status set_count(const struct place *p, const char *key, const char *value, int64_t *out) {
    double number;
    if (!attn_plain_number(value, &number) || number != floor(number) || number < 1 || number > 1 << 20)
        return attn_fail(p->ctx, ATTN_EINVAL, "%s:%lld: %s: found '%.64s'; expected an integer from 1 to 1048576", p->name,
                         (long long)p->line, key, value);
    *out = (int64_t)number;
    return ATTN_OK;
}

static attn_status set_quantity(const struct place *p, const char *key, enum attn_quantity quantity, const char *value, double *out) {
    const char *above = quantity == ATTN_QUANTITY_SECONDS ? "" : " above 0";
    double number;
    if (!attn_quantity_parse(quantity, value, &number) || (quantity != ATTN_QUANTITY_SECONDS && !(number > 0)))
        return attn_fail(p->ctx, ATTN_EINVAL, "%s:%lld: %s: found '%.64s'; expected a number%s in %s", p->name, (long long)p->line, key,
                         value, above, attn_quantity_units(quantity));
    *out = number;
    return ATTN_OK;
}

static attn_status set(const struct place *p, int key, const char *value, struct attn_topology *t) {
    switch ((enum key)key) {
    case RANKS_PER_NODE:
        return set_count(p, keys[key], value, &t->ranks_per_node);
    case LATENCY_INSIDE:
        return set_quantity(p, keys[key], ATTN_QUANTITY_SECONDS, value, &t->latency[0]);
    case LATENCY_BETWEEN:
        return set_quantity(p, keys[key], ATTN_QUANTITY_SECONDS, value, &t->latency[1]);
    case BANDWIDTH_INSIDE:
        return set_quantity(p, keys[key], ATTN_QUANTITY_RATE, value, &t->bandwidth[0]);
    case BANDWIDTH_BETWEEN:
        return set_quantity(p, keys[key], ATTN_QUANTITY_RATE, value, &t->bandwidth[1]);
    case LINKS:
        return set_count(p, keys[key], value, &t->links);
    case MEMORY:
        if (strcmp(value, "unlimited") != 0) return set_quantity(p, keys[key], ATTN_QUANTITY_BYTES, value, &t->memory);
        t->memory = (double)INFINITY;
        return ATTN_OK;
    case FLOPS:
        if (strcmp(value, "planned") != 0) return set_quantity(p, keys[key], ATTN_QUANTITY_FLOPS, value, &t->flops);
        t->flops = 0;
    }
    return ATTN_OK;
}

static int find_key(const char *name) {
    for (int i = 0; i < KEYS; i++)
        if (strcmp(name, keys[i]) == 0) return i;
    return -1;
}

static attn_status unknown_key(const struct place *p, const char *name) {
    const char *nearest = attn_nearest(name, keys, KEYS);
    return attn_fail(p->ctx, ATTN_EINVAL,
                     "%s:%lld: found the key '%.64s'; expected %s%s%sranks_per_node, latency_inside, latency_between, bandwidth_inside, "
                     "bandwidth_between, links, memory or flops",
                     p->name, (long long)p->line, name, nearest ? "'" : "", nearest ? nearest : "", nearest ? "', of " : "");
}

attn_status attn_topology_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_topology *out) {
    struct attn_topology t;
    int64_t seen[KEYS] = {0};
    struct attn_noted_lines lines = {.at = text, .end = text + size};
    attn_topology_usual(&t);
    while (attn_noted_line(&lines)) {
        const struct place p = {ctx, name, lines.number};
        char *equals = strchr(lines.text, '=');
        if (lines.too_long || !equals)
            return attn_fail(ctx, ATTN_EINVAL, "%s:%lld: found '%.40s'; expected key = value", name, (long long)p.line, lines.text);
        *equals = '\0';
        const char *key_name = attn_text_trim(lines.text), *value = attn_text_trim(equals + 1);
        const int key = find_key(key_name);
        if (key < 0) return unknown_key(&p, key_name);
        if (seen[key])
            return attn_fail(ctx, ATTN_EINVAL, "%s:%lld: found %s again; expected it once, as in line %lld", name, (long long)p.line,
                             keys[key], (long long)seen[key]);
        seen[key] = p.line;
        const attn_status status = set(&p, key, value, &t);
        if (status) return status;
    }
    *out = t;
    return ATTN_OK;
}

attn_status attn_topology_read(attn_ctx *ctx, const char *path, struct attn_topology *out) {
    uint8_t *data;
    size_t size;
    attn_status status = attn_file_read(ctx, NULL, path, BYTES, &data, &size);
    if (status) return status;
    status = attn_topology_parse(ctx, path, (const char *)data, size, out);
    attn_free(ctx, data);
    return status;
}

void attn_topology_text(const struct attn_topology *t, char text[ATTN_TOPOLOGY_TEXT]) {
    text[0] = '\0';
    attn_append(text, ATTN_TOPOLOGY_TEXT, "ranks_per_node = %lld\nlatency_inside = %.9g us\nlatency_between = %.9g us\n",
                (long long)t->ranks_per_node, t->latency[0] * 1e6, t->latency[1] * 1e6);
    attn_append(text, ATTN_TOPOLOGY_TEXT, "bandwidth_inside = %.9g GB/s\nbandwidth_between = %.9g GB/s\nlinks = %lld\n",
                t->bandwidth[0] * 1e-9, t->bandwidth[1] * 1e-9, (long long)t->links);
    if (isfinite(t->memory))
        attn_append(text, ATTN_TOPOLOGY_TEXT, "memory = %.9g MiB\n", t->memory / 0x1p20);
    else
        attn_append(text, ATTN_TOPOLOGY_TEXT, "memory = unlimited\n");
    if (t->flops > 0)
        attn_append(text, ATTN_TOPOLOGY_TEXT, "flops = %.9g GFLOP/s\n", t->flops * 1e-9);
    else
        attn_append(text, ATTN_TOPOLOGY_TEXT, "flops = planned\n");
}
