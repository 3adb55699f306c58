/* PyTorch in a process of its own: it is given arrays by name, opens a computation on them, runs it when asked and hands its results over. What it
 * can compute is listed in torch_peer.py. On failure the sentence is in the context; ATTN_EUNSUPPORTED: there is no such Python, it has no
 * PyTorch, or that cannot do what is asked. */
#ifndef ATTN_BENCH_PEERS_TORCH_H
#define ATTN_BENCH_PEERS_TORCH_H

#include "bench/case.h"
#include "io/npy.h"

#include <stdio.h>
#include <sys/types.h>

struct attn_torch {
    attn_ctx *ctx;
    pid_t pid;
    FILE *to, *from;
    int threads;
    char folder[64]; /* of the arrays */
};

/* The Python that is asked: ATTN_PYTHON, else python3. */
const char *attn_torch_python(void);

/* PyTorch's version, or in `text` why there is none. */
attn_status attn_torch_version(attn_ctx *ctx, char *text, size_t size);

/* Starts the process. attn_torch_close is always called; it removes the arrays. */
attn_status attn_torch_open(struct attn_torch *t, attn_ctx *ctx, int threads);
void attn_torch_close(struct attn_torch *t);

attn_status attn_torch_give(struct attn_torch *t, const char *name, enum attn_npy_type type, int rank, const int64_t *shape,
                            const void *data);
/* A result, after the request "save". */
attn_status attn_torch_take(struct attn_torch *t, const char *name, struct attn_npy *array);

/* Sends a request; `answer` is what stands behind "ok". */
attn_status attn_torch_ask(struct attn_torch *t, char *answer, size_t size, const char *format, ...) ATTN_PRINTF(4, 5);

/* Our threads, and its, spin a little after their work: lets them come to rest where there are several. */
void attn_torch_rest(const struct attn_torch *t);

/* Runs what is open, as a subject of attn_measure; self is a struct attn_torch. */
attn_status attn_torch_run(void *self, enum attn_direction pass, double *seconds);

#endif
