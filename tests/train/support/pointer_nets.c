#include "support/pointer_nets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HIDDEN = 5 };

#define NET(net_, words_, start_, tied_, none_)                                                                                            \
    { net_, HIDDEN, TEST_NET_DICTIONARY, 1, words_, start_, tied_, none_ }
const struct test_net test_nets[] = {
    {"ptrnet", NET(ATTN_PTRNET, false, false, false, false)},
    {"ptrnet start=learned", NET(ATTN_PTRNET, false, true, false, false)},
    {"ptrnet start=learned tie_end=true", NET(ATTN_PTRNET, false, true, true, false)},
    {"ptrnet end_slot=false", NET(ATTN_PTRNET, false, false, false, true)},
    {"lstm", NET(ATTN_SEQ2SEQ, false, false, false, false)},
    {"lstm feed=words start=learned", NET(ATTN_SEQ2SEQ, true, true, false, false)},
    {"attention", NET(ATTN_ATTENDING, false, false, false, false)},
    {"attention start=learned", NET(ATTN_ATTENDING, false, true, false, false)},
    {"attention feed=words", NET(ATTN_ATTENDING, true, false, false, false)},
};
const int test_nets_count = sizeof test_nets / sizeof test_nets[0];

/* Triangles and sorted points have no closing that could end them. */
static enum attn_pointer_kind kind_of(const struct test_net *net, enum attn_pointer_kind kind) {
    if (!net->config.no_end) return kind;
    return kind == ATTN_POINTER_DELAUNAY ? ATTN_POINTER_HULL : kind == ATTN_POINTER_SORT ? ATTN_POINTER_TSP : kind;
}

void test_pointer_open(struct test_pointer *t, int threads, const struct test_net *net, enum attn_pointer_kind kind) {
    attn_ctx_config config;
    char text[1024];
    attn_ctx_config_init(&config);
    config.threads = threads;
    *t =
        (struct test_pointer){.problem = {.kind = kind_of(net, kind), .close = true, .closing_ends = net->config.no_end, .exact_most = 13}};
    assert_int_equal(attn_ctx_create(&config, &t->ctx, text, sizeof text), ATTN_OK);
    assert_int_equal(attn_model_create(t->ctx, 11, &t->model), ATTN_OK);
    attn_pointer_model_make(t->model, &net->config, &t->m);
    if (attn_tape_status(t->m.tape)) fail_msg("%s: %s", net->name, attn_ctx_error(t->ctx, text, sizeof text));
}

void test_pointer_close(struct test_pointer *t) {
    attn_pointer_batch_close(t->ctx, &t->batch);
    attn_model_destroy(t->model);
    attn_ctx_destroy(t->ctx);
}

void test_pointer_examples(struct test_pointer *t, int64_t first, int64_t count, const int64_t n[4], int64_t points) {
    int64_t most = points;
    for (int i = 0; i < 4 && points == 0; i++) most = n[i] > most ? n[i] : most;
    const int64_t tokens = attn_pointer_most_tokens(&t->problem, most);
    double *xy = malloc((size_t)(2 * most) * sizeof *xy);
    int32_t *numbers = malloc((size_t)(tokens + 1) * sizeof *numbers), *answer = malloc((size_t)(tokens + 1) * sizeof *answer);
    void *scratch = malloc(attn_pointer_scratch(&t->problem, most));
    assert_true(xy && numbers && answer && scratch);
    attn_pointer_batch_close(t->ctx, &t->batch);
    assert_int_equal(attn_pointer_batch_open(t->ctx, count, most, tokens, &t->batch), ATTN_OK);
    attn_pointer_batch_begin(&t->batch, count, most, tokens);
    for (int64_t i = 0; i < count; i++) {
        const int64_t e = first + i, of = n[e % 4];
        attn_pointer_draw(&t->problem, of, 5, (uint64_t)e, xy);
        const int64_t found = attn_pointer_label(&t->problem, xy, of, 0, numbers, scratch);
        attn_pointer_batch_put(&t->batch, i, xy, of, answer, attn_pointer_tokens(&t->problem, numbers, found, answer));
    }
    free(scratch);
    free(answer);
    free(numbers);
    free(xy);
}

double test_pointer_loss(struct test_pointer *t) {
    char text[1024];
    attn_tape_reset(t->m.tape);
    attn_tensor *loss = attn_pointer_model_loss(&t->m, &t->batch);
    if (!loss) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    return (double)attn_data(loss)[0];
}

double test_pointer_gradients(struct test_pointer *t) {
    char text[1024];
    attn_tape_reset(t->m.tape);
    attn_tensor *loss = attn_pointer_model_loss(&t->m, &t->batch);
    if (!loss || attn_tape_backward(loss)) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    return (double)attn_data(loss)[0];
}
