/* Names of the statuses. Invariant: one entry for each value of attn_status, in its order. */
#include "attn.h"

const char *attn_status_name(attn_status status) {
    static const char *const names[] = {"ATTN_OK",         "ATTN_EINVAL", "ATTN_ESHAPE",  "ATTN_EUNSUPPORTED", "ATTN_EMASK",
                                        "ATTN_EWORKSPACE", "ATTN_ENOMEM", "ATTN_ESYSTEM", "ATTN_EFULL"};
    const int value = (int)status;
    const int count = (int)(sizeof(names) / sizeof(names[0]));
    return value >= 0 && value < count ? names[value] : "unknown status";
}
