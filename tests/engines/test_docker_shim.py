"""Docker through containerd's shim (`runtimeType`, from 23 on) instead of the command line."""

import subprocess

import pytest
from harness.engines import IMAGE, NACRE, Docker


class ShimDocker(Docker):
    """dockerd finds the runtime by containerd's name of it."""

    runtimes = {}
    config = {"runtimes": {"nacre": {"runtimeType": "io.containerd.nacre.v2"}}}


def test_through_containerd_s_shim_an_oom_kill_is_told(nothing_left_by_test):
    version = subprocess.run(["dockerd", "--version"], capture_output=True, text=True).stdout.split()[2].rstrip(",")
    if int(version.split(".")[0]) < 23:
        pytest.skip(f"dockerd {version} knows no runtimeType")
    with ShimDocker() as docker:
        assert docker("run", "--rm", *NACRE, IMAGE, "sh", "-c", "uname -r; exit 6").code == 6
        with docker.running("sleep 1; tail /dev/zero", "--memory", "64m") as name:
            assert docker("wait", name).ok().out == "137\n"
            assert docker.inspect(name, "State.OOMKilled") == "true"
        with docker.running("sleep 1000") as name:
            assert docker("exec", name, "sh", "-c", "exit 3").code == 3
            assert "sleep 1000" in docker("top", name).ok().out
            docker("update", "--pids-limit", "44", name).ok()
