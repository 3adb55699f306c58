/* A recipe: the numbers and words that decide what a training computes, to the bit. It is a JSON object
 *
 *   {"task": "zoology/mqar", "lr": 0.001, "mixer": "baseconv:kernel=3+attention", ...}
 *
 * with one value for each field that the trainer and the task have; what a file or the command line does not name has its default. How a
 * training is run (threads, folders, when it is saved) is no part of it. Two recipes with the same text give the same numbers; where processes share sequences and
 * the recipe does not say how many (context_parallel without context_ranks), up to roundings. */
#ifndef ATTN_TRAIN_RECIPE_H
#define ATTN_TRAIN_RECIPE_H

#include "base/context.h"

enum attn_field_type {
    ATTN_WHOLE,
    ATTN_NUMBER,
    ATTN_WORD, /* one of words */
    ATTN_TEXT,
    ATTN_TRUTH,
    ATTN_FILE /* a text that names a file, or a folder where `words` are the names of files in it: what a run is made of (train/sources.h) */
};

struct attn_recipe_field {
    const char *name, *meaning;
    enum attn_field_type type;
    const char *value;        /* the default, as on a command line */
    double low, high;         /* of numbers */
    const char *const *words; /* of words and folders; NULL behind the last */
};

enum { ATTN_RECIPE_FIELDS = 64, ATTN_RECIPE_TEXT = 1024 };

struct attn_recipe_value {
    const struct attn_recipe_field *field;
    int64_t whole;               /* of whole numbers and truths; the word's number */
    double number;               /* of numbers and whole numbers */
    char text[ATTN_RECIPE_TEXT]; /* of words, texts and files */
    uint64_t standard;           /* hash of the value that the recipe was created with */
};

struct attn_recipe {
    attn_ctx *ctx;
    char task[64];
    int count;
    struct attn_recipe_value value[ATTN_RECIPE_FIELDS];
};

/* The defaults of some fields; `changes` are "name=value", NULL behind the last, or NULL: what a task wants otherwise. Fields and their texts must
 * outlive the recipe. *out is freed by attn_free. Statuses: ATTN_ENOMEM; ATTN_EINVAL: a name comes twice. */
attn_status attn_recipe_create(attn_ctx *ctx, const char *task, const struct attn_recipe_field *const *fields, const int *counts, int lists,
                               const char *const *changes, struct attn_recipe **out);

/* "name=value". ATTN_EINVAL with the nearest name, or with what the field takes. Texts are UTF-8. */
attn_status attn_recipe_set(struct attn_recipe *recipe, const char *assignment);
/* The same of the field at recipe->value[field]; `place` stands for where the value was found. */
attn_status attn_recipe_assign(struct attn_recipe *recipe, const char *place, int field, const char *text);
/* The number of a field among the values, or ATTN_EINVAL with the nearest name. */
attn_status attn_recipe_field_of(const struct attn_recipe *recipe, const char *place, const char *name, int *field);

/* Sets what a JSON object names; `name` stands for the file in messages. Its "task", where it has one, must be the recipe's. */
attn_status attn_recipe_parse(struct attn_recipe *recipe, const char *name, const char *text, size_t bytes);
/* The "task" of such an object, in 64 bytes. */
attn_status attn_recipe_task(attn_ctx *ctx, const char *name, const char *text, size_t bytes, char task[64]);

/* The object, one field a line; freed by attn_free. NULL: no memory (the sentence is written). */
char *attn_recipe_text(const struct attn_recipe *recipe);
/* Whether `text`, written by attn_recipe_text now or by an earlier version, is this recipe, whose text now is `own`: a field that the earlier version did
 * not have counts as the task's default. Fields of an earlier version that are no more make it another recipe. */
bool attn_recipe_is(const struct attn_recipe *recipe, const char *own, const char *text);
/* A number that recipes with the same text share, and others all but surely do not. */
uint64_t attn_recipe_hash(const struct attn_recipe *recipe);

/* The value of a field that the recipe has. */
int64_t attn_recipe_whole(const struct attn_recipe *recipe, const char *name);
double attn_recipe_number(const struct attn_recipe *recipe, const char *name);
const char *attn_recipe_words(const struct attn_recipe *recipe, const char *name);
bool attn_recipe_has(const struct attn_recipe *recipe, const char *name);

/* A value as on a command line, in `size` bytes. */
const char *attn_recipe_value_text(const struct attn_recipe_value *value, char *text, size_t size);

#endif
