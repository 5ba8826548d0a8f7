"""Every process of a pod killed at every phase of its life where it is alive, and nothing is left.

PHASES is the life, in order, as the timeline names it; ALIVE says from which phase to which each victim lives. A test
compares PHASES with the timeline of a real life, so that a new phase without a kill test fails here.
"""

import os
import select
import signal
import subprocess

import pytest
from harness import reaper
from harness.failpoint import Failpoint

# Phases of `nacre create`, of the sandbox process up to the answer to create, of start, of delete.
CREATE = ["create.state", "create.sandbox", "create.holder", "create.task"]
BOOT = ["config", "plugins", "plan", "journal", "cgroup", "netns", "pod-mounts", "storage", "endpoints", "vmm",
        "rootfs", "hooks", "network", "agent", "guest-sandbox", "container"]
START = ["start-network", "start"]
RUNNING = ["running"]
DELETE = ["delete.task", "stop", "delete", "delete.state"]
PHASES = CREATE + BOOT + START + RUNNING + DELETE

# victim: (first phase, last phase) in which it is alive when the phase begins.
ALIVE = {
    "create": ("create.state", "container"),
    "holder": ("create.task", "running"),
    "sandbox": ("create.holder", "delete"),
    "vmm": ("rootfs", "stop"),
    "delete": ("delete.task", "delete.state"),
}

# The agent dies inside the guest, in the call (agent.proto) that the host makes in the phase, or before its hello.
AGENT_DIES_IN = {
    "agent": "agent",
    "guest-sandbox": "CreateSandbox",
    "container": "CreateContainer",
    "start-network": "SignalProcess",  # a kill of the test's own: the host calls only when links have changed
    "start": "StartContainer",
    "running": "SignalProcess",
    "stop": "RemoveContainer",
}


def cases():
    for victim, (first, last) in ALIVE.items():
        for phase in PHASES[PHASES.index(first) : PHASES.index(last) + 1]:
            yield pytest.param(victim, phase, id=f"{victim}-{phase}")
    for phase in AGENT_DIES_IN:
        yield pytest.param("agent", phase, id=f"agent-{phase}")


