#include "system/pointer/transformer.h"

#include "base/context.h"
#include "tape/tape.h"

#include <math.h>

enum { KEY, VALUE, POINT, FIRST, LAST, PARTS }; /* of attn_transformer.cities */

/* ------------------------------------------------------------------------------------------------------- parameters */

struct maker {
    attn_model *model;
    bool frozen;
};

static attn_tensor *parameter(const struct maker *k, const char *name, int dims, const int64_t *size) {
    attn_tensor *x = attn_model_parameter(k->model, name, dims, size);
    if (k->frozen) attn_model_scale(k->model, 0, 0);
    return x;
}

/* Uniform within 1 / sqrt(in), as the paper has all of its weights. */
static attn_projection projection(const struct maker *k, const char *name, int64_t in, int64_t out, bool bias) {
    const double range = 1 / sqrt((double)in);
    attn_projection p = {NULL, NULL};
    attn_model_enter(k->model, "%s", name);
    p.weight = parameter(k, "weight", 2, (const int64_t[]){out, in});
    attn_fill_uniform(p.weight, -range, range, attn_model_seed(k->model));
    if (bias) {
        p.bias = parameter(k, "bias", 1, &out);
        attn_fill_uniform(p.bias, -range, range, attn_model_seed(k->model));
    }
    attn_model_leave(k->model);
    return p;
}

static attn_norm norm(const struct maker *k, const char *name, int64_t width) {
    attn_norm n = {.epsilon = 1e-5};
    attn_model_enter(k->model, "%s", name);
    n.gain = parameter(k, "weight", 1, &width);
    attn_fill(n.gain, 1);
    n.bias = parameter(k, "bias", 1, &width);
    attn_model_leave(k->model);
    return n;
}

static struct attn_transformer_layer layer(const struct maker *k, int64_t width, int64_t index) {
    struct attn_transformer_layer l;
    attn_model_enter(k->model, "layers.%lld", (long long)index);
    l.inward = projection(k, "qkv", width, 3 * width, false);
    l.outward = projection(k, "out", width, width, false);
    l.attended = norm(k, "norm1", width);
    l.up = projection(k, "up", width, 4 * width, true);
    l.down = projection(k, "down", 4 * width, width, true);
    l.fed = norm(k, "norm2", width);
    attn_model_leave(k->model);
    return l;
}

void attn_transformer_make(attn_model *model, const struct attn_transformer_config *c, bool frozen, struct attn_transformer *out) {
    const struct maker k = {model, frozen};
    const int64_t width = c->width;
    struct attn_transformer m = {.config = *c, .tape = attn_model_tape(model)};
    attn_mask *left = NULL;
    m.layer = attn_model_memory(model, (size_t)c->layers * sizeof *m.layer);
    m.embedding = projection(&k, "embedding", 2, width, true);
    for (int64_t i = 0; i < c->layers && m.layer; i++) m.layer[i] = layer(&k, width, i);
    m.cities = projection(&k, "cities", width, PARTS * width, false);
    m.graph = projection(&k, "graph", width, width, false);
    if (!c->any_start) {
        m.start = parameter(&k, "start", 1, &width);
        attn_fill_uniform(m.start, -1, 1, attn_model_seed(model));
    }
    if (!m.tape->status) m.tape->status = attn_mask_band(m.tape->ctx, 0, ATTN_UNLIMITED, ATTN_BOTTOM_RIGHT, &left);
    if (!m.tape->status) m.left = attn_model_mask(model, left);
    *out = m;
}

/* ---------------------------------------------------------------------------------------------------------- encoder */

static attn_tensor *self_attention(const struct attn_transformer *m, const struct attn_transformer_layer *l, attn_tensor *x) {
    const int64_t heads = m->config.heads, batch = x ? x->size[0] : 0, points = x ? x->size[1] : 0;
    attn_tensor *all = attn_reshape(attn_project(&l->inward, x), 4, (const int64_t[]){batch, points, 3 * heads, m->config.width / heads});
    attn_tensor *mixed =
        attn_attention(attn_narrow(all, 2, 0, heads), attn_narrow(all, 2, heads, heads), attn_narrow(all, 2, 2 * heads, heads), NULL);
    return attn_project(&l->outward, attn_reshape(mixed, 3, (const int64_t[]){batch, points, m->config.width}));
}

