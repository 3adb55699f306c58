"""Exact top-k search: the keys of greatest dot product with each query (attn_search.h)."""
import ctypes

from . import _bind as b
from . import _rows
from ._arrays import give_back, int64_list, new
from ._context import default_context, on_fork
from ._library import abi, lib, mismatch, whole

_workspaces = b.Workspaces()


def topk(q, k, top, *, begins=None, ends=None, scores=True, index=None, score=None, threads=0, kernel=None, context=None):
    """(index int64 [n, top], score float32 [n, top]) of the `top` keys of greatest q . k, best first, equal scores by rising index.

    q, k            float32 [n, dim], [keys, dim]; one query may be [dim]. Rows are contiguous, at any distance
    begins, ends    [n]: query i is compared with the keys begins[i] <= j < ends[i] alone; either may be left away
    scores          False: index alone is returned
    index, score    arrays to write instead of new ones
    Indices count from the array's first key. Where there are fewer keys, the rest has index -1 and score -inf. Both are the same bits for
    any number of threads.
    """
    context = context or default_context()
    tq, tk = _rows.table(q, "q"), _rows.table(k, "k")
    if tq.shape[-1] != tk.shape[-1] or len(tk.shape) != 2:
        raise mismatch("q has the shape %s and k %s, expected [n, dim] and [keys, dim]" % (list(tq.shape), list(tk.shape)))
    n, top = tq.shape[0] if len(tq.shape) == 2 else 1, whole("top", top)
    shape = tq.shape[:-1] + (top,)
    s = abi.attn_search()
    lib.attn_search_init(ctypes.byref(s))
    s.queries, s.keys, s.dim, s.top, s.threads = n, tk.shape[0], tq.shape[-1], top, whole("threads", threads)
    s.q, s.k = tq.data, tk.data
    s.q_stride, s.k_stride = tq.strides[0] if len(tq.shape) == 2 else 0, tk.strides[0]
    if kernel is not None:
        s.kernel = kernel.encode()
    keep = []
    if begins is not None or ends is not None:
        for name, x in (("begins", [0] * n if begins is None else begins), ("ends", [tk.shape[0]] * n if ends is None else ends)):
            address, count, owner = int64_list(x, name)
            if count != n:
                raise mismatch("%s has %d elements, expected one for each of %d queries" % (name, count, n))
            setattr(s, name, address)
            keep.append(owner)
    size = ctypes.c_size_t()
    context.check(lib.attn_search_workspace(context.pointer, ctypes.byref(s), ctypes.byref(size)))
    made_index, made_score = index is None, scores and score is None
    index = new(q, shape, "int64") if made_index else index
    score = new(q, shape, "float32") if made_score else score
    s.index = _rows.result(index, "index", shape, "int64").data
    s.score = None if score is None else _rows.result(score, "score", shape, "float32").data
    piece = _workspaces.take(size.value)
    s.workspace, s.workspace_bytes = piece[0], piece[1]
    try:
        status = lib.attn_search_run(context.pointer, ctypes.byref(s))
    finally:
        _workspaces.give(piece)
    context.check(status)
    del keep
    index = give_back(q, index) if made_index else index
    return index if score is None else (index, give_back(q, score) if made_score else score)


def _after_fork():
    global _workspaces
    _workspaces = b.Workspaces()


on_fork(_after_fork)
