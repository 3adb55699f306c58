/* The list of instruction sets. */
#include "system/pointer/tour_rows.h"

const struct attn_tour_rows *const attn_tour_rows_list[] = {
#if !defined(ATTN_TRAIN_DOUBLE)
#if defined(ATTN_HAVE_AVX512)
    &attn_tour_rows__avx512,
#endif
#if defined(ATTN_HAVE_AVX2)
    &attn_tour_rows__avx2,
#endif
#endif
    &attn_tour_rows__portable,
};
const int attn_tour_rows_count = sizeof attn_tour_rows_list / sizeof *attn_tour_rows_list;
