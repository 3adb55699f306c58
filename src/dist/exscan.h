/* The exclusive scan over ranks: what all ranks before this one hold, joined; or all behind it. */
#ifndef ATTN_DIST_EXSCAN_H
#define ATTN_DIST_EXSCAN_H

#include "dist/link.h"

struct attn_exscan {
    int64_t elements, width; /* of `width` doubles each */
    int direction;           /* 1: of what lies on lower ranks; -1: on higher ones */
    /* element takes what lies beyond it, side by side with it in the scan's direction: associative, in that order. */
    void (*join)(double *element, const double *beyond, int64_t width);
    double *own;      /* this rank's elements; used up */
    double *beyond;   /* the result; the identity, which the caller has written, where no rank lies there */
    double *incoming; /* memory */
};

/* ceil(log2 count) messages one after the other, of all elements together. */
attn_status attn_exscan_run(const struct attn_exscan *scan, struct attn_link *link, const struct attn_link_call *call);

#endif
