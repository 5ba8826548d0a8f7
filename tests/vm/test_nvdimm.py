"""Disks of the host as NVDIMMs of the guest: there at boot or added later, read-only, and what cannot be one."""

import re

import pytest
from harness.loop import Loop, run
from harness.network import NetNs
from harness.pod import Pod
from test_devices import asks, bind
from test_direct_volumes import add, info, notes

MIB = 1 << 20
NVDIMM = {"runtime.storage": ["block", "9p"], "storage.block.block_device_driver": "nvdimm"}
SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"

__all__ = ["notes"]  # a fixture for each test here too


class Nvdimm(Loop):
    size = 64 * MIB


class Misfit(Loop):
    size = 63 * MIB


@pytest.fixture
def loop(folder):
    with Nvdimm(folder) as disk:
        yield disk


@pytest.fixture
def second(folder):
    with Nvdimm(folder) as disk:
        yield disk


def mount_line(container, place_inside):
    return container.exec(f"grep ' {place_inside} ' /proc/mounts").ok().out.split()


def read_on_host(disk, folder, name):
    mount = folder / "look"
    mount.mkdir()
    run("mount", "-o", "ro", disk.node, mount)
    try:
        return (mount / name).read_text()
    finally:
        run("umount", mount)


def test_a_disk_is_there_at_boot_and_what_is_written_is_on_the_host(nacre, loop, second, folder):
    nacre.configure(NVDIMM)
    run("mkfs.ext4", "-q", loop.node)
    (folder / "volume").mkdir()
    add(nacre, folder / "volume", info(loop.node)).ok()
    bundle = nacre.bundle(SLEEP)
    asks(devices=[second.device("/dev/fixed")], rules=[second.rule("r")], mounts=[bind(folder / "volume", "/data")])(bundle)
    container = nacre.create(bundle.write()).start()
    assert re.match(r"/dev/pmem\d /data ext4 rw,noatime", " ".join(mount_line(container, "/data")))
    container.exec("seq 100000 > /data/written; sync").ok()
    assert container.exec("blockdev --getro /dev/fixed").ok().out == "1\n"
    assert container.exec("echo no > /dev/fixed").code != 0
    grown = nacre("volume", "resize", "--volume-path", folder / "volume", "--size", Nvdimm.size)
    container.delete(force=True).ok()
    grown.ok()  # it has that size already
    run("e2fsck", "-fn", loop.node)
    assert read_on_host(loop, folder, "written") == "".join(f"{number}\n" for number in range(1, 100001))


@pytest.fixture
def pod(loop, second, nacre):
    """It ends before the disks do: the guest cannot let go of an NVDIMM."""
    nacre.configure({**NVDIMM, "hypervisor.qemu.memory_offset": 160})
    with NetNs() as namespace:
        made = Pod(nacre, netns=namespace)
        yield made
        made.delete()


def test_a_disk_comes_while_the_guest_runs_as_a_device_or_with_its_file_system(loop, second, pod, folder):
    run("mkfs.ext4", "-q", second.node)
    (folder / "volume").mkdir()
    add(pod.nacre, folder / "volume", info(second.node)).ok()
    edit = asks(devices=[loop.device("/dev/raw")], rules=[loop.rule("rwm")], mounts=[bind(folder / "volume", "/data")])
    container = pod.create(edit=edit).start()
    assert mount_line(container, "/data")[0].startswith("/dev/pmem")
    assert container.exec("blockdev --getsize64 /dev/raw").ok().out == f"{Nvdimm.size}\n"
    container.exec("printf written | dd of=/dev/raw bs=512 seek=3 conv=notrunc,fsync; echo inside > /data/file; sync").ok()
    run("blockdev", "--flushbufs", loop.node)
    with open(loop.node, "rb") as disk:
        disk.seek(3 * 512)
        assert disk.read(7) == b"written"

    with Nvdimm(folder) as more:
        third = pod.bundle(edit=asks(devices=[more.device("/dev/more")], rules=[more.rule("rwm")]))
        refused = pod.nacre.run(third)
    assert refused.code == 1
    assert "no room for a further NVDIMM of 64 MiB; raise memory_offset in [hypervisor.qemu]" in refused.err


def test_what_cannot_be_an_nvdimm_is_refused_in_a_sentence(nacre):
    with Misfit(nacre.folder) as disk:
        bundle = nacre.bundle("true")
        asks(devices=[disk.device("/dev/raw")], rules=[disk.rule("rwm")])(bundle)
        words = nacre.refuses(bundle.write(), NVDIMM)
    assert f"as persistent memory a disk has a multiple of 2 MiB, and this has {Misfit.size} bytes" in words
    microvm = nacre.refuses(nacre.bundle("true"), {**NVDIMM, "hypervisor.qemu.machine_type": "microvm"})
    assert 'storage plugin "block" needs a persistent-memory device that is there at boot, which hypervisor plugin "qemu"' in microvm
