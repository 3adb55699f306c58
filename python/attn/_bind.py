"""Arrays and options of one execution, checked against each other and laid into the library's structs.

The library trusts addresses and strides; that every array has the extents which the call is told of is established here.
Axes in the library's order are batch, head, token, dim, whatever the layout of the arrays.
"""
import ctypes
import mmap
import struct
from operator import index

from ._arrays import describe, float32_array, int32_array
from ._library import abi, invalid, lib, mismatch
from ._mask import Mask, as_mask

LAYOUTS = {"bhtd": abi.ATTN_BHTD, "bthd": abi.ATTN_BTHD, "thd": abi.ATTN_THD}
AS_LAYOUT = (0, 0, 0, 0)  # strides: contiguous in the layout
_FORMS = {  # layout, number of axes: places of batch, head, token, dim among them; -1: not there
    ("bhtd", 4): (0, 1, 2, 3), ("bhtd", 3): (-1, 0, 1, 2), ("bhtd", 2): (-1, -1, 0, 1),
    ("bthd", 4): (0, 2, 1, 3), ("bthd", 3): (-1, 1, 0, 2), ("bthd", 2): (-1, -1, 0, 1),
    ("thd", 3): (-1, 1, 0, 2), ("thd", 2): (-1, -1, 0, 1),
}
_IN_ORDER = (0, 1, 2, 3)
_SHAPES = {"bhtd": "[batch, head, token, dim]", "bthd": "[batch, token, head, dim]", "thd": "[token, head, dim]"}
_NO_STRIDE = "%s has stride 0 along every axis, which the library reads as contiguous; make a copy"
put = struct.Struct("@P4q").pack_into  # an attn_input or attn_output: address, strides


class Tensor:
    """An array in the library's order of axes. `data` is its address, `extents` and `strides` have four elements."""
    __slots__ = ("array", "data", "extents", "strides", "dtype")

    def __init__(self, array, extents, strides):
        self.array, self.data, self.dtype = array, array.data, array.dtype
        self.extents, self.strides = extents, strides


def tensor(x, layout, name):
    """q, k, v, o and their gradients; leading axes may be left away."""
    a = describe(x, name)
    shape = a.shape
    form = _FORMS.get((layout, len(shape)))
    if form is None:
        raise mismatch("%s has the shape %s, expected %s" % (name, list(shape), _SHAPES[layout]))
    if form == _IN_ORDER:
        extents = shape
    else:
        extents = tuple([1 if p < 0 else shape[p] for p in form])
    if a.contiguous:
        return Tensor(a, extents, AS_LAYOUT)
    strides = tuple([1 if p < 0 or shape[p] <= 1 else a.strides[p] for p in form])
    if strides == AS_LAYOUT:
        raise invalid(_NO_STRIDE % name)
    return Tensor(a, extents, strides)


def rows(x, name, axes, packed):
    """lse and its gradient: [batch, head, token], or what q's layout leaves of it."""
    a = describe(x, name)
    if len(a.shape) != axes:
        raise mismatch("%s has the shape %s, expected %d axes: q's without dim, head before token" % (name, list(a.shape), axes))
    extents = (1,) * (3 - axes) + a.shape
    if a.contiguous and not packed:
        return Tensor(a, extents + (1,), AS_LAYOUT)
    strides = (1,) * (3 - axes) + a.strides
    strides = tuple([s if n > 1 else 1 for s, n in zip(strides, extents)]) + (0,)
    if strides == AS_LAYOUT:
        raise invalid(_NO_STRIDE % name)
    return Tensor(a, extents + (1,), strides)


def bias_axes(shape):
    """The shape of a bias with all four axes."""
    if len(shape) > 4:
        raise mismatch("bias has the shape %s, expected at most [batch, head, query, key]" % list(shape))
    return (1,) * (4 - len(shape)) + tuple(shape)


def shared_axes(shape):
    """attn_problem.bias_broadcast of a bias with all four axes."""
    return sum(1 << axis for axis in range(4) if shape[axis] == 1)


def bias_strides(array, shared, name):
    shape = bias_axes(array.shape)
    own = (0,) * (4 - len(array.shape)) + array.strides
    strides = tuple([0 if shared >> n & 1 else own[n] if shape[n] > 1 else 1 for n in range(4)])
    if strides == AS_LAYOUT and any(shape[n] > 1 for n in range(4)):
        raise invalid(_NO_STRIDE % name)
    return strides


def need_extents(t, want, name, why):
    if t.extents != want:
        raise mismatch("%s has the extents %s (batch, head, token, dim), expected %s: %s" % (name, list(t.extents), list(want), why))


