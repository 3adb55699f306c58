"""run.py BUILD numpy|torch|all [TEST...]: stages the package into BUILD/python and runs its tests (unittest) on BUILD/libattn.so, or on
what ATTN_LIBRARY names. Exit 77 (skipped) where this interpreter lacks NumPy, or PyTorch for `torch`.
"""
import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def main():
    if len(sys.argv) < 3 or sys.argv[2] not in ("numpy", "torch", "all"):
        sys.exit(__doc__)
    build, what, names = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    for module, package in (("numpy", "python3-numpy"), ("torch", "make venv")):
        if what in (module, "all") or module == "numpy":
            if importlib.util.find_spec(module) is None:
                print("skipped: %s has no %s (%s)" % (sys.executable, module, package))
                sys.exit(77)
    sys.dont_write_bytecode = True
    sys.path[:0] = [os.path.join(ROOT, "python"), os.path.join(ROOT, "tests"), HERE]
    import backend
    staged = os.path.join(build, "python-" + what)
    backend.stage(staged)
    sys.path.insert(0, staged)
    os.environ.setdefault("ATTN_LIBRARY", os.path.join(build, "libattn.so"))
    os.environ["PYTHONPATH"] = staged  # of the processes that tests start
    loader = unittest.TestLoader()
    if names:
        suite = loader.loadTestsFromNames(names)
    else:
        pattern = {"numpy": "test_[!t]*.py", "torch": "test_torch*.py", "all": "test_*.py"}[what]
        suite = loader.discover(HERE, pattern=pattern)
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)


if __name__ == "__main__":
    main()
