"""Finds and loads libattn, declares its functions, and turns its statuses into exceptions.

The library is, in this order: the file that the environment variable ATTN_LIBRARY names; the one that was built into this package; the
one that the system's loader finds. Its version has to be the one whose headers this package was made from.
"""
import ctypes
import os
from operator import index

try:
    from . import _abi as abi
except ImportError as problem:
    raise ImportError("attn: attn/_abi.py is made when the package is built: `pip install ./python`, or `python/backend.py stage DIR`"
                      " and DIR on the path") from problem


class Error(Exception):
    """A call that the library refused: the text is its sentence, `status` its name, such as "ATTN_ESHAPE"."""

    def __init__(self, text, status="ATTN_EINVAL"):
        super().__init__(text)
        self.status = status

    def __reduce__(self):  # to other processes
        return type(self), (str(self), self.status)


class InvalidError(Error, ValueError):
    """ATTN_EINVAL: an argument is wrong."""


class ShapeError(Error, ValueError):
    """ATTN_ESHAPE: lengths, heads or head sizes do not fit each other, or pass a plan's capacities."""


class UnsupportedError(Error, NotImplementedError):
    """ATTN_EUNSUPPORTED: a legal request that this version has no kernel for; the sentence names the nearest one."""


class MaskError(Error, ValueError):
    """ATTN_EMASK: a mask's text is wrong, or its lengths are not those of the execution."""


class WorkspaceError(Error, ValueError):
    """ATTN_EWORKSPACE: the workspace is too small."""


class NoMemoryError(Error, MemoryError):
    """ATTN_ENOMEM: no memory."""


class SystemFailure(Error, OSError):
    """ATTN_ESYSTEM: the operating system refused a thread or a file."""


class FullError(Error, MemoryError):
    """ATTN_EFULL: a cache has too few free blocks."""


_ERRORS = {
    abi.ATTN_EINVAL: InvalidError, abi.ATTN_ESHAPE: ShapeError, abi.ATTN_EUNSUPPORTED: UnsupportedError, abi.ATTN_EMASK: MaskError,
    abi.ATTN_EWORKSPACE: WorkspaceError, abi.ATTN_ENOMEM: NoMemoryError, abi.ATTN_ESYSTEM: SystemFailure,
    abi.ATTN_EFULL: FullError,
}


def invalid(text):
    return InvalidError(text, "ATTN_EINVAL")


def mismatch(text):
    return ShapeError(text, "ATTN_ESHAPE")


def whole(name, value, bits=32):
    """The integer, which ctypes would cut to its bits without a word."""
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or not -2 ** (bits - 1) <= number < 2 ** (bits - 1):
        raise invalid("%s is %r, expected an integer of %d bits" % (name, value, bits))
    return number


def _load():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libattn.so")
    path = os.environ.get("ATTN_LIBRARY") or (here if os.path.exists(here) else "libattn.so.%d" % abi.ATTN_VERSION_MAJOR)
    try:
        library = ctypes.CDLL(path)
        library.attn_version.restype = ctypes.c_int
        version = library.attn_version()
        if version == abi.ATTN_VERSION:
            for name, (result, arguments) in abi.FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as problem:
        raise ImportError("attn: %s cannot be used: %s; set ATTN_LIBRARY to the path of libattn.so" % (path, problem)) from problem
    if version != abi.ATTN_VERSION:
        raise ImportError("attn: %s is version %d, expected %d, which this package was made for" % (path, version, abi.ATTN_VERSION))
    return library, path


lib, library_path = _load()


def error_of(status, sentence):
    name = lib.attn_status_name(status).decode()
    return _ERRORS.get(status, Error)(sentence or name, name)


def last_error(status, context):
    """The exception for a failed status, with the context's sentence."""
    text = ctypes.create_string_buffer(1024)
    lib.attn_ctx_error(context, text, 1024)
    return error_of(status, text.value.decode("utf-8", "replace"))


def text_of(function, *arguments):
    """The answer of a function that writes at most `size` bytes and returns how many it has."""
    size = 4096
    while True:
        text = ctypes.create_string_buffer(size)
        needed = function(*arguments, text, size)
        if needed < size:
            return text.value.decode("utf-8", "replace")
        size = needed + 1


def version():
    """The version of the library, its compiler, executor and instruction sets: "attn 0.1.0, gcc 12.2.0, openmp, kernels: ..."."""
    return lib.attn_version_string().decode()
