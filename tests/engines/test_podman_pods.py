"""Pods of Podman: its infra container and those that join it by namespace paths are in one virtual machine."""

import json

import pytest
from harness.engines import IMAGE
from harness.place import fresh_name

BOOT = "/proc/sys/kernel/random/boot_id"
SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"


@pytest.fixture
def pod(podman):
    name = fresh_name()
    podman("--runtime", "nacre", "pod", "create", "--name", name, "--infra-image", IMAGE, "--infra-command",
           "/bin/sleep 100000").ok()
    yield name
    podman("--runtime", "nacre", "pod", "rm", "--force", "--time", "0", name).ok()


def run(podman, pod, *args):
    name = fresh_name()
    podman("--runtime", "nacre", "run", "--detach", "--pod", pod, "--name", name, IMAGE, *args).ok()
    return name


def test_containers_of_a_pod_are_in_one_virtual_machine(podman, pod):
    first, second = run(podman, pod, "sh", "-c", SLEEP), run(podman, pod, "sh", "-c", SLEEP)

    def inside(name, *command):
        return podman("--runtime", "nacre", "exec", name, *command).ok().out

    assert inside(first, "cat", BOOT) == inside(second, "cat", BOOT)
    for kind in ("net", "ipc", "uts"):
        assert inside(first, "readlink", f"/proc/self/ns/{kind}") == inside(second, "readlink", f"/proc/self/ns/{kind}")
    inside(first, "sh", "-c", "echo shared > /dev/shm/word")
    assert inside(second, "cat", "/dev/shm/word") == "shared\n"
    podman("--runtime", "nacre", "rm", "--force", "--time", "0", first).ok()
    assert inside(second, "echo", "on") == "on\n"
    facts = json.loads(podman("pod", "inspect", pod).ok().out)
    assert (facts[0] if isinstance(facts, list) else facts)["NumContainers"] == 2  # podman 5 has a list
