"""What several tests use: random arrays, the oracle in double over a whole batch, comparison."""
import numpy as np
import oracle


def random_arrays(rng, dtype="f4", batch=2, heads=4, groups=2, rows=19, keys=23, dim=8, width=6):
    shapes = dict(q=(batch, heads, rows, dim), k=(batch, groups, keys, dim), v=(batch, groups, keys, width),
                  d_o=(batch, heads, rows, width), d_lse=(batch, heads, rows))
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def expected(x, allowed=None, bias=None, cu=None, **features):
    """Results and gradients in double, of padded arrays, or packed ones (as a batch of one) with cu = (queries, keys).

    allowed: function of (rows, keys). features: scale, softcap, alibi, sink, dropout, seed, as oracle.attention knows them.
    """
    x = {name: a.astype("f8") for name, a in x.items()}
    batch, heads, rows, _ = x["q"].shape
    keys = x["k"].shape[2]
    whole = np.zeros((batch, heads, rows, keys)) + (0.0 if bias is None else np.asarray(bias, "f8"))
    total = dict(o=np.zeros(x["d_o"].shape), lse=np.full(x["q"].shape[:3], -np.inf), dq=np.zeros(x["q"].shape), dk=np.zeros(x["k"].shape),
                 dv=np.zeros(x["v"].shape), dbias=np.zeros(whole.shape), dalibi=np.zeros(heads), dsink=np.zeros(heads))
    pieces = [(b, slice(0, rows), slice(0, keys)) for b in range(batch)]
    if cu:
        pieces = [(0, slice(*a), slice(*b)) for a, b in zip(zip(cu[0], cu[0][1:]), zip(cu[1], cu[1][1:]))]
    for n, (b, t, s) in enumerate(pieces):
        seen = (allowed or oracle.full)(t.stop - t.start, s.stop - s.start)
        r = oracle.attention(features, x["q"][b, :, t], x["k"][b, :, s], x["v"][b, :, s], seen, n, whole[b, :, t, s], x["d_o"][b, :, t],
                             x["d_lse"][b, :, t])
        for name, to, place in (("out", "o", t), ("lse", "lse", t), ("dq", "dq", t), ("dk", "dk", s), ("dv", "dv", s)):
            total[to][b, :, place] = r[name]
        total["dbias"][b, :, t, s] = r["dbias"]
        total["dalibi"] += r["dalibi"]
        total["dsink"] += r["dsink"]
    if bias is not None:
        shape = (1,) * (4 - bias.ndim) + bias.shape
        shared = tuple(n for n in range(4) if shape[n] == 1)
        total["dbias"] = total["dbias"].sum(axis=shared, keepdims=True).reshape(bias.shape)
    return total


def assert_close(test, got, want, name):
    """Double results to 1e-12 of their size, single ones to 1e-5; infinities where they belong."""
    got = np.asarray(got)
    test.assertEqual(got.shape, want.shape, name)
    finite = np.isfinite(want)
    test.assertTrue(np.array_equal(got[~finite], want[~finite]), name + ": infinities")
    size = max(1.0, np.abs(want[finite]).max(initial=0))
    error = np.abs(got[finite] - want[finite]).max(initial=0) / size
    test.assertLessEqual(error, 1e-12 if got.dtype == np.float64 else 1e-5, name)


def to_layout(a, layout):
    """[B,H,T,D] as it stands in a layout; packed is a batch of one."""
    return a if layout == "bhtd" else a.transpose(0, 2, 1, 3) if layout == "bthd" else a[0].transpose(1, 0, 2)


def from_layout(a, layout):
    return a if layout == "bhtd" else a.transpose(0, 2, 1, 3) if layout == "bthd" else a.transpose(1, 0, 2)[None]
