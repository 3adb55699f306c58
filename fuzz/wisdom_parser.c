/* Fuzz target: any bytes as wisdom. Importing must answer with a status; what it keeps must be exported, imported and exported again as the
 * same text, and a plan that asks for it must be made. */
#include "attn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check_again(const char *text, size_t bytes) {
    attn_ctx *ctx = NULL;
    char *again = malloc(bytes + 1);
    must(again && attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    must(attn_wisdom_import(ctx, text, bytes) == ATTN_OK);
    must(attn_wisdom_export(ctx, again, bytes + 1) == bytes && memcmp(text, again, bytes + 1) == 0);
    attn_ctx_destroy(ctx);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    attn_plan *plan = NULL;
    attn_problem problem;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    const attn_status status = attn_wisdom_import(ctx, (const char *)data, size);
    must(status == ATTN_OK || status == ATTN_EINVAL);
    const size_t bytes = attn_wisdom_export(ctx, NULL, 0);
    must(status == ATTN_OK || bytes == 0);
    char *text = malloc(bytes + 1);
    must(text && attn_wisdom_export(ctx, text, bytes + 1) == bytes);
    check_again(text, bytes);
    attn_problem_init(&problem);
    problem.heads = 2;
    problem.dim = 16;
    problem.q_len = 300;
    problem.effort = ATTN_WISDOM;
    must(attn_plan_create(ctx, &problem, &plan) == ATTN_OK);
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
    free(text);
    return 0;
}