def need_dtype(t, want, name):
    if t.dtype != want:
        raise invalid("%s is %s, expected %s" % (name, t.dtype, want))


def need_writable(t, name):
    if not t.array.writable:
        raise invalid("%s is read-only, and is an output" % name)


class Workspaces:
    """Memory between executions: one piece for each call at once, the last one given back is taken first."""

    def __init__(self):
        self._free = []

    def take(self, size):
        try:
            piece = self._free.pop()
        except IndexError:
            piece = (0, 0, None)
        return piece if piece[1] >= size else _allocate(size)

    def give(self, piece):
        self._free.append(piece)

    def clear(self):
        self._free = []


def _allocate(size):
    if size == 0:
        return (0, 0, None)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # of this process alone, aligned to a page
    return (ctypes.addressof(ctypes.c_char.from_buffer(memory)), size, memory)


_ARGS = abi.attn_args()
lib.attn_args_init(ctypes.byref(_ARGS))
_GRADIENTS = abi.attn_gradients()
lib.attn_gradients_init(ctypes.byref(_GRADIENTS))
ARGS = {name: getattr(abi.attn_args, name).offset for name in ("q", "k", "v", "o", "lse", "alibi", "bias", "sink")}
GRADIENTS = {name: getattr(abi.attn_gradients, name).offset
             for name in ("d_o", "d_lse", "dq", "dk", "dv", "dbias", "dalibi", "dsink")}
OFFSET_Q, OFFSET_K, OFFSET_V, OFFSET_O, OFFSET_LSE = (ARGS[name] for name in ("q", "k", "v", "o", "lse"))


class Call:
    """The structs of one execution, used again for the next."""
    __slots__ = ("args", "gradients", "address", "gradients_address")

    def __init__(self):
        self.args, self.gradients = abi.attn_args(), abi.attn_gradients()
        self.address, self.gradients_address = ctypes.addressof(self.args), ctypes.addressof(self.gradients)
        self.reset()

    def reset(self):
        ctypes.memmove(self.address, ctypes.byref(_ARGS), ctypes.sizeof(abi.attn_args))

    def reset_gradients(self):
        ctypes.memmove(self.gradients_address, ctypes.byref(_GRADIENTS), ctypes.sizeof(abi.attn_gradients))


def set_options(call, plan, batch, q_len, kv_len, mask=None, alibi=None, bias=None, sink=None, seed=0, q_lens=None, kv_lens=None,
                q_starts=None, kv_starts=None, cu_q=None, cu_kv=None, q_offset=0, kv_offset=0, global_q_len=None, global_kv_len=None,
                batch_offset=0, head_offset=0):
    """Everything in attn_args but q, k, v, o and lse. Returns what must live until the call is over."""
    args = call.args
    keep = []
    args.batch, args.q_len, args.kv_len = batch, q_len, kv_len
    if seed:
        if not 0 < seed < 2 ** 64:
            raise invalid("seed is %d, expected 0 to 2^64 - 1" % seed)
        args.seed = index(seed)
    if q_offset or kv_offset or batch_offset or head_offset or global_q_len is not None or global_kv_len is not None:
        args.q_offset, args.kv_offset, args.batch_offset, args.head_offset = map(index, (q_offset, kv_offset, batch_offset, head_offset))
        args.global_q_len = -1 if global_q_len is None else index(global_q_len)
        args.global_kv_len = -1 if global_kv_len is None else index(global_kv_len)
    if plan.packed:
        batch = _set_cumulative(args, keep, cu_q, cu_kv, q_len, kv_len)
        if q_lens is not None or kv_lens is not None or q_starts is not None or kv_starts is not None:
            raise invalid("q_lens, kv_lens, q_starts and kv_starts are for padded layouts; with \"thd\" give cu_q and cu_kv")
    elif q_lens is not None or kv_lens is not None or q_starts is not None or kv_starts is not None:
        _set_ragged(args, keep, batch, q_lens=q_lens, kv_lens=kv_lens, q_starts=q_starts, kv_starts=kv_starts)
    if not plan.packed and (cu_q is not None or cu_kv is not None):
        raise invalid("cu_q and cu_kv are for the layout \"thd\", not \"%s\"" % plan.layout)
    if alibi is not None:
        _set_per_head(call, keep, "alibi", alibi, batch, plan.heads)
    if sink is not None:
        _set_per_head(call, keep, "sink", sink, batch, plan.heads)
    if bias is not None:
        _set_bias(call, keep, plan, bias, batch, q_offset, kv_offset)
    if mask is not None:
        _set_mask(args, keep, plan, mask, batch, q_len, kv_len)
    return keep


