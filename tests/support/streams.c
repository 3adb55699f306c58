/* Streams for tests; see the header. */
#include "support/streams.h"

#include "base/random.h"
#include "support/problem.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

attn_stream_config test_stream_config(int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim, const float *q) {
    attn_stream_config c;
    attn_stream_config_init(&c);
    c.heads = heads;
    c.kv_heads = kv_heads;
    c.dim = dim;
    c.v_dim = v_dim;
    c.q = q;
    return c;
}

struct test_streams *test_streams_open(uint64_t seed) {
    static struct test_streams p;
    struct attn_random r;
    attn_random_init(&r, seed);
    p.ctx = test_context(1);
    attn_random_fill_normal(&r, p.q, 4 * 20, 1.0f);
    attn_random_fill_normal(&r, p.k, TEST_STREAM_TOKENS * TEST_STREAM_K_ROW, 1.0f);
    attn_random_fill_normal(&r, p.v, TEST_STREAM_TOKENS * TEST_STREAM_V_ROW, 1.0f);
    p.c = test_stream_config(4, 2, 20, 7, p.q);
    test_must(p.ctx, attn_stream_create(p.ctx, &p.c, &p.one));
    test_must(p.ctx, attn_stream_create(p.ctx, &p.c, &p.two));
    return &p;
}

void test_streams_close(struct test_streams *p) {
    attn_stream_destroy(p->one);
    attn_stream_destroy(p->two);
    attn_ctx_destroy(p->ctx);
}

void test_streams_push(struct test_streams *p, attn_stream *stream, int64_t from, int64_t to) {
    test_must(p->ctx, attn_stream_push(stream, to - from, p->k + from * TEST_STREAM_K_ROW, 0, p->v + from * TEST_STREAM_V_ROW, 0));
}

uint8_t *test_streams_bytes(struct test_streams *p, const attn_stream *stream) {
    uint8_t *bytes = malloc(attn_stream_save_bytes(stream));
    assert_non_null(bytes);
    test_must(p->ctx, attn_stream_save(stream, bytes, attn_stream_save_bytes(stream)));
    return bytes;
}

void test_streams_same(struct test_streams *p, const attn_stream *a, const attn_stream *b) {
    uint8_t *x = test_streams_bytes(p, a), *y = test_streams_bytes(p, b);
    assert_int_equal(attn_stream_save_bytes(a), attn_stream_save_bytes(b));
    assert_memory_equal(x, y, attn_stream_save_bytes(a));
    free(x);
    free(y);
}

void test_streams_refused(struct test_streams *p, attn_status got, attn_status expected, const char *part) {
    char text[1024];
    attn_ctx_error(p->ctx, text, sizeof text);
    if (got != expected || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}
