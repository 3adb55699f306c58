"""Scans: attention of one learned query for each head over all prefixes of a sequence (ATTN_SCORE_LEARNED_QUERY in attn.h)."""
import ctypes
from collections import namedtuple

from . import _bind as b
from . import _functions
from ._arrays import DTYPES, contiguous_strides, describe, give_back, new
from ._context import default_context, remember
from ._library import abi, invalid, lib, mismatch
from ._plan import choice

ScanGradients = namedtuple("ScanGradients", "dq dk dv dstate_o dstate_lse")
ScanGradients.__doc__ = "What scan_backward returns; dstate_o and dstate_lse are None where there is no state."

_STATE = {name: getattr(abi.attn_args, name).offset for name in ("state_o", "state_lse")}
_DSTATE = {name: getattr(abi.attn_gradients, "d" + name).offset for name in ("state_o", "state_lse")}


def scan(q, k, v, *, state=None, return_lse=False, out=None, lse=None, layout="bhtd", scale=None, threads=0, kernel=None, o_dtype=None,
         context=None, **lengths):
    """Attention of one learned query for each head over all prefixes: row i sees the keys up to i. O, or (O, LSE) with return_lse.

    q           [head, dim], or [batch, head, dim]: a query of its own for each sequence
    k, v        as attention's; query heads share key/value heads where k and v have fewer
    state       (o, lse) of the tokens before each sequence, [batch, head, v_dim] and [batch, head]: the last rows of the piece before.
                lse -inf: no tokens
    lengths     q_lens, q_starts (padded layouts), cu_q, max_q ("thd")
    layout, scale, threads, kernel, o_dtype, out, lse    as attention's

    Time grows with the length, in both directions. LSE is [batch, head, token], packed [head, token].
    """
    x = _Problem(q, k, v, state, layout, o_dtype if out is None else describe(out, "out").dtype, lengths, context)
    plan = x.plan(scale, threads, kernel, None)
    call = b.Call()
    keep = x.fill(call)
    made_o, made_lse = out is None, lse is None and return_lse
    if made_o:
        out = new(k, x.o_shape, x.o_dtype, 0 if x.holes else None)
    if made_lse:
        lse = new(k, x.lse_shape, x.lse_dtype, -float("inf") if x.holes else None)
    keep.append(x.put_rows(call.args, b.OFFSET_O, out, "out", x.o_dtype, written=True))
    if lse is not None:
        keep.append(x.put_lse(call.args, b.OFFSET_LSE, lse, "lse", written=True))
    plan.execute(lib.attn_forward, call)
    out = give_back(k, out) if made_o else out
    return out if lse is None else (out, give_back(k, lse) if made_lse else lse)


def scan_backward(d_o, q, k, v, o, lse, *, d_lse=None, state=None, dq=None, dk=None, dv=None, layout="bhtd", scale=None, threads=0,
                  kernel=None, grad_dtype=None, context=None, **lengths):
    """The gradients of q, k, v and state, as ScanGradients. o and lse are what scan returned; everything else is what it was given.

    d_lse: gradient of lse. dq, dk, dv: arrays to write instead of new ones. grad_dtype "float32": of new gradients where k and v are of
    16 bits. To go on in the piece before, add dstate_o and dstate_lse to d_o and d_lse of its last row.
    """
    x = _Problem(q, k, v, state, layout, describe(o, "o").dtype, lengths, context)
    x.grad_dtype = describe(dk, "dk").dtype if dk is not None else grad_dtype or x.dtype
    plan = x.plan(scale, threads, kernel, x.grad_dtype)
    call = b.Call()
    keep = x.fill(call)
    keep.append(x.put_rows(call.args, b.OFFSET_O, o, "o", x.o_dtype))
    keep.append(x.put_lse(call.args, b.OFFSET_LSE, lse, "lse"))
    keep.append(x.put_rows(call.gradients, b.GRADIENTS["d_o"], d_o, "d_o", x.dtype))
    if d_lse is not None:
        keep.append(x.put_lse(call.gradients, b.GRADIENTS["d_lse"], d_lse, "d_lse"))
    results, made = dict.fromkeys(ScanGradients._fields), []
    for name, given, shape, fill in (("dq", dq, x.q.shape, None), ("dk", dk, x.k.array.shape, x.holes), ("dv", dv, x.v.array.shape, x.holes)):
        if given is None:
            made.append(name)
            given = new(k, shape, x.grad_dtype, 0 if fill else None)
        results[name] = given
    keep.append(x.put_query(call.gradients, b.GRADIENTS["dq"], results["dq"], "dq", x.grad_dtype, written=True))
    for name, like in (("dk", x.k), ("dv", x.v)):
        t = b.tensor(results[name], layout, name)
        b.need_extents(t, like.extents, name, "as " + name[1:])
        b.need_dtype(t, x.grad_dtype, name)
        b.need_writable(t, name)
        b.put(call.gradients, b.GRADIENTS[name], t.data, *t.strides)
        keep.append(t)
    if state is not None:
        for name, dtype in (("state_o", x.grad_dtype), ("state_lse", x.lse_dtype)):
            results["d" + name] = new(k, x.state_shape[name], dtype)
            made.append("d" + name)
            keep.append(x.put_state(call.gradients, _DSTATE, results["d" + name], name, dtype))
    plan.execute(lib.attn_backward, call, call.gradients_address)
    for name in made:
        results[name] = give_back(k, results[name])
    return ScanGradients(**results)


