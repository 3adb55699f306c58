"""Plans: what is decided once, for any number of executions."""
import ctypes
from collections import namedtuple
from operator import index

from . import _bind as b
from ._arrays import DTYPES, describe, give_back, new
from ._context import default_context
from ._library import abi, invalid, lib, mismatch, text_of, whole
from ._mask import ALIGN

Gradients = namedtuple("Gradients", "dq dk dv dbias dalibi dsink")
Gradients.__doc__ = "What backward returns; dbias, dalibi, dsink are None where there is no bias, no ALiBi, no sink."
Estimate = namedtuple("Estimate", [name for name, *_ in abi.attn_estimate._fields_[2:]])
Estimate.__doc__ = "What an execution needs, and how long it should take on one core; attn_estimate in attn.h."

_AXES = "bhts"


class Plan:
    """A checked problem and the kernel that was chosen for it. Immutable, may be executed by many threads at once; workspace is kept.

    heads, dim, q_len       must be given; q_len, kv_len (as q_len), batch (1), q_tokens, kv_tokens ("thd": batch times longest) are
                            capacities: any execution within them needs no new plan
    kv_heads, v_dim         as heads, dim if not given
    dtype, layout           "float32", "float64", "bfloat16", "float16"; "bhtd", "bthd" or "thd" (packed sequences)
    o_dtype, grad_dtype     of o and of dq, dk, dv, where it is not dtype: "float32" with "bfloat16" and "float16"
    scale, softcap          1 / sqrt(dim), none
    dropout                 probability of dropping a weight
    backward, alibi, sink   True: announced
    bias                    "bhts" with 1 for each axis that the bias is shared along: "1h11"; bias_grad: backward returns its gradient
    dim_stride              True: some array is not contiguous along dim, at the price of a copy
    alibi_align             where ALiBi's distance 0 lies when T != S: "bottom-right" or "top-left"
    kv_dtype                what k and v are stored in, where it is not dtype: "bfloat16", "float16" with "float32"
    block_tokens            k and v are pools of pages of so many tokens: what attn.Cache plans with
    threads, kernel         greatest number of workers; a kernel's name, "flash" or "flash/avx512"
    effort, measure_seconds how the kernel is chosen: "estimate", "measure", "wisdom"; the time that measuring may take
    """

    def __init__(self, *, heads, dim, q_len, kv_len=None, batch=1, kv_heads=None, v_dim=None, q_tokens=None, kv_tokens=None,
                 dtype="float32", layout="bhtd", scale=None, softcap=None, dropout=0.0, backward=False, alibi=False, bias=None,
                 bias_grad=False, sink=False, dim_stride=False, alibi_align="bottom-right", threads=0, kernel=None, effort="estimate",
                 measure_seconds=None, o_dtype=None, grad_dtype=None, kv_dtype=None, block_tokens=0, context=None,
                 workspaces=None):
        self.context = context or default_context()
        p = abi.attn_problem()
        lib.attn_problem_init(ctypes.byref(p))
        p.dtype, p.layout = choice("dtype", dtype, DTYPES)[0], choice("layout", layout, b.LAYOUTS)
        p.alibi_align = choice("alibi_align", alibi_align, ALIGN)
        p.effort = choice("effort", effort, _EFFORTS)
        for name, value in (("heads", heads), ("dim", dim), ("threads", threads), ("kv_heads", kv_heads), ("v_dim", v_dim),
                            ("block_tokens", block_tokens)):
            if value is not None:
                setattr(p, name, whole(name, value))
        for name, value in (("q_len", q_len), ("batch", batch), ("kv_len", kv_len), ("q_tokens", q_tokens), ("kv_tokens", kv_tokens)):
            if value is not None:
                setattr(p, name, whole(name, value, 64))
        for name, value in (("scale", scale), ("softcap", softcap), ("measure_seconds", measure_seconds)):
            if value is not None:
                setattr(p, name, value)
        for name, value in (("o_dtype", o_dtype), ("grad_dtype", grad_dtype)):
            if value not in (None, dtype):
                setattr(p, name, choice(name, value, DTYPES)[0])
        if kv_dtype not in (None, dtype):
            p.kv_dtype = choice("kv_dtype", kv_dtype, STORED)
        if dropout:
            p.dropout = dropout
        if kernel is not None:
            p.kernel = kernel.encode()
        self.bias_shared = None if bias is None else _shared(bias)
        p.bias_broadcast = self.bias_shared or 0
        p.features = (abi.ATTN_BACKWARD * bool(backward) | abi.ATTN_ALIBI * bool(alibi) | abi.ATTN_BIAS * (bias is not None)
                      | abi.ATTN_BIAS_GRAD * bool(bias_grad) | abi.ATTN_SINK * bool(sink) | abi.ATTN_DROPOUT * bool(dropout)
                      | abi.ATTN_DIM_STRIDE * bool(dim_stride))
        self.pointer = self.context.make(lib.attn_plan_create, ctypes.byref(p))
        self._handle = self.context.own(self.pointer, lib.attn_plan_destroy)
        self.layout, self.packed, self.dtype = layout, layout == "thd", dtype
        self.o_dtype, self.grad_dtype = o_dtype or dtype, grad_dtype or dtype
        self.lse_dtype, self.kv_dtype = DTYPES[dtype][2], kv_dtype or dtype
        self.heads, self.dim, self.batch, self.q_len = heads, dim, batch, q_len
        self.kv_heads = heads if kv_heads is None else kv_heads
        self.v_dim = dim if v_dim is None else v_dim
        self.kv_len = q_len if kv_len is None else kv_len
        self.q_tokens = batch * q_len if q_tokens is None else q_tokens
        self.kv_tokens = batch * self.kv_len if kv_tokens is None else kv_tokens
        self.has_alibi, self.has_sink, self.has_bias_grad = bool(alibi), bool(sink), bool(bias_grad)
        self.workspace = lib.attn_plan_workspace(self.pointer)
        self._workspaces = workspaces or b.Workspaces()
        self._calls = []

    # ------------------------------------------------------------- executing

    def forward(self, q, k, v, o=None, lse=None, *, accumulate=False, **options):
        """O, or (O, LSE) where lse is given: True for a new array, or the array to write. o: the array to write, else a new one.

        accumulate: merge into o and lse, which hold the result over other keys. Options: attn.attention's from `mask` to `head_offset`.
        """
        return self._forward(q, k, v, b.tensor(q, self.layout, "q"), b.tensor(k, self.layout, "k"), b.tensor(v, self.layout, "v"),
                             o, lse, accumulate, options)

    def _forward(self, q, k, v, tq, tk, tv, o, lse, accumulate, options):
        made_o, made_lse = o is None, lse is True
        if accumulate and (made_o or made_lse or lse is None):
            raise invalid("accumulate needs the arrays o and lse that hold the result so far")
        call = self._take()
        try:
            args = call.args
            keep = self._inputs(call, tq, tk, tv, options)
            holes = None if not (made_o or made_lse) else self._holes(args)
            if made_o:
                o = new(q, tq.array.shape[:-1] + (self.v_dim,), self.o_dtype, holes and 0)
            if made_lse:
                lse = new(q, self.lse_shape(tq.array.shape), self.lse_dtype, holes)
            to = self._output(o, tq, "o")
            b.need_writable(to, "o")
            b.put(args, b.OFFSET_O, to.data, *to.strides)
            if lse is not None:
                tl = self._rows(lse, tq, "lse")
                b.need_writable(tl, "lse")
                b.put(args, b.OFFSET_LSE, tl.data, *tl.strides)
            if accumulate:
                args.accumulate = abi.ATTN_ACCUMULATE_O
            self._execute(call, lib.attn_forward)
            del keep
        finally:
            self._calls.append(call)
        o = give_back(q, o) if made_o else o
        return o if lse is None else (o, give_back(q, lse) if made_lse else lse)

    def backward(self, d_o, q, k, v, o, lse, *, d_lse=None, dq=None, dk=None, dv=None, dbias=None, accumulate=(), **options):
        """The gradients of q, k, v, bias, alibi, sink, as Gradients; o, lse and the options are what forward gave and was given.

        d_lse: gradient of lse. dq, dk, dv, dbias: the arrays to write, else new ones. accumulate: names, of "dq", "dk", "dv", "dbias",
        that are added to what is there.
        """
        return self._backward(d_o, q, k, v, b.tensor(q, self.layout, "q"), b.tensor(k, self.layout, "k"),
                              b.tensor(v, self.layout, "v"), o, lse, d_lse, {"dq": dq, "dk": dk, "dv": dv, "dbias": dbias},
                              accumulate, options)

    def _backward(self, d_o, q, k, v, tq, tk, tv, o, lse, d_lse, outputs, accumulate, options):
        call = self._take()
        call.reset_gradients()
        try:
            args, gradients = call.args, call.gradients
            keep = self._inputs(call, tq, tk, tv, options)
            to, tl, td = self._output(o, tq, "o"), self._rows(lse, tq, "lse"), self._output(d_o, tq, "d_o")
            b.put(args, b.OFFSET_O, to.data, *to.strides)
            b.put(args, b.OFFSET_LSE, tl.data, *tl.strides)
            b.put(gradients, b.GRADIENTS["d_o"], td.data, *td.strides)
            if d_lse is not None:
                t = self._rows(d_lse, tq, "d_lse")
                b.put(gradients, b.GRADIENTS["d_lse"], t.data, *t.strides)
                keep.append(t)
            args.accumulate = self._accumulate(accumulate, outputs)
            results, made = dict.fromkeys(Gradients._fields), []
            holes = self._holes(args) is not None
            for name, t in (("dq", tq), ("dk", tk), ("dv", tv)):
                out = outputs[name]
                if out is None:
                    made.append(name)
                    out = new(q, t.array.shape, self.grad_dtype, 0 if holes else None)
                tensor = b.tensor(out, self.layout, name)
                b.need_extents(tensor, t.extents, name, "as " + name[1:])
                b.need_dtype(tensor, self.grad_dtype, name)
                b.need_writable(tensor, name)
                b.put(gradients, b.GRADIENTS[name], tensor.data, *tensor.strides)
                results[name] = out
                keep.append(tensor)
            keep += self._shared_gradients(call, options, outputs["dbias"], results, made, q)
            self._execute(call, lib.attn_backward, call.gradients_address)
            del keep
        finally:
            self._calls.append(call)
        for name in made:
            results[name] = give_back(q, results[name])
        return Gradients(**results)

    def _shared_gradients(self, call, options, dbias, results, made, like):
        """dbias, dalibi, dsink: shaped as bias, alibi and sink. Returns what must live."""
        keep = []
        if self.has_bias_grad:
            shape = describe(options["bias"], "bias").shape
            if dbias is None:
                dbias = new(like, shape, "float32")
                made.append("dbias")
            array = describe(dbias, "dbias")
            if array.shape != shape or array.dtype != "float32":
                raise mismatch("dbias is %s %s, expected float32 %s, as bias" % (array.dtype, list(array.shape), list(shape)))
            if not array.writable:
                raise invalid("dbias is read-only, and is an output")
            b.put(call.gradients, b.GRADIENTS["dbias"], array.data, *b.bias_strides(array, self.bias_shared, "dbias"))
            results["dbias"] = dbias
            keep.append(array)
        for name, has in (("alibi", self.has_alibi), ("sink", self.has_sink)):
            if has and options.get(name) is not None:
                given = options[name]
                shape = tuple(given.shape) if hasattr(given, "shape") else (len(given),)
                results["d" + name] = new(like, shape, "float32", 0 if call.args.accumulate & abi.ATTN_ACCUMULATE_REST else None)
                made.append("d" + name)
                array = describe(results["d" + name], name)
                strides = b.per_head_strides(array, call.args.batch, self.heads, name)
                b.put(call.gradients, b.GRADIENTS["d" + name], array.data, *strides)
                keep.append(array)
        return keep

    def weights(self, q, k, lse, rows=None, *, sequence=0, head=0, **options):
        """Exact weights [rows, keys] of one sequence and head, without dropout: rows is a query, a slice or range of them, None for all."""
        tq, tk = b.tensor(q, self.layout, "q"), b.tensor(k, self.layout, "k")
        call = self._take()
        try:
            args = call.args
            keep = self._inputs(call, tq, tk, None, options)
            tl = self._rows(lse, tq, "lse")
            b.put(args, b.OFFSET_LSE, tl.data, *tl.strides)
            if not 0 <= sequence < args.batch:
                raise mismatch("weights: sequence is %d, expected 0 to %d" % (sequence, args.batch - 1))
            q_len = b._lengths(args.q_lens, args.cu_q, args.batch, tq.extents[2])[sequence]
            kv_len = b._lengths(args.kv_lens, args.cu_kv, args.batch, tk.extents[2])[sequence]
            first, count = _rows_of(rows, q_len)
            result = new(q, (count, kv_len), self.lse_dtype)
            array = describe(result, "weights")
            self.context.check(lib.attn_weights(self.pointer, call.address, sequence, head, first, count, array.data))
            del keep
        finally:
            self._calls.append(call)
        return give_back(q, result)

    def estimate(self, *, batch=None, q_len=None, kv_len=None, flops_per_second=0.0, **options):
        """Predicts an execution of these lengths (the capacities, if not given) and options, as an Estimate. No array is read."""
        call, out = self._take(), abi.attn_estimate()
        lib.attn_estimate_init(ctypes.byref(out))
        out.flops_per_second = flops_per_second
        q = (self.q_tokens if self.packed else self.q_len) if q_len is None else q_len
        kv = (self.kv_tokens if self.packed else self.kv_len) if kv_len is None else kv_len
        try:
            keep = b.set_options(call, self, self.batch if batch is None else batch, q, kv, **options)
            self.context.check(lib.attn_plan_estimate(self.pointer, call.address, ctypes.byref(out)))
            del keep
        finally:
            self._calls.append(call)
        return Estimate(*[getattr(out, name) for name in Estimate._fields])

    # ------------------------------------------------------------ one call's

    def _take(self):
        try:
            call = self._calls.pop()
            call.reset()
            return call
        except IndexError:
            return b.Call()

    def _execute(self, call, function, *more):
        piece = self._workspaces.take(self.workspace)
        call.args.workspace, call.args.workspace_bytes = piece[0], piece[1]
        try:
            status = function(self.pointer, call.address, *more)
        finally:
            self._workspaces.give(piece)
        if status:
            self.context.check(status)

    def _inputs(self, call, tq, tk, tv, options):
        """Checks q, k, v (which may be None) against each other and the plan; fills in args."""
        batch, heads, q_len, dim = tq.extents
        kv_len = tk.extents[2]
        if heads != self.heads or dim != self.dim:
            raise mismatch("q has %d heads of size %d, expected %d of %d" % (heads, dim, self.heads, self.dim))
        if tk.extents != (batch, self.kv_heads, kv_len, dim):
            b.need_extents(tk, (batch, self.kv_heads, kv_len, dim), "k", "q's batch and dim, %d key/value heads" % self.kv_heads)
        if tq.dtype != self.dtype or tk.dtype != self.kv_dtype:
            b.need_dtype(tq, self.dtype, "q")
            b.need_dtype(tk, self.kv_dtype, "k")
        b.put(call.args, b.OFFSET_Q, tq.data, *tq.strides)
        b.put(call.args, b.OFFSET_K, tk.data, *tk.strides)
        if tv is not None:
            if tv.extents != (batch, self.kv_heads, kv_len, self.v_dim):
                b.need_extents(tv, (batch, self.kv_heads, kv_len, self.v_dim), "v", "k's batch, heads and tokens, %d wide" % self.v_dim)
            if tv.dtype != self.kv_dtype:
                b.need_dtype(tv, self.kv_dtype, "v")
            b.put(call.args, b.OFFSET_V, tv.data, *tv.strides)
        if self.bias_shared is not None and options.get("bias") is None:
            raise invalid("bias is not given, but the plan has one")
        if self.bias_shared is None and options.get("bias") is not None:
            raise invalid("bias is given, but the plan has none: Plan(bias=\"bhts\", ...)")
        return b.set_options(call, self, batch, q_len, kv_len, **options)

    def _output(self, x, tq, name):
        """o or its gradient."""
        t = b.tensor(x, self.layout, name)
        if t.extents != tq.extents[:3] + (self.v_dim,):
            b.need_extents(t, tq.extents[:3] + (self.v_dim,), name, "as q, %d wide" % self.v_dim)
        want = self.dtype if name == "d_o" else self.o_dtype
        if t.dtype != want:
            b.need_dtype(t, want, name)
        return t

    def _rows(self, x, tq, name):
        t = b.rows(x, name, len(tq.array.shape) - 1, self.packed)
        if t.extents != tq.extents[:3] + (1,):
            raise mismatch("%s has the extents %s (batch, head, token), expected %s, as q" %
                           (name, list(t.extents[:3]), list(tq.extents[:3])))
        b.need_dtype(t, self.lse_dtype, name)
        return t

    def lse_shape(self, shape):
        """The shape of LSE for a q of this shape: [batch, head, token], packed [head, token], without the axes that q lacks."""
        if self.layout == "bhtd" or len(shape) == 2:
            return shape[:-1]
        return shape[:-3] + (shape[-2], shape[-3])

    def _holes(self, args):
        """What a new lse holds where there are tokens that belong to no sequence; None: there are none."""
        if args.q_lens or args.q_starts or args.kv_lens or args.kv_starts or self.packed:
            return -float("inf")
        return None

    def _accumulate(self, names, outputs):
        flags = 0
        for name in (names,) if isinstance(names, str) else names:
            if name not in _ACCUMULATE:
                raise invalid("accumulate has %r, expected names of \"dq\", \"dk\", \"dv\", \"dbias\"" % (name,))
            if outputs[name] is None:
                raise invalid("accumulate has \"%s\", but the array %s to add to is not given" % (name, name))
            flags |= _ACCUMULATE[name]
        return flags

    # ---------------------------------------------------------------- asking

    @property
    def kernel(self):
        """Name of the chosen kernel: "flash"."""
        return lib.attn_plan_kernel(self.pointer).decode()

    @property
    def isa(self):
        """Its instruction set."""
        return lib.attn_plan_isa(self.pointer).decode()

    def __str__(self):
        return text_of(lib.attn_plan_text, self.pointer)

    def __repr__(self):
        return "<attn.Plan %s/%s, %s %s, %d x %d>" % (self.kernel, self.isa, self.dtype, self.layout, self.q_len, self.kv_len)