class Life:
    """One container's life with the processes in it."""

    def __init__(self, nacre):
        self.nacre = nacre
        self.container = nacre.new(nacre.bundle("sleep 1000"))
        self.creating = self.deleting = None

    def create(self, failpoint):
        self.creating = self.nacre.start_create(self.container, failpoint=failpoint)

    def sandbox_pid(self):
        """By its command line: state.json may not know it yet."""
        for entry in os.listdir("/proc"):
            words = command_line(entry) if entry.isdigit() else []
            if words and words[0].endswith("containerd-shim-nacre-v2") and self.container.id in words:
                return int(entry)
        return None

    def pid_of(self, victim):
        if victim == "create":
            return self.creating.pid
        if victim == "delete":
            return self.deleting.pid
        sandbox = self.sandbox_pid()
        if victim == "sandbox":
            return sandbox
        if victim == "vmm":
            return next((pid for pid in reaper.children(sandbox) if "qemu" in executable(pid)), None)
        parents = [self.creating.pid, os.getppid()]
        holders = [pid for parent in parents for pid in reaper.children(parent)
                   if "nacre-launch" in executable(pid) and b"holder" in environment(pid)]
        return holders[0] if holders else None


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def executable(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def kill(life, victim, phase):
    if victim == "agent":
        if AGENT_DIES_IN[phase] == "SignalProcess":
            life.container.kill("USR1")
        return
    pid = life.pid_of(victim)
    assert pid, f"{victim} is not alive here; correct ALIVE"
    os.kill(pid, signal.SIGKILL)
    assert reaper.wait_gone(pid, 20) or victim in ("create", "delete")


@pytest.mark.parametrize("victim, phase", cases())
def test_kill(nacre, victim, phase):
    if victim == "agent":
        nacre.configure({"hypervisor.qemu.kernel_params": f"nacre.failpoint={AGENT_DIES_IN[phase]}"})
    life = Life(nacre)
    if phase in RUNNING:
        in_the_running_state(life, victim)
    elif phase in CREATE + BOOT:
        during_create(life, victim, phase)
    elif phase in START:
        during_start(life, victim, phase)
    else:
        during_delete(life, victim, phase)
    # The check around the test finds what is left.
    assert nacre.list() == []


def during_create(life, victim, phase):
    with Failpoint(phase) as failpoint:
        life.create(failpoint)
        failpoint.wait()
        kill(life, victim, phase)
        failpoint.release()
        code = life.creating.wait(120)
    assert code == (-signal.SIGKILL if victim == "create" else 1), life.container.err
    if victim == "create":
        life.container.delete(force=True).ok()  # killed, it cannot clean up: its container is there to be deleted
    else:
        assert life.container.err.strip(), "a failed create says why"


def during_start(life, victim, phase):
    with Failpoint(phase) as failpoint:
        life.create(failpoint)
        assert life.creating.wait(240) == 0, life.container.err
        starting = life.nacre.spawn("start", life.container.id)
        failpoint.wait()
        kill(life, victim, phase)
        failpoint.release()
        assert starting.wait(120) == 1
    life.container.delete(force=True).ok()


def in_the_running_state(life, victim):
    life.create(None)
    assert life.creating.wait(240) == 0, life.container.err
    life.container.start()
    kill(life, victim, "running")
    assert life.container.wait(60) == 137
    assert life.container.status == "stopped"
    life.container.delete().ok()


def during_delete(life, victim, phase):
    with Failpoint(phase) as failpoint:
        life.create(failpoint if phase not in ("delete.task", "delete.state") else None)
        assert life.creating.wait(240) == 0, life.container.err
        life.container.start()
        life.container.kill("KILL").ok()
        life.container.wait()
        life.deleting = life.nacre.spawn("delete", life.container.id, failpoint=failpoint)
        failpoint.wait()
        kill(life, victim, phase)
        failpoint.release()
        life.deleting.wait(120)
    life.container.delete(force=True).ok()


# `nacre run` in the foreground deletes at once, whoever dies: no delete follows, and the check around the test still finds
# nothing.


def sandbox_of(life):
    """A pidfd of the sandbox process; None where there is none."""
    pid = life.sandbox_pid()
    return os.pidfd_open(pid) if pid else None


@pytest.mark.parametrize("phase", CREATE + BOOT + START + RUNNING)
def test_a_killed_run_takes_everything_along(nacre, phase):
    life = Life(nacre)
    with Failpoint(phase) as failpoint:
        at_end = "echo up; sleep 1000" if phase in RUNNING else "sleep 1000"
        life.container.bundle.run(at_end)
        run = nacre.spawn("run", "--bundle", life.container.bundle.path, life.container.id, stdout=subprocess.PIPE,
                          failpoint=None if phase in RUNNING else failpoint)
        if phase in RUNNING:
            assert run.stdout.readline() == b"up\n"
        else:
            failpoint.wait()
        sandbox = sandbox_of(life)
        run.kill()
        run.wait()
        run.stdout.close()
        if phase not in RUNNING:
            failpoint.release()
    if sandbox is None:
        assert phase in ("create.state", "create.sandbox"), "there is a sandbox process from then on"
        life.container.delete(force=True).ok()
    else:
        assert select.select([sandbox], [], [], 60)[0], "the sandbox process ends by itself"
        os.close(sandbox)


@pytest.mark.parametrize("victim", ["vmm", "sandbox", "holder", "agent"])
def test_a_run_that_loses_one_of_its_processes_deletes_at_once(nacre, victim):
    if victim == "agent":
        nacre.configure({"hypervisor.qemu.kernel_params": f"nacre.failpoint={AGENT_DIES_IN['running']}"})
    life = Life(nacre)
    life.container.bundle.run("echo up; sleep 1000")
    life.creating = nacre.spawn("run", "--bundle", life.container.bundle.path, life.container.id, stdout=subprocess.PIPE)
    assert life.creating.stdout.readline() == b"up\n"
    kill(life, victim, "running")
    assert life.creating.wait(60) == 137
    life.creating.stdout.close()
    assert nacre.list() == []


def test_the_table_has_every_phase_of_the_timeline(nacre):
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    timeline = nacre("timeline", container.id, "--json").json()
    container.delete(force=True).ok()
    container.wait()
    phases = sorted(timeline["phases"], key=lambda phase: phase["start_ms"])
    seen = [phase["name"] for phase in phases if not phase["name"].startswith("guest.")]
    assert seen == sorted(set(seen), key=PHASES.index), "the table's order is the timeline's"
    assert set(seen) | {"running", "stop", "delete"} | set(timeline.get("delete_phases", [])) == set(PHASES)
