/* Fuzz target: any bytes as a topology. What is taken is a machine: positive numbers, no NaN. */
#include "dist/cp/topology.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct attn_topology t;
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    const attn_status status = attn_topology_parse(ctx, "fuzz", (const char *)data, size, &t);
    must(status == ATTN_OK || status == ATTN_EINVAL);
    must(status || (t.ranks_per_node >= 1 && t.links >= 1 && t.memory > 0));
    for (int i = 0; i < 2; i++) must(status || (t.latency[i] >= 0 && t.bandwidth[i] > 0));
    attn_ctx_destroy(ctx);
    return 0;
}
