/* Compiling: a mask for given lengths becomes one block of memory that nothing points out of.
 *
 *   attn_mask | attn_form | row segments | row spans | column segments | column spans | bitmaps by key | by query | text
 *
 * Everything is built in temporary memory first, so that the size is known to the byte and a failure leaves no trace.
 */
#include "mask/mask.h"

#include <string.h>

enum { LONGEST_TEXT = 1 << 16 };

struct build {
    attn_ctx *ctx;
    struct attn_lowered *lowered;
    struct attn_segs transposed;
    struct attn_tile_map map;
    struct attn_side rows, cols;
    const attn_mask *text; /* whose text it gets; NULL: too long, "?" */
    size_t text_bytes, bytes;
    int64_t steps; /* left */
};

static void build_free(struct build *b) {
    attn_lowered_free(b->ctx, b->lowered);
    attn_segs_free(&b->transposed);
    attn_tile_map_free(b->ctx, &b->map);
}

static size_t segment_bytes(const struct attn_side *s) {
    return attn_round64((size_t)(s->count + 1) * sizeof *s->segment);
}
static size_t span_bytes(const struct attn_side *s) {
    return attn_round64((size_t)s->segment[s->count].first * sizeof *s->span);
}
static size_t bitmap_bytes(const struct build *b) {
    return (size_t)b->map.tiles * 64 * sizeof(uint64_t);
}

static attn_status build_lists(struct build *b, int64_t q_len, int64_t k_len) {
    if (b->lowered->listed) {
        b->rows = b->lowered->side;
        attn_status status = attn_segs_transpose(&b->transposed, &b->rows, k_len);
        return status == ATTN_OK ? attn_segs_finish(&b->transposed, &b->cols) : status;
    }
    attn_status status = attn_tile_map_build(b->ctx, b->lowered, q_len, k_len, &b->steps, &b->map);
    if (status == ATTN_OK) status = attn_segs_finish(&b->map.rows, &b->rows);
    return status == ATTN_OK ? attn_segs_finish(&b->map.cols, &b->cols) : status;
}

static attn_status build_init(struct build *b, attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t k_len) {
    memset(b, 0, sizeof *b);
    b->ctx = b->map.rows.ctx = b->map.cols.ctx = ctx;
    b->steps = ATTN_MASK_STEPS;
    attn_segs_init(&b->transposed, ctx, &b->steps);
    if (!mask) return attn_fail(ctx, ATTN_EINVAL, "mask: NULL cannot be compiled; \"full\" is the mask without limits");
    if (mask->kind == ATTN_MASK_STACK)
        return attn_fail(ctx, ATTN_EMASK, "mask: a stack cannot be compiled; compile its members, then stack them");
    if (q_len < 0 || k_len < 0 || q_len > ATTN_MASK_LEN || k_len > ATTN_MASK_LEN)
        return attn_fail(ctx, ATTN_EINVAL, "mask: lengths %lld x %lld; both must be from 0 to 2^60", (long long)q_len, (long long)k_len);
    attn_status status = attn_mask_check_lengths(ctx, mask, q_len, k_len);
    if (status == ATTN_OK) status = attn_mask_lower(ctx, mask, q_len, k_len, &b->steps, &b->lowered);
    if (status == ATTN_OK) status = build_lists(b, q_len, k_len);
    if (status == ATTN_OK) {
        b->text = mask;
        b->text_bytes = attn_mask_text(mask, NULL, 0) + 1;
        if (b->text_bytes > LONGEST_TEXT) { /* results that are combined again and again would double it each time */
            b->text = NULL;
            b->text_bytes = sizeof "?";
        }
        b->bytes = attn_round64(sizeof(attn_mask)) + attn_round64(sizeof(struct attn_form)) + segment_bytes(&b->rows) +
                   span_bytes(&b->rows) + segment_bytes(&b->cols) + span_bytes(&b->cols) + 2 * bitmap_bytes(b) +
                   attn_round64(b->text_bytes);
    }
    return status;
}

static void *put(char **at, const void *data, size_t used, size_t room) {
    void *place = *at;
    if (used) memcpy(place, data, used);
    *at += room;
    return place;
}

static struct attn_side put_side(char **at, const struct attn_side *s) {
    struct attn_side placed = {.count = s->count};
    placed.segment = put(at, s->segment, (size_t)(s->count + 1) * sizeof *s->segment, segment_bytes(s));
    placed.span = put(at, s->span, (size_t)s->segment[s->count].first * sizeof *s->span, span_bytes(s));
    return placed;
}

