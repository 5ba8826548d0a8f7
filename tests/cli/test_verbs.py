"""The command line without a virtual machine: what each verb says and how it ends, beside runc where runc has the same."""

import json
import subprocess

import pytest

RUNC = "/usr/sbin/runc"


@pytest.fixture
def runc(folder):
    def call(*words):
        return subprocess.run([RUNC, "--root", str(folder / "runc"), *words], capture_output=True, text=True)

    return call


def test_version(nacre):
    lines = nacre("--version").ok().out.splitlines()
    assert lines[0].startswith("nacre version ") and lines[1].startswith("commit: ")


@pytest.mark.parametrize("flags", [[], ["--format", "json"], ["--quiet"]])
def test_an_empty_list_is_that_of_runc(nacre, runc, flags):
    assert nacre("list", *flags).ok().out == runc("list", *flags).stdout


def test_spec_has_the_members_of_that_of_runc(nacre, runc, folder):
    documents = []
    for name, call in (("ours", nacre), ("theirs", runc)):
        (folder / name).mkdir()
        call("spec", "--bundle", str(folder / name))
        documents.append(json.loads((folder / name / "config.json").read_text()))
    ours, theirs = documents
    assert set(ours) == set(theirs)
    assert ours["process"]["args"] == theirs["process"]["args"]
    assert set(ours["process"]["capabilities"]["bounding"]) == set(theirs["process"]["capabilities"]["bounding"])
    assert {mount["destination"] for mount in ours["mounts"]} == {mount["destination"] for mount in theirs["mounts"]}


def test_spec_does_not_overwrite(nacre, folder):
    nacre("spec", "--bundle", folder).ok()
    again = nacre("spec", "--bundle", folder)
    assert again.code == 1 and "config.json" in again.err


def test_features_is_the_document_of_the_runtime_spec(nacre):
    features = nacre("features").json()
    assert features["ociVersionMin"] == "1.0.0"
    assert "createRuntime" in features["hooks"]
    assert features["linux"]["seccomp"]["enabled"] is True


@pytest.mark.parametrize("words", [["state"], ["start"], ["kill"], ["delete"], ["ps"], ["events"],
                                   ["pause"], ["resume"], ["update"], ["checkpoint"]])
def test_a_container_that_does_not_exist(nacre, words):
    done = nacre(*words, "nope")
    assert (done.code, done.out, done.err) == (1, "", 'container does not exist "nope"\n')


def test_exec_has_runc_s_exit_code_where_it_fails_itself(nacre):
    done = nacre("exec", "nope", "true")
    assert (done.code, done.out, done.err) == (255, "", 'exec failed: container does not exist "nope"\n')
    assert nacre("exec", "--no-such-flag").code == 1


def test_delete_force_of_a_container_that_does_not_exist_is_fine(nacre):
    assert nacre("delete", "--force", "nope").ok().err == ""


def test_restore_names_what_hinders_it(nacre):
    done = nacre("restore", "nope")
    assert done.code == 1 and 'storage plugin "9p"' in done.err and "block devices" in done.err


def test_init_is_refused_in_words(nacre):
    done = nacre("init")
    assert done.code == 1 and "use create, run or exec" in done.err


@pytest.mark.parametrize("words, sentence", [
    (["frob"], 'unknown verb "frob"'),
    (["run"], "usage: nacre run"),
    (["features", "--x"], "unknown flag --x"),
    (["kill", "nope", "FROB"], 'unknown signal "FROB"'),
    (["state", "../nope"], "../nope"),
])
def test_a_bad_command_line_is_one_sentence(nacre, words, sentence):
    done = nacre(*words)
    assert done.code == 1 and sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_log_format_json_makes_each_error_a_document(nacre):
    done = nacre("state", "nope", globals=["--log-format", "json"])
    line = json.loads(done.err)
    assert done.code == 1 and line["level"] == "error" and "nope" in line["msg"]


def test_the_log_file_gets_the_error_too(nacre, folder):
    assert nacre("state", "nope", globals=["--log", folder / "log", "--log-format", "json"]).code == 1
    assert "nope" in json.loads((folder / "log").read_text().splitlines()[-1])["msg"]
