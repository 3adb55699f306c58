"""Contexts: what calls share. One is made when it is first needed; a forked child makes its own."""
import ctypes
import os
import threading
import weakref

from ._library import abi, error_of, last_error, lib, text_of

_LOG = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
_LEVELS = ("error", "warn", "info", "debug")


class Handle:
    """An object of the library, freed when nothing refers to it any more; `owner` lives at least as long.

    At the end of the process nothing is freed: a thread may still be in a call.
    """
    __slots__ = ("value", "__weakref__")

    def __init__(self, value, destroy, owner=None):
        self.value = value
        weakref.finalize(self, _destroy, destroy, value, owner).atexit = False


def _destroy(destroy, value, owner):
    destroy(value)
    del owner  # only now


class Context:
    """Allocator, executor and log of the calls made with it. May be used from many threads at once; of two calls that fail at the same
    moment, both exceptions may carry the sentence of the later one.

    threads: greatest number of workers; 0: ATTN_THREADS if set, else one for each processor this process may use.
    isa: "portable", "avx512", ...: take kernels of this instruction set only; None: ATTN_ISA if set, else the best that is here.
    log: called with (level, text), level "error", "warn", "info" or "debug"; from any thread that calls into the context.
    """

    def __init__(self, threads=0, isa=None, log=None):
        config = abi.attn_ctx_config()
        lib.attn_ctx_config_init(ctypes.byref(config))
        config.threads = threads
        callback = None
        if log is not None:
            callback = _LOG(lambda user, level, text: log(_LEVELS[level], text.decode("utf-8", "replace")))
            config.log = ctypes.cast(callback, ctypes.c_void_p).value
        out, text = ctypes.c_void_p(), ctypes.create_string_buffer(1024)
        with _lock:
            before = os.environ.get("ATTN_ISA")
            if isa is not None:
                os.environ["ATTN_ISA"] = isa
            try:
                status = lib.attn_ctx_create(ctypes.byref(config), ctypes.byref(out), text, len(text))
            finally:
                if isa is not None:
                    _restore(before)
        if status:
            raise error_of(status, text.value.decode("utf-8", "replace"))
        self._handle = Handle(out.value, lib.attn_ctx_destroy, callback)
        self.pointer = out.value

    @property
    def threads(self):
        """Greatest number of workers."""
        return lib.attn_ctx_threads(self.pointer)

    @property
    def isa(self):
        """The instruction set that kernels are taken from."""
        return lib.attn_ctx_isa(self.pointer).decode()

    def support(self):
        """A table of kernels, instruction sets and data types, and whether each is usable here."""
        return text_of(lib.attn_support_text, self.pointer)

    def wisdom(self):
        """What plans with effort="measure" have found here, as text (attn.h, wisdom); "" if there is none."""
        return text_of(lib.attn_wisdom_export, self.pointer)

    def add_wisdom(self, text):
        """Adds such text to the context's; plans with effort="measure" and "wisdom" use it."""
        text = text.encode()
        self.check(lib.attn_wisdom_import(self.pointer, text, len(text)))

    def load_wisdom(self, path):
        """Adds the wisdom of a file."""
        self.check(lib.attn_wisdom_load(self.pointer, os.fsencode(path)))

    def save_wisdom(self, path):
        """Writes the wisdom to a file, as a whole or not at all."""
        self.check(lib.attn_wisdom_save(self.pointer, os.fsencode(path)))

    def forget_wisdom(self):
        """Forgets all of it. Plans stay as they are."""
        lib.attn_wisdom_forget(self.pointer)

    def check(self, status):
        """Raises the exception of a failed status, with the sentence of the last failed call."""
        if status:
            raise last_error(status, self.pointer)

    def make(self, function, *arguments):
        """Calls a function that makes an object and returns its address."""
        out = ctypes.c_void_p()
        status = function(self.pointer, *arguments, ctypes.byref(out))
        if status:
            raise last_error(status, self.pointer)
        return out.value

    def own(self, value, destroy):
        """A handle of an object that was made with this context."""
        return Handle(value, destroy, self._handle)

    def __repr__(self):
        return "<attn.Context: %d threads, %s>" % (self.threads, self.isa)


def _restore(isa):
    if isa is None:
        del os.environ["ATTN_ISA"]
    else:
        os.environ["ATTN_ISA"] = isa


_lock = threading.Lock()
_default = None
_inherited = []
_forget = []  # called in a forked child


def default_context():
    """The context of calls that are given none: made when it is first needed, with all defaults."""
    global _default
    context = _default
    if context is None:
        made = Context()
        with _lock:
            if _default is None:
                _default = made
            context = _default
    return context


def remember(cache, key, value, most):
    """Adds to a dict that holds at most so many; the oldest goes first. Reading one needs no lock."""
    with _lock:
        cache[key] = value
        while len(cache) > most:
            del cache[next(iter(cache))]


def forget(cache):
    with _lock:
        cache.clear()


def on_fork(function):
    """`function` is called in a forked child, before anything else of this package."""
    _forget.append(function)


def _after_fork():
    """Another thread may have held a lock when this one forked: what the parent made is left alone, and made anew."""
    global _lock, _default
    _lock = threading.Lock()
    _inherited.append(_default)
    _default = None
    for function in _forget:
        function()


os.register_at_fork(after_in_child=_after_fork)
