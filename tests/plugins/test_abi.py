"""The types of the boundary against those of the previous release, by abidiff: what a layout cannot show (a parameter's
type, what a pointer points at) is compared as well.

The previous release is tests/plugins/abi-<machine>.xml, which needs neither a tag nor a history; it is renewed when a
release is made: `python3 tests/plugins/test_abi.py`. Where git has a tag of a release, that is compared too.
"""

import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # when run as a program, to renew the reference

from harness import place  # noqa: E402

pytestmark = pytest.mark.no_leak_check

HEADERS = Path("core/include/nacre/plugin")
REFERENCE = Path(__file__).parent / f"abi-{platform.machine()}.xml"

# What abidiff says of a change that may be made: a member more at a struct's end, which its text tells by the offset.
ALLOWED = re.compile(r"size of symbol changed|type of variable changed:|type size changed from|\d+ data member insertions?:"
                     r"|details were reported earlier|'struct \w+' changed:|\d+ Changed variables?:"
                     r"|(Leaf changes|Changed leaf types|Removed/Changed/Added \w+) summary:")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def library(include, folder):
    """A library with one of each struct of the headers below `include`: all that can cross the boundary."""
    headers = sorted((include / "nacre/plugin").glob("*.h"))
    text = "".join(header.read_text() for header in headers)
    structs = sorted(set(re.findall(r"^struct (\w+) \{", text, flags=re.M)))
    assert len(structs) >= 30
    source = "".join(f"#include <nacre/plugin/{header.name}>\n" for header in headers)
    source += "".join(f"struct {name} abi_{name};\n" for name in structs)
    output = folder / "libabi.so"
    done = run("gcc", "-std=c11", "-g", "-shared", "-fPIC", "-x", "c", "-", f"-I{include}", "-o", output, input=source)
    assert done.returncode == 0, done.stderr
    return output


def differences(old, new):
    """Each line of abidiff's that tells of more than an addition at the end of a struct; none: nothing is broken."""
    done = run("abidiff", "--leaf-changes-only", "--no-show-locs", "--no-added-syms", old, new)
    assert done.returncode & 3 == 0, done.stdout + done.stderr  # its own failure
    found, end_of_struct = [], 0
    for line in filter(None, map(str.strip, done.stdout.splitlines())):
        if size := re.match(r"type size changed from (\d+) to \d+", line):
            end_of_struct = int(size[1])
        inserted = re.search(r", at offset (\d+) \(in bits\)", line)
        if line.startswith("[C]"):
            end_of_struct = float("inf")  # until its size is said to have changed
        elif inserted and int(inserted[1]) >= end_of_struct:
            continue
        elif not ALLOWED.match(line) or re.search(r" [1-9]\d* Removed", line):
            found.append(line)
    return found


def include_of(commit, folder):
    """The headers as a commit has them."""
    archive = subprocess.run(["git", "-C", place.source, "archive", commit, HEADERS], capture_output=True, check=True).stdout
    tarfile.open(fileobj=io.BytesIO(archive)).extractall(folder)
    return folder / HEADERS.parents[1]


def tags():
    """Tags of releases, the newest first; none in a shallow clone or a tarball."""
    done = run("git", "-C", place.source, "tag", "--list", "v[0-9]*", "--sort=-v:refname", "--merged", "HEAD")
    return done.stdout.split() if done.returncode == 0 else []


@pytest.fixture
def now(tmp_path):
    return library(place.source / "core/include", tmp_path)


def test_nothing_has_changed_since_the_previous_release(now):
    if not REFERENCE.exists():
        pytest.skip(f"no reference is kept for {platform.machine()}")
    assert not (found := differences(REFERENCE, now)), found


def test_nothing_has_changed_since_the_newest_tag(now, tmp_path):
    newest = tags()[:1]
    if not newest:
        pytest.skip("git has no tag of a release here")
    (tmp_path / "old").mkdir()
    old = library(include_of(newest[0], tmp_path / "old"), tmp_path / "old")
    assert not (found := differences(old, now)), found


def test_the_headers_of_a_commit_are_compared(now, tmp_path):
    """What the test of tags does, with a commit that every clone has."""
    if run("git", "-C", place.source, "rev-parse", "HEAD").returncode != 0:
        pytest.skip("this tree has no git")
    (tmp_path / "old").mkdir()
    include = include_of("HEAD", tmp_path / "old")
    assert (include / "nacre/plugin/descriptor.h").exists()
    assert differences(library(include, tmp_path / "old"), now) == []


# what: (header, text, replacement), and whether it may be
CHANGES = {
    "a function more at the end of a table":
        ("security.h", "undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, "
         "uint64_t length,\n                  struct nacre_error *error);\n",
         "undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, "
         "uint64_t length,\n                  struct nacre_error *error);\n  int32_t (*more)(nacre_guard *guard);\n", True),
    "a struct more":
        ("security.h", "typedef struct nacre_guard", "struct nacre_more { uint32_t struct_size; };\n"
         "typedef struct nacre_guard", True),
    "a member before others":
        ("error.h", "  int32_t code;", "  uint32_t before;\n  int32_t code;", False),
    "a parameter of another type":
        ("hypervisor.h", "uint32_t graceful", "uint64_t graceful", False),
    "a parameter less":
        ("network.h", "int32_t netns_fd, struct nacre_bind_result", "struct nacre_bind_result", False),
    "a member of another sign":
        ("host_api.h", "int32_t pidfd;", "uint32_t pidfd;", False),
    "a struct less":
        ("hypervisor.h", "struct nacre_vm_size {", "typedef int nacre_vm_sized; struct nacre_vm_other {", False),
    "a member less at the end":
        ("hypervisor.h", "  int32_t fd;\n  uint32_t reserved;\n};\n\n#define NACRE_SAVE", "  int32_t fd;\n};\n\n"
         "#define NACRE_SAVE", False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_a_change(now, tmp_path, what):
    header, text, replacement, allowed = CHANGES[what]
    include = tmp_path / "include"
    shutil.copytree(place.source / "core/include", include)
    path = include / "nacre/plugin" / header
    changed = path.read_text().replace(text, replacement)
    assert changed != path.read_text()
    path.write_text(changed)
    (tmp_path / "new").mkdir()
    found = differences(now, library(include, tmp_path / "new"))
    assert bool(found) != allowed, found


if __name__ == "__main__":
    with place.Folder("abi") as scratch:
        made = library(place.source / "core/include", scratch)
        subprocess.run(["abidw", "--no-show-locs", "--no-comp-dir-path", "--no-corpus-path", "--no-elf-needed",
                        "--out-file", REFERENCE, made], check=True)
