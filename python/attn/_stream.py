"""Streams: attention of one learned query for each head over all tokens so far, in constant memory (attn_stream.h)."""
import ctypes
import threading

from . import _rows
from ._arrays import give_back, new
from ._context import default_context
from ._library import abi, lib, mismatch, whole


class Stream:
    """Takes tokens (k, v) and can be read at any time: O and LSE of all tokens so far, whatever their number.

    q: the learned queries, float32 [heads, dim], copied. kv_heads: as many as heads if not given; v_dim: as dim; scale: 1 / sqrt(dim).
    A call that changes the stream waits for another thread's.
    """

    def __init__(self, q, *, kv_heads=None, v_dim=None, scale=None, context=None):
        self.context = context or default_context()
        a = _rows.table(q, "q")
        if len(a.shape) != 2:
            raise mismatch("q has the shape %s, expected [heads, dim]" % list(a.shape))
        config = abi.attn_stream_config()
        lib.attn_stream_config_init(ctypes.byref(config))
        config.heads, config.dim, config.q = a.shape[0], a.shape[1], a.data
        config.q_stride = a.strides[0] if a.shape[0] > 1 else 0
        for name, value in (("kv_heads", kv_heads), ("v_dim", v_dim)):
            if value is not None:
                setattr(config, name, whole(name, value))
        if scale is not None:
            config.scale = scale
        self.pointer = self.context.make(lib.attn_stream_create, ctypes.byref(config))
        self._handle = self.context.own(self.pointer, lib.attn_stream_destroy)
        self.heads, self.dim = a.shape
        self.kv_heads = self.heads if kv_heads is None else kv_heads
        self.v_dim = self.dim if v_dim is None else v_dim
        self._like = q[:0] if hasattr(q, "__getitem__") else q  # for the kind of what is read
        self._lock = threading.RLock()  # a stream may be merged with itself

    def push(self, k, v):
        """Takes tokens in order: k [tokens, kv_heads, dim] and v [tokens, kv_heads, v_dim] float32, or one token without the first axis."""
        k_data, count, k_stride, k_owner = _rows.tokens(k, "k", self.kv_heads, self.dim)
        v_data, v_count, v_stride, v_owner = _rows.tokens(v, "v", self.kv_heads, self.v_dim)
        if count != v_count:
            raise mismatch("k has %d tokens and v %d" % (count, v_count))
        with self._lock:
            status = lib.attn_stream_push(self.pointer, count, k_data, k_stride, v_data, v_stride)
        self.context.check(status)
        del k_owner, v_owner

    def read(self, o=None, lse=None):
        """(O [heads, v_dim], LSE [heads]) of all tokens so far; 0 and -inf without any. o, lse: arrays to write instead of new ones."""
        made_o, made_lse = o is None, lse is None
        o = new(self._like, (self.heads, self.v_dim), "float32") if made_o else o
        lse = new(self._like, (self.heads,), "float32") if made_lse else lse
        to, tl = _rows.result(o, "o", (self.heads, self.v_dim)), _rows.result(lse, "lse", (self.heads,))
        with self._lock:
            status = lib.attn_stream_read(self.pointer, to.data, tl.data)
        self.context.check(status)
        return (give_back(self._like, o) if made_o else o), (give_back(self._like, lse) if made_lse else lse)

    @property
    def tokens(self):
        """Number of tokens taken since the stream was made or reset."""
        return lib.attn_stream_tokens(self.pointer)

    def reset(self):
        """Forgets all tokens; the query stays."""
        with self._lock:
            lib.attn_stream_reset(self.pointer)

    def merge(self, other):
        """Takes all tokens of another stream of the same shape and query, as if they had been pushed."""
        first, second = sorted((self, other), key=id)  # two threads that merge two streams into each other take turns
        with first._lock, second._lock:
            status = lib.attn_stream_merge(self.pointer, other.pointer)
        self.context.check(status)

    def save(self):
        """The state as bytes."""
        with self._lock:
            data = ctypes.create_string_buffer(lib.attn_stream_save_bytes(self.pointer))
            status = lib.attn_stream_save(self.pointer, data, len(data))
        self.context.check(status)
        return data.raw

    def restore(self, data):
        """Sets the stream to what was saved from one of the same shape and query."""
        data = bytes(data)
        with self._lock:
            status = lib.attn_stream_restore(self.pointer, data, len(data))
        self.context.check(status)

    def __repr__(self):
        return "<attn.Stream: %d heads of %d, %d tokens>" % (self.heads, self.dim, self.tokens)
