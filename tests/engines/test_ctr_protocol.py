"""The shim's side of containerd's protocol, with a real containerd: containers are host processes here (the fake
sandbox), so that what fails is the protocol and no virtual machine."""

import contextlib
import json
import os
import select
import signal
import subprocess
from pathlib import Path

import pytest
from harness import place, reaper
from harness.engines import IMAGE, Containerd

SHIM = place.build / "tests/fakes/containerd-shim-nacrefake-v2"


class ContainerdWithFake(Containerd):
    """`ctr run ID COMMAND...` on the fake shim."""

    def run(self, name, *command, options=(), **how):
        return self("run", "--runtime", SHIM, *options, IMAGE, name, *command, **how)

    @contextlib.contextmanager
    def running(self, name):
        """An attached container that sleeps; yields the `ctr run`, which ends with it."""
        command = ("run", "--runtime", SHIM, IMAGE, name, "sh", "-c", "echo ready; exec sleep 1000")
        process = self.spawn(*command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def events(self):
        """Yields a function for the next (topic, event) of /tasks/."""
        process = self.spawn("events", stdout=subprocess.PIPE)
        try:
            # Nothing says that the subscription stands, but that something of it comes.
            while not select.select([process.stdout], [], [], 0.2)[0]:
                self("namespace", "create", place.fresh_name("marker")).ok()

            def next_event():
                while True:
                    line = process.stdout.readline().decode()
                    assert line, "the events have ended"
                    topic = next((word for word in line.split() if word.startswith("/tasks/")), None)
                    if topic:
                        return topic, json.loads(line[line.index("{"):])

            yield next_event
        finally:
            process.kill()
            process.communicate()

    def restart(self):
        self.server.stop()
        self.server = self.daemon("containerd-again", "/usr/bin/containerd", "--config", self.folder / "containerd.toml")

    def shims(self):
        """Pids of our shims that belong to this containerd."""
        parents = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                if b"-socket" in words and str(self.socket).encode() in words:
                    parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rsplit(")")[1].split()[1])
        # A container's process that has not executed its program yet still shows the shim's words.
        return [pid for pid, parent in parents.items() if parent not in parents]

    def pid(self, name):
        lines = self("task", "ls").ok().out.splitlines()[1:]
        return next(int(line.split()[1]) for line in lines if line.split()[0] == name)

    def tasks(self):
        lines = self("task", "ls").ok().out.splitlines()[1:]
        return {line.split()[0]: line.split()[2] for line in lines}


@pytest.fixture(scope="module")
def ctr():
    if not SHIM.exists():
        pytest.fail(f"{SHIM} is missing; run tools/dev build", pytrace=False)
    with ContainerdWithFake() as engine:
        yield engine


def remove(ctr, name):
    ctr("task", "delete", "--force", name)  # kills, and waits for the end
    ctr("container", "delete", name).ok()


def wait_until_gone(ctr):
    for pid in ctr.shims():
        reaper.wait_gone(pid)


def rootfs_mounts(ctr):
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"{ctr.folder}" in line]


def test_output_exit_code_and_rootfs(ctr):
    answer = ctr.run("one", "sh", "-c", "echo out; echo err >&2; cat /etc/hostname 2>/dev/null; exit 7", options=["--rm"])
    assert (answer.code, answer.out) == (7, "out\n")
    assert "err" in answer.err
    assert rootfs_mounts(ctr) == []
    wait_until_gone(ctr)
    assert ctr.shims() == []


def test_output_goes_to_a_file_that_is_appended_to(ctr):
    log = ctr.folder / "logs/of/container"
    for _ in range(2):
        ctr.run("logged", "sh", "-c", "echo out; echo err >&2", options=["--detach", "--log-uri", f"file://{log}"]).ok()
        reaper.wait_gone(ctr.pid("logged"))
        remove(ctr, "logged")
    assert sorted(log.read_text().split()) == ["err", "err", "out", "out"]
    wait_until_gone(ctr)


def test_output_goes_to_a_logging_program(ctr):
    """containerd's logging protocol, as nerdctl uses it."""
    program, log = ctr.folder / "logger", ctr.folder / "logged"
    program.write_text("#!/bin/sh\nexec 5>&-\n"
                       f"(echo $CONTAINER_NAMESPACE/$CONTAINER_ID $*; cat <&3; sed 's/^/E: /' <&4) > {log}.part\n"
                       f"mv {log}.part {log}\n")
    program.chmod(0o755)
    ctr.run("piped", "sh", "-c", "echo out; echo err >&2", options=["--detach", "--log-uri", f"binary://{program}?id=7"]).ok()
    reaper.wait_gone(ctr.pid("piped"))
    remove(ctr, "piped")
    assert log.read_text() == "default/piped id 7\nout\nE: err\n"
    wait_until_gone(ctr)


