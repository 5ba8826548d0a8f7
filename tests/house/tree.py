"""The source tree and what was built of it, for the checks of the house."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from harness import place

SOURCE = place.source
CPP = {".c", ".cpp", ".h", ".hpp"}
_include = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


@cache
def files():
    """Every file of the tree as a path relative to it; no build output, nothing of version control."""
    found = []
    for folder, folders, names in os.walk(SOURCE):
        folders[:] = [name for name in folders
                      if not name.startswith(".git") and name not in ("build", "__pycache__", ".cache")]
        found += [Path(folder, name).relative_to(SOURCE) for name in names]
    return sorted(found)


def cpp_files(*folders):
    return [path for path in files() if path.suffix in CPP and str(path).startswith(folders)]


@cache
def text(path):
    return (SOURCE / path).read_text(errors="replace")


def includes(path):
    """(bracket, name) of each include."""
    return _include.findall(text(path))


def code_lines(path):
    """(number, line) without comments; string literals stay."""
    bare = re.sub(r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text(path), flags=re.S)
    for number, line in enumerate(bare.splitlines(), start=1):
        yield number, re.sub(r'("(?:[^"\\]|\\.)*")|//.*', lambda match: match[1] or "", line)


def exceptions(name):
    """`path: reason` lines of tests/house/<name>; an entry whose file has gone is an error of its own."""
    entries = {}
    for line in text(Path("tests/house") / name).splitlines():
        if line.strip() and not line.startswith("#"):
            path, _, reason = line.partition(": ")
            assert reason.strip(), f"{name}: {path} has no reason"
            assert (SOURCE / path).exists(), f"{name} names {path}, which does not exist"
            entries[Path(path)] = reason
    return entries


def needed(binary):
    """Shared libraries that a program or plugin asks for itself."""
    answer = subprocess.run(["readelf", "-dW", binary], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", answer)


def symbols(binary, *flags):
    answer = subprocess.run(["nm", "-C", *flags, binary], capture_output=True, text=True)
    return answer.stdout.splitlines()


def plugins():
    return sorted((place.stage / "lib/nacre/plugins").glob("*/*.so"))


def report(problems):
    assert not problems, "\n  " + "\n  ".join(problems)
