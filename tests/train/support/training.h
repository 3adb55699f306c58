/* Small trainings, of zoology/mqar if no other task is named, in a folder of the test's own, and what they leave there. */
#ifndef TEST_TRAIN_SUPPORT_TRAINING_H
#define TEST_TRAIN_SUPPORT_TRAINING_H

#include "train/trainer.h"

enum { TEST_PATH = ATTN_FILE_PATH, TEST_WORDS = 24 };

attn_ctx *test_context(int threads);

/* A fresh folder, in memory where the system has such, and its end. */
void test_folder_make(char folder[64]);
void test_folder_remove(const char *folder);

/* The small recipe with these words, "steps=41 optimizer=sgd", over it. Freed by attn_free. */
struct attn_recipe *test_recipe(attn_ctx *ctx, const char *words);
/* The task's defaults with these words over them. */
struct attn_recipe *test_task_recipe(attn_ctx *ctx, const struct attn_task *task, const char *words);

struct test_training {
    const struct attn_task *task;          /* NULL: zoology/mqar */
    const struct attn_file_system *system; /* NULL: the operating system's */
    int64_t stop_at;                       /* a step; 0: the end */
    double checkpoint_seconds;
    int64_t step; /* out: the last one */
};

/* Begins a run in the store (folder empty: its folder is put there), or goes on in that folder. */
attn_status test_train(attn_ctx *ctx, const struct attn_recipe *recipe, const char *store, char folder[TEST_PATH],
                       struct test_training *training, enum attn_train_end *end);

/* Bytes of FOLDER/NAME with a 0 behind them, freed by free; fails the test where there is no such file. */
char *test_file(const char *folder, const char *name, size_t *size);

/* The lines of metrics.jsonl that tell of steps and evaluations, without their seconds; freed by free. */
char *test_lines(const char *folder);

/* Fails the test unless both folders have this file with the same bytes; of a checkpoint, but for seconds. */
void test_same_file(const char *a, const char *b, const char *name);
void test_same_checkpoint(const char *a, const char *b);

#endif
