"""Other people's arrays: where they are, their shape, strides and data type, without copying. NumPy, PyTorch, anything with __dlpack__ on
the CPU, anything with a buffer that NumPy reads. And new arrays like theirs."""
import ctypes
import sys

from ._library import UnsupportedError, abi, invalid, whole

# name: attn_dtype, bytes, name of the log-sum-exp's type. The names are those of NumPy (ml_dtypes for bfloat16) and PyTorch.
DTYPES = {
    "float32": (abi.ATTN_F32, 4, "float32"),
    "float64": (abi.ATTN_F64, 8, "float64"),
    "bfloat16": (abi.ATTN_BF16, 2, "float32"),
    "float16": (abi.ATTN_F16, 2, "float32"),
}
_SIZES = {"int32": 4, "int64": 8, "bool": 1, "uint8": 1, "int8": 1, **{name: row[1] for name, row in DTYPES.items()}}
_address, _byte = ctypes.addressof, ctypes.c_char.from_buffer
_names = {}  # a dtype object of NumPy or PyTorch: its name and size


class Array:
    """data: address; steps: strides in bytes of `unit`; keep: what must live as long as the address is used; writable: may be an output."""
    __slots__ = ("data", "shape", "dtype", "writable", "contiguous", "keep", "_steps", "_unit")

    def __init__(self, data, shape, steps, unit, dtype, writable, contiguous, keep):
        self.data, self.shape, self._steps, self._unit, self.dtype = data, shape, steps, unit, dtype
        self.writable, self.contiguous, self.keep = writable, contiguous, keep

    @property
    def strides(self):
        """In elements."""
        return self._steps if self._unit == 1 else tuple([s // self._unit for s in self._steps])


def describe(x, name):
    """The Array of `x`, called `name` where something is wrong with it."""
    return (_readers.get(type(x)) or _reader_of(type(x), x, name))(x, name)


def _name_of(dtype, name):
    text = str(dtype).replace("torch.", "")
    if hasattr(dtype, "isnative") and dtype.isnative:
        text = dtype.name
    if text not in _SIZES:
        raise UnsupportedError("%s has the data type %s, expected one of %s" % (name, dtype, ", ".join(DTYPES)), "ATTN_EUNSUPPORTED")
    _names[dtype] = text, _SIZES[text]
    return _names[dtype]


def _numpy(x, name):
    dtype, size = _names.get(x.dtype) or _name_of(x.dtype, name)
    flags = x.flags
    contiguous, writable = flags.c_contiguous, flags.writeable
    if contiguous and writable and x.size and dtype != "bfloat16":
        data = _address(_byte(x))  # a third of the time of the general way
    else:
        data = x.ctypes.data
        if any([s % size for s in x.strides]):
            raise invalid("%s has strides of %s bytes, expected multiples of its element's %d" % (name, x.strides, size))
    return Array(data, x.shape, x.strides, size, dtype, writable, contiguous, x)


def _torch(x, name):
    dtype, _ = _names.get(x.dtype) or _name_of(x.dtype, name)
    if not x.is_cpu:
        raise invalid("%s is on %s, expected the CPU" % (name, x.device))
    if x.is_neg():
        raise invalid("%s is negated when it is read, not in memory: %s.resolve_neg()" % (name, name))
    if x.requires_grad and sys.modules["torch"].is_grad_enabled():
        raise invalid("%s requires a gradient, which this function would lose: attn.torch.attention, or %s.detach()" % (name, name))
    return Array(x.data_ptr(), tuple(x.shape), x.stride(), 1, dtype, True, x.is_contiguous(), x)


class _DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
                ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"}


def _dlpack(x, name):
    """The capsule is kept, not consumed: its owner frees the tensor when it goes."""
    device = x.__dlpack_device__()
    if device[0] != 1:
        raise invalid("%s is on the DLPack device %s, expected the CPU (1)" % (name, tuple(device)))
    capsule = x.__dlpack__()
    t = _DLTensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    dtype = _CODES.get(t.code, "?") + ("" if t.code == 6 else str(t.bits))
    if dtype not in _SIZES or t.lanes != 1:
        raise UnsupportedError("%s has the data type %s, expected one of %s" % (name, dtype, ", ".join(DTYPES)), "ATTN_EUNSUPPORTED")
    shape = tuple(t.shape[:t.ndim])
    dense = contiguous_strides(shape)
    strides = tuple(t.strides[:t.ndim]) if t.strides else dense
    return Array((t.data or 0) + t.byte_offset, shape, strides, 1, dtype, True, strides == dense, capsule)


def _buffer(x, name):
    import numpy as np
    return _numpy(np.asarray(memoryview(x)), name)


_readers = {}


def _reader_of(kind, x, name):
    if any(c.__module__ == "numpy" and c.__name__ == "ndarray" for c in kind.__mro__):
        reader = _numpy
    elif any(c.__module__ == "torch" and c.__name__ == "Tensor" for c in kind.__mro__):
        reader = _torch
    elif hasattr(kind, "__dlpack__"):
        reader = _dlpack
    else:
        try:
            memoryview(x)
        except TypeError:
            raise TypeError("%s is a %s, expected an array: NumPy, PyTorch, or one with __dlpack__" % (name, kind.__name__)) from None
        reader = _buffer
    _readers[kind] = reader
    return reader


def contiguous_strides(shape):
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


# --------------------------------------------------------------------------------------------------- new arrays


def new(like, shape, dtype, fill=None):
    """An array of the kind of `like`, contiguous: filled, or as memory comes."""
    if _reader_for(like) is _torch:
        torch = sys.modules["torch"]
        dtype = getattr(torch, dtype)
        return torch.empty(shape, dtype=dtype) if fill is None else torch.full(shape, fill, dtype=dtype)
    np = _need_numpy()
    if dtype == "bfloat16":
        import ml_dtypes
        dtype = ml_dtypes.bfloat16
    return np.empty(shape, dtype) if fill is None else np.full(shape, fill, dtype)


def _reader_for(x):
    return _readers.get(type(x)) or _reader_of(type(x), x, "the array")


def _need_numpy():
    try:
        import numpy
    except ImportError as problem:
        raise ImportError("attn: results of inputs that are not PyTorch's are NumPy arrays, and there is no NumPy; install it, or give"
                          " the output arrays") from problem
    return numpy


def give_back(like, array):
    """A new array as the kind of `like` sees it: JAX and others take it over by DLPack."""
    if array is None or _reader_for(like) is not _dlpack or not hasattr(like, "__array_namespace__"):
        return array
    return like.__array_namespace__().from_dlpack(array)


def float32_array(x, name):
    """An Array of float32, contiguous: a small list, or an array of another type, is copied."""
    if isinstance(x, (list, tuple)):
        flat = [float(v) for v in x]
        memory = (ctypes.c_float * len(flat))(*flat)
        return Array(ctypes.addressof(memory), (len(flat),), (1,), 1, "float32", False, True, memory)
    array = describe(x, name)
    if array.dtype == "float32" and array.contiguous:
        return array
    copy = x.float().contiguous() if array.keep is x and hasattr(x, "float") else _need_numpy().ascontiguousarray(x, "float32")
    return describe(copy, name)


def int32_array(x, name):
    """(address, count, owner) of int32: a contiguous array of int32 as it is, anything else copied."""
    return _integers(x, name, "int32", ctypes.c_int32, 32)


def int64_list(x, name):
    """The same of int64."""
    return _integers(x, name, "int64", ctypes.c_int64, 64)


def _integers(x, name, dtype, ctype, bits):
    if not isinstance(x, (list, tuple, range)):
        try:
            array = describe(x, name)
        except UnsupportedError:
            if not hasattr(x, "tolist"):
                raise
            array = None  # integers of other sizes
        if array is not None and len(array.shape) != 1:
            raise invalid("%s has %d axes, expected 1" % (name, len(array.shape)))
        if array is not None and array.dtype == dtype and array.contiguous:
            return array.data, array.shape[0], array
        x = x.tolist()
    numbers = [whole("%s[%d]" % (name, n), value, bits) for n, value in enumerate(x)]
    memory = (ctype * len(numbers))(*numbers)
    return ctypes.addressof(memory), len(numbers), memory


def int64_array(x):
    x = x.tolist() if hasattr(x, "tolist") else list(x)
    if len(x) < 2:
        raise invalid("mask: %d cuts, expected at least 2: 0 and the length" % len(x))
    return (ctypes.c_int64 * len(x))(*x)
