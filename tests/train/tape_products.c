/* Matrix products, by BLAS and in our own loops, against plain ones: of whole numbers so small that every sum is exact. */
#include "tape/blas.h"
#include "tape/product.h"
#include "tape/tape.h"

#include "base/cpu.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 3 /* products of one call */ };

struct shape {
    struct attn_product p;
    int64_t rows[2]; /* that a and b are stored in */
};

/* Rows are longer than what is stored in them. */
static struct shape draw(struct attn_random *random, int round) {
    struct shape s;
    const bool deep = round % 4 == 0;
    s.p = (struct attn_product){.m = attn_random_between(random, 1, deep ? 30 : 300),
                                .n = attn_random_between(random, 1, deep ? 70 : 600),
                                .k = attn_random_between(random, 1, deep ? 700 : 40),
                                .transpose_a = round % 2,
                                .transpose_b = round / 2 % 2,
                                .keep = (attn_real)(round / 4 % 2)};
    s.rows[0] = s.p.transpose_a ? s.p.k : s.p.m;
    s.rows[1] = s.p.transpose_b ? s.p.n : s.p.k;
    s.p.lda = (s.p.transpose_a ? s.p.m : s.p.k) + attn_random_between(random, 0, 3);
    s.p.ldb = (s.p.transpose_b ? s.p.k : s.p.n) + attn_random_between(random, 0, 3);
    s.p.ldc = s.p.n + attn_random_between(random, 0, 3);
    return s;
}

static float *whole_numbers(struct attn_random *random, int64_t count) {
    float *x = malloc((size_t)count * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < count; i++) x[i] = (float)attn_random_between(random, -9, 9);
    return x;
}

static void multiply(const struct attn_product *p, const float *a, const float *b, float *c) {
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            float sum = p->keep != 0 ? c[i * p->ldc + j] : 0;
            for (int64_t l = 0; l < p->k; l++)
                sum += (p->transpose_a ? a[l * p->lda + i] : a[i * p->lda + l]) * (p->transpose_b ? b[j * p->ldb + l] : b[l * p->ldb + j]);
            c[i * p->ldc + j] = sum;
        }
}

/* Through a packed b: all of its columns, or panels of them one after the other. */
static void multiply_packed(const struct attn_packed *b, const struct attn_product *p, const float *a, float *c, int64_t panels) {
    const int64_t step = panels * ATTN_PANEL;
    if (panels == 0) attn_packed_product(b, p->m, a, p->lda, c, p->ldc, p->keep != 0);
    for (int64_t n = 0; panels > 0 && n < p->n; n += step)
        attn_packed_columns(b, n, attn_min64(step, p->n - n), p->m, a, p->lda, c + n, p->ldc, p->keep != 0);
}

/* One call of three products that share b, and the same through a packed b. */
static void check(attn_tape *tape, struct attn_random *random, int round) {
    const struct shape s = draw(random, round);
    const struct attn_product *p = &s.p;
    const int64_t a_count = s.rows[0] * p->lda, c_count = p->m * p->ldc;
    float *a = whole_numbers(random, COUNT * a_count), *b = whole_numbers(random, s.rows[1] * p->ldb);
    float *c = whole_numbers(random, COUNT * c_count), *want = malloc((size_t)(COUNT * c_count) * sizeof *want);
    float *packed_c = malloc((size_t)(COUNT * c_count) * sizeof *packed_c);
    struct attn_product_place places[COUNT];
    struct attn_packed packed;
    assert_true(want && packed_c);
    memcpy(want, c, (size_t)(COUNT * c_count) * sizeof *want);
    memcpy(packed_c, c, (size_t)(COUNT * c_count) * sizeof *want);
    assert_true(attn_pack(tape, b, p->ldb, p->transpose_b, p->k, p->n, &packed));
    for (int i = 0; i < COUNT; i++) {
        places[i] = (struct attn_product_place){i * a_count, 0, i * c_count};
        multiply(p, a + i * a_count, b, want + i * c_count);
        if (!p->transpose_a) multiply_packed(&packed, p, a + i * a_count, packed_c + i * c_count, i);
    }
    assert_int_equal(attn_products(tape->ctx, p, COUNT, places, a, b, c), ATTN_OK);
    assert_memory_equal(c, want, (size_t)(COUNT * c_count) * sizeof *c);
    if (!p->transpose_a) assert_memory_equal(packed_c, want, (size_t)(COUNT * c_count) * sizeof *c);
    free(a);
    free(b);
    free(c);
    free(want);
    free(packed_c);
}

static void products_on(const char *isa) {
    struct attn_random random;
    attn_ctx *ctx;
    attn_tape *tape;
    assert_int_equal(setenv("ATTN_ISA", isa, 1), 0);
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_tape_create(ctx, &tape), ATTN_OK);
    assert_int_equal(attn_product_kernel_for(ctx) != NULL, strcmp(isa, "avx512") == 0);
    attn_random_init(&random, 7);
    for (int round = 0; round < 48; round++) {
        check(tape, &random, round);
        attn_tape_reset(tape);
    }
    attn_tape_destroy(tape);
    attn_ctx_destroy(ctx);
    unsetenv("ATTN_ISA");
}

static void products_are_exact_where_sums_are_and_nothing_beside_them_is_written(void **state) {
    (void)state;
    products_on("portable");
    if (attn_isa_built() & attn_cpu_isa() & ATTN_ISA_AVX512) products_on("avx512");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_are_exact_where_sums_are_and_nothing_beside_them_is_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
