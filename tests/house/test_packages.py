"""Each package does its own job, in the one place where that job is (docs/architecture.md)."""

import re

import pytest
import tree
from harness import place

pytestmark = pytest.mark.no_leak_check


def agent_binary():
    return next(path for path in (place.build / "agent").rglob("nacre-agent") if path.is_file())


# Header prefix -> the folders whose business it is.
HOMES = {
    "boost/dll": ("core/plugin/", "core/agent_client/rpc_library.cpp", "core/systemd/sd_bus_library.cpp"),
    "systemd/sd-": ("core/systemd/", "tests/unit/systemd_manager_test.cpp"),
    "boost/program_options": ("core/cli/", "core/shim/", "core/plugin/"),
    "toml++": ("core/config/",),
    "grpc": ("core/agent_client/grpc/", "agent/", "tests/fakes/", "tests/unit/agent_rpc_server_test.cpp"),
    "seccomp.h": ("plugins/security/seccomp/", "tests/unit/"),
    "catch2/": ("tests/unit/catch.hpp",),
}


@pytest.mark.parametrize("header", HOMES)
def test_a_package_is_included_only_where_its_job_is(header):
    problems = []
    users = []
    for path in tree.cpp_files("core/", "plugins/", "agent/", "tests/"):
        if any(name.startswith(header) for _, name in tree.includes(path)):
            users.append(str(path))
            if not str(path).startswith(HOMES[header]):
                problems.append(f"{path} includes <{header}...>: it belongs to {', '.join(HOMES[header])}")
    tree.report(problems)
    assert users, f"nothing includes <{header}...>"


def test_boost_dll_opens_every_plugin_in_one_file():
    openers = [str(path) for path in tree.cpp_files("core/")
               if any(name.startswith("boost/dll") for _, name in tree.includes(path))]
    assert openers == ["core/agent_client/rpc_library.cpp", "core/plugin/loader.cpp", "core/systemd/sd_bus_library.cpp"], openers
    problems = [f"{path}:{number} opens a library itself: {line.strip()}"
                for path in tree.cpp_files("core/", "plugins/") for number, line in tree.code_lines(path)
                if re.search(r"\bdlm?open\s*\(", line)]
    tree.report(problems)


def test_programs_log_by_spdlog_and_the_library_code_not_at_all():
    problems = []
    for path in tree.cpp_files("core/"):
        if path.parts[1] in ("base", "config", "oci", "ttrpc", "journal", "launch") and any(
                name.startswith("spdlog") for _, name in tree.includes(path)):
            problems.append(f"{path} logs; it should throw or return")
        for number, line in tree.code_lines(path):
            if path.parts[1] in ("config", "oci", "ttrpc", "journal", "plugin", "agent_client", "sandbox") and re.search(
                    r"\b(std::cerr|std::cout|fprintf\s*\(\s*stderr|perror\s*\()", line):
                problems.append(f"{path}:{number} prints: {line.strip()}")
    tree.report(problems)
    assert any(name.startswith("spdlog") for path in tree.cpp_files("core/shim/") for _, name in tree.includes(path))


def test_nacre_links_no_grpc_and_protobuf_and_boost_statically():
    libraries = tree.needed(place.nacre)
    assert not [name for name in libraries if re.search("grpc|protobuf|boost|spdlog|fmt", name)], libraries
    assert not [line for line in tree.symbols(place.build / "core/cli/nacre") if re.search(r"\bgrpc(::|_)", line)][:3]


def test_the_sandbox_process_and_the_agent_speak_grpc():
    for binary in (place.stage / "lib/nacre/nacre-grpc.so", agent_binary()):
        libraries = tree.needed(binary)
        assert any("grpc" in name for name in libraries) or any(
            re.search(r"\bgrpc::", line) for line in tree.symbols(binary)), f"{binary} has no gRPC"


def test_the_sandbox_process_starts_without_grpc():
    """Its relocations are 10 ms of every start: they are made while the guest boots."""
    assert not [name for name in tree.needed(place.shim) if "grpc" in name]
    assert not [line for line in tree.symbols(place.shim) if re.search(r"\bgrpc(::|_)", line)][:3]


def test_no_start_pays_for_libsystemd():
    for binary in (place.nacre, place.shim):
        assert not [name for name in tree.needed(binary) if "systemd" in name]


def test_the_agent_and_nacre_launch_are_static():
    for binary in (agent_binary(), place.stage / "libexec/nacre/nacre-launch"):
        assert tree.needed(binary) == [], f"{binary} needs shared libraries"
