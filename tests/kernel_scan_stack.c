/* A stack of three layers of learned queries (aaren, sec. 10.1): tokens pushed one by one through streams give what the scans of all tokens
 * give, layer on layer, by every kernel on every instruction set; saved and restored in the middle they go on with the same bits, in a state
 * of a size that does not grow, and no later token changes a bit of an earlier output.
 */
#include "base/random.h"
#include "support/compare.h"
#include "support/each_kernel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 3, HEADS = 2, DIM = 8, WIDTH = HEADS * DIM, TOKENS = 300, MIDDLE = 111 };

/* Keys and values of a layer are linear in its input, to which its output is added. */
static struct { float q[WIDTH], to_k[WIDTH * WIDTH], to_v[WIDTH * WIDTH]; } layers[LAYERS];
static float tokens[TOKENS * WIDTH];

static int fill(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 12);
    attn_random_fill_normal(&random, tokens, TOKENS * WIDTH, 1.0f);
    for (int n = 0; n < LAYERS; n++) {
        attn_random_fill_normal(&random, layers[n].q, WIDTH, 1.0f);
        attn_random_fill_normal(&random, layers[n].to_k, WIDTH * WIDTH, 0.25f);
        attn_random_fill_normal(&random, layers[n].to_v, WIDTH * WIDTH, 0.25f);
    }
    return 0;
}

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

/* One token: y = M x. */
static void multiply(const float *matrix, const float *x, float *y) {
    for (int i = 0; i < WIDTH; i++) {
        y[i] = 0.0f;
        for (int j = 0; j < WIDTH; j++) y[i] += matrix[i * WIDTH + j] * x[j];
    }
}

/* All tokens, by scans. */
static void run_scans(const struct test_scan *scan, const float *x, float *y) {
    static float k[TOKENS * WIDTH], v[TOKENS * WIDTH], o[TOKENS * WIDTH];
    attn_problem p;
    attn_problem_init(&p);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.layout = ATTN_BTHD;
    p.heads = HEADS;
    p.dim = DIM;
    p.q_len = TOKENS;
    p.kernel = test_full_name(scan->kernel);
    memcpy(y, x, TOKENS * WIDTH * sizeof *y);
    for (int n = 0; n < LAYERS; n++) {
        attn_args args;
        attn_args_init(&args);
        for (int t = 0; t < TOKENS; t++) {
            multiply(layers[n].to_k, y + t * WIDTH, k + t * WIDTH);
            multiply(layers[n].to_v, y + t * WIDTH, v + t * WIDTH);
        }
        args.q.data = layers[n].q;
        args.k.data = k;
        args.v.data = v;
        args.o.data = o;
        must(scan->ctx, attn_run(scan->ctx, &p, &args, NULL));
        for (int i = 0; i < TOKENS * WIDTH; i++) y[i] += o[i];
    }
}

struct stack {
    attn_stream *stream[LAYERS];
};

static struct stack open_stack(attn_ctx *ctx) {
    struct stack s;
    for (int n = 0; n < LAYERS; n++) {
        attn_stream_config config;
        attn_stream_config_init(&config);
        config.heads = HEADS;
        config.dim = DIM;
        config.q = layers[n].q;
        must(ctx, attn_stream_create(ctx, &config, &s.stream[n]));
    }
    return s;
}

static void close_stack(struct stack *s) {
    for (int n = 0; n < LAYERS; n++) attn_stream_destroy(s->stream[n]);
}

/* Tokens [from, to), one by one. */
static void push(attn_ctx *ctx, const struct stack *s, const float *x, int from, int to, float *y) {
    for (int t = from; t < to; t++) {
        float *h = y + t * WIDTH, k[WIDTH], v[WIDTH], o[WIDTH];
        memcpy(h, x + t * WIDTH, WIDTH * sizeof *h);
        for (int n = 0; n < LAYERS; n++) {
            multiply(layers[n].to_k, h, k);
            multiply(layers[n].to_v, h, v);
            must(ctx, attn_stream_push(s->stream[n], 1, k, 0, v, 0));
            must(ctx, attn_stream_read(s->stream[n], o, NULL));
            for (int i = 0; i < WIDTH; i++) h[i] += o[i];
        }
    }
}

static void streams_in_three_layers_are_scans_in_three_layers(void **state) {
    (void)state;
    static float streamed[TOKENS * WIDTH], scanned[TOKENS * WIDTH];
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    struct stack s = open_stack(scans[0].ctx);
    double most = 0.0;
    push(scans[0].ctx, &s, tokens, 0, TOKENS, streamed);
    for (int i = 0; i < TOKENS * WIDTH; i++) most = fmax(most, fabs((double)streamed[i]));
    for (int n = 0; n < count; n++) {
        run_scans(&scans[n], tokens, scanned);
        for (int i = 0; i < TOKENS * WIDTH; i++)
            if (!test_near((double)scanned[i], (double)streamed[i], 0.0, 1e-5 * most))
                fail_msg("%s %s: token %d is %g, expected %g", scans[n].kernel->name, scans[n].kernel->isa, i / WIDTH, (double)scanned[i],
                         (double)streamed[i]);
    }
    close_stack(&s);
    test_scans_close(scans, count);
}

static void a_saved_stack_goes_on_with_the_same_bits_and_does_not_grow(void **state) {
    (void)state;
    static float whole[TOKENS * WIDTH], resumed[TOKENS * WIDTH], other[TOKENS * WIDTH], changed[TOKENS * WIDTH];
    char bytes[LAYERS][1024];
    attn_ctx *ctx;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    struct stack s = open_stack(ctx), second = open_stack(ctx);
    const size_t size = attn_stream_save_bytes(s.stream[0]);
    assert_true(size <= sizeof bytes[0]);
    push(ctx, &s, tokens, 0, MIDDLE, whole);
    memcpy(resumed, whole, MIDDLE * WIDTH * sizeof *whole);
    for (int n = 0; n < LAYERS; n++) {
        must(ctx, attn_stream_save(s.stream[n], bytes[n], size));
        must(ctx, attn_stream_restore(second.stream[n], bytes[n], size));
    }
    push(ctx, &s, tokens, MIDDLE, TOKENS, whole);
    push(ctx, &second, tokens, MIDDLE, TOKENS, resumed);
    assert_memory_equal(resumed, whole, sizeof whole);
    memcpy(changed, tokens, sizeof changed);
    for (int i = MIDDLE * WIDTH; i < TOKENS * WIDTH; i++) changed[i] = i % 2 ? NAN : 1e30f;
    for (int n = 0; n < LAYERS; n++) {
        assert_int_equal(attn_stream_save_bytes(s.stream[n]), size);
        attn_stream_reset(s.stream[n]);
    }
    push(ctx, &s, changed, 0, TOKENS, other);
    assert_memory_equal(other, whole, MIDDLE * WIDTH * sizeof *whole);
    close_stack(&s);
    close_stack(&second);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_in_three_layers_are_scans_in_three_layers),
        cmocka_unit_test(a_saved_stack_goes_on_with_the_same_bits_and_does_not_grow),
    };
    return cmocka_run_group_tests_name("kernel: a stack of scans", tests, fill, NULL);
}
