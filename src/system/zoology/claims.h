#ifndef ATTN_SYSTEM_ZOOLOGY_CLAIMS_H
#define ATTN_SYSTEM_ZOOLOGY_CLAIMS_H

#include "train/claim.h"

enum { ATTN_ZOOLOGY_CLAIMS = 29 };
extern const struct attn_claim attn_zoology_claims[ATTN_ZOOLOGY_CLAIMS];

#endif
