/* What a peer is: another implementation that runs a case's arrays, is checked against the same oracle, and takes turns with our kernel. */
#ifndef ATTN_BENCH_PEERS_PEER_H
#define ATTN_BENCH_PEERS_PEER_H

#include "bench/oracle.h"

struct attn_peer {
    const char *name;
    /* Readies the peer for the case, which must have been planned. ATTN_EUNSUPPORTED with c->message where it cannot do what is asked. */
    attn_status (*open)(struct attn_case *c, enum attn_direction pass, void **self);
    attn_status (*run)(void *self, enum attn_direction pass, double *seconds);
    /* What the last run computed; valid until close. */
    attn_status (*outputs)(void *self, struct attn_outputs *outputs);
    size_t (*peak_bytes)(void *self);  /* above the inputs; 0: not known */
    const char *(*kernel)(void *self); /* what of it runs: "rowpanel", "torch-sdpa" */
    void (*close)(void *self);
};

/* NULL-terminated list of those that this build has; "torch" is there always and asks for its Python at open. */
extern const struct attn_peer *const attn_peers[];
const struct attn_peer *attn_peer_find(const char *name);

extern const struct attn_peer attn_peer_torch;
#if defined(ATTN_HAVE_CBLAS)
extern const struct attn_peer attn_peer_rowpanel;
/* GFLOP/s of a product of n x n matrices of float on `threads` threads of the BLAS, the best of five; NaN: no memory. */
double attn_sgemm_rate(attn_ctx *ctx, int threads, int n);
/* Tells the BLAS how many threads its calls may use, where it can be told. */
void attn_blas_threads(int threads);
/* The processor that the BLAS takes this one for; NULL if it does not say. */
const char *attn_blas_core(void);
#endif

#endif
