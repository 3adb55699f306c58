#ifndef ATTN_SYSTEM_POINTER_CLAIMS_H
#define ATTN_SYSTEM_POINTER_CLAIMS_H

#include "train/claim.h"

enum { ATTN_POINTER_CLAIMS = 38 };
extern const struct attn_claim attn_pointer_claims[ATTN_POINTER_CLAIMS];

#endif