_ACCUMULATE = {"dq": abi.ATTN_ACCUMULATE_DQ, "dk": abi.ATTN_ACCUMULATE_DK, "dv": abi.ATTN_ACCUMULATE_DV,
               "dbias": abi.ATTN_ACCUMULATE_REST}
STORED = {**{name: row[0] for name, row in DTYPES.items()}, "q8_0": abi.ATTN_Q8_0}
_EFFORTS = {name: getattr(abi, "ATTN_" + name.upper()) for name in ("estimate", "measure", "wisdom")
            if hasattr(abi, "ATTN_" + name.upper())}


def choice(name, value, choices):
    if value not in choices:
        raise invalid("%s is %r, expected one of %s" % (name, value, ", ".join(choices)))
    return choices[value]


def _shared(text):
    if len(text) != 4 or any(c not in (_AXES[n], "1") for n, c in enumerate(text)):
        raise invalid("bias is %r, expected \"bhts\" with 1 for each shared axis, such as \"1h1s\"" % (text,))
    return sum(1 << n for n, c in enumerate(text) if c == "1")


def _rows_of(rows, length):
    """First row and number of rows."""
    if rows is None:
        return 0, length
    if not isinstance(rows, (slice, range)):
        row = index(rows)
        if not -length <= row < length:
            raise mismatch("weights: row is %d, expected %d to %d" % (row, -length, length - 1))
        return row % length, 1
    if isinstance(rows, slice):
        rows = range(*rows.indices(length))
    if rows.step != 1:
        raise invalid("weights: rows has the step %d, expected 1" % rows.step)
    return rows.start, len(rows)
