"""Who may include whom (docs/architecture.md)."""

import json
import re
from pathlib import Path

import pytest
import tree
from harness import place

pytestmark = pytest.mark.no_leak_check

BASE = {"base"}
SYSTEMD = {"systemd"}
FIRST = BASE | {"config", "oci", "ttrpc", "journal", "launch"}
SECOND = FIRST | {"plugin", "agent_client"}
MAY_USE = {
    "base": set(),
    "include": set(),
    "systemd": BASE,
    "config": BASE, "oci": BASE, "ttrpc": BASE, "journal": BASE | SYSTEMD, "launch": BASE,
    "plugin": FIRST,
    "agent_client": FIRST,
    "sandbox": SECOND | SYSTEMD,
    "shim": SECOND | {"sandbox"},
    "cli": BASE | {"config", "oci", "ttrpc", "launch", "plugin"},
}


def test_every_folder_of_the_core_is_a_floor():
    folders = {path.parts[1] for path in tree.files() if path.parts[0] == "core" and len(path.parts) > 2}
    assert folders == set(MAY_USE)


def test_a_floor_includes_only_floors_below():
    problems = []
    for path in tree.cpp_files("core/"):
        floor = path.parts[1]
        for bracket, name in tree.includes(path):
            other = name.split("/")[0]
            if name.startswith(".."):
                problems.append(f"{path} includes \"{name}\": write it from core/")
            elif bracket == '"' and other in MAY_USE and other != floor and other not in MAY_USE[floor]:
                problems.append(f"{path} includes \"{name}\": {floor} may use only {sorted(MAY_USE[floor])}")
    tree.report(problems)


def test_plugins_include_nothing_of_the_tree_but_the_public_headers():
    problems = []
    for path in tree.cpp_files("plugins/"):
        folder, kind = Path(*path.parts[:3]), Path(*path.parts[:2])
        for bracket, name in tree.includes(path):
            if bracket == "<":
                continue
            shared = kind / name.split("/")[0]  # what plugins of a kind share, which is no plugin itself
            if (shared / "CMakeLists.txt") in tree.files() and "add_nacre_plugin" not in tree.text(shared / "CMakeLists.txt") \
                    and (tree.SOURCE / kind / name).exists():
                continue
            if ".." in name.split("/") or not ((tree.SOURCE / path.parent / name).exists()
                                               or (tree.SOURCE / folder / name).exists()):
                problems.append(f"{path} includes \"{name}\", which is not its own; public headers are <nacre/...>")
    tree.report(problems)


def test_public_headers_include_nothing_but_themselves_and_the_system():
    problems = []
    for path in tree.cpp_files("core/include/"):
        for bracket, name in tree.includes(path):
            if bracket == '"' and not (tree.SOURCE / path.parent / name).exists():
                problems.append(f"{path} includes \"{name}\"")
            if bracket == "<" and "/" in name and not name.startswith(("nacre/", "sys/", "linux/", "net/", "netinet/")):
                problems.append(f"{path} includes <{name}>: authors of plugins would need it too")
    tree.report(problems)


def test_the_agent_includes_nothing_of_the_core():
    problems = []
    for path in tree.cpp_files("agent/"):
        for bracket, name in tree.includes(path):
            if name.split("/")[0] in MAY_USE and not (tree.SOURCE / "agent/src" / name).exists():
                problems.append(f"{path} includes {name}")
    commands = json.loads((place.build / "compile_commands.json").read_text())
    for entry in commands:
        file = Path(entry["file"])
        if file.is_relative_to(tree.SOURCE / "agent") and f"-I{tree.SOURCE}/core" in entry["command"]:
            problems.append(f"{file.relative_to(tree.SOURCE)} is compiled with the core in its include path")
    tree.report(problems)


def test_the_core_names_no_backend():
    allowed = tree.exceptions("names-of-backends.txt")
    backends = {path.parts[2] for path in tree.files() if path.parts[0] == "plugins" and len(path.parts) > 3}
    backends |= {"qemu", "cloud-hypervisor", "clh", "firecracker", "dragonball", "tcfilter", "macvtap", "virtio-fs", "9p",
                 "virtio-9p"}
    backends -= {"null"}
    kernel_words = {"seccomp", "selinux", "apparmor"}  # members of OCI documents too: only a comparison asks for a backend
    problems = []
    for path in tree.cpp_files("core/"):
        if path in allowed or path.suffix in (".h",) or "include" in path.parts:
            continue
        for number, line in tree.code_lines(path):
            for name in backends | kernel_words:
                if f'"{name}"' in line and (name not in kernel_words or re.search(r"[!=]=|\bstrcmp\b", line)):
                    problems.append(f"{path}:{number} names the backend \"{name}\": ask capability bits instead")
    tree.report(problems)
