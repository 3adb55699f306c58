/* A file system whose n-th call fails. */
#ifndef TEST_SUPPORT_FAULTY_FILES_H
#define TEST_SUPPORT_FAULTY_FILES_H

#include "base/file.h"

/* The call fail_at (from 0) fails, and all that follow if it is `sticky`. */
struct test_faults {
    int calls, fail_at;
    bool sticky;
};

/* The operating system's files with these faults, and with reads and writes that are short. Unlinking is not counted and never fails:
 * what is left behind must be ours to see. */
struct attn_file_system test_faulty_files(struct test_faults *faults);

#endif
