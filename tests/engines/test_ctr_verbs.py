"""ctr's verbs for a task that runs, and the events that containerd tells of it."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.engines import IMAGE
from harness.place import fresh_name

RUNTIME = ["--runtime", "io.containerd.nacre.v2"]


@contextmanager
def events_of(ctr):
    """The process `ctr events`, ended with the test."""
    with ctr.spawn("events", stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def commands(ctr, name):
    """What `ctr task ps` names, by the host's /proc."""
    pids = [line.split()[0] for line in ctr("task", "ps", name).ok().out.splitlines()[1:]]
    return sorted(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1] for pid in pids)


def state_of(ctr, name):
    lines = ctr("task", "list").ok().out.splitlines()
    return next(line.split()[2] for line in lines if line.split()[0] == name)


def test_the_tasks_verbs(ctr):
    """metrics, ps, pause, resume and the events of all that."""
    name, script = fresh_name(), "sleep 4001 & sleep 4002 & wait"
    with events_of(ctr) as events:
        ctr("run", "--detach", *RUNTIME, IMAGE, name, "sh", "-c", script).ok()
        try:
            metrics = ctr("task", "metrics", "--format", "json", name).json()
            assert metrics["cpu"]["usage_usec"] > 0
            assert metrics["memory"]["usage"] > 0
            assert metrics["pids"]["current"] >= 1
            wanted = [["sh", "-c", script], ["sleep", "4001"], ["sleep", "4002"]]
            while commands(ctr, name) != wanted:  # the shell starts them after its own start
                pass
            ctr("task", "pause", name).ok()
            assert state_of(ctr, name) == "PAUSED"
            assert ctr("task", "exec", "--exec-id", "no", name, "true").code != 0
            ctr("task", "resume", name).ok()
            assert state_of(ctr, name) == "RUNNING"
            assert ctr("task", "exec", "--exec-id", "yes", name, "true").code == 0
            assert ctr("task", "checkpoint", name).code != 0
        finally:
            ctr("task", "delete", "--force", name)
            ctr("container", "delete", name)
        topics = []
        while "/containers/delete" not in topics:
            topics.append(next(word for word in events.stdout.readline().split() if word.startswith("/")))
    assert [topic for topic in topics if topic.startswith("/tasks/")] == [
        "/tasks/create", "/tasks/start", "/tasks/paused", "/tasks/resumed", "/tasks/exec-added", "/tasks/exec-started",
        "/tasks/exit",
        "/tasks/paused", "/tasks/resumed",  # containerd's own, around a checkpoint
        "/tasks/exit", "/tasks/delete"]


def test_an_oom_kill_is_told(ctr):
    with events_of(ctr) as events:
        name = fresh_name()
        done = ctr("run", "--rm", "--memory-limit", str(50 << 20), *RUNTIME, IMAGE, name, "tail", "/dev/zero")
        assert done.code == 137, done
        topics = []
        while "/tasks/exit" not in topics:
            topics.append(next(word for word in events.stdout.readline().split() if word.startswith("/")))
    assert "/tasks/oom" in topics
