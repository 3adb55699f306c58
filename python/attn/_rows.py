"""Arrays of float32 whose rows are read or written whole: what search, streams and caches take."""
from ._arrays import describe
from ._library import invalid, mismatch


def tokens(x, name, heads, dim):
    """(address, number of tokens, stride from token to token, owner) of [token, head, dim], or of one token [head, dim]."""
    a = describe(x, name)
    shape = a.shape if len(a.shape) == 3 else (1,) + a.shape
    if len(shape) != 3 or shape[1:] != (heads, dim):
        raise mismatch("%s has the shape %s, expected [tokens, %d, %d] or [%d, %d]" % (name, list(a.shape), heads, dim, heads, dim))
    need_float32(a, name)
    strides = a.strides if len(a.shape) == 3 else (heads * dim,) + a.strides
    if not a.contiguous and ((dim > 1 and strides[2] != 1) or (heads > 1 and strides[1] != dim)):
        raise invalid("%s has the strides %s, expected the heads of a token one after the other; make a copy" % (name, list(a.strides)))
    if shape[0] > 1 and strides[0] < heads * dim:
        raise invalid("%s has the stride %d from token to token, expected at least %d; make a copy" % (name, strides[0], heads * dim))
    return a.data, shape[0], strides[0] if shape[0] > 1 else heads * dim, a


def table(x, name):
    """The Array of [rows, dim] or [dim], whose rows are contiguous and lie at any distance."""
    a = describe(x, name)
    need_float32(a, name)
    if not 1 <= len(a.shape) <= 2:
        raise mismatch("%s has the shape %s, expected [rows, dim]" % (name, list(a.shape)))
    if a.shape[-1] > 1 and a.strides[-1] != 1:
        raise invalid("%s has the stride %d along dim, expected 1; make a copy" % (name, a.strides[-1]))
    if len(a.shape) == 2 and a.shape[0] > 1 and a.strides[0] <= 0:
        raise invalid("%s has the stride %d from row to row, expected at least 1; make a copy" % (name, a.strides[0]))
    return a


def result(x, name, shape, dtype="float32"):
    """The Array of an output that has to be contiguous."""
    a = describe(x, name)
    if a.shape != shape or a.dtype != dtype or not a.contiguous or not a.writable:
        raise mismatch("%s is %s %s, expected a contiguous, writable array of %s %s" % (name, a.dtype, list(a.shape), dtype, list(shape)))
    return a


def need_float32(a, name):
    if a.dtype != "float32":
        raise invalid("%s is %s, expected float32" % (name, a.dtype))
