"""nacre ps: the guest's processes by host pids; those that the container starts itself have mirrors."""

import os
import signal

import pytest
from harness import reaper

SLEEPS = "sleep 4001 & sleep 4002 & echo up; wait"


@pytest.fixture
def shell(nacre):
    container = nacre.create(nacre.bundle(SLEEPS)).start()
    wait_for_line(container, "up")
    yield container
    container.delete(force=True).ok()


def wait_for_line(container, line):
    """An exec comes after what the container has written: its output has reached the file then."""
    for _ in range(50):
        if line in container.out.splitlines():
            return
        container.exec("true").ok()
    raise AssertionError(f"no line {line!r}: {container.out!r}")


def lines(container, *words):
    return container.nacre("ps", container.id, *words).ok().out.splitlines()


def pid_of(container, command):
    return int(next(line for line in lines(container, "-eo", "pid,args") if line.endswith(command)).split()[0])


def test_children_are_shown_with_their_arguments(shell):
    header, *processes = lines(shell)
    assert header.split()[:3] == ["UID", "PID", "PPID"]
    assert len(processes) == 3
    assert f"sh -c {SLEEPS}" in processes[0]
    assert sorted(line.rsplit(maxsplit=2)[1:] for line in processes[1:]) == [["sleep", "4001"], ["sleep", "4002"]]
    pids = shell.nacre("ps", "--format", "json", shell.id).json()
    assert pids[0] == shell.pid
    assert sorted(pids) == sorted(int(line.split()[1]) for line in processes)
    assert pids == shell.nacre("ps", "--format", "json", shell.id).json()


def test_a_mirror_ends_with_its_process(shell):
    mirror = pid_of(shell, "sleep 4001")
    shell.exec("kill -9 $(pidof sleep | tr ' ' '\\n' | sort -n | head -1)").ok()
    reaper.wait_gone(mirror, 60)
    left = [line for line in lines(shell, "-eo", "pid,args") if "sleep 400" in line and "sh -c" not in line]
    assert len(left) == 1


def test_a_signal_to_a_mirror_reaches_its_process(shell):
    mirror, other = pid_of(shell, "sleep 4001"), pid_of(shell, "sleep 4002")
    os.kill(mirror, signal.SIGTERM)
    reaper.wait_gone(mirror, 60)
    assert shell.exec("pidof sleep | wc -w").ok().out == "1\n"
    os.kill(other, signal.SIGKILL)
    assert shell.wait() == 0  # the shell has waited for both


def test_execs_are_shown_once(shell):
    with shell.nacre.spawn("exec", shell.id, "sleep", "4003"):
        for _ in range(50):
            processes = lines(shell, "-eo", "pid,args")
            if any(line.endswith("sleep 4003") for line in processes):
                break
        assert [line.split()[1:] for line in processes].count(["sleep", "4003"]) == 1
        os.kill(pid_of(shell, "sleep 4003"), signal.SIGKILL)


def test_of_a_stopped_container_there_is_none(nacre):
    container = nacre.create(nacre.bundle("sleep 4004 & exit 0")).start()
    assert container.wait() == 0
    assert len(lines(container)) == 1
    assert nacre("ps", "--format", "json", container.id).out == "null\n"
    container.delete().ok()


def test_bad_words(shell):
    refused = shell.nacre("ps", "--format", "xml", shell.id)
    assert (refused.code, refused.err) == (1, "invalid format option\n")
    refused = shell.nacre("ps", shell.id, "-o", "args")
    assert (refused.code, refused.err) == (1, "couldn't find PID field in ps output\n")
    assert shell.nacre("ps", "missing").code == 1
