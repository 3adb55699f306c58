/* The microkernels of the forward pass with panels of 16 queries, in the names of vector_template.h. Included by one file for each instruction
 * set, after its vector__ISA.h and
 *   KEYS and EACH_KEYS(X), the keys of a block of logits, and X(1) ... X(KEYS);
 *   COLUMNS and EACH_COLUMNS(X), the same for the columns of a block of values.
 * Every shape of a block is the same always-inlined body with constant parameters.
 */
#include "kernel/flash/common.h"
#include "kernel/flash/forward_ops.h"

enum { LANES = 16, VECTORS = LANES / VEC_LANES };

#include "kernel/flash/logits_f32_template.h"
#include "kernel/flash/pack_f32_template.h"
#include "kernel/flash/values_f32_template.h"
#include "kernel/softcap_template.h"

#include "kernel/flash/weights_f32_template.h"
