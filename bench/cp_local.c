/* Ranks as threads: each has a context of its own, and the world carries what they send. */
#include "bench/cp.h"

#include <pthread.h>
#include <string.h>

enum { DEADLINE = 600 }; /* seconds: ranks that share a processor are slow */

struct worker {
    pthread_t thread;
    const struct attn_cp_spec *spec;
    struct attn_local_world *world;
    int rank;
    attn_status status;
    struct attn_cp_figures figures;
};

static void *work(void *arg) {
    struct worker *w = arg;
    struct attn_transport *transport = NULL;
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.threads = w->spec->threads;
    w->status = attn_ctx_create(&config, &ctx, w->figures.message, sizeof w->figures.message);
    if (!w->status) w->status = attn_local_open(w->world, w->rank, &transport);
    if (!w->status) w->status = attn_cp_measure(ctx, w->spec, transport, &w->figures);
    if (transport) transport->close(transport);
    attn_ctx_destroy(ctx);
    return NULL;
}

attn_status attn_cp_measure_local(attn_ctx *ctx, const struct attn_cp_spec *spec, int ranks, const struct attn_local_delay *delay,
                                  struct attn_cp_figures *figures) {
    struct attn_local_world *world = NULL;
    const size_t bytes = (size_t)ranks * sizeof(struct worker);
    int started = 0;
    memset(figures, 0, sizeof *figures);
    attn_status status = attn_local_world_open(ctx, ranks, DEADLINE, delay, &world);
    struct worker *worker = status ? NULL : attn_alloc(ctx, bytes);
    if (!status && !worker) status = attn_no_memory(ctx, "bench cp", bytes);
    if (!status) memset(worker, 0, bytes);
    for (int r = 0; r < ranks && !status; r++) {
        worker[r].spec = spec, worker[r].world = world, worker[r].rank = r;
        if (pthread_create(&worker[r].thread, NULL, work, &worker[r]) != 0)
            status = attn_fail(ctx, ATTN_ESYSTEM, "bench cp: the system gave %d of %d threads", r, ranks);
        else
            started++;
    }
    for (int r = 0; r < started; r++) pthread_join(worker[r].thread, NULL);
    for (int r = 0; r < started && !status; r++)
        if (worker[r].status) status = attn_fail(ctx, worker[r].status, "%.900s", worker[r].figures.message);
    if (started == ranks && worker) *figures = worker[0].figures;
    if (status) attn_ctx_error(ctx, figures->message, sizeof figures->message);
    attn_free(ctx, worker);
    attn_local_world_close(world);
    return status;
}
