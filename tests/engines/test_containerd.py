"""containerd with the runtime io.containerd.nacre.v2, driven by ctr."""

import os
import signal
import subprocess

from harness.engines import IMAGE
from harness.place import fresh_name
from harness.runtime import write_configuration

RUNTIME = ["--runtime", "io.containerd.nacre.v2"]


def test_run(ctr):
    done = ctr("run", "--rm", *RUNTIME, IMAGE, fresh_name(), "sh", "-c", "uname -r; echo err >&2; exit 7")
    assert done.code == 7, done
    assert done.out.strip() not in ("", os.uname().release)
    assert "err\n" in done.err


def test_a_configuration_of_the_container_s_own(ctr):
    """Its options name the file (ConfigPath in containerd's configuration)."""
    path = write_configuration(ctr.folder / "small.toml", {"hypervisor.qemu.default_memory": 200})
    show = ["sh", "-c", "awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo"]
    own = ctr("run", "--rm", *RUNTIME, "--runtime-config-path", path, IMAGE, fresh_name(), *show).ok()
    assert 100 < int(own.out) < 200
    missing = ctr("run", "--rm", *RUNTIME, "--runtime-config-path", "/no/such.toml", IMAGE, fresh_name(), *show)
    assert missing.code == 1 and "/no/such.toml" in missing.err, missing


def test_a_task_execs_and_is_killed(ctr):
    name = fresh_name()
    process = ctr.spawn("run", "--rm", *RUNTIME, IMAGE, name, "sh", "-c",
                        "trap 'exit 9' TERM; echo ready; sleep 1000 & wait", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    done = ctr("task", "exec", "--exec-id", "e1", name, "sh", "-c", "echo in; exit 4")
    assert (done.code, done.out) == (4, "in\n"), done
    assert name in ctr("task", "list").ok().out
    ctr("task", "kill", "--signal", "SIGTERM", name).ok()
    assert process.wait(60) == 9
    process.stdout.close()
    assert name not in ctr("container", "list").ok().out


def test_a_killed_ctr_leaves_a_container_that_can_be_deleted(ctr):
    name = fresh_name()
    process = ctr.spawn("run", *RUNTIME, IMAGE, name, "sh", "-c", "echo up; sleep 1000", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    ctr("task", "delete", "--force", name)
    ctr("container", "delete", name).ok()
