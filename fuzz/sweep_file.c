/* Fuzz target: any bytes as a recipe, as a sweep's file, and as the values of a field on a command line. What a sweep has taken, its recipes take. */
#include "system/zoology/zoology.h"
#include "train/sweep.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

/* The recipe's text makes the same recipe again. */
static void check_recipe(attn_ctx *ctx, const struct attn_recipe *recipe) {
    struct attn_recipe *again;
    char *text = attn_recipe_text(recipe);
    must(text != NULL);
    must(attn_task_recipe(ctx, &attn_zoology_mqar, &again) == ATTN_OK);
    must(attn_recipe_parse(again, "again", text, strlen(text)) == ATTN_OK);
    must(attn_recipe_hash(again) == attn_recipe_hash(recipe));
    attn_free(ctx, again);
    attn_free(ctx, text);
}

static void check_sweep(attn_ctx *ctx, const struct attn_sweep *sweep) {
    char label[256];
    must(sweep->count >= 1 && sweep->count <= ATTN_SWEEP_MOST);
    check_recipe(ctx, attn_sweep_recipe(sweep, 0));
    check_recipe(ctx, attn_sweep_recipe(sweep, sweep->count / 2));
    check_recipe(ctx, attn_sweep_recipe(sweep, sweep->count - 1));
    attn_sweep_label(sweep, sweep->count / 2, label, sizeof label);
    must(sweep->count > 1 || !label[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char field[] = "mixture=";
    attn_ctx *ctx = NULL;
    struct attn_recipe *recipe;
    struct attn_sweep sweep;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    must(attn_task_recipe(ctx, &attn_zoology_mqar, &recipe) == ATTN_OK);
    if (attn_recipe_parse(recipe, "fuzz", (const char *)data, size) == ATTN_OK) check_recipe(ctx, recipe);
    attn_free(ctx, recipe);
    must(attn_sweep_open(ctx, &attn_zoology_mqar, NULL, &sweep) == ATTN_OK);
    if (attn_sweep_parse(ctx, &sweep, "fuzz", (const char *)data, size) == ATTN_OK) check_sweep(ctx, &sweep);
    attn_sweep_free(ctx, &sweep);
    char *words = malloc(sizeof field + size);
    must(words != NULL);
    memcpy(words, field, sizeof field - 1);
    if (size > 0) memcpy(words + sizeof field - 1, data, size);
    words[sizeof field - 1 + size] = '\0';
    must(attn_sweep_open(ctx, &attn_zoology_mqar, NULL, &sweep) == ATTN_OK);
    if (attn_sweep_assign(ctx, &sweep, words) == ATTN_OK) check_sweep(ctx, &sweep);
    attn_sweep_free(ctx, &sweep);
    free(words);
    attn_ctx_destroy(ctx);
    return 0;
}