def _set_cumulative(args, keep, cu_q, cu_kv, q_tokens, kv_tokens):
    """Returns the number of sequences."""
    if cu_q is None:
        raise invalid("cu_q is not given, expected the cumulative lengths of the sequences, as the layout is \"thd\"")
    args.cu_q, count, owner = int32_array(cu_q, "cu_q")
    keep.append(owner)
    if cu_kv is None or cu_kv is cu_q:
        args.cu_kv, kv_count = args.cu_q, count
    else:
        args.cu_kv, kv_count, owner = int32_array(cu_kv, "cu_kv")
        keep.append(owner)
    if count < 1 or count != kv_count:
        raise mismatch("cu_q has %d elements and cu_kv %d, expected the number of sequences + 1 in both" % (count, kv_count))
    for name, address, tokens in (("cu_q", args.cu_q, q_tokens), ("cu_kv", args.cu_kv, kv_tokens)):
        last = ctypes.c_int32.from_address(address + 4 * (count - 1)).value
        if last > tokens:
            raise mismatch("%s[%d] is %d, but the array has %d tokens" % (name, count - 1, last, tokens))
    args.batch = count - 1
    args.q_len = args.kv_len = -1
    return count - 1


def _set_ragged(args, keep, batch, **lengths):
    for name, x in lengths.items():
        if x is not None:
            address, count, owner = int32_array(x, name)
            if count != batch:
                raise mismatch("%s has %d elements, expected one for each of %d sequences" % (name, count, batch))
            setattr(args, name, address)
            keep.append(owner)


def per_head_strides(array, batch, heads, name):
    if array.shape == (heads,):
        return (0, 1, 0, 0)
    if array.shape == (batch, heads):
        return (heads, 1, 0, 0)
    raise mismatch("%s has the shape %s, expected [heads] or [batch, heads]: [%d] or [%d, %d]" %
                   (name, list(array.shape), heads, batch, heads))


def _set_per_head(call, keep, name, x, batch, heads):
    array = float32_array(x, name)
    put(call.args, ARGS[name], array.data, *per_head_strides(array, batch, heads, name))
    keep.append(array)


def _set_bias(call, keep, plan, x, batch, q_offset, kv_offset):
    args = call.args
    array = describe(x, "bias")
    if array.dtype != "float32":
        array = float32_array(x, "bias")
    q = args.global_q_len if args.global_q_len >= 0 else q_offset + (plan.q_len if plan.packed else args.q_len)
    kv = args.global_kv_len if args.global_kv_len >= 0 else kv_offset + (plan.kv_len if plan.packed else args.kv_len)
    full = (batch, plan.heads, q, kv)
    want = tuple([1 if plan.bias_shared >> n & 1 else full[n] for n in range(4)])
    if bias_axes(array.shape) != want:
        raise mismatch("bias has the shape %s, expected %s (batch, head, query, key; 1 where the axis is shared)" %
                       (list(array.shape), list(want)))
    put(args, ARGS["bias"], array.data, *bias_strides(array, plan.bias_shared, "bias"))
    keep.append(array)


def _set_mask(args, keep, plan, mask, batch, q_len, kv_len):
    mask = mask if type(mask) is Mask else as_mask(mask, plan.context)
    if not mask.as_is:
        if not plan.packed and not (args.q_lens or args.kv_lens):
            mask = mask.executable(args.global_q_len if args.global_q_len >= 0 else args.q_offset + q_len,
                                   args.global_kv_len if args.global_kv_len >= 0 else args.kv_offset + kv_len)
        elif batch > 0:
            q, kv = _lengths(args.q_lens, args.cu_q, batch, q_len), _lengths(args.kv_lens, args.cu_kv, batch, kv_len)
            if args.global_q_len >= 0:
                q = [args.global_q_len - args.q_offset] * batch
            if args.global_kv_len >= 0:
                kv = [args.global_kv_len - args.kv_offset] * batch
            mask = Mask.stack([mask.executable(args.q_offset + a, args.kv_offset + b) for a, b in zip(q, kv)], plan.context)
    args.mask = mask.pointer
    keep.append(mask)


def _lengths(lens, cumulative, batch, length):
    """The lengths of the sequences, from whichever array there is."""
    if cumulative:
        cu = (ctypes.c_int32 * (batch + 1)).from_address(cumulative)[:]
        return [b - a for a, b in zip(cu, cu[1:])]
    return (ctypes.c_int32 * batch).from_address(lens)[:] if lens else [length] * batch
