/* The list of peers. */
#include "bench/peers/peer.h"

#include <string.h>

const struct attn_peer *const attn_peers[] = {
#if defined(ATTN_HAVE_CBLAS)
    &attn_peer_rowpanel,
#endif
    &attn_peer_torch,
    NULL,
};

const struct attn_peer *attn_peer_find(const char *name) {
    for (int i = 0; attn_peers[i] != NULL; i++)
        if (strcmp(attn_peers[i]->name, name) == 0) return attn_peers[i];
    return NULL;
}
