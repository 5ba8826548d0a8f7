"""Plugins as they were built for earlier versions load and conform in this one.

tests/plugins/kept/<version>-<machine>/ has the example plugins as that version's release built them, stripped; each file
is called after the SHA-256 of what is in it. At a release: `python3 tests/plugins/test_kept.py VERSION` keeps the
examples as they are built now.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # when run as a program, to keep a version's

from harness import examples, place  # noqa: E402

pytestmark = pytest.mark.no_leak_check

KEPT = Path(__file__).parent / "kept"
VERSIONS = sorted(path.name for path in KEPT.iterdir() if path.name.endswith(f"-{platform.machine()}")) if KEPT.exists() \
    else []


def identity(library):
    """Who a file says that it is, by its note."""
    note = examples.run("readelf", "--notes", "--wide", library).partition("Nacre")[2].partition("description data:")[2]
    return json.loads(bytes.fromhex(note.strip().splitlines()[0].replace(" ", "")))


@pytest.fixture(params=VERSIONS)
def plugins(request):
    """A version's plugins under the names that Nacre loads them by, where only root can write."""
    folder = place.build / "tests" / place.fresh_name("kept")
    for library in sorted((KEPT / request.param).glob("*.so")):
        said = identity(library)
        installed = folder / said["kind"] / f"{said['name']}.so"
        installed.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, installed)
        installed.chmod(0o644)
    yield folder
    shutil.rmtree(folder)


def test_some_are_kept():
    if not VERSIONS:
        pytest.skip(f"none are kept for {platform.machine()}")
    for version in VERSIONS:
        assert list((KEPT / version).glob("*.so"))


@pytest.mark.parametrize("library", sorted(KEPT.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name[:12]}")
def test_each_is_what_was_kept(library):
    assert library.name == hashlib.sha256(library.read_bytes()).hexdigest() + ".so"
    assert library.stat().st_size < 500_000


def test_each_is_good(plugins):
    for library in sorted(plugins.glob("*/*.so")):
        done = subprocess.run([place.nacre, "plugin", "verify", "--json", library], capture_output=True, text=True)
        report = json.loads(done.stdout)
        assert report["good"], report
        assert report["result"] in ("ok", "probe-skip"), report


def test_they_conform(plugins):
    examples.assert_conforms(plugins)


def keep(version):
    folder = KEPT / f"{version}-{platform.machine()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for library in sorted(examples.build_all().glob("*/*.so")):
        data = library.read_bytes()
        (folder / f"{hashlib.sha256(data).hexdigest()}.so").write_bytes(data)


if __name__ == "__main__":
    keep(*sys.argv[1:])
