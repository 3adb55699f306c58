#ifndef ATTN_SYSTEM_AAREN_CLAIMS_H
#define ATTN_SYSTEM_AAREN_CLAIMS_H

#include "train/claim.h"

enum { ATTN_AAREN_CLAIMS = 45 };
extern const struct attn_claim attn_aaren_claims[ATTN_AAREN_CLAIMS];

#endif