bool attn_transformer_encode(const struct attn_transformer *m, int64_t batch, int64_t points, const attn_real *coordinates,
                             struct attn_transformer_encoding *out) {
    attn_tensor *x = attn_project(&m->embedding, attn_tensor_input(m->tape, 3, (const int64_t[]){batch, points, 2}, coordinates));
    for (int64_t i = 0; i < m->config.layers; i++) {
        const struct attn_transformer_layer *l = &m->layer[i];
        x = attn_normalize(&l->attended, attn_add(x, self_attention(m, l, x)));
        x = attn_normalize(&l->fed, attn_add(x, attn_project(&l->down, attn_relu(attn_project(&l->up, x)))));
    }
    *out = (struct attn_transformer_encoding){.model = m, .batch = batch, .points = points};
    out->cities = attn_project(&m->cities, x);
    out->graph = attn_project(&m->graph, attn_mean(x, 1));
    return out->cities && out->graph;
}

/* ------------------------------------------------------------------------------------------------------ known tours */

/* Numbers that steps and cities of a tour have, [N, N]: the same for all tours. */
static attn_tensor *table(const struct attn_transformer_encoding *e,
                          double (*number)(const struct attn_transformer *m, int64_t step, int64_t city)) {
    const int64_t n = e->points;
    attn_real *x = attn_tape_take(e->model->tape, (size_t)(n * n) * sizeof *x);
    for (int64_t i = 0; x && i < n * n; i++) x[i] = (attn_real)number(e->model, i / n, i % n);
    return x ? attn_tensor_input(e->model->tape, 2, (const int64_t[]){n, n}, x) : NULL;
}

static double is_left(const struct attn_transformer *m, int64_t step, int64_t city) {
    (void)m;
    return city >= step;
}
static double is_next(const struct attn_transformer *m, int64_t step, int64_t city) {
    (void)m;
    return city == step;
}
/* What tanh is multiplied with. */
static double clip_of(const struct attn_transformer *m, int64_t step, int64_t city) {
    (void)city;
    return step == 0 && m->config.any_start ? 0 : m->config.clip;
}

/* Part of the cities' rows x [R, N, 5 D], of cities [begin, begin + count) in the tour's order. */
static attn_tensor *part_of(const struct attn_transformer *m, attn_tensor *x, int64_t part, int64_t begin, int64_t count) {
    return attn_narrow(attn_narrow(x, 1, begin, count), 2, part * m->config.width, m->config.width);
}

/* Queries [R, N, D] of all steps: the graph's, and the first and the last city's or the start's. */
static attn_tensor *queries(const struct attn_transformer_encoding *e, attn_tensor *x, int64_t tours) {
    const struct attn_transformer *m = e->model;
    const int64_t n = e->points, width = m->config.width, rows = e->batch * tours;
    attn_tensor *start = attn_constant(m->tape, 3, (const int64_t[]){rows, 1, width}, 0);
    if (m->start) start = attn_add(start, m->start);
    attn_tensor *own = start;
    if (n > 1) {
        attn_tensor *behind = attn_add(part_of(m, x, LAST, 0, n - 1), part_of(m, x, FIRST, 0, 1));
        own = attn_concat(2, (attn_tensor *const[]){start, behind}, 1);
    }
    attn_tensor *graph = attn_reshape(e->graph, 3, (const int64_t[]){e->batch, 1, width});
    return attn_add(attn_reshape(own, 3, (const int64_t[]){e->batch, tours * n, width}), graph);
}

/* Logits are within the clip, so that their exponentials need no greatest number taken away. In a tour's own order city t is the one that step t takes, and those
 * behind it are the ones that are left. */
