/* Two streams of one shape and the tokens to push into them: four heads on two key/value heads of 20 and 7. */
#ifndef TEST_SUPPORT_STREAMS_H
#define TEST_SUPPORT_STREAMS_H

#include "attn.h"

enum { TEST_STREAM_TOKENS = 97, TEST_STREAM_K_ROW = 2 * 20, TEST_STREAM_V_ROW = 2 * 7 };

struct test_streams {
    attn_ctx *ctx;
    attn_stream_config c;
    attn_stream *one, *two;
    float q[4 * 20], k[TEST_STREAM_TOKENS * TEST_STREAM_K_ROW], v[TEST_STREAM_TOKENS * TEST_STREAM_V_ROW];
};

attn_stream_config test_stream_config(int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim, const float *q);

/* One at a time. */
struct test_streams *test_streams_open(uint64_t seed);
void test_streams_close(struct test_streams *p);

/* The tokens [from, to). */
void test_streams_push(struct test_streams *p, attn_stream *stream, int64_t from, int64_t to);

/* What a stream saves; to be freed. */
uint8_t *test_streams_bytes(struct test_streams *p, const attn_stream *stream);

/* Each fails the test where it does not hold: the same bytes; such a status, and a sentence with that part. */
void test_streams_same(struct test_streams *p, const attn_stream *a, const attn_stream *b);
void test_streams_refused(struct test_streams *p, attn_status got, attn_status expected, const char *part);

#endif
