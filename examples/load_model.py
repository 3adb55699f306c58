"""load_model.py MODEL.safetensors TOKENS.npy LOGITS.npy: a model of `attn train zoology/mqar mixer=attention` or `attn train lm mixer=attention`
in PyTorch, with the logits of `attn predict RUN --data TOKENS.npy --logits LOGITS.npy`. docs/model-files.md names the parameters of other mixers."""
import json, sys
import numpy, torch
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

with open(sys.argv[1], "rb") as file:  # safetensors: the header's length, the header, the numbers
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    data = bytearray(file.read())
recipe = json.loads(header.pop("__metadata__")["attn_recipe"])
p = {name: torch.frombuffer(data[slice(*t["data_offsets"])], dtype=torch.float32).view(t["shape"]) for name, t in header.items()}
name, _, options = recipe["mixer"].partition(":")
if name != "attention" or "+" in options or recipe["norm"] != "layer" or recipe["state"] not in ("identity", "mlp"):
    sys.exit("{}: found mixer={mixer} norm={norm} state={state}, expected mixer=attention norm=layer and state=identity or mlp; "
             "docs/model-files.md names the parameters of the others".format(sys.argv[1], **recipe))
heads = int(dict(o.split("=") for o in options.split(":") if o).get("heads", 1))
project = lambda x, name: linear(x, p[name + ".weight"], p[name + ".bias"])
norm = lambda x, name: layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)

token = torch.from_numpy(numpy.load(sys.argv[2])).long()
shape = token.shape  # [B, T], or [T] of one sequence
token = token.view(-1, shape[-1])
r = p["embedding.weight"][token]
if "positions.weight" in p: r = r + p["positions.weight"][:token.shape[1]]
for i in range(recipe["layers"]):
    block = f"blocks.{i}."
    q, k, v = project(norm(r, block + "mixer_norm"), block + "mixer.qkv").view(*token.shape, 3, heads, -1).permute(2, 0, 3, 1, 4)
    r = r + project(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2), block + "mixer.out_proj")
    x = norm(r, block + "state_norm")
    r = r + (project(gelu(project(x, block + "state.in")), block + "state.out") if recipe["state"] == "mlp" else x)
logits = linear(norm(r, "norm"), p["head.weight" if recipe["untied"] else "embedding.weight"])
numpy.save(sys.argv[3], logits.view(*shape, -1).numpy())