def test_input_reaches_the_container_and_ends(ctr):
    data = "".join(f"{number}\n" for number in range(50000))
    assert ctr.run("in", "cat", options=["--rm"], input=data.encode()).ok().out == data


def test_exec_and_signals(ctr):
    with ctr.running("long") as run:
        answer = ctr("task", "exec", "--exec-id", "e1", "long", "sh", "-c", "echo from exec; exit 3")
        assert (answer.code, answer.out) == (3, "from exec\n")
        assert ctr.tasks()["long"] == "RUNNING"
        assert "memory" in ctr("task", "metrics", "long").ok().out
        ctr("task", "pause", "long").ok()
        assert ctr.tasks()["long"] == "PAUSED"
        ctr("task", "resume", "long").ok()
        ctr("task", "kill", "--signal", "TERM", "long").ok()
        assert run.wait(20) == 128 + signal.SIGTERM
    ctr("container", "delete", "long").ok()


def test_a_signal_to_what_has_ended_is_not_found(ctr):
    ctr.run("ended", "true", options=["--detach"]).ok()
    with ctr.events():  # by now it has ended, or its end is on its way
        pass
    again = ctr("task", "kill", "ended")
    # containerd from 2.0 on says no more than the words.
    assert again.code == 1 and again.err.strip().removesuffix(": not found").endswith("process already finished"), again
    ctr("task", "delete", "ended").ok()
    ctr("container", "delete", "ended").ok()


def test_events_come_in_order(ctr):
    """Short containers: each exits while its start is still being told."""
    with ctr.events() as next_event:
        told = {}
        for number in range(5):
            ctr.run(f"quick{number}", "true", options=["--rm"]).ok()
        while sum("/tasks/delete" in topics for topics in told.values()) < 5:
            topic, event = next_event()
            told.setdefault(event["container_id"], []).append(topic)
    assert list(told.values()) == [["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]] * 5


def test_a_failed_create_says_why_and_leaves_nothing(ctr):
    answer = ctr.run("bad", "true", options=["--annotation", "fake.create=fail"])
    assert answer.code == 1 and "told to fail" in answer.err
    assert ctr.tasks() == {}
    ctr("container", "delete", "bad").ok()
    wait_until_gone(ctr)
    assert ctr.shims() == [] and rootfs_mounts(ctr) == []


def test_a_killed_shim_is_cleaned_up_and_its_name_is_free(ctr):
    with ctr.running("dies") as run, ctr.events() as next_event:
        (shim,) = ctr.shims()
        container = ctr.pid("dies")
        os.kill(shim, signal.SIGKILL)
        os.kill(container, signal.SIGKILL)  # a VM would be gone with the shim; a host process is not
        while (told := next_event())[0] != "/tasks/delete":  # containerd has run our delete
            pass
        assert told[1]["exit_status"] == 128 + signal.SIGKILL
        assert run.wait(20) != 0
    assert rootfs_mounts(ctr) == []
    assert ctr.tasks() == {}
    ctr("container", "delete", "dies").ok()
    assert ctr.run("dies", "echo", "again", options=["--rm"]).ok().out == "again\n"


def test_containerd_restarts_and_finds_its_container():
    with ContainerdWithFake() as ctr:
        ctr.run("stays", "sleep", "1000", options=["--detach"]).ok()
        shims = ctr.shims()
        ctr.restart()
        assert ctr.tasks()["stays"] == "RUNNING"
        assert ctr.shims() == shims
        assert ctr("task", "exec", "--exec-id", "after", "stays", "echo", "hello").ok().out == "hello\n"
        remove(ctr, "stays")
        wait_until_gone(ctr)
        assert ctr.shims() == []


def test_containers_of_a_pod_share_a_shim(ctr):
    pod = ["--detach", "--annotation", "io.kubernetes.cri.sandbox-id=first"]
    ctr.run("first", "sleep", "1000", options=pod).ok()
    ctr.run("second", "sleep", "1000", options=pod).ok()
    assert len(ctr.shims()) == 1
    remove(ctr, "second")
    assert ctr.tasks() == {"first": "RUNNING"}
    remove(ctr, "first")
    wait_until_gone(ctr)
    assert ctr.shims() == []
