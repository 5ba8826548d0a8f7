"""What the files of the tree look like, whoever reads them."""

import re
import subprocess

import pytest
import tree

pytestmark = pytest.mark.no_leak_check

LIMIT = 600
PROSE = {".md", ".txt", ".toml", ".in", ".py", ".sh", ".proto", ".cmake", ""}


def test_no_file_is_longer_than_one_noun_needs():
    allowed = tree.exceptions("long-files.txt")
    problems = []
    for path in tree.files():
        lines = tree.text(path).count("\n")
        if path.suffix in tree.CPP | {".py", ".sh", ".proto", ".cmake"} and lines > LIMIT and path not in allowed:
            problems.append(f"{path} has {lines} lines: split it, or give the reason in tests/house/long-files.txt")
    tree.report(problems)


def test_no_path_of_a_developers_machine_is_in_the_tree():
    top = str(tree.SOURCE)
    words = [top] + ([str(tree.SOURCE.parent) + "/"] if len(tree.SOURCE.parts) > 3 else [])
    problems = [f"{path} holds {word}" for path in tree.files() for word in words
                if word in tree.text(path) and path.name != "CMakeUserPresets.json"]
    tree.report(problems)


# Text that speaks of how the work is organised instead of the product.
ORGANISATION = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|\b[Ii]ssue #?\d|\bnext issue|\bworktree\b|\bsub-?agent\b|\bmilestone\b|\bsprint\b"
    r"|\bthe (lead|team)\b|\bDESIGN\.md\b|\bDESIGN section|\bthe brief\b|\bas instructed\b")


def test_the_tree_speaks_of_the_product_only():
    problems = []
    for path in tree.files():
        if path.suffix not in PROSE | tree.CPP or path.parts[:2] == ("tests", "house") or path.name == "LICENSE":
            continue
        for number, line in enumerate(tree.text(path).splitlines(), start=1):
            found = ORGANISATION.search(line)
            if found:
                problems.append(f"{path}:{number}: \"{found[0]}\" in: {line.strip()[:90]}")
    tree.report(problems)


def test_shell_scripts_pass_shellcheck():
    scripts = []
    for path in tree.files():
        if path.suffix == ".sh" or (path.suffix == "" and re.match(r"#!\s*/(usr/)?bin/(env )?(ba|da)?sh\b",
                                                                   tree.text(path)[:40])):
            scripts.append(tree.SOURCE / path)
    assert scripts
    done = subprocess.run(["shellcheck", "-x", *scripts], capture_output=True, text=True, cwd=tree.SOURCE)
    assert done.returncode == 0, done.stdout


def test_every_python_file_compiles():
    problems = []
    for path in tree.files():
        if path.suffix == ".py":
            try:
                compile(tree.text(path), str(path), "exec")
            except SyntaxError as error:
                problems.append(str(error))
    tree.report(problems)
