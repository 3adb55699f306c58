/* What the parts of the page about claims share. */
#ifndef ATTN_REPORT_PAGE_CLAIMS_H
#define ATTN_REPORT_PAGE_CLAIMS_H

#include "report/page_parts.h"
#include "train/reproduce.h"

enum { ATTN_PAGE_DIGITS = 4 /* of figures and intervals */ };

/* The claims of one system at one scale. */
struct attn_page_scale {
    const struct attn_reproduction *r;
    struct attn_claim_result *result; /* of each claim */
};

/* A figure for each experiment of which a run is at its end: its arms, and what the claims ask of them. */
attn_status attn_page_arms(struct attn_page *page, const struct attn_page_scale *scale);

/* Pictures of what an experiment's arms answer, each by its first seed's best run: in one where they show the same truth, else beside each other. Nothing where its
 * task has none, or wants none there. */
attn_status attn_page_arm_pictures(struct attn_page *page, const struct attn_reproduction *r, int experiment);

/* The system's charts at this scale. */
attn_status attn_page_charts(struct attn_page *page, const struct attn_reproduction *r);

/* The system's tables of which the scale measures something. */
attn_status attn_page_paper_tables(struct attn_page *page, const struct attn_reproduction *r);

#endif
