/* Answers of a Pointer Network (Vinyals et al. 2015) as a subject of measuring: batches of points are encoded and decoded greedily, as many tokens of each as its hull
 * has, or a fixed number, through src/system/pointer/decode.h.
 *
 * Weights are as training begins with them, so that answers mean nothing; but the end's vector is the one that is pointed at least, so that no answer ends early, and each
 * ends where it is told to. */
#ifndef ATTN_BENCH_ANSWER_H
#define ATTN_BENCH_ANSWER_H

#include "bench/measure.h"
#include "bench/peers/torch.h"
#include "system/pointer/decode.h"

struct attn_answer_shape {
    int64_t instances; /* of a run */
    int64_t batch, points;
    int64_t tokens; /* of each answer at most; 0: as many as its hull has, and of a case that is open the most of them */
    int64_t hidden;
    bool together; /* PyTorch's answers stay in their batch until all of it have ended */
};

struct attn_answer_case {
    attn_ctx *ctx;
    struct attn_answer_shape shape;
    attn_model *model;
    struct attn_pointer_model net;
    struct attn_pointer_problem problem;
    struct attn_pointer_batch batch;
    struct attn_pointer_answers answers;
    float *x;        /* [instances, N, 2] */
    int32_t *tokens; /* [instances]: of each answer, the end's with them */
    double tokens_mean;
    double score; /* of the first batch's answers, the mean */
};

/* Draws weights and points; the same numbers for the same seed. A batch is at most as many as there are instances. On failure the sentence is in ctx; attn_answer_case_close
 * is always called. */
attn_status attn_answer_case_open(struct attn_answer_case *c, attn_ctx *ctx, const struct attn_answer_shape *shape, uint64_t seed);
void attn_answer_case_close(struct attn_answer_case *c);

/* Multiply-adds of the products, and hyperbolic tangents of the pointer, of one instance with so many tokens. */
double attn_answer_case_products(const struct attn_answer_shape *shape, double tokens);
double attn_answer_case_tanhs(const struct attn_answer_shape *shape, double tokens);

/* Answers the first batch. *error: how far the mean log probability of its answers is from that under teacher forcing, relative; infinite where an answer has
 * another number of tokens. */
attn_status attn_answer_case_check(struct attn_answer_case *c, double *error);

/* Opens the same in PyTorch. *difference: of the mean log probability of its answers to the first batch from that of ours, relative. */
attn_status attn_answer_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference);

/* As a subject of attn_measure: answers all instances; self is a struct attn_answer_case. */
attn_status attn_answer_case_run(void *self, enum attn_direction pass, double *seconds);

#endif
