/* PyTorch in a process of its own. */
#ifndef ATTN_BENCH_PEERS_TORCH_H
#define ATTN_BENCH_PEERS_TORCH_H

#include "attn.h"

/* The Python that is asked: ATTN_PYTHON, else python3. */
const char *attn_torch_python(void);

/* PyTorch's version, or in `text` why there is none. */
attn_status attn_torch_version(char *text, size_t size);

#endif
