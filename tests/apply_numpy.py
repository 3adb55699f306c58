"""attn apply against NumPy in double: forward, backward and every feature, through files.

Usage: apply_numpy.py PROGRAM. Exit 77 (skipped) without NumPy.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: this python3 has no numpy (Debian: python3-numpy)")
    sys.exit(77)

from oracle import attention, bottom_right, causal, documents, full, window  # noqa: E402

def cases(rng):
    """Each: what differs from a plain forward and backward of 2 sequences, 4 heads, 37 queries, 37 keys, D 16."""
    yield "plain", {}
    yield "f64", dict(dtype="f64")
    yield "naive", dict(kernel="naive")
    yield "forward only", dict(backward=False)
    yield "grouped heads, other value width", dict(kv_heads=2, v_dim=24)
    yield "multi-query, odd head size", dict(kv_heads=1, dim=5, v_dim=3)
    yield "large head size", dict(dim=80)
    yield "other lengths, causal top-left", dict(keys=50, mask=["causal:top-left"], allowed=causal)
    yield "other lengths, causal bottom-right", dict(keys=50, mask=["causal:bottom-right"], allowed=bottom_right)
    yield "more queries than keys, bottom-right", dict(keys=20, mask=["causal:bottom-right"], allowed=bottom_right)
    yield "long", dict(rows=300, keys=300, mask=["causal"], allowed=causal)
    yield "scale and soft-cap", dict(scale=0.7, softcap=1.5)
    yield "soft-cap f64", dict(scale=0.7, softcap=1.5, dtype="f64")
    yield "alibi", dict(alibi=rng.random(4), keys=41)
    yield "alibi f64", dict(alibi=rng.random(4).astype("f4"), keys=41, dtype="f64")
    yield "sink", dict(sink=rng.normal(size=4))
    yield "sink and empty rows", dict(sink=rng.normal(size=4), keys=20, mask=["causal:bottom-right"], allowed=bottom_right)
    yield "dlse", dict(dlse=True)
    yield "dlse and sink f64", dict(dlse=True, sink=rng.normal(size=4).astype("f4"), dtype="f64")
    for shape in [(2, 4, 37, 37), (1, 4, 37, 37), (2, 1, 37, 37), (1, 1, 37, 37), (2, 4, 1, 37), (2, 4, 37, 1), (1, 1, 1, 37), (1, 4, 1, 1),
                  (4, 37, 37), (37, 37), (37,)]:
        yield "bias %s" % (shape,), dict(bias=rng.normal(size=shape).astype("f4"))
    yield "everything f64", dict(bias=rng.normal(size=(1, 4, 37, 50)).astype("f4"), alibi=rng.random(4).astype("f4"), dlse=True, softcap=2.0,
                                 sink=rng.normal(size=4).astype("f4"), kv_heads=2, keys=50, mask=["causal:bottom-right"],
                                 allowed=bottom_right, dtype="f64")
    yield "dropout", dict(dropout=0.3, seed=123456789012)
    yield "dropout f64, grouped, causal", dict(dropout=0.5, seed=7, kv_heads=2, dtype="f64", mask=["causal"], allowed=causal)
    yield "window", dict(mask=["window:5,2"], allowed=lambda t, s: window(5, 2, t, s))
    yield "documents", dict(mask=["document:10,20,7"], allowed=lambda t, s: documents([10, 20, 7]))
    yield "repeated masks are and", dict(mask=["document:10,20,7", "causal"], allowed=lambda t, s: documents([10, 20, 7]) & causal(t, s))
    yield "or, not", dict(mask=["window:3,0 | !window:20,inf"], allowed=lambda t, s: window(3, 0, t, s) | ~window(20, 10 ** 9, t, s))
    yield "token-major", dict(layout="bthd", kv_heads=2)
    yield "packed", dict(layout="thd", cu=([0, 5, 5, 20, 37], [0, 9, 12, 12, 37]), kv_heads=2)
    yield "packed, window", dict(layout="thd", cu=([0, 11, 37], [0, 11, 37]), mask=["window:4,0"], allowed=lambda t, s: window(4, 0, t, s))
    yield "packed, everything f64", dict(layout="thd", cu=([0, 11, 37], [0, 20, 37]), dtype="f64", dlse=True, softcap=2.0,
                                         alibi=rng.random(4).astype("f4"), sink=rng.normal(size=4).astype("f4"), mask=["causal:top-left"],
                                         allowed=causal)
    yield "float16 files", dict(file="<f2")
    yield "double files", dict(file="<f8")
    yield "big-endian files", dict(file=">f4")
    yield "column-major files", dict(order="F")
    yield "two threads", dict(threads=2)
    yield "float16", dict(file="<f2", dtype="f16", kv_heads=2, mask=["causal"], allowed=causal)
    yield "float16 in tensors", dict(file="<f2", dtype="f16", tensors="F16", sink=rng.normal(size=4))
    yield "bfloat16, results in float32", dict(bits=16, dtype="bf16", kv_heads=2, softcap=1.5)
    yield "bfloat16 in tensors", dict(bits=16, dtype="bf16", tensors="BF16", mask=["window:5,2"], allowed=lambda t, s: window(5, 2, t, s))
    yield "float32 tensors", dict(tensors="F32", kv_heads=2, dlse=True)
    yield "lengths of keys", dict(kv_lens=[37, 11], mask=["causal:bottom-right"], allowed=bottom_right)
    for kind in ("bf16", "f16", "q8_0"):
        yield "stored as " + kind, dict(kv_dtype=kind, rows=3, keys=150, dim=64, v_dim=32, kv_heads=2, backward=False)
    for layout in ("bhtd", "bthd"):
        yield "paged, " + layout, dict(layout=layout, block=16, kv_lens=[150, 33], rows=2, keys=150, kv_heads=1, backward=False,
                                       mask=["causal:bottom-right"], allowed=bottom_right)
    yield "paged, stored as q8_0", dict(block=7, kv_dtype="q8_0", kv_lens=[0, 149], rows=1, keys=150, dim=32, backward=False, softcap=2.0,
                                        sink=rng.normal(size=4))
    learned = dict(learned="shared", allowed=causal)
    yield "learned query", learned
    yield "learned query f64", dict(learned, dtype="f64", dlse=True, scale=0.7)
    yield "learned query, long, other value width", dict(learned, rows=700, keys=700, kv_heads=2, v_dim=24, dlse=True)
    yield "learned query of each sequence, token-major", dict(learned, learned="own", layout="bthd", kv_heads=1)
    yield "learned query, packed", dict(learned, layout="thd", cu=([0, 5, 5, 20, 37],) * 2)
    yield "learned query of each sequence, packed, f64", dict(learned, learned="own", layout="thd", cu=([0, 5, 5, 20, 37],) * 2, dtype="f64")
    yield "learned query, forward only", dict(learned, backward=False)
    for kernel in ("scan-serial", "scan-hillis-steele", "scan-blelloch", "naive"):
        yield "learned query, " + kernel, dict(learned, kernel=kernel, kv_heads=2)


def to_layout(a, layout):
    return a if layout == "bhtd" else a.transpose(0, 2, 1, 3) if layout == "bthd" else a[0].transpose(1, 0, 2)


def from_layout(a, layout):
    return a if layout == "bhtd" else a.transpose(0, 2, 1, 3) if layout == "bthd" else a.transpose(1, 0, 2)[None]


def sequences(c, batch, rows, keys):
    """Plane, rows and keys of each sequence."""
    if c.get("layout") == "thd":
        return [(0, slice(*a), slice(*b)) for a, b in zip(zip(c["cu"][0], c["cu"][0][1:]), zip(c["cu"][1], c["cu"][1][1:]))]
    return [(b, slice(0, rows), slice(0, c["kv_lens"][b] if "kv_lens" in c else keys)) for b in range(batch)]


def make(c, rng):
    packed = c.get("layout") == "thd"
    batch, heads, groups = 1 if packed else 2, 4, c.get("kv_heads", 4)
    rows, keys, dim = c.get("rows", 37), c.get("keys", 37), c.get("dim", 16)
    width = c.get("v_dim", dim)
    kind = np.dtype(c.get("file", "<f4"))
    shapes = dict(q=(batch, heads, rows, dim), k=(batch, groups, keys, dim), v=(batch, groups, keys, width), do=(batch, heads, rows, width))
    x = {n: rng.normal(size=s).astype(kind) for n, s in shapes.items()}
    if "learned" in c:  # the query of a sequence stands in all its rows
        pieces = sequences(c, batch, rows, keys)
        x["query"] = rng.normal(size=(len(pieces), heads, dim) if c["learned"] == "own" else (heads, dim)).astype(kind)
        for n, (b, t, _) in enumerate(pieces):
            x["q"][b, :, t] = x["query"].reshape(-1, heads, 1, dim)[n if c["learned"] == "own" else 0]
    if c.get("bits") == 16:  # what bfloat16 holds exactly
        x = {n: (a.view("u4") & 0xffff0000).view("f4") for n, a in x.items()}
    return x, rng.normal(size=(batch, heads, rows)).astype(kind)


def write_tensors(path, arrays, kind):
    """A safetensors file: q, k, v, do in `kind`, all else in float32."""
    header, elements = {}, b""
    for n, a in arrays.items():
        name = kind if n in ("q", "k", "v", "do") else "F32"
        data = (a.astype("f4").view("u4") >> 16).astype("u2") if name == "BF16" else a.astype({"F16": "f2", "F32": "f4"}[name])
        header[n] = dict(dtype=name, shape=list(a.shape), data_offsets=[len(elements), len(elements) + data.nbytes])
        elements += np.ascontiguousarray(data).tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + elements)


def read_tensors(path):
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header, elements = json.loads(f.read(size)), f.read()
    result = {}
    for n, t in header.items():
        raw = elements[t["data_offsets"][0]:t["data_offsets"][1]]
        a = np.frombuffer(raw, {"BF16": "u2", "F16": "f2", "F32": "f4"}[t["dtype"]]).reshape(t["shape"])
        result[n] = (a.astype("u4") << 16).view("f4") if t["dtype"] == "BF16" else a
    return result


def stored(a, kind):
    """What numbers are after they were stored: nearest, ties to even; q8_0: blocks of 32, a float16 scale of the greatest / 127."""
    a = np.ascontiguousarray(a, "f4")
    if kind == "f16":
        return a.astype("f2").astype("f8")
    if kind == "bf16":
        bits = a.view("u4").astype("u8")
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype("u4").view("f4").astype("f8")
    blocks = a.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / np.float32(127)).astype("f2").astype("f4")
    code = np.clip(np.rint(blocks * (np.float32(1) / scale)[:, None]), -127, 127)
    return (code * scale[:, None]).astype("f8").reshape(a.shape)


def expected(c, x, dlse):
    if "kv_dtype" in c:
        x = dict(x, k=stored(x["k"], c["kv_dtype"]), v=stored(x["v"], c["kv_dtype"]))
    x = {n: a.astype("f8") for n, a in x.items()}
    backward = c.get("backward", True)
    batch, heads, rows = x["q"].shape[:3]
    pieces = sequences(c, batch, rows, x["k"].shape[2])
    keys = x["k"].shape[2]
    bias = np.zeros((batch, heads, rows, keys)) + np.asarray(c.get("bias", 0.0), "f8")
    total = {n: np.zeros(s) for n, s in dict(out=x["do"].shape, lse=x["q"].shape[:3], dq=x["q"].shape, dk=x["k"].shape, dv=x["v"].shape,
                                             dalibi=(heads,), dsink=(heads,), dbias=bias.shape).items()}
    for sequence, (b, t, s) in enumerate(pieces):
        allowed = c.get("allowed", full)(t.stop - t.start, s.stop - s.start)
        r = attention(c, x["q"][b, :, t], x["k"][b, :, s], x["v"][b, :, s], allowed, sequence, bias[b, :, t, s],
                      x["do"][b, :, t] if backward else None, dlse[b, :, t].astype("f8") if c.get("dlse") else np.zeros((heads, t.stop - t.start)))
        for n in ("out", "lse", "dq"):
            total[n][b, :, t] = r[n]
        for n in ("dk", "dv"):
            total[n][b, :, s] = r[n]
        total["dbias"][b, :, t, s] = r["dbias"]
        total["dalibi"] += r["dalibi"]
        total["dsink"] += r["dsink"]
    if "learned" in c:
        each = np.stack([total["dq"][b, :, t].sum(axis=1) for b, t, _ in pieces])
        total["dq"] = each if c["learned"] == "own" else each.sum(axis=0)
    if "bias" in c:
        shape = (1,) * (4 - c["bias"].ndim) + c["bias"].shape
        shared = tuple(a for a in range(4) if shape[a] == 1)
        total["dbias"] = total["dbias"].sum(axis=shared, keepdims=True).reshape(c["bias"].shape)
    return total


def pools(c, x, rng):
    """Keys and values in blocks of random order, NaN where no token is; and the table."""
    size, batch, keys = c["block"], len(c["kv_lens"]), x["k"].shape[2]
    most = -(-keys // size)
    table = rng.permutation(batch * most + 3)[:batch * most].reshape(batch, most)
    out = {}
    for n in "kv":
        out[n] = np.full((batch * most + 3, x[n].shape[1], size, x[n].shape[3]), np.nan, x[n].dtype)
        for b in range(batch):
            for j in range(c["kv_lens"][b]):
                out[n][table[b, j // size], :, j % size] = x[n][b, :, j]
    return out, table


def run(program, folder, c, x, dlse):
    layout = c.get("layout", "bhtd")
    path = lambda n: os.path.join(folder, n + ".npy")
    command = [program, "apply", "--layout", layout, "--json"]

    tensors = {}

    def give(name, array):
        if "tensors" in c:
            tensors[name] = array
            command.extend(["--" + name, os.path.join(folder, "in.safetensors")])
            return
        np.save(path(name), np.asarray(array, order=c.get("order", "C")))
        command.extend(["--" + name, path(name)])

    if "block" in c:
        pool, table = pools(c, x, np.random.default_rng(5))
        x = dict(x, **pool)
        give("block-table", table.astype("i4"))
    if "kv_lens" in c:
        give("kv-lens", np.array(c["kv_lens"], "i8"))
    backward = c.get("backward", True)
    wanted = ["out", "lse"] + (["dq", "dk", "dv"] if backward else [])
    for n in ["q", "k", "v"] + (["do"] if backward else []):
        give(n, x["query"] if n == "q" and "learned" in c else to_layout(x[n], layout))
    if "learned" in c:
        command += ["--score", "learned-query"]
    if c.get("dlse"):
        give("dlse", dlse[0] if layout == "thd" else dlse)
    for n in ("alibi", "bias", "sink"):
        if n in c:
            give(n, np.asarray(c[n], "f4"))
            c[n] = np.asarray(c[n], "f4").astype("f8")
            wanted += ["d" + n] if backward else []
    if layout == "thd":
        if "learned" not in c:
            give("cu-q", np.array(c["cu"][0], "i4"))
        give("cu-k", np.array(c["cu"][1], "i8"))
    for m in c.get("mask", []):
        command += ["--mask", m]
    for n in ("scale", "softcap", "dropout", "seed", "dtype", "kv_dtype", "kernel", "threads"):
        if n in c:
            command += ["--" + n.replace("_", "-"), str(c[n])]
    for n in wanted:
        command += ["--" + n, path("r-" + n) if "tensors" not in c else os.path.join(folder, "out.safetensors")]
    if tensors:
        write_tensors(os.path.join(folder, "in.safetensors"), tensors, c["tensors"])
    # instruction sets with a dot product of bytes round queries too
    environment = dict(os.environ, ATTN_ISA="portable") if c.get("kv_dtype") == "q8_0" else None
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise AssertionError("exit %d: %s\n%s" % (done.returncode, done.stderr, " ".join(command)))
    json.loads(done.stdout)
    result = read_tensors(os.path.join(folder, "out.safetensors")) if tensors else {n: np.load(path("r-" + n)) for n in wanted}
    for n in ("out", "dq", "dk", "dv"):
        if n in result and not (n == "dq" and "learned" in c):
            result[n] = from_layout(result[n], layout)
    if layout == "thd":
        result["lse"] = result["lse"][None]
    return result


def additive(program, folder, rng):
    """The additive score without a mask, q, k, w and v against plain NumPy: (name, got, want) of every output."""
    b, h, g, t, s, d, e = 2, 4, 2, 5, 19, 23, 6
    q, k, v, w = (rng.standard_normal(n) for n in ((b, h, t, d), (b, g, s, d), (b, g, s, e), (h, d)))
    do, dweights = rng.standard_normal((b, h, t, e)), rng.standard_normal((b, h, t, s))
    path = lambda n: os.path.join(folder, n + ".npy")
    command = [program, "apply", "--score", "additive", "--dtype", "f64"]
    for n, a in dict(q=q, k=k, v=v, w=w, do=do, dweights=dweights).items():
        np.save(path(n), a)
        command += ["--" + n, path(n)]
    wanted = ["out", "lse", "weights", "dq", "dk", "dv", "dw"]
    for n in wanted:
        command += ["--" + n, path("r-" + n)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError("exit %d: %s" % (done.returncode, done.stderr))
    keys, values = np.repeat(k, h // g, 1), np.repeat(v, h // g, 1)
    tanh = np.tanh(q[:, :, :, None] + keys[:, :, None])
    logits = np.einsum("hd,bhtsd->bhts", w, tanh)
    high = logits.max(-1, keepdims=True)
    lse = (high + np.log(np.exp(logits - high).sum(-1, keepdims=True)))
    p = np.exp(logits - lse)
    dp = np.einsum("bhte,bhse->bhts", do, values) + dweights
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    u = ds[..., None] * w[None, :, None, None] * (1 - tanh**2)
    group = lambda a: a.reshape(b, g, h // g, s, -1).sum(2)
    want = dict(out=p @ values, lse=lse[..., 0], weights=p, dq=u.sum(3), dk=group(u.sum(2)),
                dv=group(np.einsum("bhts,bhte->bhse", p, do)), dw=np.einsum("bhts,bhtsd->hd", ds, tanh))
    return [(n, np.load(path("r-" + n)), want[n]) for n in wanted]


def searched(program, folder, rng, c):
    """--top against a sort in NumPy, of whole numbers, whose scores are exact and often equal: (name, got, want)."""
    layout, lens, top = c.get("layout", "bhtd"), c.get("kv_lens"), c["top"]
    packed = layout == "thd"
    b, h, g, t, s, d = 1 if packed else 2, 4, 2, 21, c.get("keys", 90), 19
    q, k = (rng.integers(-3, 4, n).astype("f4") for n in ((b, h, t, d), (b, g, s, d)))
    path = lambda n: os.path.join(folder, n + ".npy")
    command = [program, "apply", "--layout", layout, "--top", str(top), "--out-index", path("index"), "--json"]
    arrays = dict(q=to_layout(q, layout), k=to_layout(k, layout))
    if packed:
        arrays.update({"cu-q": np.array(c["cu"][0], "i4"), "cu-k": np.array(c["cu"][1], "i4")})
    if lens:
        arrays["kv-lens"] = np.array(lens, "i8")
    for n, a in arrays.items():
        np.save(path(n), np.ascontiguousarray(a))
        command += ["--" + n, path(n)]
    if c.get("scores", True):
        command += ["--out-score", path("score")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError("exit %d: %s" % (done.returncode, done.stderr))
    index, score = np.full((b, h, t, top), -1), np.full((b, h, t, top), -np.inf)
    for n, rows, keys in sequences(c, b, t, s):
        for head in range(h):
            scores = q[n, head, rows] @ k[n, head // (h // g), keys].T
            best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
            index[n, head, rows, :best.shape[1]] = best
            score[n, head, rows, :best.shape[1]] = np.take_along_axis(scores, best, 1)
    want = dict(index=index[0] if packed else index, score=score[0] if packed else score)
    got = {n: np.load(path(n)) for n in (("index", "score") if c.get("scores", True) else ("index",))}
    assert got["index"].dtype == np.int64
    return [(n, got[n], want[n]) for n in got]


def searches():
    yield dict(top=5)
    yield dict(top=5, layout="bthd", scores=False)
    yield dict(top=30, kv_lens=[90, 11])
    yield dict(top=7, layout="thd", cu=([0, 5, 5, 21], [0, 40, 52, 90]))
    yield dict(top=3, keys=0)


def main():
    program, failures, count = sys.argv[1], 0, 0
    seed = int(os.environ.get("ATTN_TEST_SEED", "1"))
    for index, (name, c) in enumerate(cases(np.random.default_rng(seed))):
        rng = np.random.default_rng([seed, index])
        x, dlse = make(c, rng)
        with tempfile.TemporaryDirectory() as folder:
            try:
                got = run(program, folder, c, x, dlse)
            except AssertionError as problem:
                print("FAILED %s (ATTN_TEST_SEED=%d): %s" % (name, seed, problem))
                failures += 1
                continue
        want = expected(c, x, dlse)
        for n, a in got.items():
            count += 1
            exact = c.get("dtype") == "f64" and a.dtype == np.float64
            finite = np.isfinite(want[n])
            size = max(1.0, np.abs(want[n][finite]).max(initial=0))
            same = a.shape == want[n].shape and np.array_equal(np.where(finite, 0, want[n]), np.where(finite, 0, a), equal_nan=True)
            error = np.abs(a[finite] - want[n][finite]).max(initial=0) / size if same else np.inf
            # Results in 16 bits are rounded once, bfloat16 weights too by some kernels; backward takes the rounded output.
            rounded = {"f16": 2 ** -10, "bf16": 2 ** -7}.get(c.get("dtype"), 0)
            if not error <= (1e-12 if exact else 1e-5) + rounded:
                print("FAILED %s (ATTN_TEST_SEED=%d): %s differs by %.3g of its size; shapes %s and %s" %
                      (name, seed, n, error, a.shape, want[n].shape))
                failures += 1
    with tempfile.TemporaryDirectory() as folder:
        for n, a, want in additive(program, folder, np.random.default_rng(seed)):
            count += 1
            if a.shape != want.shape or not np.abs(a - want).max() <= 1e-12 * max(1.0, np.abs(want).max()):
                print("FAILED additive (ATTN_TEST_SEED=%d): %s; shapes %s and %s" % (seed, n, a.shape, want.shape))
                failures += 1
    for c in searches():
        with tempfile.TemporaryDirectory() as folder:
            for n, a, want in searched(program, folder, np.random.default_rng(seed), c):
                count += 1
                if a.shape != want.shape or not np.array_equal(a, want):
                    print("FAILED search %s (ATTN_TEST_SEED=%d): %s; shapes %s and %s" % (c, seed, n, a.shape, want.shape))
                    failures += 1
    print("%d arrays compared with NumPy, %d failed" % (count, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
