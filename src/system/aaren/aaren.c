#include "system/aaren/aaren.h"

const struct attn_system attn_system_aaren = {.name = "aaren",
                                              .summary =
                                                  "softmax attention of a learned query as a recurrent network: streams in constant memory",
                                              .paper = "Feng et al. 2024, Attention as an RNN"};
