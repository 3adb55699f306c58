#include "support/ranks.h"

#include "dist/cp/local.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

double test_ranks_deadline = TEST_RANKS_DEADLINE;

struct world {
    attn_ctx *ctx;
    int count;
    struct attn_local_world *all;
    pthread_mutex_t lock;
    struct attn_local_world *groups[TEST_RANKS]; /* by first rank; opened by the first to come */
    test_rank_fn body;
    void *user;
};

struct rank {
    struct world *world;
    struct attn_ranks ranks;
    struct attn_transport *all;
    attn_ctx *ctx;
    pthread_t thread;
};

static attn_status exchange(void *user, attn_ctx *ctx, const char *call, int64_t step, int peer, const void *send, void *receive,
                            size_t bytes) {
    const struct rank *r = user;
    return attn_transport_pass(r->all, &(struct attn_link_call){ctx, call, step}, ATTN_TRAFFIC_GRADIENTS, peer, send, peer, receive, bytes);
}

static attn_status transport(void *user, attn_ctx *ctx, int group, struct attn_transport **out) {
    const struct rank *r = user;
    struct world *w = r->world;
    const int first = r->ranks.rank / group * group;
    attn_status status = ATTN_OK;
    (void)ctx;
    pthread_mutex_lock(&w->lock);
    if (!w->groups[first]) status = attn_local_world_open(w->ctx, group, test_ranks_deadline, NULL, &w->groups[first]);
    pthread_mutex_unlock(&w->lock);
    return status ? status : attn_local_open(w->groups[first], r->ranks.rank - first, out);
}

static void *run(void *arg) {
    struct rank *r = arg;
    r->world->body(&r->ranks, r->ctx, r->world->user);
    return NULL;
}

void test_ranks_run(int count, test_rank_fn body, void *user) {
    struct world w = {.ctx = test_context(1), .count = count, .body = body, .user = user};
    struct rank rank[TEST_RANKS];
    assert_in_range(count, 1, TEST_RANKS);
    assert_int_equal(pthread_mutex_init(&w.lock, NULL), 0);
    assert_int_equal(attn_local_world_open(w.ctx, count, test_ranks_deadline, NULL, &w.all), ATTN_OK);
    for (int i = 0; i < count; i++) {
        rank[i] = (struct rank){.world = &w, .ctx = test_context(1)};
        rank[i].ranks = (struct attn_ranks){.rank = i, .count = count, .user = &rank[i], .exchange = exchange, .transport = transport};
        assert_int_equal(attn_local_open(w.all, i, &rank[i].all), ATTN_OK);
    }
    for (int i = 0; i < count; i++) assert_int_equal(pthread_create(&rank[i].thread, NULL, run, &rank[i]), 0);
    for (int i = 0; i < count; i++) pthread_join(rank[i].thread, NULL);
    for (int i = 0; i < count; i++) {
        rank[i].all->close(rank[i].all);
        attn_ctx_destroy(rank[i].ctx);
    }
    for (int i = 0; i < TEST_RANKS; i++) attn_local_world_close(w.groups[i]);
    attn_local_world_close(w.all);
    pthread_mutex_destroy(&w.lock);
    attn_ctx_destroy(w.ctx);
}
