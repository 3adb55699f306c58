/* Streams as bytes: restored to the bit, in the documented form; what is damaged, foreign, or no state of a stream is refused and changes
 * nothing.
 */
#include "support/problem.h"
#include "support/streams.h"
#include "support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_restored_stream_goes_on_as_if_it_had_not_stopped(void **state) {
    (void)state;
    for (int64_t cut = 0; cut <= TEST_STREAM_TOKENS; cut += 16) {
        struct test_streams *p = test_streams_open(40);
        test_streams_push(p, p->one, 0, cut);
        uint8_t *bytes = test_streams_bytes(p, p->one);
        test_must(p->ctx, attn_stream_restore(p->two, bytes, attn_stream_save_bytes(p->one)));
        assert_int_equal(attn_stream_tokens(p->two), cut);
        test_streams_push(p, p->one, cut, TEST_STREAM_TOKENS);
        test_streams_push(p, p->two, cut, TEST_STREAM_TOKENS);
        test_streams_same(p, p->one, p->two);
        free(bytes);
        test_streams_close(p);
    }
}

static uint32_t crc32_of(const uint8_t *bytes, size_t count) {
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
    }
    return ~sum;
}

static void set_checksum(uint8_t *bytes, size_t size) {
    const uint32_t sum = crc32_of(bytes, size - 4);
    for (size_t i = 0; i < 4; i++) bytes[size - 4 + i] = (uint8_t)(sum >> (8 * i));
}

static void the_saved_form_is_the_documented_one(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const float q = 0.0f, k = 0.0f, v = 2.0f;
    attn_stream_config c = test_stream_config(1, 1, 1, 1, &q);
    attn_stream *stream;
    uint8_t bytes[68];
    static const uint8_t want[64] = {
        'A', 'T', 'T', 'N', 'S', 'T', 'R',  'M',  1, 0, 0, 0, 1,    0,    0,    0,
        1,   0,   0,   0,   1,   0,   0,    0,    1, 0, 0, 0, 0x1c, 0xdf, 0x44, 0x21, /* the CRC-32 of four bytes 0 is 2144df1c */
        1,   0,   0,   0,   0,   0,   0,    0,    0, 0, 0, 0, 0,    0,    0,    0,
        0,   0,   0,   0,   0,   0,   0xf0, 0x3f, 0, 0, 0, 0, 0,    0,    0,    0x40};
    test_must(ctx, attn_stream_create(ctx, &c, &stream));
    test_must(ctx, attn_stream_push(stream, 1, &k, 0, &v, 0));
    assert_int_equal(attn_stream_save_bytes(stream), sizeof bytes);
    test_must(ctx, attn_stream_save(stream, bytes, sizeof bytes));
    assert_memory_equal(bytes, want, sizeof want);
    uint8_t again[sizeof bytes];
    memcpy(again, bytes, sizeof bytes);
    set_checksum(again, sizeof again);
    assert_memory_equal(again, bytes, sizeof bytes);
    attn_stream_destroy(stream);
    attn_ctx_destroy(ctx);
}

