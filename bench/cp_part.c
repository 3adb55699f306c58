#include "bench/cp_part.h"

#include "base/random.h"
#include "bench/statistics.h"
#include "kernel/convert/convert.h"

#include <math.h>
#include <string.h>

static int32_t heads_of(const attn_problem *p, enum attn_cp_array a) {
    const bool keys = a == ATTN_CP_OF_K || a == ATTN_CP_OF_V || a == ATTN_CP_OF_DK || a == ATTN_CP_OF_DV;
    return keys ? p->kv_heads : p->heads;
}

static int32_t width_of(const attn_problem *p, enum attn_cp_array a) {
    const bool q = a == ATTN_CP_OF_Q || a == ATTN_CP_OF_K || a == ATTN_CP_OF_DQ || a == ATTN_CP_OF_DK;
    return q ? p->dim : p->v_dim;
}

static size_t row_of(const attn_problem *p, enum attn_cp_array a) {
    return (size_t)heads_of(p, a) * (size_t)width_of(p, a);
}

static void fill(struct attn_cp_part *part, enum attn_cp_array a, uint64_t seed, float *row) {
    const attn_problem *p = &part->problem;
    const size_t n = row_of(p, a), e = attn_dtype_bytes(p->dtype);
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t i = 0; i < part->places; i++) {
            const int64_t token = part->token[i];
            char *to = (char *)part->array[a] + (size_t)(b * part->places + i) * n * e;
            struct attn_random r;
            if (token < 0) continue;
            attn_random_init(&r, seed + ((uint64_t)a << 56) + ((uint64_t)b << 40) + (uint64_t)token);
            attn_random_fill_normal(&r, row, (int64_t)n, 1.0f);
            if (p->dtype == ATTN_F32)
                memcpy(to, row, n * sizeof *row);
            else
                for (size_t c = 0; c < n; c++) ((uint16_t *)(void *)to)[c] = attn_half_of_f32(p->dtype, row[c]);
        }
}

static void point(struct attn_cp_part *part) {
    void *const *a = part->array;
    attn_args_init(&part->args);
    attn_gradients_init(&part->gradients);
    part->args.q.data = a[ATTN_CP_OF_Q], part->args.k.data = a[ATTN_CP_OF_K], part->args.v.data = a[ATTN_CP_OF_V];
    part->args.o.data = a[ATTN_CP_OF_O], part->args.lse.data = part->lse;
    part->gradients.d_o.data = a[ATTN_CP_OF_DO], part->gradients.dq.data = a[ATTN_CP_OF_DQ];
    part->gradients.dk.data = a[ATTN_CP_OF_DK], part->gradients.dv.data = a[ATTN_CP_OF_DV];
}

attn_status attn_cp_part_open(attn_ctx *ctx, const attn_problem *problem, int64_t places, const int64_t *token, uint64_t seed,
                              struct attn_cp_part *out) {
    *out = (struct attn_cp_part){.ctx = ctx, .problem = *problem, .places = places};
    const size_t tokens = (size_t)(problem->batch * places), e = attn_dtype_bytes(problem->dtype);
    size_t at[ATTN_CP_ARRAYS], widest = 0, bytes = 0;
    for (int a = 0; a < ATTN_CP_ARRAYS; a++) {
        const size_t row = row_of(problem, (enum attn_cp_array)a);
        at[a] = bytes;
        bytes += attn_round64(tokens * row * e);
        widest = row > widest ? row : widest;
    }
    const size_t lse = bytes, tokens_at = lse + attn_round64(tokens * (size_t)problem->heads * sizeof(float));
    const size_t row_at = tokens_at + attn_round64((size_t)places * sizeof(int64_t));
    bytes = row_at + widest * sizeof(float);
    out->memory = attn_alloc(ctx, bytes);
    if (!out->memory) return attn_no_memory(ctx, "bench cp", bytes);
    memset(out->memory, 0, bytes);
    for (int a = 0; a < ATTN_CP_ARRAYS; a++) out->array[a] = (char *)out->memory + at[a];
    out->lse = (float *)((char *)out->memory + lse);
    out->token = (int64_t *)((char *)out->memory + tokens_at);
    for (int64_t i = 0; i < places; i++) out->token[i] = token ? token[i] : i;
    for (int a = 0; a <= ATTN_CP_OF_DO; a++) fill(out, (enum attn_cp_array)a, seed, (float *)((char *)out->memory + row_at));
    point(out);
    return ATTN_OK;
}

void attn_cp_part_close(struct attn_cp_part *part) {
    attn_free(part->ctx, part->args.workspace);
    attn_free(part->ctx, part->memory);
    *part = (struct attn_cp_part){.ctx = NULL};
}

static double number(attn_dtype type, const void *array, size_t i) {
    return type == ATTN_F32 ? (double)((const float *)array)[i] : (double)attn_f32_of_half(type, ((const uint16_t *)array)[i]);
}

/* Of the whole array: a part may hold nothing but what is small. */
static double greatest(const struct attn_cp_part *whole, enum attn_cp_array a) {
    const attn_problem *p = &whole->problem;
    const size_t n = (size_t)(p->batch * whole->places) * row_of(p, a);
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(number(p->dtype, whole->array[a], i)));
    return most;
}

static double differs(const struct attn_cp_part *whole, const struct attn_cp_part *part, enum attn_cp_array a) {
    const attn_problem *p = &part->problem;
    const size_t n = row_of(p, a);
    const double most = greatest(whole, a);
    double worst = 0;
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t i = 0; i < part->places; i++)
            for (size_t c = 0; c < n && part->token[i] >= 0; c++) {
                const double x = number(p->dtype, whole->array[a], (size_t)(b * whole->places + part->token[i]) * n + c);
                const double y = number(p->dtype, part->array[a], (size_t)(b * part->places + i) * n + c);
                worst = attn_worse(worst, fabs(x - y));
            }
    return most > 0 ? worst / most : worst;
}

/* LSE is [batch, heads, places]. */
static double lse_differs(const struct attn_cp_part *whole, const struct attn_cp_part *part) {
    const int64_t planes = part->problem.batch * part->problem.heads;
    double worst = 0;
    for (int64_t n = 0; n < planes; n++)
        for (int64_t i = 0; i < part->places; i++) {
            if (part->token[i] < 0) continue;
            const double x = (double)whole->lse[n * whole->places + part->token[i]], y = (double)part->lse[n * part->places + i];
            if (x != y) worst = attn_worse(worst, fabs(x - y) / fmax(1, fabs(x)));
        }
    return worst;
}

double attn_cp_part_differs(const struct attn_cp_part *whole, const struct attn_cp_part *part, bool gradients) {
    double worst = lse_differs(whole, part);
    for (int a = ATTN_CP_OF_O; a < (gradients ? ATTN_CP_ARRAYS : ATTN_CP_OF_DQ); a++)
        worst = attn_worse(worst, differs(whole, part, (enum attn_cp_array)a));
    return worst;
}
