/* Plans over the ranks of MPI: what their tests share. A failure ends all ranks, as the others would wait. */
#ifndef TEST_MPI_PLAN_H
#define TEST_MPI_PLAN_H

#include "attn_mpi.h"
#include "support/problem.h"
#include "support/whole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 24, KV_HEADS = 6 };
static int rank, ranks;

static inline void stop(const char *name, const char *what) {
    fprintf(stderr, "rank %d of %d: %s: %s\n", rank, ranks, name, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static inline void need(attn_ctx *ctx, attn_status status, const char *name) {
    char text[1024];
    if (status) stop(name, attn_ctx_error(ctx, text, sizeof text));
}

static inline void expect(attn_ctx *ctx, attn_status got, attn_status want, const char *piece) {
    char text[1024], line[2048];
    attn_ctx_error(ctx, text, sizeof text);
    if (got == want && strstr(text, piece)) return;
    snprintf(line, sizeof line, "%s, \"%s\"; expected %s, \"%s\"", attn_status_name(got), text, attn_status_name(want), piece);
    stop("refusal", line);
}

static inline attn_problem problem_of(int64_t tokens) {
    attn_problem p;
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.features = ATTN_BACKWARD;
    p.heads = HEADS;
    p.kv_heads = KV_HEADS;
    p.dim = 8;
    p.v_dim = 12;
    p.q_len = tokens;
    return p;
}

static inline attn_mask *mask_of(attn_ctx *ctx, const char *text, int64_t tokens) {
    attn_mask *mask, *out;
    if (!text) return NULL;
    need(ctx, attn_mask_parse(ctx, text, &mask), text);
    need(ctx, attn_mask_compile(ctx, mask, tokens, tokens, &out), text);
    attn_mask_destroy(mask);
    return out;
}

struct rank_part {
    struct test_part part;
    int64_t *token;
};

static inline void open_part(const attn_mpi_plan *plan, const struct test_whole *whole, struct rank_part *out) {
    const int64_t places = attn_mpi_plan_places(plan);
    out->token = calloc((size_t)places + 1, sizeof *out->token);
    attn_mpi_plan_tokens(plan, out->token);
    test_part_make(whole, out->token, places, &out->part);
    out->part.args.workspace_bytes = attn_mpi_plan_workspace(plan);
    out->part.args.workspace = aligned_alloc(64, out->part.args.workspace_bytes + 64);
}

static inline void close_part(struct rank_part *p) {
    free(p->part.args.workspace);
    test_part_free(&p->part);
    free(p->token);
}

/* The first rank tells. */
static inline bool open_ranks(int *argc, char ***argv) {
    int level;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) return false;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    return rank == 0 || freopen("/dev/null", "w", stdout);
}

#endif
