/* The scores of a panel as one register-blocked microkernel: ROWS queries x VECTORS vectors of keys, an element of a query broadcast against a
 * row of the packed panel. Each score is one chain of multiply-adds in the order of the dimensions, in every shape of the block.
 * Included by one file for each instruction set, which first defines
 *   LANES, ROWS, VECTORS, vec, vec_load, vec_store, vec_set1, vec_fma, vec_bits_ge(x, bound): a bit of each lane that is >= bound,
 *   prefetch(address).
 *
 * A vector of scores costs one comparison with the query's bound; what passes is rare and is dealt with out of line.
 */
#define INLINE static inline __attribute__((always_inline))

enum { PANEL = VECTORS * LANES };

/* Keys that pass a query's bound: to its list, which is cut when it is full. */
static __attribute__((noinline)) void take(const struct attn_search_panel *p, struct attn_search_list *list, const float *scores,
                                           uint64_t bits) {
    for (; bits; bits &= bits - 1) {
        const int lane = __builtin_ctzll(bits);
        list->entries[list->count++] = attn_search_entry(scores[lane], p->first + (uint32_t)lane);
    }
    if (list->count >= attn_search_full(p->top)) {
        attn_search_list_cut(list, p->top, p->scratch);
        attn_search_list_from(list, p->first + PANEL);
    }
}

/* The keys that are read next, a share of them with each block of queries: memory is read while the multiply-adds run. */
INLINE void fetch_ahead(const struct attn_search_panel *p, int64_t r) {
    const int64_t blocks = (p->queries + ROWS - 1) / ROWS, share = (PANEL + blocks - 1) / blocks;
    const int64_t first = r / ROWS * share, end = first + share < PANEL ? first + share : PANEL;
    for (int64_t j = first; j < end; j++)
        for (int32_t c = 0; c < p->dim; c += 16) prefetch(p->ahead + j * p->ahead_stride + c);
}

INLINE void score_rows(const struct attn_search_panel *p, int rows, int64_t r) {
    vec acc[ROWS][VECTORS];
    const float *q = p->q + r * p->q_stride, *keys = p->keys;
    if (p->ahead) fetch_ahead(p, r);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < VECTORS; v++) acc[i][v] = vec_set1(0.0f);
    for (int32_t c = 0; c < p->dim; c++) {
        vec right[VECTORS];
        for (int v = 0; v < VECTORS; v++) right[v] = vec_load(keys + (int64_t)c * PANEL + v * LANES);
        for (int i = 0; i < rows; i++) {
            const vec left = vec_set1(q[i * p->q_stride + c]);
            for (int v = 0; v < VECTORS; v++) acc[i][v] = vec_fma(left, right[v], acc[i][v]);
        }
    }
    for (int i = 0; i < rows; i++) {
        struct attn_search_list *list = &p->lists[r + i];
        const vec bound = vec_set1(list->bound);
        uint64_t bits = 0;
        for (int v = 0; v < VECTORS; v++) bits |= (uint64_t)vec_bits_ge(acc[i][v], bound) << (v * LANES);
        bits &= p->valid;
        if (__builtin_expect(bits != 0, 0)) {
            float scores[PANEL];
            for (int v = 0; v < VECTORS; v++) vec_store(scores + v * LANES, acc[i][v]);
            take(p, list, scores, bits);
        }
    }
}

static void score(const struct attn_search_panel *p) {
    int64_t r = 0;
    for (; r + ROWS <= p->queries; r += ROWS) score_rows(p, ROWS, r);
    switch (p->queries - r) {
    case 1:
        score_rows(p, 1, r);
        break;
    case 2:
        score_rows(p, 2, r);
        break;
    case 3:
        score_rows(p, 3, r);
        break;
#if ROWS > 4
    case 4:
        score_rows(p, 4, r);
        break;
    case 5:
        score_rows(p, 5, r);
        break;
#endif
    default:
        break;
    }
}