static attn_mask *build_place(const struct build *b, int64_t q_len, int64_t k_len, void *memory) {
    attn_mask *m = memory;
    char *at = (char *)memory + attn_round64(sizeof *m);
    struct attn_form *form = (struct attn_form *)(void *)at;
    at += attn_round64(sizeof *form);
    memset(memory, 0, (size_t)(at - (char *)memory));
    form->q_len = q_len;
    form->k_len = k_len;
    form->tiles = b->map.tiles;
    form->rows = put_side(&at, &b->rows);
    form->cols = put_side(&at, &b->cols);
    form->rows.bits = put(&at, b->map.by_key, bitmap_bytes(b), bitmap_bytes(b));
    form->cols.bits = put(&at, b->map.by_query, bitmap_bytes(b), bitmap_bytes(b));
    m->text = at;
    if (b->text)
        (void)attn_mask_text(b->text, at, b->text_bytes);
    else
        memcpy(at, "?", sizeof "?");
    m->ctx = b->ctx;
    atomic_init(&m->references, 1);
    m->kind = ATTN_MASK_COMPILED;
    m->nodes = m->depth = 1;
    m->q_len = q_len;
    m->k_len = k_len;
    m->bytes = b->bytes;
    m->form = form;
    return m;
}

attn_status attn_mask_compile_size(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len, size_t *bytes) {
    struct build b;
    if (!ctx) return ATTN_EINVAL;
    if (!bytes) return attn_fail(ctx, ATTN_EINVAL, "mask: bytes is NULL; give it the address of a size_t");
    attn_status status = build_init(&b, ctx, mask, q_len, kv_len);
    if (status == ATTN_OK) *bytes = b.bytes;
    build_free(&b);
    return status;
}

attn_status attn_mask_compile_into(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len, void *memory, size_t bytes,
                                   attn_mask **out) {
    struct build b;
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "mask: out is NULL; give it the address of an attn_mask pointer");
    if (!memory || (uintptr_t)memory % 64 != 0)
        return attn_fail(ctx, ATTN_EWORKSPACE, "mask: memory is %s; it must be aligned to 64", memory ? "misaligned" : "NULL");
    attn_status status = build_init(&b, ctx, mask, q_len, kv_len);
    if (status == ATTN_OK && bytes < b.bytes)
        status = attn_fail(ctx, ATTN_EWORKSPACE, "mask: memory of %zu bytes, the compiled mask needs %zu", bytes, b.bytes);
    if (status == ATTN_OK) {
        attn_mask *m = build_place(&b, q_len, kv_len, memory);
        m->borrowed = true;
        *out = m;
    }
    build_free(&b);
    return status;
}

attn_status attn_mask_compile(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t kv_len, attn_mask **out) {
    struct build b;
    if (!ctx) return ATTN_EINVAL;
    if (!out) return attn_fail(ctx, ATTN_EINVAL, "mask: out is NULL; give it the address of an attn_mask pointer");
    attn_status status = build_init(&b, ctx, mask, q_len, kv_len);
    if (status == ATTN_OK) {
        void *memory = attn_alloc(ctx, b.bytes);
        if (memory)
            *out = build_place(&b, q_len, kv_len, memory);
        else
            status = attn_no_memory(ctx, "a compiled mask", b.bytes);
    }
    build_free(&b);
    return status;
}

attn_status attn_mask_cut(attn_ctx *ctx, const attn_mask *mask, int64_t q0, int64_t q1, int64_t k0, int64_t k1, attn_mask **out) {
    attn_mask *m = NULL;
    if (!ctx) return ATTN_EINVAL;
    if (!out || !mask) return attn_fail(ctx, ATTN_EINVAL, "mask: %s is NULL", mask ? "out" : "the mask to cut");
    if (mask->kind != ATTN_MASK_COMPILED)
        return attn_fail(ctx, ATTN_EMASK, "mask: only a compiled mask can be cut; give it to attn_mask_compile first");
    if (q0 < 0 || q1 < q0 || q1 > mask->q_len || k0 < 0 || k1 < k0 || k1 > mask->k_len)
        return attn_fail(ctx, ATTN_EMASK, "mask: queries [%lld, %lld) x keys [%lld, %lld) must lie within %lld x %lld", (long long)q0,
                         (long long)q1, (long long)k0, (long long)k1, (long long)mask->q_len, (long long)mask->k_len);
    attn_status status = attn_mask_node(ctx, ATTN_MASK_COMPILED, 0, NULL, &m);
    if (status != ATTN_OK) return status;
    m->form = mask->form;
    m->q_shift = mask->q_shift + q0;
    m->k_shift = mask->k_shift + k0;
    m->q_len = q1 - q0;
    m->k_len = k1 - k0;
    m->parent[0] = attn_mask_retain(mask->parent[0] ? mask->parent[0] : mask);
    *out = m;
    return ATTN_OK;
}
