/* The program itself, run as a process of its own. */
#ifndef TEST_TRAIN_SUPPORT_PROGRAM_H
#define TEST_TRAIN_SUPPORT_PROGRAM_H

#include "support/training.h"
#include "train/store.h"

#include <sys/types.h>

enum { TEST_OUTPUT = 1 << 16 };

/* Starts the words of `command` in a process group of its own; both streams go to `output`, a file's path. Skips the test where there is no
 * such program. */
pid_t test_start(const char *output, const char *command);
/* Its exit status, or 128 and its signal's number. */
int test_end(pid_t child);
/* Both; the output in `text`. */
int test_command(const char *output, char text[TEST_OUTPUT], const char *command);

/* Waits until the store has `count` runs that are done with at least `step` steps; the last of them. */
struct attn_run_summary test_wait_for_step(const char *store, int64_t count, int64_t step);

#endif
