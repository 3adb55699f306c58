#include "support/ranks.h"
#include "support/problem.h"

#include <pthread.h>
#include <stdlib.h>

struct seat {
    struct attn_local_world *world;
    test_rank_fn run;
    void *user;
    int rank;
    bool right;
    pthread_t thread;
};

static void *sit(void *user) {
    struct seat *seat = user;
    struct attn_transport *transport;
    attn_ctx *ctx = test_context(1);
    if (attn_local_open(seat->world, seat->rank, &transport)) abort();
    seat->right = seat->run(seat->user, ctx, transport);
    transport->close(transport);
    attn_ctx_destroy(ctx);
    return NULL;
}

bool test_on_ranks(int count, double deadline, const struct attn_local_delay *delay, test_rank_fn run, void *user) {
    attn_ctx *ctx = test_context(1);
    struct attn_local_world *world;
    struct seat *seat = calloc((size_t)count, sizeof *seat);
    bool right = true;
    if (!seat || attn_local_world_open(ctx, count, deadline, delay, &world)) abort();
    for (int i = 0; i < count; i++) {
        seat[i] = (struct seat){.world = world, .run = run, .user = user, .rank = i};
        if (pthread_create(&seat[i].thread, NULL, sit, &seat[i])) abort();
    }
    for (int i = 0; i < count; i++) {
        pthread_join(seat[i].thread, NULL);
        right = right && seat[i].right;
    }
    attn_local_world_close(world);
    attn_ctx_destroy(ctx);
    free(seat);
    return right;
}
