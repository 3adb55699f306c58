"""Attention from Python: forward, backward, masks, plans, search. Run it whole, or cell by cell in an editor that knows # %%."""
# %% Three arrays: batch, head, token, dim. The key and value heads are two, each serves two query heads.
import attn
import numpy as np


def wave(*shape, phase=0.0):
    return np.sin(0.37 * np.arange(np.prod(shape)) + phase).reshape(shape).astype("f4")


q, k, v = wave(1, 4, 96, 32), wave(1, 2, 96, 32, phase=1), wave(1, 2, 96, 32, phase=2)

# %% Forward. The log-sum-exp of each row is what the backward pass and parts over other keys need.
o, lse = attn.attention(q, k, v, "causal", return_lse=True)
print("o", o.shape, "lse", lse.shape, "first", np.round(o[0, 0, 0, :3], 4), "as v", np.round(v[0, 0, 0, :3], 4))

# %% Backward: gradients of the sum of squares of o.
g = attn.backward(2 * o, q, k, v, o, lse, "causal")
print("norms of dq, dk, dv: %.3f %.3f %.3f" % tuple(np.linalg.norm(x) for x in g[:3]))

# %% A mask is a value: a text, combined by & | ~, compiled for lengths, asked, drawn.
mask = attn.Mask.parse("causal & sliding_window:15,15") | attn.Mask.parse("causal & cols:0,4")
compiled = mask.compile(96)
print("%s: %d pairs, row 50 sees %s" % (mask, compiled.area, compiled.row(50)))
print(compiled.picture(12, 24))

# %% The features are keywords; each has its gradient.
slopes, sink, table = [0.5, 0.25, 0.125, 0.0625], np.zeros(4, "f4"), wave(4, 1, 96)
o, lse = attn.attention(q, k, v, mask, alibi=slopes, sink=sink, bias=table, softcap=20.0, return_lse=True)
g = attn.backward(2 * o, q, k, v, o, lse, mask, alibi=slopes, sink=sink, bias=table, softcap=20.0)
print("dalibi", np.round(g.dalibi, 2), "dbias", g.dbias.shape)

# %% Exact weights of a few rows, never of all at once.
w = attn.weights(q, k, lse, slice(50, 52), mask, head=1, alibi=slopes, sink=sink, bias=table, softcap=20.0)
print("rows of weights", w.shape, "keys seen", (w > 0).sum(axis=1), "below one, for the sink:", bool((w.sum(axis=1) < 1).all()))

# %% A plan decides once and is executed into arrays of the caller, at any lengths within its capacities.
plan = attn.Plan(heads=4, kv_heads=2, dim=32, q_len=96, backward=True)
out = np.empty_like(q)
plan.forward(q, k, v, out, mask=mask)
plan.forward(q[:, :, :10], k[:, :, :10], v[:, :, :10], out[:, :, :10], mask="causal")
print("pairs that the plan would compute:", plan.estimate(mask=mask).pairs)

# %% Packed sequences of different lengths: token, head, dim, cut by cumulative lengths.
packed = attn.attention(*(np.ascontiguousarray(x[0].transpose(1, 0, 2)) for x in (q, k, v)), "causal", layout="thd", cu_q=[0, 60, 96])
print("packed", packed.shape, "second sequence begins as its own first value:", bool(np.allclose(packed[60, 0], v[0, 0, 60])))

# %% The keys of greatest dot product with a query, exactly.
index, score = attn.topk(q[0, 0, 50], k[0, 0], 3)
print("best keys", index, np.round(score, 3))

# %% A stream: learned queries over all tokens so far, in constant memory.
stream = attn.Stream(q[0, :, 0], kv_heads=2)
for token in range(96):
    stream.push(k[0, :, token].copy(), v[0, :, token].copy())  # the heads of a token one after the other
so, slse = stream.read()
whole = attn.attention(q[:, :, :1], k, v)[0, :, 0]
print(stream, len(stream.save()), "bytes; equals attention over all:", bool(np.allclose(so, whole, atol=1e-5)))

# %% A mistake is a sentence.
try:
    attn.attention(q, k[:, :, :50], v[:, :, :50], "causal")
except attn.Error as error:
    print(error.status, str(error).split(":")[1].strip())
