/* Conversions of stored types against arithmetic in double that shares no code with them: every 16-bit pattern, every rounding of float32
 * at and beside the middle between two neighbours, random bits; all sets the same bits, inside guard pages.
 */
#include "base/cpu.h"
#include "base/half.h"
#include "base/random.h"
#include "kernel/convert/convert.h"
#include "support/guard.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct format {
    const char *name;
    int exponent_bits, fraction_bits;
    float (*decode)(uint16_t);
    uint16_t (*encode)(float);
};

static const struct format formats[2] = {{"bf16", 8, 7, attn_f32_of_bf16, attn_bf16_of_f32},
                                         {"f16", 5, 10, attn_f32_of_f16, attn_f16_of_f32}};

/* The value of a pattern from its definition; NaN without its payload. */
static double value_of(const struct format *f, uint16_t bits) {
    const int most = (1 << f->exponent_bits) - 1, bias = most >> 1;
    const int exponent = bits >> f->fraction_bits & most, fraction = bits & ((1 << f->fraction_bits) - 1);
    const double sign = bits & 0x8000 ? -1.0 : 1.0;
    if (exponent == most) return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - f->fraction_bits);
    return sign * ldexp((1 << f->fraction_bits) + fraction, exponent - bias - f->fraction_bits);
}

static void every_pattern_has_its_value(void **state) {
    (void)state;
    for (int n = 0; n < 2; n++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            const double want = value_of(&formats[n], (uint16_t)bits), got = (double)formats[n].decode((uint16_t)bits);
            if (isnan(want) ? !isnan(got) : got != want || !signbit(got) != !signbit(want))
                fail_msg("%s 0x%04x is %g, expected %g", formats[n].name, bits, got, want);
            const uint16_t back = formats[n].encode((float)got);
            if (isnan(want) ? !isnan((double)formats[n].decode(back)) || (back ^ bits) & 0x8000 : back != bits)
                fail_msg("%s 0x%04x comes back as 0x%04x", formats[n].name, bits, back);
        }
}

/* Is `got` the nearest pattern to x, the even one of two as near? Patterns of one sign count upwards with their size; beyond the last finite
 * one stands the value that the next exponent would have. */
static bool is_nearest(const struct format *f, float x, uint16_t got) {
    if (isnan(x)) return isnan(value_of(f, got)) && !signbit(x) == !(got & 0x8000);
    if (!signbit(x) != !(got & 0x8000)) return false;
    const uint16_t size = got & 0x7fff, infinite = (uint16_t)(((1 << f->exponent_bits) - 1) << f->fraction_bits);
    const double target = fabs((double)x), beyond = ldexp(1.0, 1 << (f->exponent_bits - 1));
    if (isinf(x)) return size == infinite;
    if (size > infinite) return false;
    const double here = size == infinite ? beyond : value_of(f, size);
    const double above = size >= infinite ? (double)INFINITY : size + 1 == infinite ? beyond : value_of(f, (uint16_t)(size + 1));
    const double below = size == 0 ? -(double)INFINITY : value_of(f, (uint16_t)(size - 1));
    const double off = fabs(target - here);
    if (size == infinite && target >= beyond) return true;
    if (off > fabs(target - above) || off > fabs(target - below)) return false;
    return (off < fabs(target - above) && off < fabs(target - below)) || !(size & 1) || off == 0.0;
}

static void check_rounding(const struct format *f, float x) {
    const uint16_t got = f->encode(x);
    if (!is_nearest(f, x, got)) fail_msg("%s of %a is 0x%04x, %g", f->name, (double)x, got, value_of(f, got));
}

