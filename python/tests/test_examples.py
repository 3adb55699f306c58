"""The numbered examples print what is written beside them, and so does the program in README.md."""
import importlib.util
import os
import re
import subprocess
import sys
import unittest

PYTHON = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Examples(unittest.TestCase):
    maxDiff = None

    def test_examples_print_what_they_say(self):
        folder = os.path.join(PYTHON, "examples")
        ran = 0
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".py") or ("torch" in name and importlib.util.find_spec("torch") is None):
                continue
            with self.subTest(name):
                with open(os.path.join(folder, name[:-3] + ".expected"), encoding="utf-8") as file:
                    self.assertEqual(self.output(os.path.join(folder, name)), file.read())
                ran += 1
        self.assertGreater(ran, 0)

    def test_readme_prints_what_it_says(self):
        with open(os.path.join(PYTHON, "README.md"), encoding="utf-8") as file:
            text = file.read()
        program, printed = (re.search("```%s\n(.*?)```" % kind, text, re.S)[1] for kind in ("python", "text"))
        self.assertEqual(self.output("-c", program), printed)

    def output(self, *arguments):
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


if __name__ == "__main__":
    unittest.main()
