"""attn: exact attention on CPUs, forward and backward, under any mask. The Python binding of libattn.

    import numpy as np, attn
    q = k = v = np.random.default_rng(0).normal(size=(1, 8, 1024, 64)).astype("f4")    # batch, head, token, dim
    o, lse = attn.attention(q, k, v, "causal", return_lse=True)
    grads = attn.backward(np.ones_like(o), q, k, v, o, lse, "causal")                  # grads.dq, grads.dk, grads.dv

One call     attention, backward, weights, estimate: the plan is looked up by the problem and kept.
Reuse        Plan decides once; forward and backward write into given arrays. Context: threads, instruction set, log.
Masks        Mask.parse("causal & sliding_window:127,127"), Mask.band, .blocks, .bits, .predicate, ...; combined by & | ~;
             mask.compile(T, S) answers for area, rows, tiles. A text, or a bool array [T, S], serves as well.
Search       topk: the keys of greatest dot product with each query, exactly.
Caches       Cache: keys and values of sequences that grow, in pages, in float32 or fewer bits; attention of new queries over them.
Scans        scan, scan_backward: one learned query over all prefixes of a sequence, in linear time.
Streams      Stream: one learned query over all tokens so far, in constant memory.
PyTorch      attn.torch.attention has gradients for q, k, v, bias, alibi and sink (import attn.torch).

Arrays       Read and written where they are: NumPy arrays and PyTorch tensors of any strides that are not negative, any object with
             __dlpack__ on the CPU. Nothing is copied but alibi, sink, lengths (small) and a bias that is not float32. A negative stride is
             refused, not copied behind the caller's back: np.ascontiguousarray makes the copy. Results are of q's kind.
Types        float32; bfloat16 and float16, computed in float32; float64 (the reference kernel: exact and slow).
Errors       attn.Error with the library's sentence and .status; also a ValueError, NotImplementedError, MemoryError or OSError.
Threads      Everything may be called from many threads at once; the interpreter's lock is released while the library computes. Give
             each call its own output arrays, and do not write to arrays that a call reads. The results are the same bits for
             any number of threads.
Processes    A forked child makes its own default context. With OpenMP, a child of a process that has computed computes on one thread.

The formulas, and what each option means exactly, are in attn.h (`man libattn`); the language of masks in attn-mask(7).
"""
from ._cache import Cache
from ._context import Context, default_context
from ._functions import attention, backward, clear_cache, cu_from_padding, estimate, merge, weights
from ._library import (Error, FullError, InvalidError, MaskError, NoMemoryError, ShapeError, SystemFailure, UnsupportedError,
                       WorkspaceError, library_path, version)
from ._mask import Mask, pool_scores
from ._plan import Estimate, Gradients, Plan
from ._scan import ScanGradients, scan, scan_backward
from ._search import topk
from ._stream import Stream

__version__ = version().split(",")[0].split()[1]
__all__ = [
    "attention", "backward", "weights", "estimate", "merge", "cu_from_padding", "pool_scores", "topk", "scan", "scan_backward",
    "clear_cache",
    "Plan", "Mask", "Stream", "Cache", "Context", "default_context", "Gradients", "ScanGradients", "Estimate",
    "Error", "InvalidError", "ShapeError", "UnsupportedError", "MaskError", "WorkspaceError", "NoMemoryError", "FullError", "SystemFailure",
    "version", "library_path",
]

for _name in __all__:  # what users see in tracebacks and pickles
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = "attn"
