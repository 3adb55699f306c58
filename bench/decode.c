/* The arrays of a decoding step, its check against double, and the interleaved measurement. Heads lie one behind the other, or in blocks in
 * random order. */
#include "bench/decode.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "bench/measure.h"
#include "bench/peak.h"
#include "bench/statistics.h"
#include "kernel/convert/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PERIOD = 1000003, CHECKED_HEADS = 4 };

/* A stored type: its arrays and plan. */
struct subject {
    attn_dtype type;
    size_t row;   /* bytes */
    size_t bytes; /* of keys, and of values */
    void *k, *v, *workspace;
    int32_t *table; /* NULL: not paged */
    int64_t blocks;
    attn_plan *plan;
    attn_args args;
};

struct bench {
    attn_ctx *ctx;
    const struct attn_decode_spec *spec;
    char *message;
    float *q, *k, *v, *o; /* as drawn: k, v [kv_heads][kv_len][dim] */
    struct subject subject[ATTN_DECODE_TYPES];
};

static attn_status no_memory(const struct bench *b, size_t bytes) {
    snprintf(b->message, 1024, "bench: no memory for %.1f MiB", (double)bytes / 1048576.0);
    return ATTN_ENOMEM;
}

static attn_status take(const struct bench *b, void *at, size_t bytes) {
    void *memory = attn_alloc(b->ctx, bytes);
    memcpy(at, &memory, sizeof memory);
    return memory ? ATTN_OK : no_memory(b, bytes);
}

static size_t row_bytes(attn_dtype type, int32_t dim) {
    if (type == ATTN_Q8_0) return (size_t)dim / ATTN_Q8_BLOCK * sizeof(struct attn_q8);
    return (size_t)dim * (type == ATTN_F32 ? sizeof(float) : sizeof(uint16_t));
}

static void store(const struct bench *b, attn_dtype type, const float *from, void *to) {
    const struct attn_convert *c = attn_convert_for(b->ctx->isa);
    const int64_t n = b->spec->dim;
    if (type == ATTN_F32) memcpy(to, from, (size_t)n * sizeof *from);
    if (type == ATTN_BF16) c->bf16_of_f32(from, n, to);
    if (type == ATTN_F16) c->f16_of_f32(from, n, to);
    if (type == ATTN_Q8_0) c->q8_of_f32(from, n / ATTN_Q8_BLOCK, to);
}

/* Where token j of head g lies. */
static size_t row_of(const struct bench *b, const struct subject *s, int32_t g, int64_t j) {
    const struct attn_decode_spec *p = b->spec;
    if (!s->table) return (size_t)(g * p->kv_len + j);
    return (size_t)(((int64_t)s->table[j / p->block_tokens] * p->kv_heads + g) * p->block_tokens + j % p->block_tokens);
}

static void store_all(const struct bench *b, struct subject *s) {
    for (int32_t g = 0; g < b->spec->kv_heads; g++)
        for (int64_t j = 0; j < b->spec->kv_len; j++) {
            const int64_t from = (g * b->spec->kv_len + j) * b->spec->dim;
            store(b, s->type, b->k + from, (char *)s->k + row_of(b, s, g, j) * s->row);
            store(b, s->type, b->v + from, (char *)s->v + row_of(b, s, g, j) * s->row);
        }
}

/* Normal numbers of a long period: drawing each of a gigabyte would take longer than the measurement. */
static attn_status draw(struct bench *b) {
    const struct attn_decode_spec *p = b->spec;
    const int64_t queries = p->heads * p->queries * p->dim, keys = p->kv_heads * p->kv_len * p->dim;
    struct attn_random random;
    float *some = NULL;
    attn_random_init(&random, p->seed);
    attn_status status = take(b, &b->q, (size_t)queries * sizeof(float));
    if (!status) status = take(b, &b->o, (size_t)queries * sizeof(float));
    if (!status) status = take(b, &b->k, (size_t)keys * sizeof(float));
    if (!status) status = take(b, &b->v, (size_t)keys * sizeof(float));
    if (!status) status = take(b, &some, PERIOD * sizeof(float));
    if (status) return status;
    attn_random_fill_normal(&random, b->q, queries, 1.0f);
    attn_random_fill_normal(&random, some, PERIOD, 1.0f);
    for (int64_t n = 0; n < keys; n++) {
        b->k[n] = some[n % PERIOD];
        b->v[n] = some[(n + PERIOD / 2) % PERIOD];
    }
    attn_free(b->ctx, some);
    return ATTN_OK;
}

