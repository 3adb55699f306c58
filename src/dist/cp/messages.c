/* Messages of an execution, and the lists of those under way. */
#include "dist/cp/stage.h"

#include <assert.h>

static int *next_ticket(struct attn_cp_list *list) {
    assert(list->count < list->capacity);
    return &list->ticket[list->count++];
}

attn_status attn_cp_send(struct attn_cp_pass *p, struct attn_cp_list *list, enum attn_traffic_kind kind, int peer, const char *data,
                         size_t bytes) {
    struct attn_transport *t = p->stage->cp->transport;
    const attn_status status = t->send(t, &p->call, kind, peer, data, bytes, next_ticket(list));
    list->count -= status != ATTN_OK;
    return status;
}

attn_status attn_cp_receive(struct attn_cp_pass *p, struct attn_cp_list *list, enum attn_traffic_kind kind, int peer, char *data,
                            size_t bytes) {
    struct attn_transport *t = p->stage->cp->transport;
    const attn_status status = t->receive(t, &p->call, kind, peer, data, bytes, next_ticket(list));
    list->count -= status != ATTN_OK;
    return status;
}

int attn_cp_take(struct attn_cp_list *list) {
    return list->ticket[--list->count];
}

attn_status attn_cp_wait_one(struct attn_cp_pass *p, int *ticket) {
    struct attn_transport *t = p->stage->cp->transport;
    const attn_status status = *ticket < 0 ? ATTN_OK : t->wait(t, &p->call, *ticket);
    *ticket = -1;
    return status;
}

attn_status attn_cp_wait(struct attn_cp_pass *p, struct attn_cp_list *list) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < list->count && !status; i++) status = attn_cp_wait_one(p, &list->ticket[i]);
    list->count = 0;
    return status;
}
