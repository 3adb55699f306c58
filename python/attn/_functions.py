"""One call: the plan is looked up by the problem, made where there is none, and kept."""
from . import _bind as b
from ._arrays import describe
from ._context import default_context, forget, on_fork, remember
from ._library import abi, invalid, lib, mismatch
from ._mask import forget_texts
from ._plan import Plan

_MOST = 64  # plans
_plans = {}
_workspaces = b.Workspaces()  # of all of them: a plan alone would keep its own


def attention(q, k, v, mask=None, *, layout="bhtd", dropout=None, return_lse=False, out=None, lse=None, context=None, scale=None,
              softcap=None, alibi_align="bottom-right", threads=0, kernel=None, effort="estimate", o_dtype=None, **options):
    """softmax(q k^T) v under a mask: O, or (O, LSE) with return_lse.

    q, k, v     [batch, head, token, dim] ("bhtd"), [batch, token, head, dim] ("bthd") or [token, head, dim] ("thd": packed). Leading axes
                may be left away. k and v may have fewer heads, and v another width. NumPy arrays, PyTorch tensors on the CPU, anything
                with __dlpack__; any strides but negative ones; read where they are
    mask        None (all pairs), an attn.Mask, a text such as "causal" or "sliding_window_causal:127", or a bool array [T, S], true
                where the pair exists
    scale       1 / sqrt(dim) if not given
    softcap     s = softcap * tanh(s / softcap)
    alibi       slopes [head] or [batch, head]: s -= slope * |i - j|, where alibi_align says how the diagonal lies when T != S
    bias        added to s; [batch, head, query, key], axes of extent 1 and missing leading ones are shared
    sink        logits [head] or [batch, head]: one more term of the sum of the weights, without a value
    dropout     (p, seed): weights are dropped with probability p, the same ones for the same seed
    q_lens, kv_lens, q_starts, kv_starts    lengths and first tokens of padded sequences
    cu_q, cu_kv             cumulative lengths of packed sequences; cu_kv is cu_q if not given
    max_q, max_kv           the longest packed sequence, where it is known
    q_offset, kv_offset, global_q_len, global_kv_len, batch_offset, head_offset    of a part of longer sequences: attn_args in attn.h
    out, lse    arrays to write instead of new ones; an array lse implies return_lse
    o_dtype     "float32": of a new O where q, k, v are bfloat16 or float16; their own type otherwise. out may be of either
    threads, kernel, effort    greatest number of workers; a kernel's name; how a kernel is chosen: attn_problem in attn.h

    LSE is [batch, head, token], packed [head, token], of float32 (float64 for float64). A row with no key is 0, its LSE -inf. Tokens that
    belong to no sequence are 0 and -inf in new arrays, and not written in given ones.
    """
    tq, tk, tv = b.tensor(q, layout, "q"), b.tensor(k, layout, "k"), b.tensor(v, layout, "v")
    to = None if out is None else b.tensor(out, layout, "out")
    plan = _plan(tq, tk, tv.extents[3], mask, options, layout, dropout, context, _strided(tq, tk, tv, to), None,
                 (scale, softcap, alibi_align, threads, kernel, effort, to.dtype if to else o_dtype))
    return plan._forward(q, k, v, tq, tk, tv, out, True if return_lse and lse is None else lse, False, options)


def backward(d_o, q, k, v, o, lse, mask=None, *, d_lse=None, dq=None, dk=None, dv=None, dbias=None, accumulate=(), bias_grad=True,
             layout="bhtd", dropout=None, context=None, scale=None, softcap=None, alibi_align="bottom-right", threads=0, kernel=None,
             effort="estimate", grad_dtype=None, **options):
    """The gradients of q, k, v, bias, alibi and sink, as Gradients. o and lse are what attention returned; everything else is what it
    was given. d_lse: gradient of lse. dq, dk, dv, dbias: arrays to write instead of new ones; accumulate: names of those that are added
    to. bias_grad False: dbias is not wanted, which saves time. grad_dtype "float32": of new dq, dk, dv where q, k, v are of 16 bits."""
    tq, tk, tv = b.tensor(q, layout, "q"), b.tensor(k, layout, "k"), b.tensor(v, layout, "v")
    outputs = {"dq": dq, "dk": dk, "dv": dv, "dbias": dbias}
    to = b.tensor(o, layout, "o")
    made = [b.tensor(x, layout, name) for name, x in (("dq", dq), ("dk", dk), ("dv", dv)) if x is not None]
    strided = _strided(tq, tk, tv, to, b.tensor(d_o, layout, "d_o"), *made)
    plan = _plan(tq, tk, tv.extents[3], mask, options, layout, dropout, context, strided, "with dbias" if bias_grad else "without dbias",
                 (scale, softcap, alibi_align, threads, kernel, effort, to.dtype), made[0].dtype if made else grad_dtype)
    return plan._backward(d_o, q, k, v, tq, tk, tv, o, lse, d_lse, outputs, accumulate, options)


