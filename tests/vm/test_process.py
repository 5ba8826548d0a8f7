"""What a process inside is started with, and the host process that stands for it."""

import json
import os
import signal
import subprocess

import pytest
from harness import reaper


def exec_json(box, folder, **process):
    """`nacre exec --process FILE`, as conmon and containerd call it."""
    file = folder / "process.json"
    file.write_text(json.dumps({**box.bundle.process, **process}))
    return box.nacre("exec", "--process", file, box.id)


def test_exec_with_its_own_user_environment_and_folder(box, folder):
    done = exec_json(box, folder, args=["sh", "-c", "id -u; id -g; id -G; pwd; echo $GREETING"], cwd="/home/user",
                     user={"uid": 1000, "gid": 1000, "additionalGids": [2000]},
                     env=["PATH=/bin:/usr/bin", "GREETING=good day"])
    assert done.ok().out.splitlines() == ["1000", "1000", "1000 2000", "/home/user", "good day"]


def test_exec_with_flags_of_the_command_line(box):
    done = box.exec("id -u; pwd; echo $GREETING", flags=["--user", "1000:1000", "--cwd", "/tmp", "--env", "GREETING=hi"])
    assert done.ok().out.splitlines() == ["1000", "/tmp", "hi"]


def test_exec_with_its_own_capabilities_and_limits(box, folder):
    kinds = ("bounding", "effective", "permitted")
    done = exec_json(box, folder, args=["sh", "-c", "grep CapEff /proc/self/status; ulimit -n"],
                     capabilities={kind: ["CAP_KILL"] for kind in kinds},
                     rlimits=[{"type": "RLIMIT_NOFILE", "soft": 321, "hard": 321}])
    assert done.ok().out.split() == ["CapEff:", f"{1 << 5:016x}", "321"]


def test_a_program_that_is_missing_fails_as_with_runc(box):
    done = box.nacre("exec", box.id, "/no/such/program")
    assert done.code == 255, done
    assert done.err == ('exec failed: unable to start container process: exec: "/no/such/program": stat /no/such/program: '
                        "no such file or directory\n")


def test_the_holder_shows_the_guests_command_and_its_end_is_its_code(nacre):
    container = nacre.create(nacre.bundle("sh", "-c", "exit 42")).start()
    assert container.wait() == 42
    assert container.status == "stopped"
    container.delete().ok()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_pid_of_a_container(nacre, number):
    container = nacre.create(nacre.bundle("trap 'exit 33' TERM; echo ready; sleep 1000 & wait")).start()
    wait_for_output(container)
    os.kill(container.pid, number)
    assert container.wait() == {signal.SIGTERM: 33, signal.SIGKILL: 137}[number]
    assert container.status == "stopped"
    container.delete().ok()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_pid_of_an_exec(box, folder, number):
    reader, writer = os.pipe()
    with open(reader) as output:
        box.nacre("exec", "--detach", "--pid-file", folder / "pid", box.id,
                  "sh", "-c", "trap 'exit 34' TERM; echo ready $$; sleep 1000 & wait", stdout=writer,
                  stderr=subprocess.DEVNULL).ok()
        os.close(writer)
        inside = output.readline().split()[1]
        pid = int((folder / "pid").read_text())
        os.kill(pid, number)
        assert reaper.exits.wait(pid) == {signal.SIGTERM: 34, signal.SIGKILL: 137}[number]
    # The guest's process went with it, and nothing else of the container did.
    assert box.exec(f"test ! -d /proc/{inside}").code == 0
    assert box.status == "running"


def test_the_holder_is_in_the_containers_network_namespace_and_cgroup(nacre, netns):
    bundle = nacre.bundle("sleep 1000").netns(netns.path)
    bundle.spec["linux"]["cgroupsPath"] = f"/{netns.name}"
    container = nacre.create(bundle.write()).start()
    assert os.stat(f"/proc/{container.pid}/ns/net").st_ino == os.stat(netns.path).st_ino
    with open(f"/proc/{container.pid}/cgroup") as file:
        assert any(line.split(":", 2)[2].startswith(f"/{netns.name}") for line in file.read().splitlines())
    with open(f"/proc/{container.pid}/cmdline") as file:
        assert "sleep 1000" in file.read().replace("\0", " ")
    container.delete(force=True).ok()


def test_kill_of_a_stopped_container_says_what_engines_look_for(nacre):
    container = nacre.create(nacre.bundle("true")).start()
    container.wait()
    done = container.kill("TERM")
    assert done.code != 0 and "container not running" in done.err, done
    container.delete().ok()


def wait_for_output(container):
    """Until the container has written something; its output is a file, which tells by inotify only: follow it."""
    tail = subprocess.Popen(["tail", "-n", "+1", "-F", container.out_path], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    tail.stdout.readline()
    tail.kill()
    tail.wait()
    tail.stdout.close()
