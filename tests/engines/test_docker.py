"""docker with nacre as its runtime: what a user of docker does first."""

import os
import signal
import subprocess

from harness.console import start_on_terminal
from harness.engines import IMAGE, NACRE
from harness.place import fresh_name


def inspect(docker, name):
    return docker("inspect", name).json()[0]


def test_run_shows_the_guests_kernel_and_the_exit_code(docker):
    done = docker("run", "--rm", *NACRE, IMAGE, "sh", "-c", "uname -r; echo err >&2; exit 7")
    assert done.code == 7, done
    assert done.out.strip() not in ("", os.uname().release)
    # dockerd says so where the host does not forward.
    assert [line for line in done.err.splitlines() if not line.startswith("WARNING: IPv4 forwarding")] == ["err"]


def test_run_carries_stdin(docker):
    done = docker("run", "--rm", "--interactive", *NACRE, IMAGE, "cat", input=b"through\n")
    assert done.ok().out == "through\n"


def test_the_default_bridges_address_answers(docker):
    with docker.running("sleep 1000") as name:
        address = inspect(docker, name)["NetworkSettings"]["IPAddress"]
        done = subprocess.run(["ping", "-c2", "-W10", address], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        gateway = docker.bridge_address.split("/")[0]
        assert docker("exec", name, "ping", "-c1", "-W10", gateway).code == 0
        assert f"inet {address}/" in docker("exec", name, "ip", "addr").ok().out


def test_a_terminal_returns_and_follows_its_size(docker):
    command = docker.command("run", "--rm", "-it", *NACRE, IMAGE, "sh", "-c",
                             "trap 'stty size' WINCH; echo ready; while :; do read line && exit 3; done")
    process, terminal = start_on_terminal(command, rows=30, columns=90, env=docker.environment())
    with terminal:
        terminal.read_until("ready", timeout=180)
        terminal.resize(41, 121)
        process.send_signal(signal.SIGWINCH)
        terminal.read_until("41 121")
        terminal.send("\n")
        terminal.read_to_end(timeout=60)
    assert process.wait(60) == 3


def test_exec_and_a_signal_to_its_process(docker):
    with docker.running("sleep 1000") as name:
        assert docker("exec", name, "sh", "-c", "echo in; exit 4").code == 4
        process = docker.spawn("exec", name, "sh", "-c", "trap 'echo caught; exit 5' TERM; echo ready; sleep 100 & wait",
                               stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        os.kill(exec_pid(docker, name), signal.SIGTERM)
        assert process.stdout.read() == "caught\n"
        assert process.wait(60) == 5
        process.stdout.close()


def exec_pid(docker, name):
    """The host pid of the running exec, as `docker inspect` tells it."""
    for number in inspect(docker, name)["ExecIDs"]:
        state = docker.api(f"/exec/{number}/json")
        if state["Running"]:
            return state["Pid"]
    raise AssertionError("docker knows of no running exec")


def test_stop_ends_it_by_its_own_code(docker):
    name = fresh_name()
    docker("run", "--detach", "--name", name, *NACRE, IMAGE, "sh", "-c",
           "trap 'exit 12' TERM; echo ready; sleep 1000 & wait").ok()
    with docker.spawn("logs", "--follow", name, stdout=subprocess.PIPE) as logs:
        assert logs.stdout.readline() == b"ready\n"
        logs.kill()
    docker("stop", "--time", "60", name).ok()
    state = inspect(docker, name)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 12)
    docker("rm", name).ok()


def test_a_volume_is_shared(docker):
    volume = docker.folder / "volume"
    volume.mkdir(exist_ok=True)
    (volume / "in").write_text("from the host\n")
    done = docker("run", "--rm", *NACRE, "--volume", f"{volume}:/data", IMAGE, "sh", "-c",
                  "cat /data/in; echo from the guest > /data/out")
    assert done.ok().out == "from the host\n"
    assert (volume / "out").read_text() == "from the guest\n"


def test_a_start_that_fails_says_why_and_leaves_nothing(docker):
    done = docker("run", "--rm", *NACRE, IMAGE, "/no/such/program")
    assert done.code == 127, done
    assert "/no/such/program" in done.err
