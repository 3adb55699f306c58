/* Small pointer networks, and batches of examples for them. */
#ifndef TEST_TRAIN_SUPPORT_POINTER_NETS_H
#define TEST_TRAIN_SUPPORT_POINTER_NETS_H

#include "system/pointer/model.h"

enum { TEST_NET_DICTIONARY = 10 };

/* Every kind of net with every option that it has, once at least. */
struct test_net {
    const char *name;
    struct attn_pointer_config config;
};
extern const struct test_net test_nets[];
extern const int test_nets_count;

struct test_pointer {
    attn_ctx *ctx;
    attn_model *model;
    struct attn_pointer_model m;
    struct attn_pointer_problem problem;
    struct attn_pointer_batch batch;
};

/* Tours and hulls close; those are what a net without an end is given in the place of the other kinds. Parameters are uniform in the net's range. Fails the test. */
void test_pointer_open(struct test_pointer *t, int threads, const struct test_net *net, enum attn_pointer_kind kind);
void test_pointer_close(struct test_pointer *t);

/* Makes t->batch of examples first .. first + count - 1, example i of n[i % 4] points, in rows of `points` points (0: of the longest). */
void test_pointer_examples(struct test_pointer *t, int64_t first, int64_t count, const int64_t n[4], int64_t points);

/* The loss of t->batch; with its gradients in the parameters. The tape is reset before. Fails the test with the tape's sentence. */
double test_pointer_loss(struct test_pointer *t);
double test_pointer_gradients(struct test_pointer *t);

#endif
