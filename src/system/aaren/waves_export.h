/* Sines and cosines in turns (Vaswani et al. 2017, sec. 3.5) as C (train/c_source.h). */
#ifndef ATTN_SYSTEM_AAREN_WAVES_EXPORT_H
#define ATTN_SYSTEM_AAREN_WAVES_EXPORT_H

#include "train/c_source.h"

/* Adds add_position(position, x): to x [WIDTH] the sines and cosines of position / 10000^(2 i / WIDTH). Of any position of 32 bits, to 3e-7: a turn is 2^64, so that
 * a product of whole numbers has the angle, and whole turns fall off at its upper end. */
void attn_aaren_waves_export(struct attn_c_source *c, int64_t width);

#endif
