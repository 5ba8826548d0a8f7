"""`nacre plugin new`: what it writes builds without a warning and passes `nacre plugin verify`, in each language."""

import json
import os
import shutil
import subprocess

import pytest
from harness import examples, place

pytestmark = pytest.mark.no_leak_check

KINDS = ["hypervisor", "network", "storage", "security"]


@pytest.fixture
def work():
    """A folder below the build tree: in /tmp no plugin is trusted."""
    folder = place.build / "tests" / place.fresh_name("new")
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def nacre(*words, cwd):
    return subprocess.run([place.nacre, "plugin", *words], capture_output=True, text=True, cwd=cwd)


def new(kind, name, language, cwd):
    done = nacre("new", kind, name, "--language", language, cwd=cwd)
    assert done.returncode == 0, done.stderr
    written = sorted(f"{name}/{path.relative_to(cwd / name)}" for path in (cwd / name).rglob("*") if path.is_file())
    assert done.stdout.split() == written
    return cwd / name


def verified(library, cwd):
    done = nacre("verify", "--json", library, cwd=cwd)
    report = json.loads(done.stdout)
    assert report["good"] and report["result"] == "ok", report
    assert [finding["level"] for finding in report["findings"]] == ["ok"], report
    assert report["identity"]["name"] == "my-own"
    assert [option["key"] for option in report["options"]]


@pytest.mark.parametrize("language", ["c++", "c"])
@pytest.mark.parametrize("kind", KINDS)
def test_by_cmake(work, kind, language):
    source = new(kind, "my-own", language, work)
    examples.build_by_cmake(source, work / "build", work / "plugins")
    verified(work / f"plugins/{kind}/my-own.so", work)
    examples.assert_conforms(work / "plugins")


@pytest.mark.parametrize("kind", KINDS)
def test_by_cargo(work, kind):
    source = new(kind, "my-own", "rust", work)
    examples.build_by_cargo(source, work / "build", work / f"plugins/{kind}/my-own.so")
    verified(work / f"plugins/{kind}/my-own.so", work)
    examples.assert_conforms(work / "plugins")


@pytest.mark.parametrize("words, said", [
    (["storage", "../x"], "a plugin's name has 1 to 31 of a-z, 0-9 and -"),
    (["disk", "x"], "use hypervisor, network, storage or security"),
    (["storage", "x", "--language", "cobol"], "use c++, c or rust"),
    (["storage", "x", "--language", "../c"], "use c++, c or rust"),
    (["storage"], "new KIND NAME"),
])
def test_what_cannot_be_is_refused_in_words_and_leaves_nothing(work, words, said):
    done = nacre("new", *words, cwd=work)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert os.listdir(work) == []


def test_a_folder_that_is_there_is_left_alone(work):
    (work / "x").mkdir()
    (work / "x/mine").write_text("mine")
    done = nacre("new", "storage", "x", cwd=work)
    assert done.returncode == 1 and f'"{work}/x"' in done.stderr and "exists" in done.stderr, done.stderr
    assert [(path.name, path.read_text()) for path in (work / "x").iterdir()] == [("mine", "mine")]
