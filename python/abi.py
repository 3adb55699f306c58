"""Reads libattn's public headers and writes what the binding knows of them, so that no struct is written down twice.

    abi.py INCLUDE module    the Python module attn/_abi.py: enums, ctypes structs, argument types of the functions
    abi.py INCLUDE program   a C program that prints every size, offset and enum value, for the test that compares them

The headers are plain: enums, structs of one level, function types, prototypes, integer macros. What does not fit is an error, not a guess.
"""
import os
import re
import sys

SCALARS = {
    "char": "c_char", "int": "c_int", "float": "c_float", "double": "c_double", "size_t": "c_size_t",
    "int8_t": "c_int8", "int16_t": "c_int16", "int32_t": "c_int32", "int64_t": "c_int64",
    "uint8_t": "c_uint8", "uint16_t": "c_uint16", "uint32_t": "c_uint32", "uint64_t": "c_uint64", "bool": "c_bool",
}


class Headers:
    """constants {name: value}, structs {name: [(field, ctype, length or None)]}, functions {name: (result, [ctype])}."""

    def __init__(self, include):
        self.constants, self.structs, self.functions = {}, {}, {}
        self.types = dict(SCALARS)
        self.names = self._umbrella(include, "attn.h")
        for name in self.names:
            with open(os.path.join(include, name), encoding="utf-8") as file:
                self._read(file.read())

    def _umbrella(self, include, name):
        """attn.h and the headers of modules that it includes at its end."""
        with open(os.path.join(include, name), encoding="utf-8") as file:
            modules = re.findall(r'^#include "(attn_\w+\.h)"', file.read(), re.M)
        return [name] + sorted(set(modules))

    def _read(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"^#if defined\(__GNUC__\).*?^#endif", "", text, flags=re.M | re.S)
        for name, value in re.findall(r"^#define (ATTN_\w+)[ \t]+(.+)$", text, re.M):
            self._define(name, value)
        text = re.sub(r"^#ifdef __cplusplus.*?^#endif", "", text, flags=re.M | re.S)
        text = re.sub(r"^#.*(\\\n.*)*$", "", text, flags=re.M)
        for declaration in _declarations(text):
            self._declare(" ".join(declaration.split()))

    def _define(self, name, value):
        value = value.replace("INT64_MAX", str(2 ** 63 - 1)).strip()
        if re.fullmatch(r"[\w\s()*+|<-]+", value):
            self.constants[name] = self._number(value)

    def _number(self, text):
        return int(eval(re.sub(r"\b(\d+)[uUlL]+\b", r"\1", text), {"__builtins__": {}}, self.constants))  # our own header

    def _declare(self, text):
        opaque = re.fullmatch(r"typedef struct (\w+) (\w+)", text)
        enum = re.fullmatch(r"(?:typedef )?enum (\w+ )?\{(.*)\}\s*(\w*)", text)
        struct = re.fullmatch(r"typedef struct (\w+) \{(.*)\} (\w+)", text)
        callback = re.fullmatch(r"typedef .*\(\*(\w+)\)\((.*)\)", text)
        function = re.fullmatch(r"ATTN_API (.*?)\b(attn_\w+)\((.*)\)(?: ATTN_CHECKED)?", text)
        if opaque:
            self.types[opaque[2]] = None  # only pointers to it are used
        elif enum:
            self._enum(enum[2])
            if enum[3]:
                self.types[enum[3]] = "c_int"
        elif struct:
            self.structs[struct[3]] = [f for part in struct[2].split(";") if part.strip() for f in self._fields(part.strip())]
            self.types[struct[3]] = struct[3]
        elif callback:
            self.types[callback[1]] = "c_void_p"
        elif function:
            parameters = [] if function[3] in ("", "void") else [self._parameter(p) for p in function[3].split(",")]
            self.functions[function[2]] = (self._result(function[1].strip()), parameters)
        else:
            raise SystemExit("abi.py: what is this declaration? " + text)

    def _enum(self, body):
        value = -1
        for item in filter(None, (i.strip() for i in body.split(","))):
            name, given, expression = (part.strip() for part in item.partition("="))
            value = self._number(expression) if given else value + 1
            self.constants[name] = value

    def _fields(self, text):
        if "(*" in text:  # a pointer to a function
            return [(re.search(r"\(\*(\w+)\)", text)[1], "c_void_p", None)]
        base, declarators = re.fullmatch(r"(?:const )?(\w+)\b\s*(.*)", text).groups()
        fields = []
        for d in declarators.split(","):
            stars, name, length = re.fullmatch(r"\s*((?:\*\s*(?:const\s*)?)*)(\w+)(?:\[(\w+)\])?\s*", d).groups()
            ctype = ("c_char_p" if base == "char" and stars.count("*") == 1 else "c_void_p") if stars else self.types[base]
            fields.append((name, ctype, self._number(length) if length else None))
        return fields

    def _parameter(self, text):
        if "*" in text or "[" in text:
            return "c_char_p" if re.match(r"\s*const char \*\w+\s*$", text) else "c_void_p"
        return self.types[re.fullmatch(r"\s*(?:const )?(\w+) \w+\s*", text)[1]]

    def _result(self, text):
        if "*" in text:
            return "c_char_p" if text.startswith("const char") else "c_void_p"
        return "None" if text == "void" else self.types[text]


def _declarations(text):
    """What stands between semicolons outside of braces."""
    depth = start = 0
    for i, c in enumerate(text):
        depth += (c == "{") - (c == "}")
        if c == ";" and depth == 0:
            yield text[start:i]
            start = i + 1
    if text[start:].strip():
        raise SystemExit("abi.py: no semicolon after " + text[start:].strip()[:80])


def module(headers):
    """The text of attn/_abi.py."""
    lines = ['"""Made by abi.py from %s: do not edit."""' % ", ".join(headers.names), "from ctypes import *  # noqa: F403", ""]
    lines += ["%s = %d" % item for item in headers.constants.items()]
    for name, fields in headers.structs.items():
        lines += ["", "", "class %s(Structure):" % name, "    _fields_ = ["]
        lines += ['        ("%s", %s),' % (f, ctype if n is None else "%s * %d" % (ctype, n)) for f, ctype, n in fields]
        lines += ["    ]"]
    lines += ["", "", "STRUCTS = (%s,)" % ", ".join(headers.structs), "CONSTANTS = %r" % (tuple(headers.constants),), "FUNCTIONS = {"]
    lines += ['    "%s": (%s, [%s]),' % (name, result, ", ".join(args)) for name, (result, args) in headers.functions.items()]
    return "\n".join(lines + ["}", ""])


def program(headers):
    """The text of a C program: lines `struct size`, `struct.field offset size`, `CONSTANT value`."""
    lines = ["#include <attn.h>", "#include <stdio.h>", "int main(void) {"]
    for name, fields in headers.structs.items():
        lines.append('    printf("%s %%zu\\n", sizeof(%s));' % (name, name))
        for field, _, _ in fields:
            lines.append('    printf("%s.%s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));' % ((name, field) * 3))
    lines += ['    printf("%s %%lld\\n", (long long)%s);' % (name, name) for name in headers.constants]
    return "\n".join(lines + ["}", ""])


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in ("module", "program"):
        sys.exit(__doc__)
    sys.stdout.write({"module": module, "program": program}[sys.argv[2]](Headers(sys.argv[1])))
