"""The layout of every struct of the boundary is pinned, and each constant: what has been released can never move."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # when run as a program, to record the layout

from harness import place  # noqa: E402

pytestmark = pytest.mark.no_leak_check

INCLUDE = place.source / "core/include"
HEADERS = sorted((INCLUDE / "nacre/plugin").glob("*.h"))
GOLDEN = Path(__file__).parent / f"layout-{platform.machine()}.h"
COMPILERS = [["gcc", "-std=c11"], ["gcc", "-std=c17"], ["g++", "-std=c++20"],
             ["clang", "-std=c11"], ["clang", "-std=c17"], ["clang++", "-std=c++20"]]


def structs():
    """{struct: [member, ...]} as the headers have them."""
    found = {}
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, flags=re.S | re.M):
            members = []
            for line in (part.strip() for part in body.split(";")):
                if not line:
                    continue
                if string := re.fullmatch(r"NACRE_STRING\((\w+)\)", line):
                    members += [string[1], f"{string[1]}_len"]
                elif function := re.search(r"\(\*(\w+)\)\(", line):
                    members.append(function[1])
                else:
                    members += re.findall(r"(\w+)(?:\[\w+\])?\s*(?=,|$)", line)
            found[name] = members
    return found


def constants():
    """Names of all numbers of the headers but those that count versions."""
    text = "".join(header.read_text() for header in HEADERS)
    return [name for name in re.findall(r"^#define (NACRE_\w+) \(?\d", text, flags=re.M)
            if name != "NACRE_ABI_MINOR" and not re.fullmatch(r"NACRE_[A-Z]+_VERSION", name)]


def golden_text():
    """The layout as the compiler at hand has it, and the constants, as assertions in C."""
    lines = [f'P("NACRE_LAYOUT({name} == %lluu);\\n", (unsigned long long){name});' for name in constants()]
    for name, members in structs().items():
        lines.append(f'P("NACRE_LAYOUT(sizeof(struct {name}) == %zu);\\n", sizeof(struct {name}));')
        for member in members:
            lines.append(f'P("NACRE_LAYOUT(offsetof(struct {name}, {member}) == %zu);\\n", '
                         f"offsetof(struct {name}, {member}));")
    includes = "".join(f"#include <nacre/plugin/{header.name}>\n" for header in HEADERS)
    source = f"#include <stdio.h>\n{includes}#define P printf\nint main(void) {{ {' '.join(lines)} return 0; }}\n"
    with place.Folder("layout") as folder:
        program = folder / "print"
        subprocess.run(["gcc", "-std=c11", "-x", "c", "-", f"-I{INCLUDE}", "-o", program], input=source, text=True,
                       check=True)
        return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_nothing_has_moved_and_everything_is_pinned():
    if not GOLDEN.exists():
        pytest.skip(f"no layout is recorded for {platform.machine()}")
    recorded, current = GOLDEN.read_text().splitlines(), golden_text().splitlines()
    assert len(current) > 200
    # Members may be added at a struct's tail, which changes its size; nothing else may change.
    moved = [line for line in recorded if line not in current]
    new = [line for line in current if line not in recorded]
    assert not moved and not new, (
        "the layout has changed. Allowed is only an addition at a struct's tail; then record it:\n"
        f"  python3 tests/plugins/test_layout.py\nmoved:\n  " + "\n  ".join(moved) + "\nnew:\n  " + "\n  ".join(new))


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_every_compiler_agrees(compiler):
    includes = "".join(f"#include <nacre/plugin/{header.name}>\n" for header in HEADERS)
    check = "#ifdef __cplusplus\n#define NACRE_LAYOUT(x) static_assert(x, #x)\n#else\n" \
            "#define NACRE_LAYOUT(x) _Static_assert(x, #x)\n#endif\n"
    language = "c++" if "++" in compiler[0] else "c"
    subprocess.run([*compiler, "-x", language, "-", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    f"-I{INCLUDE}"], input=includes + check + GOLDEN.read_text(), text=True, check=True)


def test_no_struct_has_hidden_padding():
    includes = "".join(f"#include <nacre/plugin/{header.name}>\n" for header in HEADERS)
    subprocess.run(["gcc", "-std=c11", "-x", "c", "-", "-fsyntax-only", "-Wpadded", "-Werror", f"-I{INCLUDE}"],
                   input=includes, text=True, check=True)


def test_each_struct_begins_with_its_size():
    assert structs()
    for name, members in structs().items():
        if name != "nacre_plugin_descriptor":  # its magic comes first: a reader of any version finds it
            assert members[0] == "struct_size", name


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_each_header_stands_alone_in_every_language(compiler):
    """The SDK's by clang++; g++ is tests/house's."""
    language = "c++" if "++" in compiler[0] else "c"
    headers = HEADERS + (sorted((INCLUDE / "nacre/sdk").glob("*.hpp")) if compiler[0] == "clang++" else [])
    for header in headers:
        done = subprocess.run([*compiler, "-x", language, "-", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic",
                               "-Werror", f"-I{INCLUDE}"], input=f"#include <{header.relative_to(INCLUDE)}>\n",
                              text=True, capture_output=True)
        assert done.returncode == 0, f"{header.name}:\n{done.stderr}"


if __name__ == "__main__":
    GOLDEN.write_text(golden_text())
