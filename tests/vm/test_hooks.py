"""OCI hooks: the same bundle under runc and under nacre, and what each hook saw."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import reaper
from harness.place import fresh_name
from harness.runtime import TIMEOUT

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

# One line for each run, in a file of the root that host and container both reach.
HOOK = """#!/bin/sh
state=$(tr -d '\\n')
echo "$1 $2|$(pwd)|$WORD|$state" >> "$LOG"
echo "out of $1"
echo "err of $1" >&2
if [ "$DO" = fail ]; then exit 3; fi
if [ "$DO" = hang ]; then exec sleep 1000; fi
"""


class Runc:
    def __init__(self, folder):
        self.words = [shutil.which("runc"), "--root", str(folder / "runc")]

    def command(self, *args, globals=()):
        return [*self.words, *map(str, globals), *map(str, args)]


class Trial:
    """create, start, delete of one bundle; what was said, and what the hooks wrote."""

    def __init__(self, runtime, bundle, environment=None):
        self.runtime, self.bundle, self.environment = runtime, bundle, environment
        self.name = fresh_name()
        self.log = bundle.rootfs / "log"
        self.log.unlink(missing_ok=True)
        self.failed, self.words, self.exit_code, self.pid = None, "", None, 0

    def call(self, verb, *args):
        messages = self.bundle.path / "messages"
        messages.unlink(missing_ok=True)
        command = self.runtime.command(verb, *args, self.name,
                                       globals=("--log", messages, "--log-format", "json"))
        code = subprocess.run(command, cwd=self.bundle.path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=self.environment, timeout=TIMEOUT).returncode
        if code != 0:
            self.failed = self.failed or verb
            self.words = json.loads(messages.read_text().splitlines()[-1])["msg"]
        return code == 0

    def run(self):
        pid_file = self.bundle.path / "pid"
        if self.call("create", "--bundle", self.bundle.path, "--pid-file", pid_file):
            self.pid = int(pid_file.read_text())
            if self.call("start"):
                self.exit_code = reaper.exits.wait(self.pid, TIMEOUT)
                self.call("delete")
            else:
                self.call("delete", "--force")
        return self

    @property
    def lines(self):
        return [line.split("|") for line in self.log.read_text().splitlines()] if self.log.exists() else []

    @property
    def order(self):
        return [line[0] for line in self.lines]


def cause(words):
    """(number, rest) of runc's sentence about a hook, whichever version's it is."""
    found = re.search(r'error running (?:\w+ )?hook #(\d+)(?: "[^"]*")?: (?:error running hook: )?(.*)', words, re.DOTALL)
    assert found, words
    return found[1], re.sub(r"\s+", "", found[2])


def set_hooks(bundle, folder, kind=None, what=None):
    script = folder / "hook.sh"
    for path in (script, bundle.rootfs / "hook.sh"):
        path.write_text(HOOK)
        path.chmod(0o755)
    hooks = {}
    for each in KINDS:
        inside = each == "startContainer"
        log = "/log" if inside else str(bundle.rootfs / "log")
        hooks[each] = [{"path": "/hook.sh" if inside else str(script), "args": ["hook", each, number],
                        "env": ["PATH=/usr/bin:/bin", f"LOG={log}", "WORD=of mine"]} for number in ("0", "1")]
    if what in ("fail", "hang"):
        hooks[kind][0]["env"].append(f"DO={what}")
    if what == "hang":
        hooks[kind][0]["timeout"] = 1
    if what == "missing":
        hooks[kind][0]["path"] = "/no/such/hook"
    bundle.spec["hooks"] = hooks
    bundle.spec["annotations"] = {"org.example.word": "kept"}
    bundle.write()


def both(nacre, folder, kind=None, what=None):
    bundle = nacre.bundle("echo process >> /log; exit 6")
    set_hooks(bundle, folder, kind, what)
    theirs = Trial(Runc(folder), bundle).run()
    theirs.seen = theirs.lines
    ours = Trial(nacre, bundle, nacre.environment()).run()
    return theirs, ours


def without(order, *words):
    return [line for line in order if line.split()[0] not in words]


# runc runs poststart hooks when it has created the container, before there is a process of the user's; the
# specification, crun and nacre run them when `start` has let it go, beside its startContainer hooks. So they are
# compared apart from the others.
LATE = "poststart"


def test_order_stdin_environment_and_folder_are_runcs(nacre, folder):
    theirs, ours = both(nacre, folder)
    assert (ours.failed, ours.exit_code) == (theirs.failed, theirs.exit_code) == (None, 6)
    assert without(ours.order, LATE) == without([line[0] for line in theirs.seen], LATE)
    assert [line for line in ours.order if line.startswith(LATE)] == ["poststart 0", "poststart 1"]
    assert ours.order.index("poststart 0") > ours.order.index("createContainer 1")

    def facts(trial, lines):
        for name, cwd, word, state in (line for line in lines if line[0] != "process"):
            state = json.loads(state)
            pid = {trial.pid: "container's", None: None}.get(state.get("pid"), state.get("pid"))
            words = {key: text for key, text in state.get("annotations", {}).items() if not key.startswith("run.oci.hooks.")}
            yield name, (cwd, word, state["id"] == trial.name, pid, state["status"], state["bundle"], words)

    expected, seen = dict(facts(theirs, theirs.seen)), dict(facts(ours, ours.lines))
    for number in "01":
        # As above: the process runs by then.
        late = expected[f"{LATE} {number}"]
        expected[f"{LATE} {number}"] = (*late[:4], "running", *late[5:])
        # crun's words: it gives no pid and another status, and inside the bundle has no path.
        late = expected[f"startContainer {number}"]
        expected[f"startContainer {number}"] = (*late[:3], 0, "starting", "/", *late[6:])
    assert seen == expected


CASES = [(kind, what) for what in ("fail", "hang", "missing") for kind in KINDS]


@pytest.mark.parametrize(("kind", "what"), CASES, ids=[f"{kind}-{what}" for kind, what in CASES])
def test_a_hook_that_fails_has_runcs_consequences(nacre, folder, kind, what):
    theirs, ours = both(nacre, folder, kind, what)
    order = [line[0] for line in theirs.seen]
    if kind == LATE:
        assert (theirs.failed, ours.failed) == ("create", "start")
        assert without(ours.order, "startContainer", "process") == order
    else:
        assert ours.failed == theirs.failed
        assert ours.exit_code == theirs.exit_code
        assert without(ours.order, LATE) == without(order, LATE)
    if theirs.failed:
        assert cause(ours.words) == cause(theirs.words)
    assert nacre.list() == []


def test_a_create_container_hook_uses_the_hosts_programs_and_changes_the_root(nacre, folder):
    bundle = nacre.bundle("cat /made; ls -d /usr/lib/python3* /opt/secret 2>&1 | tail -1")
    script = ("import json,os,sys; state=json.load(sys.stdin); "
              "root=json.load(open(state['bundle']+'/config.json'))['root']['path']; "
              "open(os.path.join(state['bundle'],root,'made'),'w').write('by python in '+os.uname().release+'\\n')")
    bundle.spec["hooks"] = {"createContainer": [{"path": "/usr/bin/python3", "args": ["python3", "-c", script]}]}
    bundle.write()
    done = nacre.run(bundle).ok()
    assert done.out.startswith("by python in ")
    assert os.uname().release not in done.out.splitlines()[0], "it ran on the host"


def test_what_hooks_were_lent_is_taken_back(nacre, folder):
    bundle = nacre.bundle("sleep 1000")
    set_hooks(bundle, folder)
    container = nacre.create(bundle)
    children = subprocess.run(["pgrep", "-P", str(container.sandbox_pid)], capture_output=True, text=True).stdout.split()
    mounts = "".join(Path(f"/proc/{child}/mounts").read_text() for child in children)
    assert f"/share/{container.id}/rootfs" in mounts
    assert "/lent/" not in mounts
    container.delete(force=True).ok()


def test_the_bundle_is_read_only_for_a_hook_in_the_guest(nacre, folder):
    bundle = nacre.bundle("true")
    bundle.spec["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo x > {bundle.path}/config.json"],
                                                 "env": ["PATH=/usr/bin:/bin"]}]}
    bundle.write()
    before = (bundle.path / "config.json").read_text()
    refused = nacre.run(bundle)
    assert refused.code == 1
    assert "error running createContainer hook #0" in refused.err and "ead-only" in refused.err, refused
    assert (bundle.path / "config.json").read_text() == before
