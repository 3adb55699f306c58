"""What a call from Python costs beyond the same call from C: one query, eight keys of size 8, where the work itself is next to nothing.

    overhead.py LIBRARY [--json]      LIBRARY: build/libattn.so; cc has to be there

The C program and each way of calling from Python run in turns, five times; reported is the median of the slices' medians.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ROUNDS, SLICES, CALLS = 5, 21, 2000


def build(library, folder):
    program = os.path.join(folder, "overhead")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I", os.path.join(ROOT, "include"), os.path.join(HERE, "overhead.c"), library,
                    "-Wl,-rpath," + os.path.dirname(library), "-o", program], check=True)
    return program


def median_slice(call):
    slices = []
    for _ in range(SLICES):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        slices.append((time.perf_counter() - start) / CALLS * 1e9)
    return statistics.median(slices)


def ways():
    """Name and call of each way."""
    import attn
    import numpy as np
    q, k, v, o = (np.zeros((1, 1, n, 8), "f4") for n in (1, 8, 8, 1))
    plan = attn.Plan(heads=1, dim=8, q_len=1, kv_len=8)
    context = attn.default_context()
    yield "Plan.forward into an array", lambda: plan.forward(q, k, v, o)
    yield "Plan.forward, new array", lambda: plan.forward(q, k, v)
    yield "attention", lambda: attn.attention(q, k, v)
    yield "attention, causal, lse", lambda: attn.attention(q, k, v, "causal:bottom-right", return_lse=True)
    yield "a context's property", lambda: context.threads
    try:
        import torch
    except ImportError:
        return
    x = [torch.from_numpy(a) for a in (q, k, v)]
    to = torch.empty(1, 1, 1, 8)
    yield "Plan.forward, PyTorch", lambda: plan.forward(*x, to)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--json"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    library = os.path.abspath(arguments[0])
    os.environ["ATTN_LIBRARY"], os.environ["ATTN_THREADS"] = library, "1"
    with tempfile.TemporaryDirectory() as folder:
        sys.dont_write_bytecode = True
        sys.path.insert(0, os.path.join(ROOT, "python"))
        import backend
        backend.stage(folder)
        sys.path.insert(0, folder)
        program = build(library, folder)
        calls, times = list(ways()), {"C": []}
        for _ in range(ROUNDS):
            times["C"].append(float(subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()[1]))
            for name, call in calls:
                times.setdefault(name, []).append(median_slice(call))
    c = statistics.median(times["C"])
    for name, found in times.items():
        row = {"way": name, "ns": round(statistics.median(found)), "least_ns": round(min(found)), "most_ns": round(max(found)),
               "beyond_c_us": round((statistics.median(found) - c) / 1000, 2)}
        text = "%(way)-28s %(ns)7d ns (%(least_ns)d to %(most_ns)d)  %(beyond_c_us)6.2f us beyond C" % row
        print(json.dumps(row) if "--json" in sys.argv else text)


if __name__ == "__main__":
    main()
