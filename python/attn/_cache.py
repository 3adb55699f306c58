"""Caches: keys and values of sequences that grow, in pages (attn_cache.h)."""
import ctypes
import os

from . import _bind as b
from . import _rows
from ._arrays import describe, give_back, int32_array, new
from ._context import default_context
from ._library import abi, invalid, lib, mismatch, whole
from ._plan import STORED, Plan, choice

_ROTARY = {"none": abi.ATTN_ROTARY_NONE, "interleaved": abi.ATTN_ROTARY_INTERLEAVED, "halves": abi.ATTN_ROTARY_HALVES}
_MOST = 16  # plans


class Cache:
    """Keys and values of several sequences for decoding, float32 outside, stored as `dtype`.

    kv_heads, dim, blocks       must be given; v_dim as dim if not given; blocks of block_tokens tokens are the pool of all sequences
    dtype                       "float32", "bfloat16", "float16" or "q8_0" (8-bit blocks of 32; dim and v_dim multiples of 32)
    sequences, max_tokens       how many sequences; greatest length of one, as many as the pool holds if not given
    rotary                      "none", "interleaved" (GPT-J) or "halves" (GPT-NeoX, Llama): of keys by append, of queries by rotate
    rotary_base, rotary_dim     10000, dim
    A cache that one thread changes must not be used by another at that time; many may read it.
    """

    def __init__(self, *, kv_heads, dim, blocks, v_dim=None, dtype="float32", block_tokens=64, sequences=1, max_tokens=None, rotary="none",
                 rotary_base=10000.0, rotary_dim=None, context=None):
        self.context = context or default_context()
        config = abi.attn_cache_config()
        lib.attn_cache_config_init(ctypes.byref(config))
        config.dtype, config.rotary, config.rotary_base = choice("dtype", dtype, STORED), choice("rotary", rotary, _ROTARY), rotary_base
        for name, value in (("kv_heads", kv_heads), ("dim", dim), ("block_tokens", block_tokens), ("sequences", sequences), ("v_dim", v_dim),
                            ("rotary_dim", rotary_dim)):
            if value is not None:
                setattr(config, name, whole(name, value))
        for name, value in (("blocks", blocks), ("max_tokens", max_tokens)):
            if value is not None:
                setattr(config, name, whole(name, value, 64))
        self.pointer = self.context.make(lib.attn_cache_create, ctypes.byref(config))
        self._handle = self.context.own(self.pointer, lib.attn_cache_destroy)
        self.kv_heads, self.dim, self.dtype, self.block_tokens, self.sequences = kv_heads, dim, dtype, block_tokens, sequences
        self.v_dim = dim if v_dim is None else v_dim
        self.max_tokens = blocks * block_tokens if max_tokens is None else max_tokens
        self._plans = {}

    # --------------------------------------------------------------- tokens

    def length(self, sequence=0):
        """Tokens of a sequence."""
        return self._known(lib.attn_cache_length(self.pointer, sequence), sequence)

    def position(self, sequence=0):
        """The position that the sequence's next token will have."""
        return self._known(lib.attn_cache_position(self.pointer, sequence), sequence)

    @property
    def free_blocks(self):
        """Blocks that no sequence holds."""
        return lib.attn_cache_free_blocks(self.pointer)

    def append(self, k, v, sequence=0, position=None):
        """Adds tokens at the end: k [tokens, kv_heads, dim] and v [tokens, kv_heads, v_dim] float32, or one token without the first axis.
        Keys are rotated by `position` and the following ones; by the sequence's next ones if it is not given."""
        k_data, count, k_stride, k_owner = _rows.tokens(k, "k", self.kv_heads, self.dim)
        v_data, v_count, v_stride, v_owner = _rows.tokens(v, "v", self.kv_heads, self.v_dim)
        if count != v_count:
            raise mismatch("k has %d tokens and v %d" % (count, v_count))
        self.context.check(lib.attn_cache_append(self.pointer, sequence, count, k_data, k_stride, v_data, v_stride,
                                                 -1 if position is None else position))
        del k_owner, v_owner

    def rotate(self, x, position):
        """Rotates queries in place, as append rotates keys: x is [tokens, heads, dim] float32, token t at position + t."""
        shape = describe(x, "x").shape
        heads = shape[-2] if len(shape) > 1 else 1
        data, count, stride, owner = _rows.tokens(x, "x", heads, self.dim)
        if not owner.writable:
            raise invalid("x is read-only, and is rotated in place")
        self.context.check(lib.attn_cache_rotate(self.pointer, count, heads, data, stride, position))

    def read(self, like, sequence=0, begin=0, end=None):
        """Tokens [begin, end) back as float32: k [tokens, kv_heads, dim], v [tokens, kv_heads, v_dim], arrays of the kind of `like`."""
        end = self.length(sequence) if end is None else end
        count = max(0, end - begin)
        k, v = new(like, (count, self.kv_heads, self.dim), "float32"), new(like, (count, self.kv_heads, self.v_dim), "float32")
        tk, tv = _rows.result(k, "k", tuple(k.shape)), _rows.result(v, "v", tuple(v.shape))
        self.context.check(lib.attn_cache_read(self.pointer, sequence, begin, end, tk.data, tv.data))
        return give_back(like, k), give_back(like, v)

    def truncate(self, length, sequence=0):
        """Keeps the first `length` tokens."""
        self.context.check(lib.attn_cache_truncate(self.pointer, sequence, length))

    def evict(self, begin, end, sequence=0):
        """Drops tokens [begin, end); what stays keeps its rotation, and the next position stays what it was."""
        self.context.check(lib.attn_cache_evict(self.pointer, sequence, begin, end))

    def fork(self, source, target):
        """Makes sequence `target` the same as `source`, sharing its blocks."""
        self.context.check(lib.attn_cache_fork(self.pointer, source, target))

    def reorder(self, sources):
        """Beams: sequence i becomes what sequence sources[i] was, all at once."""
        address, count, owner = int32_array(sources, "sources")
        self.context.check(lib.attn_cache_reorder(self.pointer, address, count))
        del owner

    # --------------------------------------------------------------- saving

    def save(self, sequence=0):
        """A sequence as bytes."""
        self.length(sequence)
        data = ctypes.create_string_buffer(lib.attn_cache_save_bytes(self.pointer, sequence))
        self.context.check(lib.attn_cache_save(self.pointer, sequence, data, len(data)))
        return data.raw

    def load(self, data, sequence=0):
        """Takes the place of a sequence; block_tokens and blocks may differ from the cache that it was saved from."""
        data = bytes(data)
        self.context.check(lib.attn_cache_load(self.pointer, sequence, data, len(data)))

    def save_file(self, path, sequence=0):
        """A sequence as a file, which is replaced as a whole or not at all."""
        self.context.check(lib.attn_cache_save_file(self.pointer, sequence, os.fsencode(path)))

    def load_file(self, path, sequence=0):
        """load from a file."""
        self.context.check(lib.attn_cache_load_file(self.pointer, sequence, os.fsencode(path)))

    # ------------------------------------------------------------ attention

    def attention(self, q, mask=None, *, first=0, return_lse=False, out=None, lse=None, layout="bhtd", scale=None, softcap=None,
                  alibi_align="bottom-right", threads=0, kernel=None, **options):
        """Attention of new queries over what the sequences hold: O, or (O, LSE).

        q: [sequence, head, token, dim] ("bhtd") or [sequence, token, head, dim] ("bthd") float32, of the sequences from `first` on. Query
        i of T stands for token S - T + i of a sequence of S under the mask "causal:bottom-right". Options: attn.attention's but bias and dropout.
        """
        for name in ("bias", "dropout"):
            if options.get(name) is not None:
                raise invalid("%s is given, which attention over a cache does not have" % name)
        tq = b.tensor(q, layout, "q")
        count, heads, q_len, _ = tq.extents
        plan = self._plan(layout, heads, q_len, options, (scale, softcap, alibi_align, threads, kernel))
        lengths = [self.length(first + n) for n in range(count)]
        made_o, made_lse = out is None, lse is None and return_lse
        call = plan._take()
        try:
            b.need_dtype(tq, "float32", "q")
            b.need_extents(tq, (count, heads, q_len, self.dim), "q", "the cache's dim")
            b.put(call.args, b.OFFSET_Q, tq.data, *tq.strides)
            keep = b.set_options(call, plan, count, q_len, plan.kv_len, mask=mask, kv_lens=lengths, **options)
            holes = plan._holes(call.args) if "q_lens" in options or "q_starts" in options else None
            out = new(q, tq.array.shape[:-1] + (self.v_dim,), "float32", holes and 0) if made_o else out
            lse = new(q, plan.lse_shape(tq.array.shape), "float32", holes) if made_lse else lse
            to = plan._output(out, tq, "out")
            b.need_writable(to, "out")
            b.put(call.args, b.OFFSET_O, to.data, *to.strides)
            if lse is not None:
                tl = plan._rows(lse, tq, "lse")
                b.need_writable(tl, "lse")
                b.put(call.args, b.OFFSET_LSE, tl.data, *tl.strides)
            piece = plan._workspaces.take(plan.workspace)
            call.args.workspace, call.args.workspace_bytes = piece[0], piece[1]
            try:
                status = lib.attn_cache_execute(self.pointer, plan.pointer, first, count, call.address)
            finally:
                plan._workspaces.give(piece)
            self.context.check(status)
            del keep
        finally:
            plan._calls.append(call)
        out = give_back(q, out) if made_o else out
        return out if lse is None else (out, give_back(q, lse) if made_lse else lse)

    def _plan(self, layout, heads, q_len, options, more):
        """Plans have the capacity of the cache, so that sequences may grow."""
        alibi, sink = options.get("alibi") is not None, options.get("sink") is not None
        key = (layout, heads, q_len, alibi, sink, more)
        plan = self._plans.get(key)
        if plan is None:
            scale, softcap, alibi_align, threads, kernel = more
            plan = Plan(heads=heads, dim=self.dim, q_len=q_len, kv_len=self.max_tokens, batch=self.sequences, kv_heads=self.kv_heads,
                        v_dim=self.v_dim, layout=layout, scale=scale, softcap=softcap, alibi=alibi, sink=sink, alibi_align=alibi_align,
                        threads=threads, kernel=kernel, context=self.context, kv_dtype=self.dtype, block_tokens=self.block_tokens)
            if len(self._plans) >= _MOST:
                self._plans.pop(next(iter(self._plans)), None)
            self._plans[key] = plan
        return plan

    def _known(self, value, sequence):
        if value < 0:
            raise mismatch("cache: sequence is %d, expected 0 to %d" % (sequence, self.sequences - 1))
        return value

    def __repr__(self):
        return "<attn.Cache: %d sequences, %s, %d blocks free>" % (self.sequences, self.dtype, self.free_blocks)
