/* Somebody who wants to know how far long work has come. */
#ifndef ATTN_BASE_WATCH_H
#define ATTN_BASE_WATCH_H

#include <stddef.h>

struct attn_watch {
    void (*tell)(void *user, double share); /* of the work that is done, up to 1: never less than before */
    void *user;
};

/* NULL: nobody watches. */
static inline void attn_watch_tell(const struct attn_watch *watch, double share) {
    if (watch != NULL) watch->tell(watch->user, share);
}

#endif