static void damaged_bytes_are_refused_and_change_nothing(void **state) {
    (void)state;
    struct test_streams *p = test_streams_open(50);
    test_streams_push(p, p->one, 0, 50);
    test_streams_push(p, p->two, 50, 60);
    const size_t size = attn_stream_save_bytes(p->one);
    uint8_t *bytes = test_streams_bytes(p, p->one), *before = test_streams_bytes(p, p->two);
    for (size_t n = 0; n < size; n++) {
        bytes[n] ^= (uint8_t)(1u << n % 8);
        assert_int_equal(attn_stream_restore(p->two, bytes, size), ATTN_EINVAL);
        bytes[n] ^= (uint8_t)(1u << n % 8);
        assert_int_equal(attn_stream_restore(p->two, bytes, n), ATTN_EINVAL);
    }
    test_streams_refused(p, attn_stream_restore(p->two, bytes, 7), ATTN_EINVAL, "do not begin as a saved stream does");
    test_streams_refused(p, attn_stream_restore(p->two, bytes, size - 1), ATTN_EINVAL, "expected");
    test_streams_refused(p, attn_stream_restore(p->two, NULL, size), ATTN_EINVAL, "from is NULL");
    bytes[size - 20] ^= 1;
    test_streams_refused(p, attn_stream_restore(p->two, bytes, size), ATTN_EINVAL, "checksum");
    bytes[size - 20] ^= 1;
    bytes[8] = 2;
    test_streams_refused(p, attn_stream_restore(p->two, bytes, size), ATTN_EINVAL, "version 2, expected 1");
    bytes[8] = 1;
    uint8_t *after = test_streams_bytes(p, p->two);
    assert_memory_equal(before, after, size);
    float other[4 * 20] = {0};
    attn_stream_config c = p->c;
    attn_stream *stream;
    c.q = other;
    test_must(p->ctx, attn_stream_create(p->ctx, &c, &stream));
    test_streams_refused(p, attn_stream_restore(stream, bytes, size), ATTN_EINVAL, "another query");
    test_streams_refused(p, attn_stream_merge(stream, p->one), ATTN_EINVAL, "another query");
    attn_stream_destroy(stream);
    c.v_dim = 6;
    test_must(p->ctx, attn_stream_create(p->ctx, &c, &stream));
    test_streams_refused(p, attn_stream_restore(stream, bytes, size), ATTN_EINVAL, "v_dim 7, expected 6");
    test_streams_refused(p, attn_stream_merge(stream, p->one), ATTN_ESHAPE, "heads 4:2 of 20 and 7");
    test_streams_refused(p, attn_stream_save(stream, bytes, 3), ATTN_EINVAL, "attn_stream_save_bytes");
    attn_stream_destroy(stream);
    free(bytes);
    free(before);
    free(after);
    test_streams_close(p);
}

/* A maximum and a sum of the first head, in bytes whose checksum is right. */
static void what_no_stream_holds_is_refused(void **state) {
    (void)state;
    static const struct {
        double m, c;
        bool good;
    } states[] = {{1.5, 50.0, true},
                  {1.5, (double)NAN, true},
                  {-(double)INFINITY, 0.0, true},
                  {1.5, 0.0, false},
                  {1.5, -1.0, false},
                  {1.5, 50.5, false},
                  {1.5, (double)INFINITY, false},
                  {-(double)INFINITY, 1.0, false},
                  {(double)INFINITY, 1.0, false},
                  {(double)NAN, 1.0, false}};
    struct test_streams *p = test_streams_open(55);
    test_streams_push(p, p->one, 0, 50);
    const size_t size = attn_stream_save_bytes(p->one);
    uint8_t *bytes = test_streams_bytes(p, p->one), *before = test_streams_bytes(p, p->two);
    for (size_t n = 0; n < sizeof states / sizeof states[0]; n++) {
        memcpy(bytes + 40, &states[n].m, 8); /* tests run on little-endian machines */
        memcpy(bytes + 48, &states[n].c, 8);
        set_checksum(bytes, size);
        attn_stream_reset(p->two);
        const attn_status status = attn_stream_restore(p->two, bytes, size);
        uint8_t *after = test_streams_bytes(p, p->two);
        assert_memory_equal(after, states[n].good ? bytes : before, size);
        free(after);
        if (!states[n].good) test_streams_refused(p, status, ATTN_EINVAL, "after 50 tokens; no stream has");
    }
    free(bytes);
    free(before);
    test_streams_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_stream_goes_on_as_if_it_had_not_stopped),
        cmocka_unit_test(the_saved_form_is_the_documented_one),
        cmocka_unit_test(damaged_bytes_are_refused_and_change_nothing),
        cmocka_unit_test(what_no_stream_holds_is_refused),
    };
    return cmocka_run_group_tests_name("plan: streams as bytes", tests, NULL, NULL);
}