def weights(q, k, lse, rows=None, mask=None, *, sequence=0, head=0, layout="bhtd", context=None, scale=None, softcap=None,
            alibi_align="bottom-right", threads=0, kernel=None, **options):
    """Exact weights [rows, keys] of one sequence and head from q, k and the lse that attention returned; rows: a query, a slice or
    range of them, None for all. Never more than these rows are held."""
    tq, tk = b.tensor(q, layout, "q"), b.tensor(k, layout, "k")
    plan = _plan(tq, tk, tk.extents[3], mask, options, layout, None, context, _strided(tq, tk), None,
                 (scale, softcap, alibi_align, threads, kernel, "estimate", None))
    return plan.weights(q, k, lse, rows, sequence=sequence, head=head, **options)


def estimate(q, k, v=None, mask=None, *, backward=False, flops_per_second=0.0, dtype="float32", layout="bhtd", dropout=None, context=None,
             scale=None, softcap=None, alibi_align="bottom-right", threads=0, kernel=None, **options):
    """Predicts attention(q, k, v, mask, ...), and backward: an Estimate. q, k, v are arrays, or their shapes; v is as k if not given."""
    tq, tk, tv = (_shape_of(x, layout, dtype, name) for x, name in ((q, "q"), (k, "k"), (k if v is None else v, "v")))
    plan = _plan(tq, tk, tv.extents[3], mask, options, layout, dropout, context, False, "without dbias" if backward else None,
                 (scale, softcap, alibi_align, threads, kernel, "estimate", None))
    return plan.estimate(batch=tq.extents[0], q_len=tq.extents[2], kv_len=tk.extents[2], flops_per_second=flops_per_second, **options)


class _Shape:
    """A shape as describe would give an array."""
    def __init__(self, shape, dtype):
        self.shape, self.dtype, self.data, self.contiguous = shape, dtype, 0, True


def _shape_of(x, layout, dtype, name):
    if not isinstance(x, (tuple, list)):
        return b.tensor(x, layout, name)
    form = b._FORMS.get((layout, len(x)))
    if form is None:
        raise mismatch("%s has the shape %s, expected %s" % (name, list(x), b._SHAPES[layout]))
    return b.Tensor(_Shape(tuple(x), dtype), tuple(1 if p < 0 else x[p] for p in form), b.AS_LAYOUT)


def _strided(*tensors):
    """Is one of them not contiguous along dim?"""
    for t in tensors:
        if t is not None and t.strides[3] != 1 and t.strides is not b.AS_LAYOUT:
            return True
    return False


def _plan(tq, tk, v_dim, mask, options, layout, dropout, context, strided, gradients, more, grad_dtype=None):
    """The plan of this problem. gradients: None, "with dbias", "without dbias". more: scale, softcap, alibi_align, threads, kernel, effort,
    o_dtype. Leaves in the options what Plan.forward knows."""
    batch, heads, q_len, dim = tq.extents
    kv_heads, kv_len = tk.extents[1], tk.extents[2]
    q_tokens = kv_tokens = bias = None
    options["mask"] = mask
    if layout == "thd":
        q_tokens, kv_tokens = q_len, kv_len
        batch, q_len, kv_len = _longest(options, q_len, kv_len)
    p = 0.0
    if dropout is not None:
        p, options["seed"] = dropout
    kv_dtype = None if tk.dtype == tq.dtype else tk.dtype
    if options.get("bias") is not None:
        bias = "".join(["1" if n == 1 else axis for n, axis in zip(b.bias_axes(describe(options["bias"], "bias").shape), "bhts")])
    alibi, sink = options.get("alibi") is not None, options.get("sink") is not None
    key = (context, tq.dtype, kv_dtype, layout, heads, kv_heads, dim, v_dim, batch, q_len, kv_len, q_tokens, kv_tokens, gradients, strided,
           bias, alibi, sink, p, more, grad_dtype)
    plan = _plans.get(key)
    if plan is None:
        scale, softcap, alibi_align, threads, kernel, effort, o_dtype = more
        plan = Plan(heads=heads, dim=dim, q_len=q_len, kv_len=kv_len, batch=batch, kv_heads=kv_heads, v_dim=v_dim, q_tokens=q_tokens,
                    kv_tokens=kv_tokens, dtype=tq.dtype, layout=layout, scale=scale, softcap=softcap, dropout=p,
                    backward=gradients is not None, alibi=alibi, bias=bias, bias_grad=bias is not None and gradients == "with dbias",
                    sink=sink, dim_stride=strided, alibi_align=alibi_align, threads=threads, kernel=kernel, effort=effort, context=context,
                    o_dtype=o_dtype, grad_dtype=grad_dtype, kv_dtype=kv_dtype, workspaces=_workspaces)
        remember(_plans, key, plan, _MOST)
    return plan


