/* The rows of Held and Karp's table: any processor. */
#include "system/pointer/tour_rows_template.h"

const struct attn_tour_rows attn_tour_rows__portable = {"portable", 0, fill};
