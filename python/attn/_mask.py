"""Masks: which pairs (query, key) exist."""
import ctypes
import threading

from ._arrays import describe, int64_array
from ._context import default_context, remember
from ._library import MaskError, abi, invalid, lib, text_of

_PAIR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_HINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_REMEMBERED = 8  # compiled forms of a mask
_TEXTS = 64

ALIGN = {"top-left": abi.ATTN_TOP_LEFT, "bottom-right": abi.ATTN_BOTTOM_RIGHT}

_local = threading.local()


class Mask:
    """An immutable set of pairs (query i, key j). Made by the functions below; combined by `&`, `|`, `~`.

    Free masks (full, causal, windows, their algebra) hold for any lengths, others are bound to T queries and S keys. What has to be
    compiled is compiled when it is first executed at some lengths, and remembered. Masks may be shared by threads.
    """
    __slots__ = ("context", "pointer", "_handle", "_keep", "_compiled", "_as_is")

    def __init__(self, context, pointer, keep=(), as_is=None):
        self.context, self.pointer = context, pointer
        self._handle = context.own(pointer, lib.attn_mask_destroy)
        self._keep, self._compiled, self._as_is = keep, {}, as_is

    # ---------------------------------------------------------------- making

    @staticmethod
    def parse(text, context=None):
        """The mask of a text: "causal", "sliding_window_causal:127", "causal & (document:512,300 | cols:0,4)"; attn-mask(7)."""
        context = context or default_context()
        return Mask(context, context.make(lib.attn_mask_parse, text.encode()))

    @staticmethod
    def band(low=None, high=None, align="top-left", context=None):
        """All pairs with low <= j - i <= high; None is no limit. With align "bottom-right", j - i - (S - T)."""
        context = context or default_context()
        if align not in ALIGN:
            raise invalid("mask: align is %r, expected \"top-left\" or \"bottom-right\"" % (align,))
        low = -abi.ATTN_UNLIMITED if low is None else low
        high = abi.ATTN_UNLIMITED if high is None else high
        return Mask(context, context.make(lib.attn_mask_band, low, high, ALIGN[align]))

    @staticmethod
    def slices(q_len, kv_len, slices, context=None):
        """The union of slices (q_begin, q_end, k_begin, k_end, low, high) of q_len queries and kv_len keys; low, high None: no limit."""
        context = context or default_context()
        array = (abi.attn_slice * len(slices))()
        for place, (q0, q1, k0, k1, low, high) in zip(array, slices):
            place.q_begin, place.q_end, place.k_begin, place.k_end = q0, q1, k0, k1
            place.low = -abi.ATTN_UNLIMITED if low is None else low
            place.high = abi.ATTN_UNLIMITED if high is None else high
        return Mask(context, context.make(lib.attn_mask_slices, q_len, kv_len, array, len(slices)))

    @staticmethod
    def blocks(q_cuts, k_cuts, keep, context=None):
        """Block-sparse: rows are cut at q_cuts (from 0 to T), columns at k_cuts; block (a, b) is kept where keep[a][b] is true."""
        context = context or default_context()
        q, k = int64_array(q_cuts), int64_array(k_cuts)
        rows = keep.tolist() if hasattr(keep, "tolist") else keep
        if len(rows) != len(q) - 1 or any(len(row) != len(k) - 1 for row in rows):
            raise invalid("mask: keep has %d rows, expected %d of %d blocks" % (len(rows), len(q) - 1, len(k) - 1))
        flat = bytes(bool(x) for row in rows for x in row)
        return Mask(context, context.make(lib.attn_mask_blocks, q, len(q) - 1, k, len(k) - 1, flat))

    @staticmethod
    def top_blocks(q_cuts, k_cuts, scores, k, context=None):
        """The k blocks of greatest score of each row of blocks; scores is [row, column] of numbers."""
        context = context or default_context()
        q, keys = int64_array(q_cuts), int64_array(k_cuts)
        rows = scores.tolist() if hasattr(scores, "tolist") else scores
        if len(rows) != len(q) - 1 or any(len(row) != len(keys) - 1 for row in rows):
            raise invalid("mask: scores has %d rows, expected %d of %d blocks" % (len(rows), len(q) - 1, len(keys) - 1))
        flat = [x for row in rows for x in row]
        array = (ctypes.c_float * len(flat))(*flat)
        return Mask(context, context.make(lib.attn_mask_top_blocks, q, len(q) - 1, keys, len(keys) - 1, array, k))

    @staticmethod
    def bits(allowed, context=None):
        """A dense mask: a bool (or uint8) array [T, S], true where the pair exists; or [batch, head, T, S], where batch and head may be 1.
        Copied, an eighth of its size."""
        context = context or default_context()
        if hasattr(allowed, "numpy"):  # of torch
            allowed = allowed.detach().numpy()
        import numpy as np
        allowed = np.asarray(allowed)
        if allowed.dtype not in (np.dtype(bool), np.dtype(np.uint8)):
            raise invalid("mask: an array of %s, expected bool, true where the pair exists; numbers to add are a bias" % allowed.dtype)
        if allowed.ndim == 4:
            return Mask.stack([[Mask.bits(head, context) for head in sequence] for sequence in allowed], context)
        if allowed.ndim != 2:
            raise invalid("mask: an array of %d axes, expected 2: queries, keys; or 4: batch, head, queries, keys" % allowed.ndim)
        packed = np.ascontiguousarray(np.packbits(allowed.astype(bool, copy=False), axis=1, bitorder="little"))
        return Mask(context, context.make(lib.attn_mask_bits, allowed.shape[0], allowed.shape[1], packed.ctypes.data,
                                          packed.shape[1]))

    @staticmethod
    def predicate(q_len, kv_len, allowed, hint=None, context=None):
        """A rule: allowed(q, k) answers for a pair, hint(q0, q1, k0, k1) for a rectangle: 0 none, 1 all, 2 ask for each pair.
        Both must be pure; they are called while compiling."""
        context = context or default_context()
        pair = _PAIR(_caught(lambda user, q, k: bool(allowed(q, k))))
        ask = _HINT(_caught(lambda user, *rectangle: int(hint(*rectangle)))) if hint else None
        pointer = context.make(lib.attn_mask_predicate, q_len, kv_len, ctypes.cast(pair, ctypes.c_void_p),
                               ctypes.cast(ask, ctypes.c_void_p) if ask else None, None)
        return Mask(context, pointer, (pair, ask))

    @staticmethod
    def stack(masks, context=None):
        """One mask for each sequence, or each sequence and head: a list, or a list of lists. A list of one is shared by all. A free mask
        that is no single band has to be compiled first."""
        rows = [[m] if isinstance(m, (Mask, str)) else list(m) for m in masks]
        if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
            raise invalid("mask: a stack needs the same number of masks, at least 1, for each of its sequences")
        flat = [as_mask(m, context) for row in rows for m in row]
        flat = [m if m.lengths is None else m.executable(*m.lengths) for m in flat]
        context = context or flat[0].context
        pointers = (ctypes.c_void_p * len(flat))(*[m.pointer for m in flat])
        return Mask(context, context.make(lib.attn_mask_stack, len(rows), len(rows[0]), pointers), tuple(flat), as_is=True)

    def _combine(self, function, *others):
        others = tuple(as_mask(m, self.context) for m in others)
        pointer = self.context.make(function, self.pointer, *[m.pointer for m in others])
        return Mask(self.context, pointer, (self,) + others)

    def __and__(self, other):
        return self._combine(lib.attn_mask_and, other)

    def __or__(self, other):
        return self._combine(lib.attn_mask_or, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self):
        return self._combine(lib.attn_mask_not)

    def compile(self, q_len, kv_len=None):
        """The mask for q_len queries and kv_len keys (as many, if not given): what execution needs; area, rows and tiles can be asked."""
        kv_len = q_len if kv_len is None else kv_len
        _local.error = None
        out = ctypes.c_void_p()
        status = lib.attn_mask_compile(self.context.pointer, self.pointer, q_len, kv_len, ctypes.byref(out))
        error, _local.error = _local.error, None
        made = None if status else Mask(self.context, out.value, self._keep, as_is=True)
        if error is not None:
            raise error
        self.context.check(status)
        return made

    def cut(self, q0, q1, k0, k1):
        """The rectangle of queries [q0, q1) and keys [k0, k1) of a compiled mask; indices of the result begin at 0."""
        return Mask(self.context, self.context.make(lib.attn_mask_cut, self.pointer, q0, q1, k0, k1), as_is=True)

    # ------------------------------------------------------------- executing

    def executable(self, q_len, kv_len):
        """This mask if it can be executed as it is at any lengths it fits; else its form compiled for these, remembered."""
        if self.as_is:
            return self
        compiled = self._compiled.get((q_len, kv_len))
        if compiled is None:
            compiled = self.compile(q_len, kv_len)
            remember(self._compiled, (q_len, kv_len), compiled, _REMEMBERED)
        return compiled

    @property
    def as_is(self):
        """Is this mask executed as it is: a single band, a compiled mask, a stack?"""
        if self._as_is is None:
            self._as_is = lib.attn_mask_area(self.pointer) >= 0 or self._is_band()
        return self._as_is

    def _is_band(self):
        """Can a free mask be executed at 1 x 1, without being compiled?"""
        if self.lengths is not None:
            return False
        problem, args, out = abi.attn_problem(), abi.attn_args(), abi.attn_estimate()
        lib.attn_problem_init(ctypes.byref(problem))
        lib.attn_args_init(ctypes.byref(args))
        lib.attn_estimate_init(ctypes.byref(out))
        problem.heads = problem.dim = problem.q_len = 1
        plan = default_context().make(lib.attn_plan_create, ctypes.byref(problem))  # whose log nobody reads
        args.mask = self.pointer
        status = lib.attn_plan_estimate(plan, ctypes.byref(args), ctypes.byref(out))
        lib.attn_plan_destroy(plan)
        return status == abi.ATTN_OK

    # ---------------------------------------------------------------- asking

    @property
    def lengths(self):
        """(T, S) of a bound mask, None of a free one."""
        q, k = ctypes.c_int64(), ctypes.c_int64()
        lib.attn_mask_lengths(self.pointer, ctypes.byref(q), ctypes.byref(k))
        return None if q.value < 0 else (q.value, k.value)

    @property
    def area(self):
        """Number of allowed pairs."""
        self._need_compiled()
        return lib.attn_mask_area(self.pointer)

    @property
    def bytes(self):
        """Memory held."""
        return lib.attn_mask_bytes(self.pointer)

    def allows(self, q, k):
        """Does the pair (q, k) exist?"""
        self._need_inside(q, k)
        return bool(lib.attn_mask_allows(self.pointer, q, k))

    def row(self, q):
        """Keys of a query: sorted disjoint half-open intervals [(begin, end), ...]."""
        self._need_inside(q, None)
        return self._intervals(lib.attn_mask_row, q)

    def column(self, k):
        """Queries of a key, as row."""
        self._need_inside(None, k)
        return self._intervals(lib.attn_mask_column, k)

    def tile(self, q0, q1, k0, k1):
        """"empty", "full" or "partial": the class of a rectangle."""
        T, S = self._need_compiled()
        if not (0 <= q0 <= q1 <= T and 0 <= k0 <= k1 <= S):
            raise invalid("mask: the tile %d:%d, %d:%d is not within %d queries and %d keys" % (q0, q1, k0, k1, T, S))
        return ("empty", "full", "partial")[lib.attn_mask_tile(self.pointer, q0, q1, k0, k1)]

    def dense(self):
        """A NumPy array [T, S] of bool of a compiled mask."""
        import numpy as np
        T, S = self._need_compiled()
        allowed = np.zeros((T, S), bool)
        for q in range(T):
            for begin, end in self.row(q):
                allowed[q, begin:end] = True
        return allowed

    def picture(self, lines=32, columns=64):
        """A compiled mask as text: # all pairs, + some, . none; queries downwards, keys to the right."""
        T, S = self._need_compiled()
        lines, columns = min(lines, T), min(columns, S)
        q = [T * n // lines for n in range(lines + 1)] if lines else [0]
        k = [S * n // columns for n in range(columns + 1)] if columns else [0]
        signs = {"empty": ".", "full": "#", "partial": "+"}
        return "\n".join("".join(signs[self.tile(q0, q1, k0, k1)] for k0, k1 in zip(k, k[1:])) for q0, q1 in zip(q, q[1:]))

    def _intervals(self, function, index):
        count = function(self.pointer, index, None, 0)
        array = (ctypes.c_int64 * (2 * max(count, 1)))()
        function(self.pointer, index, array, count)
        return [(array[2 * n], array[2 * n + 1]) for n in range(count)]

    def _need_compiled(self):
        if lib.attn_mask_area(self.pointer) < 0:
            raise MaskError("mask: \"%s\" is not compiled; ask mask.compile(q_len, kv_len)" % self, "ATTN_EMASK")
        return self.lengths

    def _need_inside(self, q, k):
        T, S = self._need_compiled()
        if (q is not None and not 0 <= q < T) or (k is not None and not 0 <= k < S):
            raise IndexError("mask: query %s, key %s of a mask of %d queries and %d keys" % (q, k, T, S))

    def __str__(self):
        return text_of(lib.attn_mask_text, self.pointer)

    def __repr__(self):
        return "<attn.Mask %s%s>" % (self, "" if self.lengths is None else ", %d x %d" % self.lengths)


def _caught(function):
    """A callback must not raise: the exception waits for compile."""
    def call(*arguments):
        try:
            return function(*arguments)
        except BaseException as error:  # noqa: B902: handed on by compile
            _local.error = error
            return 0
    return call


_texts = {}  # (context address, text): Mask


def as_mask(mask, context=None):
    """A mask of what users write: a Mask, a text, a bool array [T, S]."""
    if isinstance(mask, Mask):
        return mask
    if isinstance(mask, str):
        context = context or default_context()
        made = _texts.get((context, mask))
        if made is None:
            made = Mask.parse(mask, context)
            remember(_texts, (context, mask), made, _TEXTS)
        return made
    if hasattr(mask, "shape"):
        return Mask.bits(mask, context)
    raise invalid("mask: a %s, expected an attn.Mask, a text such as \"causal\", or a bool array [queries, keys]" % type(mask).__name__)


def forget_texts():
    _texts.clear()


def pool_scores(q, k, q_cuts, k_cuts, context=None):
    """Scores of Mask.top_blocks from data: mean of the queries of a block times mean of its keys; q [T, D], k [S, D] float32."""
    context = context or default_context()
    a, b = describe(q, "q"), describe(k, "k")
    if a.dtype != "float32" or b.dtype != "float32" or len(a.shape) != 2 or len(b.shape) != 2 or a.shape[1] != b.shape[1]:
        raise invalid("pool_scores: q is %s %s, k is %s %s, expected float32 [T, D] and [S, D]" % (a.dtype, a.shape, b.dtype, b.shape))
    if any(x.shape[1] > 1 and x.strides[1] != 1 for x in (a, b)):
        raise invalid("pool_scores: rows of q and k must be contiguous")
    cuts_q, cuts_k = int64_array(q_cuts), int64_array(k_cuts)
    rows, columns = len(cuts_q) - 1, len(cuts_k) - 1
    if cuts_q[rows] > a.shape[0] or cuts_k[columns] > b.shape[0]:
        raise invalid("pool_scores: the cuts end at %d and %d, past %d queries or %d keys" %
                      (cuts_q[rows], cuts_k[columns], a.shape[0], b.shape[0]))
    scores = (ctypes.c_float * (rows * columns))()
    context.check(lib.attn_mask_pool_scores(context.pointer, a.data, a.strides[0], b.data, b.strides[0], a.shape[1], cuts_q, rows,
                                            cuts_k, columns, scores))
    return [list(scores[r * columns:(r + 1) * columns]) for r in range(rows)]