static void numbers_round_to_the_nearest_and_ties_to_even(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 1);
    for (int n = 0; n < 2; n++) {
        const struct format *f = &formats[n];
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            const double a = value_of(f, (uint16_t)bits), b = value_of(f, (uint16_t)(bits + 1));
            if (!isfinite(a) || !isfinite(b)) continue;
            const float middle = (float)(0.5 * (a + b)); /* exact: one bit more than the format has */
            check_rounding(f, middle);
            check_rounding(f, nextafterf(middle, INFINITY));
            check_rounding(f, nextafterf(middle, -INFINITY));
        }
        const float traps[] = {65504.0f, 65519.996f,      65520.0f,  65536.0f,  FLT_MAX,   0x1.fep127f, 0x1.ffp127f, 0x1p-24f,
                               0x1p-25f, 0x1.000002p-25f, 0x1p-149f, 0x1p-133f, 0x1p-134f, 0.0f,        INFINITY,    NAN};
        for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
            check_rounding(f, traps[i]);
            check_rounding(f, -traps[i]);
        }
        for (int i = 0; i < 1000000; i++) check_rounding(f, attn_float_of_bits(attn_random_u32(&random)));
    }
}

/* ----------------------------------------------------------------------------------------------- the blocks */

/* One block against the rule of the header, in other words. */
static void check_block(const float *x) {
    struct attn_q8 got;
    float back[ATTN_Q8_BLOCK];
    double most = 0.0;
    bool finite = true;
    for (int i = 0; i < ATTN_Q8_BLOCK; i++) {
        finite = finite && isfinite(x[i]);
        most = fmax(most, fabs((double)x[i]));
    }
    attn_convert__portable.q8_of_f32(x, 1, &got);
    attn_convert__portable.f32_of_q8(&got, 1, back);
    const double scale = value_of(&formats[1], got.scale);
    if (!finite) {
        for (int i = 0; i < ATTN_Q8_BLOCK; i++) assert_true(isnan(back[i]) && got.code[i] == 0);
        return;
    }
    assert_true(scale == 65504.0 ? most >= 65504.0 * 126.9 : is_nearest(&formats[1], (float)most / 127.0f, got.scale));
    for (int i = 0; i < ATTN_Q8_BLOCK; i++) {
        const double code = scale > 0.0 ? (double)x[i] * (double)(1.0f / (float)scale) : 0.0; /* the product is rounded to float once */
        const double want = fmin(fmax(nearbyint((double)(float)code), -127.0), 127.0);
        if ((double)got.code[i] != want) fail_msg("code of %g at scale %g is %d, expected %g", (double)x[i], scale, got.code[i], want);
        assert_true((double)back[i] == scale * want);
    }
}

static void blocks_keep_their_rule_with_ties_denormals_and_what_is_not_finite(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 2);
    static const float sizes[] = {1.0f, 127.0f, 1e-3f, 3e-5f, 1e-7f, 1e-9f, 1e-40f, 0.0f, 1e5f, 8.3e6f, 8.4e6f, 1e38f};
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (int round = 0; round < 300; round++) {
            float x[ATTN_Q8_BLOCK];
            for (int i = 0; i < ATTN_Q8_BLOCK; i++) x[i] = sizes[n] * (float)attn_random_normal(&random);
            if (round % 3 == 1) /* halves: ties of the codes at scale 1 */
                for (int i = 0; i < ATTN_Q8_BLOCK; i++) x[i] = i == 5 ? 127.0f : 0.5f * (float)attn_random_between(&random, -254, 254);
            if (round % 20 == 2) x[round % ATTN_Q8_BLOCK] = round % 40 == 2 ? NAN : -INFINITY;
            check_block(x);
        }
}

/* ------------------------------------------------------------------------------------------------- the sets */

static void fill(struct attn_random *random, void *to, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)to)[i] = (uint8_t)attn_random_u32(random);
}

