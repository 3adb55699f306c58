"""The formulas at the top of attn.h in double: dense T x S arrays, gradients written out, no code shared with the library. What the tests of
`attn apply` and of the Python package compare with.
"""
import numpy as np


def philox_uniform_words(seed, sequence, head, rows, keys):
    """Word of each pair: Philox4x32-10, counter (i, j / 4, head, sequence), key the seed (Salmon et al. 2011)."""
    i, block = np.meshgrid(np.arange(rows), np.arange((keys + 3) // 4), indexing="ij")
    x = [i.astype(np.uint64), block.astype(np.uint64), np.full(i.shape, head, np.uint64), np.full(i.shape, sequence, np.uint64)]
    low = np.uint64(0xFFFFFFFF)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [(b >> np.uint64(32)) ^ x[1] ^ np.uint64(k0), b & low, (a >> np.uint64(32)) ^ x[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(x, -1).reshape(rows, -1)[:, :keys]


def attention(c, q, k, v, allowed, sequence, bias, dout, dlse):
    """One sequence: q [H,T,D], k [G,S,D], v [G,S,E], allowed [T,S], bias [H,T,S]. Returns results and gradients."""
    heads, rows, dim = q.shape
    group, keys = heads // k.shape[0], k.shape[1]
    scale = c.get("scale", dim ** -0.5)
    out = {n: np.zeros(s) for n, s in dict(out=(heads, rows, v.shape[2]), lse=(heads, rows), dq=q.shape, dk=k.shape, dv=v.shape,
                                           dalibi=(heads,), dsink=(heads,), dbias=(heads, rows, keys)).items()}
    distance = np.abs(np.arange(rows)[:, None] + keys - rows - np.arange(keys)[None])
    for h in range(heads):
        g = h // group
        raw = scale * q[h] @ k[g].T
        s = raw
        if "softcap" in c:
            s = c["softcap"] * np.tanh(raw / c["softcap"])
        if "alibi" in c:
            s = s - c["alibi"][h] * distance
        s = np.where(allowed, s + bias[h], -np.inf)
        sink = c["sink"][h] if "sink" in c else -np.inf
        top = np.maximum(s.max(axis=1, initial=-np.inf), sink)
        safe = np.where(np.isfinite(top), top, 0)
        weight = np.exp(s - safe[:, None])
        total = weight.sum(axis=1) + np.exp(sink - safe)
        with np.errstate(divide="ignore"):
            lse = np.where(total > 0, safe + np.log(total), -np.inf)
        p = weight / np.where(total > 0, total, 1)[:, None]
        keep = np.ones((rows, keys))
        if "dropout" in c:
            words = philox_uniform_words(c["seed"], sequence, h, rows, keys)
            keep = (words >= int(c["dropout"] * 2.0 ** 32)) / (1 - c["dropout"])
        out["out"][h] = (p * keep) @ v[g]
        out["lse"][h] = lse
        if dout is None:
            continue
        delta = (dout[h] * out["out"][h]).sum(axis=1) - dlse[h]
        dp = keep * (dout[h] @ v[g].T)
        ds = p * (dp - delta[:, None])
        out["dv"][g] += (p * keep).T @ dout[h]
        out["dbias"][h] = ds
        out["dalibi"][h] = -(ds * distance).sum()
        if "sink" in c:
            psink = np.where(total > 0, np.exp(sink - np.where(np.isfinite(lse), lse, 0)), 0)
            out["dsink"][h] = -(psink * delta).sum()
        draw = ds * (1 - np.tanh(raw / c["softcap"]) ** 2) if "softcap" in c else ds
        out["dq"][h] = scale * draw @ k[g]
        out["dk"][g] += scale * draw.T @ q[h]
    return out


def documents(lengths):
    start, allowed = 0, np.zeros((sum(lengths), sum(lengths)), bool)
    for n in lengths:
        allowed[start:start + n, start:start + n] = True
        start += n
    return allowed


def window(left, right, rows, keys):
    d = np.arange(keys)[None] - np.arange(rows)[:, None]
    return (d >= -left) & (d <= right)


def full(rows, keys):
    return np.ones((rows, keys), bool)


def causal(rows, keys):
    return window(10 ** 9, 0, rows, keys)


def bottom_right(rows, keys):
    return np.tril(np.ones((rows, keys), bool), keys - rows)
