"""Names and shapes in docs/model-files.md against model files that the program writes, and the logits of a saved model."""
import json
import os
import re
import subprocess
import tempfile
import unittest

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.path.dirname(os.environ["ATTN_LIBRARY"]), "attn")
FIXED = {"vocabulary": "64", "pairs": "2", "batch": "2", "steps": "1", "train_examples": "0", "test_examples": "2", "layers": "2"}


def attn(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300)


def words(**assignments):
    return [key + "=" + value for key, value in {**FIXED, **assignments}.items()]


def shapes(assignments):
    """Of all parameters of the model that a recipe makes."""
    with tempfile.TemporaryDirectory() as folder:
        done = attn("train", "zoology/mqar", *words(**assignments), "--store", folder, "--quiet")
        assert done.returncode == 0, (assignments, done.stderr)
        with open(os.path.join(folder, os.listdir(folder)[0], "model.safetensors"), "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert set(header.pop("__metadata__")) == {"attn_recipe"}
    assert all(tensor["dtype"] == "F32" for tensor in header.values())
    return {name: tensor["shape"] for name, tensor in header.items()}


def spans(text):
    return re.findall(r"`([^`]*)`", text)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def product(text, values):
    """"2 expand D", "D / head_dim", "R + 2 d_state" with these values."""
    return sum(product_of_factors(term, values) for term in text.split("+"))


def product_of_factors(text, values):
    above, _, below = text.partition("/")
    number = 1
    for factor in above.split():
        number *= values[factor] if factor in values else int(factor)
    return number // (values[below.strip()] if below.strip() in values else int(below)) if below else number


def shape(text, values):
    return [product(axis, values) for axis in text.split(",")]


@unittest.skipUnless(os.path.exists(PROGRAM) and attn("systems").returncode == 0, "no attn with the training commands")
class ModelFiles(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(ROOT, "docs", "model-files.md")) as file:
            self.model, self.mixers = file.read().split("\n## Mixers\n")

    def test_mixers_have_the_parameters_that_are_documented(self):
        records = map(json.loads, attn("systems", "--mixers", "--json").stdout.splitlines())
        options = {record["mixer"]: record["options"] for record in records if record["option"] is None}
        texts, rows, tables, seen = [], [], [], set()
        for line in self.mixers.splitlines():
            if line.startswith("`"):
                texts, rows = spans(line), []
            elif line.startswith("| `"):
                rows.append(cells(line))
            elif not line.strip() and texts and rows:
                tables.append((texts, rows))
                texts = []
        for texts, rows in tables + [(texts, rows)]:  # the last one ends with the file
            for i, text in enumerate(texts):
                self.check_mixer(text, rows, options, ((32, 16), (48, 24)) if i == 0 else ((48, 24),))
                seen.add(text.partition(":")[0])
        self.assertEqual(seen, set(options))

    def check_mixer(self, text, rows, options, sizes):
        name, _, own = text.partition(":")
        for width, length in sizes:
            values = {"D": width, "N": length, "R": -(-width // 16)}
            for option in (options[name].split() if options[name] else []) + (own.split(":") if own else []):
                key, value = option.split("=")
                if re.fullmatch(r"-?[0-9]+", value):
                    values[key] = int(value)
            values["S"] = values.get("d_state", 0) or length
            prefix = "blocks.1.mixer."
            found = {key[len(prefix):]: size for key, size in shapes({"mixer": text, "width": str(width), "length": str(length)}).items() if key.startswith(prefix)}
            self.assertEqual({spans(row[0])[0]: shape(spans(row[1])[0], values) for row in rows}, found, text)

    def test_models_have_the_parameters_that_are_documented(self):
        rows = [cells(line) for line in self.model.splitlines() if line.startswith("| `") and line.count("|") == 5]
        for width in (32, 48):
            for state in ("identity", "none", "mlp", "swiglu"):
                for positions, norm, untied in (("yes", "layer", "false"), ("no", "rms", "true")):
                    recipe = {"mixer": "attention", "width": str(width), "length": "16", "state": state, "positions": positions, "norm": norm, "untied": untied}
                    values = {"V": 64, "D": width, "N": 16, "H": 4 * width if state == "mlp" else -(-8 * width // 24) * 8}
                    said = {key + "=" + value for key, value in recipe.items()}
                    expected = {}
                    for name, size, where, _ in rows:
                        holds = all(said & set(spans(part)) for part in where.split(";") if part)
                        for block in range(2) if holds and "*" not in name else ():
                            expected[spans(name)[0].replace(".I.", ".%d." % block)] = shape(spans(size)[0], values)
                    found = {name: size for name, size in shapes(recipe).items() if ".mixer." not in name}
                    self.assertEqual(expected, found, recipe)

    def test_logits_are_those_of_each_sequence_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(attn("train", "zoology/mqar", "mixer=baseconv", *words(length="32"), "--store", folder, "--quiet").returncode, 0)
            run, tokens, out = os.path.join(folder, os.listdir(folder)[0]), os.path.join(folder, "t.npy"), os.path.join(folder, "l.npy")
            batch = numpy.random.default_rng(1).integers(0, 64, (3, 9))
            logits = []
            for array in (batch, batch[1], batch[1:2, :5].astype("uint8"), batch[2].astype("float64")):
                numpy.save(tokens, array)
                done = attn("predict", run, "--data", tokens, "--logits", out)
                self.assertEqual(done.returncode, 0, done.stderr)
                logits.append(numpy.load(out))
                self.assertEqual((logits[-1].shape, logits[-1].dtype), (array.shape + (64,), numpy.float32))
            self.assertGreater(numpy.std(logits[0]), 1e-3)
            self.assertTrue((logits[0][1] == logits[1]).all() and (logits[0][2] == logits[3]).all())
            self.assertLess(numpy.max(numpy.abs(logits[0][1, :5] - logits[2][0])), 1e-6)  # causal

    def test_what_is_no_tokens_of_the_model_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(attn("train", "zoology/mqar", "mixer=attention", *words(length="32"), "--store", folder, "--quiet").returncode, 0)
            run, tokens, out = os.path.join(folder, os.listdir(folder)[0]), os.path.join(folder, "t.npy"), os.path.join(folder, "l.npy")
            for array, sentence in ((numpy.full((1, 4), 64), "element 0: found 64, expected a token in [0, 64)"), (numpy.full((1, 4), -1), "element 0: found -1"),
                                    (numpy.zeros((1, 33), int), "found sequences of 33 tokens, expected at most 32"), (numpy.zeros((0, 4), int), "0 elements"),
                                    (numpy.zeros((1, 1, 4), int), "3 axes"), (numpy.full((1, 4), 0.5), "0.5")):
                numpy.save(tokens, array)
                done = attn("predict", run, "--data", tokens, "--logits", out)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(sentence, done.stderr)
                self.assertFalse(os.path.exists(out))
            self.assertIn("together", attn("predict", run, "--data", tokens).stderr)


if __name__ == "__main__":
    unittest.main()
