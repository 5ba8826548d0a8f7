"""docker's limits of block I/O reach the cgroup that the virtual machine is in, and docker sees its own numbers there."""

from pathlib import Path

import pytest
from harness import place
from harness.disk import LoopDevice

MIB = 1 << 20


@pytest.fixture
def disk(folder):
    image = folder / "image"
    image.write_bytes(bytes(MIB))
    made = LoopDevice(image)
    yield made
    made.close()


def limits(docker, name):
    """The files of block I/O in the cgroup of the container's first process, as text by name."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", name).ok().out.strip()
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        version_1 = "blkio" in controllers.split(",")
        if version_1 or not controllers and Path(f"/sys/fs/cgroup{path}/io.max").exists():
            folder = Path(f"/sys/fs/cgroup/{'blkio' if version_1 else ''}{path}")
            return {file.name: file.read_text() for pattern in ("blkio.throttle.*device", "io.max")
                    for file in folder.glob(pattern)}
    return pytest.skip("the host has no controller of block I/O")


def test_the_throttles_of_each_flag(docker, disk):
    device = f"{disk.major}:{disk.minor}"
    flags = ["--device-read-bps", f"{disk.node}:1mb", "--device-write-bps", f"{disk.node}:2mb",
             "--device-read-iops", f"{disk.node}:30", "--device-write-iops", f"{disk.node}:40"]
    with docker.running("sleep 1000", *flags) as name:
        seen = limits(docker, name)
        if "io.max" in seen:
            assert seen["io.max"] == f"{device} rbps={MIB} wbps={2 * MIB} riops=30 wiops=40\n"
            return
        assert {kind: seen[f"blkio.throttle.{kind}_device"] for kind in ("read_bps", "write_bps", "read_iops", "write_iops")} == {
            "read_bps": f"{device} {MIB}\n", "write_bps": f"{device} {2 * MIB}\n", "read_iops": f"{device} 30\n",
            "write_iops": f"{device} 40\n"}
