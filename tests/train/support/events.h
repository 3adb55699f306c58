/* Small jobs of aaren/events, and a file of events for them. */
#ifndef TEST_TRAIN_SUPPORT_EVENTS_H
#define TEST_TRAIN_SUPPORT_EVENTS_H

#include "support/setting.h"
#include "system/aaren/events_task.h"

/* The recipe that these jobs are of: generated sequences, one seed. */
extern const char test_events_small[];

/* As test_setting_open, with a place for a file in the folder. */
extern char test_events_path[96];
int test_events_setting(void **state);

/* A job with these words over that recipe; `saved` as in attn_job_open. test_events_open fails the test where it cannot be opened; test_events_try says why
 * instead, and is closed too. */
struct test_events {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_event_task *task; /* the job's */
};
attn_status test_events_try(struct test_events *t, const char *words, const char *saved);
void test_events_open(struct test_events *t, const char *words, const char *saved);
void test_events_close(struct test_events *t);

/* Writes test_events_path: this text; seven sequences of ten events and one of two, with ties. */
void test_events_put(const char *text);
void test_events_put_small(void);

#endif