/* A random order of the blocks. */
static attn_status lay_blocks(const struct bench *b, struct subject *s) {
    const int32_t size = b->spec->block_tokens;
    struct attn_random random;
    s->blocks = size ? attn_div_up(b->spec->kv_len, size) : 0;
    if (!size) return ATTN_OK;
    const attn_status status = take(b, &s->table, (size_t)s->blocks * sizeof *s->table);
    attn_random_init(&random, b->spec->seed + 1);
    for (int32_t n = 0; n < s->blocks && !status; n++) {
        const uint64_t at = attn_random_below(&random, (uint64_t)n + 1);
        s->table[n] = s->table[at];
        s->table[at] = n;
    }
    return status;
}

static attn_status make_plan(const struct bench *b, struct subject *s) {
    const struct attn_decode_spec *p = b->spec;
    attn_problem problem;
    attn_problem_init(&problem);
    problem.heads = p->heads;
    problem.kv_heads = p->kv_heads;
    problem.dim = p->dim;
    problem.q_len = p->queries;
    problem.kv_len = p->kv_len;
    problem.threads = p->threads;
    problem.kernel = p->kernel;
    problem.kv_dtype = s->type;
    problem.block_tokens = p->block_tokens;
    attn_status status = attn_plan_create(b->ctx, &problem, &s->plan);
    if (status) {
        attn_ctx_error(b->ctx, b->message, 1024);
        return status;
    }
    attn_args_init(&s->args);
    s->args.q.data = b->q;
    s->args.k.data = s->k;
    s->args.v.data = s->v;
    s->args.o.data = b->o;
    s->args.block_table = s->table;
    s->args.blocks = s->blocks;
    s->args.workspace_bytes = attn_plan_workspace(s->plan);
    status = take(b, &s->workspace, s->args.workspace_bytes);
    s->args.workspace = s->workspace;
    return status;
}

static attn_status open_subject(const struct bench *b, struct subject *s, attn_dtype type) {
    s->type = type;
    s->row = row_bytes(type, b->spec->dim);
    attn_status status = lay_blocks(b, s);
    const int64_t tokens = s->table ? s->blocks * b->spec->block_tokens : b->spec->kv_len;
    s->bytes = (size_t)(b->spec->kv_heads * tokens) * s->row;
    if (!status) status = take(b, &s->k, s->bytes);
    if (!status) status = take(b, &s->v, s->bytes);
    if (status) return status;
    memset(s->k, 0, s->bytes);
    memset(s->v, 0, s->bytes);
    store_all(b, s);
    return make_plan(b, s);
}

static void close_bench(struct bench *b) {
    for (int i = 0; i < b->spec->type_count; i++) {
        struct subject *s = &b->subject[i];
        attn_plan_destroy(s->plan);
        void *const owned[] = {s->k, s->v, s->workspace, s->table};
        for (size_t n = 0; n < sizeof owned / sizeof *owned; n++) attn_free(b->ctx, owned[n]);
    }
    float *const owned[] = {b->q, b->k, b->v, b->o};
    for (size_t n = 0; n < sizeof owned / sizeof *owned; n++) attn_free(b->ctx, owned[n]);
}

/* ------------------------------------------------------------------------------------------------------- check */

static void decode(attn_dtype type, const void *from, int32_t dim, float *to) {
    const struct attn_convert *c = &attn_convert__portable;
    if (type == ATTN_F32) memcpy(to, from, (size_t)dim * sizeof *to);
    if (type == ATTN_BF16) c->f32_of_bf16(from, dim, to);
    if (type == ATTN_F16) c->f32_of_f16(from, dim, to);
    if (type == ATTN_Q8_0) c->f32_of_q8(from, dim / ATTN_Q8_BLOCK, to);
}

/* O of one query in double, in one pass: from the numbers as drawn (s NULL), or as stored. row has room for dim floats. */
static void exact_row(const struct bench *b, const struct subject *s, const float *q, int32_t g, float *row, double *o) {
    const int32_t dim = b->spec->dim;
    double top = (double)-INFINITY, total = 0.0;
    for (int32_t c = 0; c < dim; c++) o[c] = 0.0;
    for (int64_t j = 0; j < b->spec->kv_len; j++) {
        const int64_t at = (g * b->spec->kv_len + j) * dim;
        const float *k = b->k + at, *v = b->v + at;
        double dot = 0.0;
        if (s) {
            decode(s->type, (const char *)s->k + row_of(b, s, g, j) * s->row, dim, row);
            k = row;
        }
        for (int32_t c = 0; c < dim; c++) dot += (double)q[c] * (double)k[c];
        dot /= sqrt((double)dim);
        const double high = fmax(top, dot), keep = exp(top - high), weight = exp(dot - high);
        if (s) {
            decode(s->type, (const char *)s->v + row_of(b, s, g, j) * s->row, dim, row);
            v = row;
        }
        for (int32_t c = 0; c < dim; c++) o[c] = keep * o[c] + weight * (double)v[c];
        total = keep * total + weight;
        top = high;
    }
    for (int32_t c = 0; c < dim; c++) o[c] /= total;
}

