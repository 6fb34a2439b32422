"""A method without a row in kMethodRoles must not compile: takes a row of each service away, in a copy of the table, and
asks the compiler. Exit code 77: there is nothing to ask it with."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

source, build = (pathlib.Path(os.environ[name]) for name in ("SEEDCAST_SOURCE_DIR", "SEEDCAST_BINARY_DIR"))
HEADER = "coordinator/rpc/method_roles.h"


def compiler_command():
    path = build / "compile_commands.json"
    if not path.exists():
        sys.exit(77)
    for entry in json.loads(path.read_text()):
        if entry["file"].endswith("coordinator/rpc/method_roles.cc"):
            words = shlex.split(entry["command"])
            del words[words.index("-o"):words.index("-o") + 2]
            return [word for word in words if not word.endswith("ccache")], entry["directory"]
    sys.exit("method_roles.cc is not compiled")


def compile_with(header):
    """The compiler's errors with `header` in the place of the tree's."""
    words, directory = compiler_command()
    with tempfile.TemporaryDirectory() as scratch:
        copy = pathlib.Path(scratch) / HEADER
        copy.parent.mkdir(parents=True)
        copy.write_text(header)
        words[1:1] = ["-fsyntax-only", "-I", scratch]
        result = subprocess.run(words, cwd=directory, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stderr


header = (source / HEADER).read_text()
assert compile_with(header) == "", "the tree's own table compiles"
rows = re.findall(r'^ *MethodRow\{"/seedcast\.v1\.(\w+)/.*\n', header, re.MULTILINE)
assert len(set(rows)) == 4, rows
for service in sorted(set(rows)):
    without = re.sub(rf'^ *MethodRow{{"/seedcast\.v1\.{service}/.*\n', "", header, count=1, flags=re.MULTILINE)
    errors = compile_with(without)
    assert f"each method of {service} needs its row in kMethodRoles" in errors, (service, errors)
    print(f"{service}: does not compile without a row")
