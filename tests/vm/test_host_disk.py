"""A disk of the host's that is full or read-only is an error in the guest that its programs can take, and no hang: as a
volume and as the container's root."""

import pytest
from harness.bundle import make_rootfs
from harness.disk import Disk

MIB = 1 << 20
FILL = "dd if=/dev/zero of={}/big bs=64k count=1000"


@pytest.fixture(scope="module")
def disk(module_nacre, storage):
    made = Disk(module_nacre.folder, 24 * MIB, f"disk-{storage}")
    (made.folder / "volume").mkdir()
    yield made
    made.close()


@pytest.fixture(scope="module")
def box(module_nacre, disk):
    bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    make_rootfs(disk.folder / "root")
    bundle.spec["root"]["path"] = str(disk.folder / "root")
    bundle.spec["mounts"].append({"destination": "/volume", "type": "bind", "source": str(disk.folder / "volume"), "options": ["rbind"]})
    container = module_nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


@pytest.fixture(params=["/volume", "/tmp"])
def place(request):
    return request.param


def test_a_full_disk_takes_no_more_and_goes_on_when_there_is_room(box, place):
    full = box.exec(FILL.format(place), timeout=60)
    assert full.code == 1 and "No space left on device" in full.err, full
    refused = box.exec(f"cat {place}/big > {place}/small", timeout=60)
    assert refused.code != 0 and "No space left on device" in refused.err, refused
    assert box.exec(f"rm {place}/big && echo free > {place}/small && cat {place}/small", timeout=60).ok().out == "free\n"


def test_bytes_that_are_synced_are_on_the_disk_or_the_sync_fails(box, place):
    done = box.exec(FILL.format(place) + " conv=fsync", timeout=60)
    assert done.code == 1 and "No space left on device" in done.err, done
    box.exec(f"rm {place}/big").ok()


def test_a_disk_that_becomes_read_only_is_read_and_not_written(box, disk, place):
    box.exec(f"echo before > {place}/kept; sync").ok()
    disk.remount("ro")
    try:
        for script in (f"echo after > {place}/kept", f"mkdir {place}/new", f"rm {place}/kept", f"mv {place}/kept {place}/moved"):
            refused = box.exec(script, timeout=60)
            assert refused.code != 0 and "Read-only file system" in refused.err, refused
        assert box.exec("cat", f"{place}/kept", timeout=60).ok().out == "before\n"
    finally:
        disk.remount("rw")
    assert box.exec(f"echo after > {place}/kept; cat {place}/kept", timeout=60).ok().out == "after\n"


def test_a_root_on_a_read_only_disk_runs(nacre, storage, folder):
    disk = Disk(folder, 24 * MIB)
    try:
        make_rootfs(disk.folder / "root")
        disk.remount("ro")
        nacre.configure({"runtime.storage": [storage]})
        bundle = nacre.bundle("echo runs; touch /new")
        bundle.spec["root"]["path"] = str(disk.folder / "root")
        done = nacre.run(bundle.write())
        assert done.code == 1 and done.out == "runs\n" and "Read-only file system" in done.err, done
    finally:
        disk.close()