/* The last query of some heads. */
static attn_status check(const struct bench *b, const struct subject *s, struct attn_decode_figures *f) {
    const struct attn_decode_spec *p = b->spec;
    const int32_t dim = p->dim, step = (int32_t)attn_max64(1, p->heads / CHECKED_HEADS);
    double *stored = NULL, worst = 0.0, most = 0.0, off = 0.0, size = 0.0;
    attn_status status = take(b, &stored, (size_t)dim * (2 * sizeof(double) + sizeof(float)));
    if (status) return status;
    double *drawn = stored + dim;
    float *row = (float *)(drawn + dim);
    for (int32_t h = 0; h < p->heads; h += step) {
        const int64_t at = ((h + 1) * p->queries - 1) * dim;
        exact_row(b, s, b->q + at, h / (p->heads / p->kv_heads), row, stored);
        exact_row(b, NULL, b->q + at, h / (p->heads / p->kv_heads), row, drawn);
        for (int32_t c = 0; c < dim; c++) {
            const double got = (double)b->o[at + c];
            worst = attn_worse(worst, fabs(got - stored[c]));
            most = fmax(most, fabs(stored[c]));
            off += (got - drawn[c]) * (got - drawn[c]);
            size += drawn[c] * drawn[c];
        }
    }
    attn_free(b->ctx, stored);
    f->max_error = worst / most;
    f->mean_error = off / size;
    f->wrong = s->type == ATTN_Q8_0 ? !(f->mean_error <= 5e-4) : !(f->max_error <= 1e-5);
    return ATTN_OK;
}

/* ----------------------------------------------------------------------------------------------------- measure */

struct times {
    double run[ATTN_REPEATS], share[ATTN_REPEATS], read[ATTN_REPEATS], ratio[ATTN_REPEATS];
};

static attn_status run_once(const struct bench *b, const struct subject *s, double *seconds) {
    const double start = attn_clock();
    const attn_status status = attn_forward(s->plan, &s->args);
    *seconds = attn_clock() - start;
    if (status) attn_ctx_error(b->ctx, b->message, 1024);
    return status;
}

static void summarize(const struct subject *s, struct times *t, int rounds, struct attn_decode_figures *f) {
    f->repeats = rounds;
    f->bytes = 2.0 * (double)s->bytes;
    f->read = attn_median(t->read, rounds);
    f->fraction = attn_median(t->share, rounds);
    f->of_first = attn_median(t->ratio, rounds);
    attn_sort(t->run, rounds);
    f->min = t->run[0];
    f->median = attn_quantile(t->run, rounds, 0.5);
    f->p20 = attn_quantile(t->run, rounds, 0.2);
    f->p80 = attn_quantile(t->run, rounds, 0.8);
}

static attn_status measure(struct bench *b, struct times *times, struct attn_decode_figures *figures) {
    const struct attn_decode_spec *p = b->spec;
    int rounds = 0;
    for (; rounds < p->repeats && !(p->stopped && p->stopped()); rounds++)
        for (int i = 0; i < p->type_count; i++) {
            const struct subject *s = &b->subject[i];
            struct times *t = &times[i];
            const double read =
                attn_read_seconds(b->ctx, p->threads, s->k, s->bytes) + attn_read_seconds(b->ctx, p->threads, s->v, s->bytes);
            const attn_status status = run_once(b, s, &t->run[rounds]);
            if (status) return status;
            t->read[rounds] = 2.0 * (double)s->bytes / read;
            t->share[rounds] = read / t->run[rounds];
            t->ratio[rounds] = t->run[rounds] / times[0].run[rounds];
        }
    for (int i = 0; i < p->type_count; i++) summarize(&b->subject[i], &times[i], rounds, &figures[i]);
    return ATTN_OK;
}

attn_status attn_decode_measure(attn_ctx *ctx, const struct attn_decode_spec *spec, struct attn_decode_figures *figures, char *message) {
    struct bench b = {.ctx = ctx, .spec = spec, .message = message};
    struct times *times = NULL;
    bool wrong = false;
    attn_status status = take(&b, &times, ATTN_DECODE_TYPES * sizeof *times);
    memset(figures, 0, (size_t)spec->type_count * sizeof *figures);
    if (!status) status = draw(&b);
    for (int i = 0; i < spec->type_count && !status; i++) {
        double ignored;
        status = open_subject(&b, &b.subject[i], spec->types[i]);
        if (!status) status = run_once(&b, &b.subject[i], &ignored);
        if (!status) status = check(&b, &b.subject[i], &figures[i]);
        if (status) break;
        figures[i].kernel = attn_plan_kernel(b.subject[i].plan);
        figures[i].isa = attn_plan_isa(b.subject[i].plan);
        wrong = wrong || figures[i].wrong;
    }
    if (!status && !wrong) status = measure(&b, times, figures);
    close_bench(&b);
    attn_free(ctx, times);
    return status;
}
