"""Builds the package: the module attn/_abi.py from the headers, libattn by cmake, and a wheel of both (PEP 517, PEP 427).

    pip install ./python                              from a checkout; --config-settings cmake=-DATTN_PORTABLE=ON is cmake's
    backend.py stage DIR                              DIR/attn without a library, to use with ATTN_LIBRARY=.../libattn.so
    backend.py wheel DIR                              a wheel into DIR
"""
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile

import abi

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
METADATA = """Metadata-Version: 2.1
Name: attn
Version: %s
Summary: Exact attention on CPUs, forward and backward, under any mask
License: Apache-2.0
Requires-Python: >=3.9
Provides-Extra: numpy
Requires-Dist: numpy >= 1.22; extra == "numpy"
Description-Content-Type: text/markdown

%s"""
WHEEL = "Wheel-Version: 1.0\nGenerator: attn\nRoot-Is-Purelib: false\nTag: %s\n"


class UnsupportedOperation(Exception):
    """What a PEP 517 backend raises for a hook that it cannot serve."""


def _headers():
    include = os.path.join(ROOT, "include")
    if not os.path.exists(os.path.join(include, "attn.h")):
        raise SystemExit("attn: no %s/attn.h: the package is built from a checkout of the whole project" % include)
    return abi.Headers(include)


def stage(folder):
    """Writes folder/attn: this package and its _abi.py. Returns the version."""
    package = os.path.join(folder, "attn")
    os.makedirs(package, exist_ok=True)
    for name in sorted(os.listdir(os.path.join(HERE, "attn"))):
        if name.endswith(".py") and name != "_abi.py":
            shutil.copyfile(os.path.join(HERE, "attn", name), os.path.join(package, name))
    headers = _headers()
    with open(os.path.join(package, "_abi.py"), "w", encoding="utf-8") as file:
        file.write(abi.module(headers))
    return ".".join(str(headers.constants["ATTN_VERSION_" + part]) for part in ("MAJOR", "MINOR", "PATCH"))


def _run(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit("attn: %s was not found; building libattn needs a C compiler and cmake 3.20 or later" % command[0]) from None
    if done.returncode:
        raise SystemExit("%s\nattn: failed: %s" % (done.stdout, " ".join(command)))


def build_library(target, options=()):
    """libattn alone, by cmake, as one file."""
    with tempfile.TemporaryDirectory() as build:
        _run("cmake", "-S", ROOT, "-B", build, "-DATTN_BUILD_TOOLS=OFF", "-DATTN_BUILD_TESTS=OFF", "-DATTN_INSTALL=OFF", *options)
        _run("cmake", "--build", build, "--target", "attn_shared", "--parallel", str(os.cpu_count() or 1))
        shutil.copyfile(os.path.join(build, "libattn.so"), target)  # follows the links to the file itself
        os.chmod(target, 0o755)


def _write_wheel(path, folder, info, version, tag):
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        texts = {info + "/METADATA": METADATA % (version, file.read()), info + "/WHEEL": WHEEL % tag}
    with open(os.path.join(ROOT, "LICENSE"), encoding="utf-8") as file:
        texts[info + "/LICENSE"] = file.read()
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        def add(name, data, mode=0o644):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes whenever it is built
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
            wheel.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append("%s,sha256=%s,%d\n" % (name, digest, len(data)))
        for name in sorted(os.listdir(os.path.join(folder, "attn"))):
            file = os.path.join(folder, "attn", name)
            with open(file, "rb") as opened:
                add("attn/" + name, opened.read(), 0o755 if name.endswith(".so") else 0o644)
        for name, text in texts.items():
            add(name, text.encode())
        record.append(info + "/RECORD,,\n")
        entry = zipfile.ZipInfo(info + "/RECORD", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100644 << 16
        wheel.writestr(entry, "".join(record))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook that pip calls."""
    options = (config_settings or {}).get("cmake", [])
    with tempfile.TemporaryDirectory() as folder:
        version = stage(folder)
        build_library(os.path.join(folder, "attn", "libattn.so"), [options] if isinstance(options, str) else options)
        tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
        name = "attn-%s-%s.whl" % (version, tag)
        _write_wheel(os.path.join(wheel_directory, name), folder, "attn-%s.dist-info" % version, version, tag)
    return name


def build_sdist(sdist_directory, config_settings=None):
    raise UnsupportedOperation("attn: the sources are the checkout; there is no archive of the binding alone")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("stage", "wheel"):
        sys.exit(__doc__)
    (stage if sys.argv[1] == "stage" else build_wheel)(sys.argv[2])