class _Plan:
    """A handle of the library. What set_options asks of a plan is here too."""

    def __init__(self, context, problem, layout):
        self.context, self.layout, self.packed, self.heads = context, layout, layout == "thd", problem.heads
        self.q_len = self.kv_len = problem.q_len
        self.pointer = context.make(lib.attn_plan_create, ctypes.byref(problem))
        self._handle = context.own(self.pointer, lib.attn_plan_destroy)
        self.workspace = lib.attn_plan_workspace(self.pointer)

    def execute(self, function, call, *more):
        workspaces = _functions._workspaces
        piece = workspaces.take(self.workspace)
        call.args.workspace, call.args.workspace_bytes = piece[0], piece[1]
        try:
            status = function(self.pointer, call.address, *more)
        finally:
            workspaces.give(piece)
        self.context.check(status)


class _Problem:
    """The arrays of a call, checked against each other."""

    def __init__(self, q, k, v, state, layout, o_dtype, lengths, context):
        self.context, self.layout, self.state, self.lengths = context or default_context(), layout, state, lengths
        self.q, self.k, self.v = describe(q, "q"), b.tensor(k, layout, "k"), b.tensor(v, layout, "v")
        self.dtype, self.o_dtype, self.kv_heads = self.k.dtype, o_dtype or self.k.dtype, self.k.extents[1]
        self.grad_dtype = self.dtype
        self.lse_dtype = choice("the type of k", self.dtype, DTYPES)[2]
        self.v_dim = self.v.extents[3]
        for name in lengths:
            if name not in ("q_lens", "q_starts", "cu_q", "max_q"):
                raise TypeError("scan got an unexpected argument %r" % name)
        if not 2 <= len(self.q.shape) <= 3:
            raise mismatch("q has the shape %s, expected [head, dim] or [batch, head, dim]" % list(self.q.shape))
        self.heads, self.dim = self.q.shape[-2:]
        b.need_extents(self.v, self.k.extents[:3] + (self.v_dim,), "v", "k's batch, heads and tokens")
        if self.dim != self.k.extents[3]:
            raise mismatch("q has the shape %s, expected k's dim, %d" % (list(self.q.shape), self.k.extents[3]))
        for a, name in ((self.q, "q"), (self.v, "v")):
            b.need_dtype(a, self.dtype, name)
        self.tokens = self.k.extents[2]
        self.longest, self.batch = self.tokens, self.k.extents[0]
        if layout == "thd":
            self.batch, self.longest, _ = _functions._longest(lengths, self.tokens, self.tokens)
        if len(self.q.shape) == 3 and self.q.shape[0] != self.batch:
            raise mismatch("q has the shape %s, expected %d sequences" % (list(self.q.shape), self.batch))
        self.holes = layout == "thd" or bool(lengths)
        self.o_shape, self.lse_shape = self._shapes(self.k.array.shape)
        self.state_shape = {"state_o": (self.batch, self.heads, self.v_dim), "state_lse": (self.batch, self.heads)}

    def _shapes(self, shape):
        """Of O and LSE, with the axes that k has."""
        place = b._FORMS[self.layout, len(shape)]
        o = list(shape)
        if place[1] >= 0:
            o[place[1]] = self.heads
        elif self.heads > 1:
            raise mismatch("q has %d heads, and k lacks the axis of heads" % self.heads)
        o[place[3]] = self.v_dim
        return tuple(o), tuple([o[p] for p in place[:3] if p >= 0])

    def plan(self, scale, threads, kernel, grad_dtype):
        key = ("scan", self.context, self.layout, self.dtype, self.o_dtype, grad_dtype, self.heads, self.kv_heads, self.dim, self.v_dim,
               self.batch, self.longest, self.tokens, scale, threads, kernel)
        plan = _functions._plans.get(key)
        if plan is None:
            p = abi.attn_problem()
            lib.attn_problem_init(ctypes.byref(p))
            p.score = abi.ATTN_SCORE_LEARNED_QUERY
            p.dtype, p.layout = DTYPES[self.dtype][0], choice("layout", self.layout, b.LAYOUTS)
            p.heads, p.kv_heads, p.dim, p.v_dim = self.heads, self.kv_heads, self.dim, self.v_dim
            p.batch, p.q_len, p.threads = self.batch, self.longest, threads
            if self.layout == "thd":
                p.q_tokens = self.tokens
            if self.o_dtype != self.dtype:
                p.o_dtype = choice("o_dtype", self.o_dtype, DTYPES)[0]
            if grad_dtype not in (None, self.dtype):
                p.grad_dtype = choice("grad_dtype", grad_dtype, DTYPES)[0]
            p.features = abi.ATTN_BACKWARD if grad_dtype else 0
            if scale is not None:
                p.scale = scale
            if kernel is not None:
                p.kernel = kernel.encode()
            plan = _Plan(self.context, p, self.layout)
            remember(_functions._plans, key, plan, _functions._MOST)
        self._made = plan
        return plan

    def fill(self, call):
        """q, k, v, the state and the lengths. Returns what must live."""
        call.reset_gradients()
        args = call.args
        keep = b.set_options(call, self._made, self.batch, self.tokens, self.tokens, **self.lengths)
        if self.layout != "thd":
            args.kv_len = -1
        keep.append(self.put_query(args, b.OFFSET_Q, self.q, "q", self.dtype))
        b.put(args, b.OFFSET_K, self.k.data, *self.k.strides)
        b.put(args, b.OFFSET_V, self.v.data, *self.v.strides)
        if self.state is not None:
            for name, x, dtype in zip(("state_o", "state_lse"), self.state, (self.o_dtype, self.lse_dtype)):
                keep.append(self.put_state(args, _STATE, x, name, dtype))
        return keep

    def put_query(self, struct, offset, x, name, dtype, written=False):
        a = x if x is self.q else describe(x, name)
        if a.shape != self.q.shape:
            raise mismatch("%s has the shape %s, expected %s, as q" % (name, list(a.shape), list(self.q.shape)))
        self._check(a, name, dtype, written)
        head, dim = a.strides[-2:]
        b.put(struct, offset, a.data, a.strides[0] if len(a.shape) == 3 else 0, head if self.heads > 1 else self.dim, 0,
              dim if self.dim > 1 else 1)
        return a

    def put_state(self, struct, offsets, x, name, dtype):
        a = describe(x, name)
        if a.shape != self.state_shape[name] or not a.contiguous:
            raise mismatch("%s has the shape %s, expected a contiguous array of %s" % (name, list(a.shape), list(self.state_shape[name])))
        self._check(a, name, dtype, False)
        batch, head = contiguous_strides(a.shape)[:2]
        b.put(struct, offsets[name], a.data, batch, head, 0, 1)
        return a

    def put_rows(self, struct, offset, x, name, dtype, written=False):
        t = b.tensor(x, self.layout, name)
        b.need_extents(t, (self.k.extents[0], self.heads, self.tokens, self.v_dim), name, "as k, %d heads of %d" % (self.heads, self.v_dim))
        self._check(t.array, name, dtype, written)
        b.put(struct, offset, t.data, *t.strides)
        return t

    def put_lse(self, struct, offset, x, name, written=False):
        t = b.rows(x, name, len(self.lse_shape), self.layout == "thd")
        if t.array.shape != self.lse_shape:
            raise mismatch("%s has the shape %s, expected %s (batch, head, token)" % (name, list(t.array.shape), list(self.lse_shape)))
        self._check(t.array, name, self.lse_dtype, written)
        b.put(struct, offset, t.data, *t.strides)
        return t

    @staticmethod
    def _check(array, name, dtype, written):
        if array.dtype != dtype:
            raise invalid("%s is %s, expected %s" % (name, array.dtype, dtype))
        if written and not array.writable:
            raise invalid("%s is read-only, and is an output" % name)
