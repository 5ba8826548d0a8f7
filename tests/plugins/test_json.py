"""`nacre plugin list|show|verify --json`: the shape that docs/plugin-authors.md promises, and a result for each wrongness."""

import json
import subprocess

import pytest
from harness import place

pytestmark = pytest.mark.no_leak_check

VARIANTS = place.build / "tests/plugins/variants"


def nacre(*words):
    return subprocess.run([place.nacre, "plugin", *words, "--json", "--plugin-dir", VARIANTS], capture_output=True,
                          text=True)


def verify(name):
    done = nacre("verify", f"security/{name}")
    report = json.loads(done.stdout)
    assert set(report) == {"kind", "name", "path", "result", "identity", "good", "build", "options", "findings"}
    assert done.returncode == (0 if report["good"] else 1)
    for finding in report["findings"]:
        assert set(finding) - {"signal"} == {"level", "result", "sentence"}
        assert finding["level"] in ("ok", "warning", "error") and finding["sentence"]
    return report


RESULTS = {
    "fine": "ok", "newer-capabilities": "ok", "note-many-fields": "ok", "many-options": "ok",
    "no-such-plugin": "not-found",
    "no-note": "not-a-plugin", "note-no-json": "not-a-plugin", "bad-magic": "not-a-plugin", "no-symbol": "not-a-plugin",
    "major-2": "abi-too-new", "kind-version-9": "abi-too-new", "major-0": "abi-too-old", "kind-version-0": "abi-too-old",
    "minor-99": "needs-newer-host",
    "wrong-kind": "kind-mismatch", "wrong-name": "name-mismatch",
    "descriptor-magic": "identity-changed", "short-struct": "identity-changed", "no-ops": "identity-changed",
    "short-ops": "identity-changed", "no-create": "identity-changed", "other-capabilities": "identity-changed",
    "bad-options": "identity-changed",
    "undefined-symbol": "link-failed",
    "probe-skips": "probe-skip", "probe-fails": "probe-failed",
    "probe-exits": "crashed", "throws": "crashed",
}


@pytest.mark.parametrize("name", RESULTS)
def test_each_wrongness_has_its_result(name):
    report = verify(name)
    assert report["result"] == RESULTS[name], report
    if report["good"]:
        assert report["identity"]["name"] == report["name"] == name


@pytest.mark.parametrize("name, signal", [("constructor-crashes", "SIGSEGV"), ("probe-crashes", "SIGSEGV"),
                                          ("probe-aborts", "SIGABRT")])
def test_a_crash_names_its_signal(name, signal):
    report = verify(name)
    assert report["result"] == "crashed"
    crash = next(finding for finding in report["findings"] if finding["result"] == "crashed")
    assert crash["signal"] == signal and signal in crash["sentence"]


def test_a_constructor_that_hangs_is_given_up_and_ended():
    report = verify("constructor-hangs")  # ten seconds are its patience
    assert report["result"] == "crashed"
    assert any("it hung for 10 s while it was being loaded" in finding["sentence"] for finding in report["findings"])


def test_the_list_has_every_file_and_says_why_one_cannot_be_loaded():
    listed = {entry["name"]: entry for entry in json.loads(nacre("list").stdout) if entry["kind"] == "security"}
    assert set(listed) == {path.stem for path in (VARIANTS / "security").glob("*.so")}
    fine = listed["fine"]
    assert set(fine) == {"kind", "name", "path", "result", "identity"}
    assert fine["path"] == str(VARIANTS / "security/fine.so") and fine["result"] == "ok"
    assert fine["identity"] == {"kind": "security", "name": "fine", "version": "1", "licence": "Apache-2.0", "abi_major": 1,
                                "abi_minor": 0, "min_host_minor": 0, "kind_version": 1,
                                "capabilities": ["NACRE_SEC_HOST_LABEL"]}
    refused = listed["major-2"]
    assert refused["result"] == "abi-too-new" and refused["identity"] is None
    assert "ABI 2" in refused["sentence"] and "; " in refused["sentence"]
    assert listed["constructor-crashes"]["result"] == "ok"  # nothing is loaded


def test_show_has_the_options():
    done = subprocess.run([place.nacre, "plugin", "show", "storage/9p", "--json"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert {"key", "type", "default", "help"} <= set(report["options"][0])
    assert "msize_9p" in [option["key"] for option in report["options"]]
