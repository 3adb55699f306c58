/* What files of recipes and of sweeps have in common: a JSON object with fields by their names. */
#ifndef ATTN_TRAIN_RECIPE_JSON_H
#define ATTN_TRAIN_RECIPE_JSON_H

#include "train/recipe.h"

#include <jansson.h>

/* The object; freed by json_decref. ATTN_EINVAL with line and column. `name` stands for the file. */
attn_status attn_recipe_load(attn_ctx *ctx, const char *name, const char *text, size_t bytes, json_t **out);

/* A value of a field as a command line has it, in *text, of the value's own or in `number`. ATTN_EINVAL: it is of another kind than the field's. */
attn_status attn_recipe_value_of(const struct attn_recipe *recipe, const char *name, int field, const json_t *value, char number[40],
                                 const char **text);

/* ATTN_EINVAL: the value of "task" is not the recipe's. */
attn_status attn_recipe_check_task(const struct attn_recipe *recipe, const char *name, const json_t *value);

#endif
