"""The engines themselves, with Debian's runc: what fails here is no fault of nacre."""

import pytest
from harness.engines import IMAGE, Containerd, Docker, Podman


def test_docker():
    with Docker() as docker:
        assert docker("run", "--rm", IMAGE, "echo", "hello").ok().out == "hello\n"
        address = docker.bridge_address.split("/")[0]
        assert docker("run", "--rm", IMAGE, "ping", "-c1", "-W5", address).code == 0


def test_ctr():
    with Containerd() as ctr:
        assert ctr("run", "--rm", IMAGE, "one", "echo", "hello").ok().out == "hello\n"


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_podman(network):
    with Podman() as podman:
        assert podman("--runtime", "runc", "run", "--rm", "--network", network, IMAGE, "echo", "hello").ok().out == "hello\n"
