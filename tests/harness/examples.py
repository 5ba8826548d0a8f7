"""The example plugins, built as their authors would: out of tree, against the installed headers only.

Built below the build tree, since no plugin in /tmp, which everybody can write, is trusted; kept there, so that the next
test compiles nothing again.
"""

import os
import shutil
import subprocess

from . import place

SOURCE = place.source / "examples"
BUILD = place.build / "tests/examples"
PLUGINS = BUILD / "plugins"

BY_CMAKE = ["hypervisor-plain", "network-offline", "storage-scratch", "security-limits", "security-audit-c"]
RUST = "security-sealed-rust"
ALL = {"hypervisor/plain", "network/offline", "storage/scratch", "security/limits", "security/audit", "security/sealed"}

# The tools of Debian, whatever else is on PATH; pkg-config finds the installed tree.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/root", "PKG_CONFIG_PATH": f"{place.stage}/lib/pkgconfig",
               "CARGO_HOME": str(BUILD / "cargo-home")}


def run(*command, **options):
    options = {"env": ENVIRONMENT} | options
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def build_by_cmake(source, build, plugins):
    run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={place.stage}", f"-DNACRE_PLUGIN_INSTALL_DIR={plugins}",
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", build)
    run("cmake", "--install", build, "--strip")


def build_by_cargo(source, build, library):
    """`library` is the file to be installed."""
    run("cargo", "build", "--release", "--offline", "--target-dir", build, cwd=source)
    built, = (build / "release").glob("lib*.so")
    library.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(built, library)
    os.chmod(library, 0o644)


def build_all():
    """All six; returns the folder of plugins."""
    for name in BY_CMAKE:
        build_by_cmake(SOURCE / name, BUILD / name, PLUGINS)
    # Cargo writes its lock file beside the sources, which are not the test's to write into.
    copy = BUILD / f"{RUST}-source"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(SOURCE / RUST, copy, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    build_by_cargo(copy, BUILD / RUST, PLUGINS / "security/sealed.so")
    return PLUGINS


def assert_conforms(plugins):
    """The run that every plugin must pass (tests/plugins/any_plugin_test.cpp), over those of a folder."""
    run(place.build / "tests/plugins/plugin_conformance", env=ENVIRONMENT | {"NACRE_CONFORMANCE_DIR": str(plugins)})
