"""What an administrator sets at dockerd, and what happens to it: it goes and comes back while containers run, or many
start at once."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import reaper
from harness.engines import IMAGE, NACRE, Docker
from harness.place import fresh_name

MANY = 50


class DefaultDocker(Docker):
    """nacre without being asked for, and on a host whose root is a RAM disk, as dockerd believes."""

    daemon_environment = {"DOCKER_RAMDISK": "true"}

    def cgroup_words(self):
        return [*super().cgroup_words(), "--default-runtime", "nacre"]


class ShimDocker(Docker):
    """dockerd finds the runtime by containerd's name of it."""

    runtimes = {}
    config = {"runtimes": {"nacre": {"runtimeType": "io.containerd.nacre.v2"}}}


def test_the_default_runtime_and_a_ram_disk(nothing_left_by_test):
    with DefaultDocker() as docker:
        assert docker("run", "--rm", IMAGE, "sh", "-c", "uname -r; exit 6").out.strip() not in ("", os.uname().release)
        assert docker("run", "--rm", "--runtime", "runc", IMAGE, "uname", "-r").ok().out.strip() == os.uname().release


def test_through_containerd_s_shim_an_oom_kill_is_told(nothing_left_by_test):
    version = subprocess.run(["dockerd", "--version"], capture_output=True, text=True).stdout.split()[2].rstrip(",")
    if int(version.split(".")[0]) < 23:
        pytest.skip(f"dockerd {version} knows no runtimeType")
    with ShimDocker() as docker:
        assert docker("run", "--rm", *NACRE, IMAGE, "sh", "-c", "uname -r; exit 6").code == 6
        with docker.running("sleep 1; tail /dev/zero", "--memory", "64m") as name:
            assert docker("wait", name).ok().out == "137\n"
            assert inspect(docker, name, ".State.OOMKilled") == "true"
        with docker.running("sleep 1000") as name:
            assert docker("exec", name, "sh", "-c", "exit 3").code == 3
            assert "sleep 1000" in docker("top", name).ok().out
            docker("update", "--pids-limit", "44", name).ok()


class LiveRestoreDocker(Docker):
    def cgroup_words(self):
        return [*super().cgroup_words(), "--live-restore"]

    def kill(self):
        self.dockerd.process.kill()
        self.dockerd.process.wait()

    def come_back(self):
        self.dockerd = self.daemon("dockerd-again", *self.dockerd.process.args)


@pytest.fixture
def docker(nothing_left_by_test):
    with LiveRestoreDocker() as engine:
        yield engine


def inspect(docker, name, field):
    return docker("inspect", "--format", "{{" + field + "}}", name).ok().out.strip()


def test_containers_outlive_the_daemon_and_are_found_again(docker):
    marks = docker.folder / "marks"
    marks.mkdir()
    with docker.running("trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done") as lives, \
            docker.running("until [ -e /marks/end ]; do sleep 0.1; done; touch /marks/over; exit 5",
                           "--volume", f"{marks}:/marks") as ends:
        holder = int(inspect(docker, ends, ".State.Pid"))
        docker.kill()
        (marks / "end").touch()
        reaper.wait_gone(holder)
        docker.come_back()
        assert (inspect(docker, lives, ".State.Status"), inspect(docker, ends, ".State.Status")) == ("running", "exited")
        assert inspect(docker, ends, ".State.ExitCode") == "5"
        assert docker("exec", lives, "echo", "on").ok().out == "on\n"
        assert "up\n" in docker("logs", lives).ok().out
        docker("stop", "--time", "60", lives).ok()
        assert inspect(docker, lives, ".State.ExitCode") == "9"


def test_many_start_and_end_at_once(docker):
    """There is no fixed time in which a guest must be up: on two CPUs this is minutes for each."""
    def run(number):
        name = fresh_name("many")
        return docker("run", "--rm", "--network", "none", "--name", name, *NACRE, IMAGE, "sh", "-c", f"echo {number}; exit {number}",
                      timeout=1200)

    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(run, range(1, MANY + 1)))
    assert [(answer.code, answer.out) for answer in answers] == [(n, f"{n}\n") for n in range(1, MANY + 1)], \
        "\n".join(answer.err for answer in answers if answer.err)
    assert docker("ps", "--all", "--quiet").ok().out == ""