attn_tensor *attn_transformer_tours(const struct attn_transformer_encoding *e, int64_t count, const int32_t *tours) {
    const struct attn_transformer *m = e->model;
    const int64_t n = e->points, heads = m->config.heads, width = m->config.width, rows = e->batch * count, dim = width / heads;
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.mask = m->left;
    attn_tensor *x = attn_gather(e->cities, count * n, tours);
    attn_tensor *by_head = attn_reshape(x, 4, (const int64_t[]){rows, n, PARTS * heads, dim});
    x = attn_reshape(x, 3, (const int64_t[]){rows, n, PARTS * width});
    attn_tensor *q = attn_reshape(queries(e, x, count), 4, (const int64_t[]){rows, n, heads, dim});
    attn_tensor *glimpse =
        attn_attention(q, attn_narrow(by_head, 2, KEY * heads, heads), attn_narrow(by_head, 2, VALUE * heads, heads), &config);
    attn_tensor *u = attn_matmul(attn_reshape(glimpse, 3, (const int64_t[]){rows, n, width}), false, part_of(m, x, POINT, 0, n), true);
    attn_tensor *logits = attn_mul(attn_tanh(attn_affine(u, (attn_real)(1 / sqrt((double)width)), 0)), table(e, clip_of));
    attn_tensor *all = attn_ln(attn_sum(attn_mul(attn_exp(logits), table(e, is_left)), 2));
    return attn_sum(attn_sub(attn_sum(attn_mul(logits, table(e, is_next)), 2), all), 1);
}

/* ---------------------------------------------------------------------------------------------------- city by city */

int64_t attn_transformer_room(const struct attn_transformer_encoding *e) {
    return 2 * e->model->config.width + e->points;
}

enum { LANES = 8 };

/* In lanes, which compilers make vectors of. */
static attn_real dot(const attn_real *a, const attn_real *b, int64_t count) {
    attn_real sum[LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int l = 0; l < LANES; l++) sum[l] += a[i + l] * b[i + l];
    for (; i < count; i++) rest += a[i] * b[i];
    for (int l = 0; l < LANES; l++) rest += sum[l];
    return rest;
}

static void add_to(attn_real *to, const attn_real *x, attn_real factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] += factor * x[i];
}

/* The mean of the values of cities that are left (weight above -inf), with weights softmax of the queries' products. */
static void glimpse_of(const struct attn_transformer *m, const attn_real *cities, int64_t n, int64_t head, const attn_real *query,
                       const attn_real *logits, attn_real *weight, attn_real *out) {
    const int64_t width = m->config.width, dim = width / m->config.heads;
    const attn_real scale = (attn_real)(1 / sqrt((double)dim));
    attn_real most = -(attn_real)INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        if (logits[j] < 0) continue;
        weight[j] = scale * dot(query + head * dim, cities + (PARTS * j + KEY) * width + head * dim, dim);
        if (weight[j] > most) most = weight[j];
    }
    for (int64_t i = 0; i < dim; i++) out[head * dim + i] = 0;
    for (int64_t j = 0; j < n; j++) {
        if (logits[j] < 0) continue;
        const attn_real w = real_exp(weight[j] - most);
        sum += w;
        add_to(out + head * dim, cities + (PARTS * j + VALUE) * width + head * dim, w, dim);
    }
    for (int64_t i = 0; i < dim; i++) out[head * dim + i] /= sum;
}

void attn_transformer_logits(const struct attn_transformer_encoding *e, int64_t b, const int32_t *tour, int64_t done, attn_real *logits,
                             attn_real *room) {
    const struct attn_transformer *m = e->model;
    const int64_t n = e->points, width = m->config.width;
    const attn_real *cities = attn_data(e->cities) + b * n * PARTS * width, scale = (attn_real)(1 / sqrt((double)width));
    attn_real *query = room, *glimpse = room + width, *weight = room + 2 * width;
    for (int64_t j = 0; j < n; j++) logits[j] = 0;
    for (int64_t i = 0; i < done; i++) logits[tour[i]] = -(attn_real)INFINITY;
    if (done == 0 && m->config.any_start) return;
    for (int64_t i = 0; i < width; i++) query[i] = attn_data(e->graph)[b * width + i];
    if (done == 0) add_to(query, attn_data(m->start), 1, width);
    if (done > 0) {
        add_to(query, cities + (PARTS * (int64_t)tour[0] + FIRST) * width, 1, width);
        add_to(query, cities + (PARTS * (int64_t)tour[done - 1] + LAST) * width, 1, width);
    }
    for (int64_t h = 0; h < m->config.heads; h++) glimpse_of(m, cities, n, h, query, logits, weight, glimpse);
    for (int64_t j = 0; j < n; j++) {
        if (logits[j] < 0) continue;
        const attn_real u = dot(glimpse, cities + (PARTS * j + POINT) * width, width);
        logits[j] = (attn_real)m->config.clip * real_tanh(scale * u);
    }
}
