"""The plugin boundary in what was built: one export, no core, no gRPC; headers that stand alone."""

import re
import subprocess

import pytest
import tree

pytestmark = pytest.mark.no_leak_check


def test_each_plugin_exports_exactly_one_symbol():
    assert tree.plugins()
    problems = []
    for plugin in tree.plugins():
        exported = [line.split()[-1] for line in tree.symbols(plugin, "-D", "--defined-only")]
        if exported != ["nacre_plugin_v1"]:
            problems.append(f"{plugin.name} exports {exported}")
    tree.report(problems)


def test_plugins_link_neither_core_nor_grpc():
    problems = []
    for plugin in tree.plugins():
        libraries = [name for name in tree.needed(plugin) if re.search("grpc|protobuf|nacre", name)]
        undefined = [line for line in tree.symbols(plugin, "-D", "--undefined-only") if re.search(r"nacre|grpc", line)]
        inside = [line for line in tree.symbols(plugin)
                  if re.search(r"\bnacre::(config|oci|ttrpc|journal|launch|plugin|agent_client|sandbox|shim)::", line)]
        for what in libraries + undefined + inside[:3]:
            problems.append(f"{plugin.name} uses {what}")
    tree.report(problems)


def test_libseccomp_compiles_the_filters_of_the_seccomp_plugin():
    plugin = next(plugin for plugin in tree.plugins() if plugin.parts[-2:] == ("security", "seccomp.so"))
    shared = any("libseccomp" in name for name in tree.needed(plugin))
    assert shared or any(line.endswith(" seccomp_export_bpf") for line in tree.symbols(plugin))


HEADERS = [path for path in tree.cpp_files("core/include/")]


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_a_public_header_compiles_alone(header):
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{tree.SOURCE}/core/include"]
    name = header.relative_to("core/include")
    languages = [["g++", "-std=c++20", "-x", "c++"]]
    if header.suffix == ".h":
        languages.append(["gcc", "-std=c11", "-x", "c"])
    for language in languages:
        done = subprocess.run([*language, *warnings, "-"], input=f"#include <{name}>\n", text=True, capture_output=True)
        assert done.returncode == 0, f"{name} as {language[1]}:\n{done.stderr}"
