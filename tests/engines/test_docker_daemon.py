"""What an administrator sets at dockerd, and what happens to it: it goes and comes back while containers run, or many
start at once."""

import os
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


def test_the_default_runtime_and_a_ram_disk(nothing_left_by_test):
    with DefaultDocker() as docker:
        assert docker("run", "--rm", IMAGE, "sh", "-c", "uname -r; exit 6").out.strip() not in ("", os.uname().release)
        assert docker("run", "--rm", "--runtime", "runc", IMAGE, "uname", "-r").ok().out.strip() == os.uname().release


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


def test_containers_outlive_the_daemon_and_are_found_again(docker):
    marks = docker.folder / "marks"
    marks.mkdir()
    with docker.running("trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done") as lives, \
            docker.running("until [ -e /marks/end ]; do sleep 0.1; done; touch /marks/over; exit 5",
                           "--volume", f"{marks}:/marks") as ends:
        holder = int(docker.inspect(ends, "State.Pid"))
        docker.kill()
        (marks / "end").touch()
        reaper.wait_gone(holder)
        docker.come_back()
        assert (docker.inspect(lives, "State.Status"), docker.inspect(ends, "State.Status")) == ("running", "exited")
        assert docker.inspect(ends, "State.ExitCode") == "5"
        assert docker("exec", lives, "echo", "on").ok().out == "on\n"
        assert "up\n" in docker("logs", lives).ok().out
        docker("stop", "--time", "60", lives).ok()
        assert docker.inspect(lives, "State.ExitCode") == "9"


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
