"""Limits of block I/O are about disks of the host's: the pod's cgroup has them, and what the guest reads and writes over
a share, or on a disk of its own, is as slow as they say."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from harness import place
from harness.disk import Disk
from harness.loop import Loop
from test_virtio_fs import vmm

MIB = 1 << 20
SIZE = 8 * MIB
RATE = 2 * MIB


def rate(disk, number):
    return [{"major": disk.major, "minor": disk.minor, "rate": number}]


@pytest.fixture(scope="module")
def disk(module_nacre):
    made = Disk(module_nacre.folder, 64 * MIB)
    yield made
    made.close()


@pytest.fixture(scope="module")
def raw(module_nacre):
    with Loop(module_nacre.folder) as made:
        yield made


@pytest.fixture(scope="module")
def box(module_nacre, storage, disk, raw):
    """Made with a limit of what it reads; the tests change it. /dev/raw is past the host's page cache."""
    module_nacre.configure({"runtime.storage": ["block", storage], "storage.block.block_device_cache_set": True,
                            "storage.block.block_device_cache_direct": True})
    bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    bundle.spec["linux"]["devices"] = [raw.device("/dev/raw")]
    bundle.spec["linux"]["resources"]["devices"] = [raw.rule("rwm")]
    bundle.spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(disk.folder), "options": ["rbind"]})
    bundle.spec["linux"]["resources"]["blockIO"] = {"weight": 300, "throttleReadBpsDevice": rate(disk, RATE)}
    container = module_nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


def limit_files(container):
    """The folder of the VMM's cgroup that has the files of block I/O."""
    for line in Path(f"/proc/{vmm(container)}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "blkio" in controllers.split(","):
            return Path("/sys/fs/cgroup/blkio" + path)
    pytest.skip("the host has no blkio hierarchy of version 1")


def update(container, block_io):
    container.nacre("update", "-r", "-", container.id, input=json.dumps({"blockIO": block_io}).encode()).ok()


def seconds_of(box, words):
    now = "read now idle < /proc/uptime; echo $now"
    began, ended = map(float, box.exec(f"{now}; dd {words} 2> /dev/null; {now}").ok().out.split())
    return ended - began


def forget_pages(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_vmm_and_helpers_are_in_the_limited_cgroup(box, disk):
    folder = limit_files(box)
    assert (folder / "blkio.throttle.read_bps_device").read_text() == f"{disk.major}:{disk.minor} {RATE}\n"
    weights = [name for name in ("blkio.weight", "blkio.bfq.weight") if (folder / name).exists()]
    assert (folder / weights[0]).read_text().strip() == "300"
    members = set(map(int, (folder / "cgroup.procs").read_text().split()))
    assert {box.pid, box.sandbox_pid, vmm(box)} <= members


def test_reading_is_as_slow_as_the_limit(box, disk):
    (disk.folder / "read").write_bytes(os.urandom(SIZE))
    forget_pages(disk.folder / "read")
    assert seconds_of(box, "if=/data/read of=/dev/null bs=64k") == pytest.approx(SIZE / RATE, rel=0.2)
    update(box, {"throttleReadBpsDevice": rate(disk, 64 * MIB)})
    forget_pages(disk.folder / "read")
    assert seconds_of(box, "if=/data/read of=/dev/null bs=64k") < SIZE / RATE / 2


def test_writing_is_as_slow_as_the_limit_once_it_has_to_be_on_the_disk(box, disk):
    update(box, {"throttleWriteBpsDevice": rate(disk, RATE)})
    assert seconds_of(box, "if=/dev/zero of=/data/written bs=64k count=128 conv=fsync") == pytest.approx(SIZE / RATE, rel=0.2)
    # Until then it is in the host's page cache, and with version 1 nobody knows later whose it was.
    assert seconds_of(box, "if=/dev/zero of=/data/buffered bs=64k count=128") < SIZE / RATE / 2
    update(box, {"throttleWriteBpsDevice": rate(disk, 64 * MIB)})
    assert seconds_of(box, "if=/dev/zero of=/data/written bs=64k count=128 conv=fsync") < SIZE / RATE / 2


@pytest.mark.parametrize("kind, words", [
    ("Read", "if=/dev/raw of=/dev/null iflag=direct"), ("Write", "if=/dev/zero of=/dev/raw oflag=direct")])
def test_so_many_requests_in_a_second_as_the_limit_lets_through(box, raw, kind, words):
    requests, limit = 160, 40
    update(box, {f"throttle{kind}IOPSDevice": rate(raw, limit)})
    assert seconds_of(box, f"{words} bs=4k count={requests}") == pytest.approx(requests / limit, rel=0.2)
    update(box, {f"throttle{kind}IOPSDevice": rate(raw, 100 * limit)})
    assert seconds_of(box, f"{words} bs=4k count={requests}") < requests / limit / 2


def test_an_update_changes_what_it_names_and_nothing_else(box, disk):
    folder = limit_files(box)
    before = (folder / "blkio.throttle.read_bps_device").read_text()
    update(box, {"throttleReadIOPSDevice": rate(disk, 1000), "throttleWriteIOPSDevice": rate(disk, 2000)})
    box.nacre("update", "--blkio-weight", "500", box.id).ok()
    assert f"{disk.major}:{disk.minor} 1000" in (folder / "blkio.throttle.read_iops_device").read_text().splitlines()
    assert f"{disk.major}:{disk.minor} 2000" in (folder / "blkio.throttle.write_iops_device").read_text().splitlines()
    assert (folder / "blkio.throttle.read_bps_device").read_text() == before
    assert any((folder / name).exists() and (folder / name).read_text().strip() == "500"
               for name in ("blkio.weight", "blkio.bfq.weight"))


@pytest.mark.parametrize("block_io, words", [
    ({"throttleReadBpsDevice": [{"major": 250, "minor": 999, "rate": 1}]},
     ["blkio.throttle.read_bps_device", "No such device", "name a whole disk of the host"]),
    ({"leafWeight": 500}, ["blkio.leaf_weight", "No such file or directory", "leave it out"]),
    ({"weight": 2000}, ["weight", "Numerical result out of range"]),
])
def test_what_the_host_cannot_do_is_refused_as_by_runc(nacre, folder, block_io, words):
    bundle = nacre.bundle("true")
    bundle.spec["linux"]["resources"]["blockIO"] = block_io
    bundle.write()
    refused = nacre.run(bundle)
    assert refused.code == 1 and all(word in refused.err for word in words), refused
    runc = subprocess.run(["runc", "--root", folder / "runc", "run", "--bundle", bundle.path, place.fresh_name()],
                          capture_output=True, text=True)
    assert runc.returncode != 0 and words[0].split(".")[-1] in runc.stderr, runc


def test_a_file_of_version_2_needs_a_host_with_it(nacre):
    bundle = nacre.bundle("true")
    bundle.spec["linux"]["resources"]["unified"] = {"io.max": "7:0 rbps=1048576"}
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    done = nacre.run(bundle.write())
    if controllers.exists() and "io" in controllers.read_text().split():
        done.ok()
    else:
        assert done.code == 1 and "io.max" in done.err and "leave it out" in done.err, done
