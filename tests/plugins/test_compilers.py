"""The host built by the other compiler: the same conformance run over plugins of both."""

import os
import re
import shutil
import subprocess

import pytest
from harness import place

pytestmark = pytest.mark.no_leak_check

TESTS = "tests/plugins/plugins_test"


def compiler_of(build):
    cache = (build / "CMakeCache.txt").read_text()
    return re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M)[1]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-8000:]}{done.stderr[-8000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def other():
    """A build tree by the compiler that has not built ours; kept, so that only what has changed is compiled again."""
    by_clang = "clang" in run(compiler_of(place.build), "--version")
    cxx, cc = ("g++", "gcc") if by_clang else ("clang++", "clang")
    build = place.build / f"tests/host-by-{cc}"
    launcher = [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "CXX") if shutil.which("ccache")]
    run("cmake", "-S", place.source, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={cxx}", f"-DCMAKE_C_COMPILER={cc}",
        "-DCMAKE_BUILD_TYPE=Debug", "-DNACRE_BUILD_AGENT=OFF", *launcher)
    run("ninja", "-C", build, "plugins_test", env=os.environ | {"CCACHE_BASEDIR": str(place.source), "CCACHE_NOHASHDIR": "1"})
    return build


def good_plugins(build):
    return {path.stem for path in (build / "tests/plugins/variants/storage").glob("*.so")}


def built_with(library):
    """The compilers that have left their name in a file."""
    comment = run("readelf", "-p", ".comment", library)
    return {word for word in ("GCC", "clang") if word in comment}


def test_each_build_has_plugins_of_both_compilers(other):
    for build in (place.build, other):
        assert {"in-c", "in-cpp", "by-clang", "by-gcc", "old-string-abi", "debug-containers", "static-stdlib"} <= \
            good_plugins(build)
        variants = build / "tests/plugins/variants/storage"
        assert "clang" in built_with(variants / "by-clang.so") and "clang" not in built_with(variants / "by-gcc.so")
    assert ("clang" in built_with(place.build / TESTS)) != ("clang" in built_with(other / TESTS))


def test_the_other_host_conforms(other):
    output = run(other / TESTS)
    assert "All tests passed" in output
