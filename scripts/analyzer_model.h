/* What clang's analyzer cannot see, since it reads one file at a time: attn_fail and attn_no_memory never answer ATTN_OK. */
#include "base/context.h"
#define attn_fail(ctx, status, ...) ((void)(attn_fail)(ctx, status, __VA_ARGS__), (status))
#define attn_no_memory(ctx, what, bytes) ((void)(attn_no_memory)(ctx, what, bytes), ATTN_ENOMEM)