def _longest(options, q_tokens, kv_tokens):
    """Number of sequences, longest queries, longest keys of packed sequences; takes max_q and max_kv out of the options."""
    max_q, max_kv, cu_q, cu_kv = options.pop("max_q", None), options.pop("max_kv", None), options.get("cu_q"), options.get("cu_kv")
    if cu_q is None:
        raise invalid("cu_q is not given, expected the cumulative lengths of the sequences, as the layout is \"thd\"")
    if max_q is None:
        max_q = _most(cu_q, q_tokens)
        if max_kv is None and (cu_kv is None or cu_kv is cu_q):
            max_kv = max_q
    if max_kv is None:
        max_kv = _most(cu_q if cu_kv is None else cu_kv, kv_tokens)
    return len(cu_q) - 1, max_q, max_kv


def _most(cumulative, tokens):
    lengths = cumulative.tolist() if hasattr(cumulative, "tolist") else list(cumulative)
    return min(max([y - x for x, y in zip(lengths, lengths[1:])], default=0), tokens)


def clear_cache():
    """Forgets the plans, masks of texts and workspaces that attention and backward have kept."""
    forget(_plans)
    _workspaces.clear()
    forget_texts()


def _after_fork():
    """What the parent's calls may be half way through is left to it."""
    global _plans, _workspaces
    _plans, _workspaces = {}, b.Workspaces()
    forget_texts()


on_fork(_after_fork)


# --------------------------------------------------------------------------------------------------------- utilities


def merge(o, lse, part_o, part_lse, context=None):
    """Merges a partial result over other keys into (o, lse), in place: rows [..., v_dim] and [...] of float32, contiguous.
    LSE = log(exp(lse) + exp(part_lse)); O = exp(lse - LSE) o + exp(part_lse - LSE) part_o."""
    context = context or default_context()
    arrays = [describe(x, name) for x, name in ((o, "o"), (lse, "lse"), (part_o, "part_o"), (part_lse, "part_lse"))]
    shape = arrays[0].shape
    for a, name, want in zip(arrays, ("o", "lse", "part_o", "part_lse"), (shape, shape[:-1], shape, shape[:-1])):
        if a.dtype != "float32" or not a.contiguous or a.shape != want or not shape:
            raise mismatch("merge: %s is %s %s, expected contiguous float32 %s" % (name, a.dtype, list(a.shape), list(want)))
    if not (arrays[0].writable and arrays[1].writable):
        raise invalid("merge: o and lse are written, and one is read-only")
    count = 1
    for n in shape[:-1]:
        count *= n
    context.check(lib.attn_merge(context.pointer, count, shape[-1], arrays[0].data, shape[-1], arrays[1].data, arrays[2].data, shape[-1],
                                 arrays[3].data))


def cu_from_padding(valid, context=None):
    """Of a bool array [batch, token], true for the tokens of a sequence: cumulative lengths int32 [batch + 1], and the place
    b * T + t of each valid token, int64: x.reshape(batch * T, ...)[index] is the packed array."""
    import numpy as np
    context = context or default_context()
    valid = np.ascontiguousarray(valid, dtype=bool).view(np.uint8)
    if valid.ndim != 2:
        raise mismatch("cu_from_padding: valid has the shape %s, expected [batch, token]" % list(valid.shape))
    cu, index = np.empty(valid.shape[0] + 1, np.int32), np.empty(valid.size, np.int64)
    context.check(lib.attn_cu_from_padding(context.pointer, valid.ctypes.data, valid.shape[0], valid.shape[1], cu.ctypes.data,
                                           index.ctypes.data))
    return cu, index[:cu[-1]]


assert abi.ATTN_SHARE_KEY == 8  # axes of bias_broadcast are bits in the order batch, head, query, key
