/* The claims of the paper, executable: docs/longctx.md. */
#ifndef ATTN_SYSTEM_LONGCTX_CLAIMS_H
#define ATTN_SYSTEM_LONGCTX_CLAIMS_H

#include "train/claim.h"

enum { ATTN_LONGCTX_CLAIMS = 27 };
extern const struct attn_claim attn_longctx_claims[ATTN_LONGCTX_CLAIMS];

#endif
