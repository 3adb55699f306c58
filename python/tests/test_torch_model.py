"""examples/load_model.py against the program: a trained model's logits in PyTorch and in attn."""
import os
import subprocess
import sys
import tempfile
import unittest

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.path.dirname(os.environ["ATTN_LIBRARY"]), "attn")
SMALL = ("vocabulary=64", "length=32", "pairs=4", "width=24", "batch=16", "steps=30", "train_examples=0", "test_examples=8", "lr=5e-3")


def attn(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=300)


@unittest.skipUnless(os.path.exists(PROGRAM) and attn("systems").returncode == 0, "no attn with the training commands")
class LoadedModel(unittest.TestCase):
    def train(self, folder, task, *recipe):
        done = attn("train", task, *recipe, "--store", folder, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        return max((os.path.join(folder, name) for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name))), key=os.path.getmtime)

    def load(self, run, tokens, logits):
        return subprocess.run([sys.executable, os.path.join(ROOT, "examples", "load_model.py"), os.path.join(run, "model.safetensors"), tokens, logits],
                              capture_output=True, text=True)

    def check(self, folder, shape, task, *recipe):
        run = self.train(folder, task, *recipe)
        tokens, ours, theirs = (os.path.join(folder, name + ".npy") for name in ("tokens", "ours", "theirs"))
        numpy.save(tokens, numpy.random.default_rng(3).integers(0, 20, shape))
        done = attn("predict", run, "--data", tokens, "--logits", ours)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.load(run, tokens, theirs)
        self.assertEqual(done.returncode, 0, done.stderr)
        ours, theirs = numpy.load(ours), numpy.load(theirs)
        self.assertEqual(ours.shape[:-1], shape)
        self.assertEqual(ours.shape, theirs.shape)
        self.assertGreater(numpy.std(ours), 1e-2)
        self.assertLessEqual(numpy.max(numpy.abs(ours - theirs)), 1e-5 * max(1, numpy.max(numpy.abs(ours))))

    def test_logits_of_trained_attention_are_equal(self):
        for more in ((), ("mixer=attention:heads=4", "layers=3"), ("state=mlp", "untied=true", "mixer=attention:heads=2"), ("positions=no",)):
            with self.subTest(more), tempfile.TemporaryDirectory() as folder:
                self.check(folder, (3, 17), "zoology/mqar", "mixer=attention", *SMALL, *more)

    def test_one_sequence_without_a_batch_is_read_as_the_program_reads_it(self):
        with tempfile.TemporaryDirectory() as folder:
            self.check(folder, (17,), "zoology/mqar", "mixer=attention", *SMALL)

    def test_another_model_is_refused_with_what_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            run = self.train(folder, "zoology/mqar", "mixer=based", *SMALL)
            done = self.load(run, "tokens.npy", "logits.npy")
            self.assertEqual(done.returncode, 1)
            self.assertIn("found mixer=based norm=layer state=", done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_a_language_model_is_loaded_the_same_way(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "text.txt"), "w") as file:
                file.write("the quick brown fox jumps over the lazy dog and does so again and again .\n" * 40)
            self.check(folder, (3, 17), "lm", "data=" + os.path.join(folder, "text.txt"), "tokenizer=character", "length=32", "width=24", "batch=4", "steps=20",
                       "mixer=attention", "lr=5e-3")


if __name__ == "__main__":
    unittest.main()
