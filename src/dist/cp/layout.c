/* The workspace of a stage: O(T / P) but for the all-gather, which has all keys and values (Bu et al. 2025, sec. 4). */
#include "dist/cp/stage.h"

#include <math.h>

struct room {
    size_t count; /* of chunks or buffers */
    double each;  /* bytes */
};

static struct room room_of(const struct attn_cp_stage *s, enum attn_cp_room room) {
    const attn_problem *p = &s->cp->problem;
    const bool backward = p->features & ATTN_BACKWARD, gather = s->grid.mechanism == ATTN_CP_ALLGATHER, ring = s->grid.ring > 1;
    const bool sends = s->grid.ulysses > 1, keep = s->cp->config.keep, windows = s->grid.windows > 1;
    const size_t buffers = windows ? ATTN_CP_WINDOW_BUFFERS : ATTN_CP_RING_BUFFERS,
                 gradients = windows ? ATTN_CP_WINDOW_GRADIENTS : ATTN_CP_RING_GRADIENTS;
    const double rows = (double)p->batch * (double)s->tokens, e = (double)attn_dtype_bytes(p->dtype), f = sizeof(float);
    const double q = rows * s->heads, kv = rows * s->kv_heads * ((double)p->dim + p->v_dim), others = s->grid.ring - 1;
    const double out = (double)attn_dtype_bytes(p->o_dtype), away = s->grid.ulysses - 1; /* pieces that go to other ranks */
    const double brought = q * p->dim * e + kv * e, brought_back = q * p->v_dim * e + q * f + (keep ? 0.0 : brought + q * f);
    const size_t chunks = (size_t)s->chunks;
    switch (room) {
    case ATTN_CP_Q:
        return (struct room){chunks, q * p->dim * e};
    case ATTN_CP_KV:
        return (struct room){chunks, kv * e};
    case ATTN_CP_LSE:
        return (struct room){chunks, q * f};
    case ATTN_CP_O:
        return (struct room){chunks, q * p->v_dim * f};
    case ATTN_CP_DO:
        return (struct room){backward ? chunks : 0, q * p->v_dim * e};
    case ATTN_CP_DELTA:
        return (struct room){backward ? chunks : 0, q * f};
    case ATTN_CP_DQ:
        return (struct room){backward ? chunks : 0, q * p->dim * f};
    case ATTN_CP_DKV:
        return (struct room){backward ? chunks : 0, kv * f};
    case ATTN_CP_ZERO:
        return (struct room){backward, p->v_dim * f};
    case ATTN_CP_RING_KV:
        return gather ? (struct room){ring, others * kv * e} : (struct room){ring * buffers, kv * e};
    case ATTN_CP_RING_DKV: /* gathered: those that go, and those that come in */
        return gather ? (struct room){ring && backward ? 2 : 0, others * kv * f} : (struct room){ring && backward ? gradients : 0, kv * f};
    case ATTN_CP_SEND: /* outputs of 16 bits when what was brought is through */
        return (struct room){sends ? chunks : 0,
                             fmax(fmax(brought, backward ? brought_back : 0.0), q * p->v_dim * out) * away / s->grid.ulysses};
    case ATTN_CP_RECEIVE:
        return (struct room){sends ? chunks : 0,
                             fmax(q * (p->v_dim * out + f), backward ? q * p->dim * f + kv * f : 0.0) * away / s->grid.ulysses};
    case ATTN_CP_SUM:
        return (struct room){backward ? chunks : 0, kv * f};
    case ATTN_CP_PLAN:
        return (struct room){1, s->plan ? (double)attn_plan_workspace(s->plan) : 0.0};
    default:
        return (struct room){0, 0.0};
    }
}

bool attn_cp_lay_out(const struct attn_cp_stage *stage, struct attn_cp_rooms *rooms) {
    *rooms = (struct attn_cp_rooms){.bytes = 0};
    for (enum attn_cp_room i = 0; i < ATTN_CP_ROOMS; i++) {
        const struct room room = room_of(stage, i);
        if (!(room.each * (double)room.count < 0x1p60)) return false;
        rooms->at[i] = rooms->bytes;
        rooms->each[i] = attn_round64((size_t)room.each);
        if (!attn_add_size(rooms->bytes, rooms->each[i] * room.count, &rooms->bytes)) return false;
    }
    return true;
}