/* Any bits through both sets, `n` numbers (blocks) that end at a guard page. */
static void check_sets(const struct attn_convert *a, const struct attn_convert *b, int64_t n, struct attn_random *random) {
    const size_t count = (size_t)n, wide = 4 * count, narrow = 2 * count;
    struct test_arena arena = {.at_begin = n % 2 != 0};
    uint16_t *half = test_guarded(&arena, narrow, 2), *half_a = test_guarded(&arena, narrow, 2), *half_b = test_guarded(&arena, narrow, 2);
    float *full = test_guarded(&arena, wide, 4), *full_a = test_guarded(&arena, wide, 4), *full_b = test_guarded(&arena, wide, 4);
    fill(random, half, narrow);
    fill(random, full, wide);
    a->f32_of_bf16(half, n, full_a);
    b->f32_of_bf16(half, n, full_b);
    assert_memory_equal(full_a, full_b, wide);
    a->f32_of_f16(half, n, full_a);
    b->f32_of_f16(half, n, full_b);
    assert_memory_equal(full_a, full_b, wide);
    a->bf16_of_f32(full, n, half_a);
    b->bf16_of_f32(full, n, half_b);
    assert_memory_equal(half_a, half_b, narrow);
    a->f16_of_f32(full, n, half_a);
    b->f16_of_f32(full, n, half_b);
    assert_memory_equal(half_a, half_b, narrow);
    test_arena_free(&arena);
}

static void check_block_sets(const struct attn_convert *a, const struct attn_convert *b, int64_t n, struct attn_random *random) {
    const size_t count = (size_t)n, wide = 4 * count * ATTN_Q8_BLOCK, narrow = count * sizeof(struct attn_q8);
    struct test_arena arena = {.at_begin = n % 2 != 0};
    struct attn_q8 *block_a = test_guarded(&arena, narrow, 2), *block_b = test_guarded(&arena, narrow, 2);
    float *full = test_guarded(&arena, wide, 4), *full_a = test_guarded(&arena, wide, 4), *full_b = test_guarded(&arena, wide, 4);
    if (n % 3 == 0)
        fill(random, full, wide);
    else
        attn_random_fill_normal(random, full, n * ATTN_Q8_BLOCK, n % 3 == 1 ? 1.0f : 1e-6f);
    a->q8_of_f32(full, n, block_a);
    b->q8_of_f32(full, n, block_b);
    assert_memory_equal(block_a, block_b, narrow);
    if (n % 2) fill(random, block_a, narrow);
    a->f32_of_q8(block_a, n, full_a);
    b->f32_of_q8(block_a, n, full_b);
    for (size_t i = 0; i < count * ATTN_Q8_BLOCK; i++) /* a NaN scale times a code: any NaN */
        assert_true(isnan(full_a[i]) ? isnan(full_b[i]) : full_a[i] == full_b[i]);
    test_arena_free(&arena);
}

static void every_set_gives_the_same_bits_and_stays_inside_its_arrays(void **state) {
    (void)state;
    struct attn_random random;
    attn_random_init(&random, 3);
    assert_ptr_equal(attn_convert_for(0), &attn_convert__portable);
    static const uint32_t isas[] = {ATTN_ISA_AVX2, ATTN_ISA_AVX2 | ATTN_ISA_AVX512, ATTN_ISA_NEON};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        const struct attn_convert *set = attn_convert_for(isas[i] & attn_cpu_isa());
        if (set == &attn_convert__portable) continue; /* not of this machine, or of this build */
        for (int64_t n = 0; n < 200; n++) {
            check_sets(&attn_convert__portable, set, n, &random);
            check_block_sets(&attn_convert__portable, set, n % 20, &random);
        }
        check_sets(&attn_convert__portable, set, 1000003, &random);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_has_its_value),
        cmocka_unit_test(numbers_round_to_the_nearest_and_ties_to_even),
        cmocka_unit_test(blocks_keep_their_rule_with_ties_denormals_and_what_is_not_finite),
        cmocka_unit_test(every_set_gives_the_same_bits_and_stays_inside_its_arrays),
    };
    return cmocka_run_group_tests_name("kernel: conversions", tests, NULL, NULL);
}
