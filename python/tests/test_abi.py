"""The structs and constants of the binding are those of the headers, as a C compiler lays them out."""
import ctypes
import os
import shutil
import subprocess
import tempfile
import unittest

import abi
import attn
from attn import _abi

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(abi.__file__)), "..", "include")


class Layout(unittest.TestCase):
    def test_sizes_offsets_and_constants_are_those_of_the_compiler(self):
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        self.assertIsNotNone(compiler, "this test needs a C compiler")
        with tempfile.TemporaryDirectory() as folder:
            source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
            with open(source, "w", encoding="utf-8") as file:
                file.write(abi.program(abi.Headers(INCLUDE)))
            subprocess.run([*compiler.split(), "-std=c11", "-I", INCLUDE, source, "-o", program], check=True)
            lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
        told = {name: tuple(int(n) for n in numbers) for name, *numbers in (line.split() for line in lines)}
        mine = {name: (getattr(_abi, name),) for name in _abi.CONSTANTS}
        for struct in _abi.STRUCTS:
            mine[struct.__name__] = (ctypes.sizeof(struct),)
            for name, *_ in struct._fields_:
                field = getattr(struct, name)
                mine["%s.%s" % (struct.__name__, name)] = (field.offset, field.size)
        self.assertEqual(mine, told)
        self.assertGreater(len(told), 150)

    def test_every_public_struct_and_function_is_found(self):
        names = {struct.__name__ for struct in _abi.STRUCTS}
        self.assertLessEqual({"attn_ctx_config", "attn_problem", "attn_args", "attn_gradients", "attn_estimate", "attn_slice"}, names)
        with open(os.path.join(INCLUDE, "attn.h"), encoding="utf-8") as file:
            declared = {line.split("(")[0].split()[-1].lstrip("*") for line in file if line.startswith("ATTN_API")}
        self.assertLessEqual(declared, set(_abi.FUNCTIONS))

    def test_the_library_accepts_the_sizes(self):
        plan = attn.Plan(heads=1, dim=2, q_len=3, backward=True)
        self.assertEqual(plan.estimate().pairs, 9)

    def test_a_declaration_that_is_not_understood_is_an_error(self):
        headers = abi.Headers(INCLUDE)
        with self.assertRaisesRegex(SystemExit, "what is this declaration"):
            headers._read("union u { int a; };")


if __name__ == "__main__":
    unittest.main()
