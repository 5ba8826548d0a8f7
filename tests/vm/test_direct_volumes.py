"""Disks that a CSI driver hands over without mounting them, by Kata's notes: `nacre volume`, and the container that mounts one."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.disk import LoopDevice
from harness.pod import Pod

NOTES = Path("/run/kata-containers/shared/direct-volumes")
MIB = 1 << 20


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


def note_of(path):
    return NOTES / base64.urlsafe_b64encode(str(path).encode()).decode()


@pytest.fixture(autouse=True)
def notes():
    """The folder is Kata's own too."""
    made = next((folder for folder in (NOTES.parent.parent, NOTES.parent, NOTES) if not folder.exists()), None)
    yield
    if made:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def device(folder):
    image = folder / "volume.img"
    with open(image, "wb") as file:
        file.truncate(64 * MIB)
    run("mkfs.ext4", "-q", image)
    loop = run("losetup", "--find", "--show", image)
    yield loop
    run("losetup", "--detach", loop)


@pytest.fixture
def path(folder):
    """What kubelet makes for the volume, and the container mounts."""
    target = folder / "pods/0f6f/volumes/kubernetes.io~csi/pvc/mount"
    target.mkdir(parents=True)
    return target


class GrowingDisk:
    """A loop device whose file can be made larger, as a CSI driver does."""

    def __init__(self, folder, name, size, make=None):
        self.image = folder / f"{name}.img"
        with open(self.image, "wb") as file:
            file.truncate(size)
        if make:
            run(f"mkfs.{make}", "-q", self.image)
        self.loop = LoopDevice(self.image)
        self.node = self.loop.node

    def grow(self, size):
        os.truncate(self.image, size)
        run("losetup", "--set-capacity", self.node)


def info(device, **changes):
    return json.dumps({"volume-type": "block", "device": device, "fstype": "ext4", "metadata": {}, "options": ["noatime"], **changes})


def add(nacre, path, text):
    return nacre("volume", "add", "--volume-path", path, "--mount-info", text)


def mounting(bundle, path):
    bundle.spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(path), "options": ["rbind", "rw"]})
    return bundle.write()


def bundle_with(nacre, path, script):
    return mounting(nacre.bundle(script), path)


def test_the_disk_is_the_guest_s_and_says_how_full_it_is(nacre, device, path, folder):
    nacre.configure({"runtime.storage": ["block", "9p"]})
    add(nacre, path, info(device)).ok()
    container = nacre.create(bundle_with(nacre, path, "trap 'exit 0' TERM; sleep 100000 & wait")).start()
    assert container.exec("grep ' /data ' /proc/mounts").ok().out.split()[2:4] == ["ext4", "rw,noatime"]
    container.exec("head -c 5000000 /dev/zero > /data/five; echo inside > /data/file; sync").ok()

    answer = nacre("volume", "stats", "--volume-path", path).json()
    size, used, available = (int(word) for word in container.exec("df -k /data | tail -1").ok().out.split()[1:4])
    in_bytes, inodes = answer["usage"]
    assert (in_bytes["unit"], in_bytes["total"], in_bytes["used"], in_bytes["available"]) == (1, size << 10, used << 10, available << 10)
    assert in_bytes["used"] >= 5000000
    assert inodes["unit"] == 2 and inodes["used"] == 13 and inodes["total"] == inodes["used"] + inodes["available"]

    container.delete(force=True).ok()
    assert os.listdir(note_of(path)) == ["mountInfo.json"]
    nacre("volume", "remove", "--volume-path", path).ok()
    assert not note_of(path).exists()
    run("e2fsck", "-fn", device)
    mount = folder / "look"
    mount.mkdir()
    run("mount", "-o", "ro", device, mount)
    try:
        assert (mount / "file").read_text() == "inside\n"
    finally:
        run("umount", mount)


@pytest.fixture
def growing(folder):
    made = []

    def make(*how):
        made.append(GrowingDisk(folder, *how))
        return made[-1]

    yield make
    for disk in made:
        disk.loop.close()


def resize(nacre, path, size):
    return nacre("volume", "resize", "--volume-path", path, "--size", size)


def size_inside(container, place_inside):
    return int(container.exec(f"df -k {place_inside} | tail -1").ok().out.split()[1]) << 10


@pytest.mark.parametrize("driver", ["virtio-blk", "virtio-scsi"])
def test_a_disk_that_has_grown_on_the_host_grows_in_the_guest(nacre, growing, path, folder, driver):
    nacre.configure({"runtime.storage": ["block", "9p"], "storage.block.block_device_driver": driver})
    ext4, xfs, raw = growing("ext4", 64 * MIB, "ext4"), growing("xfs", 320 * MIB, "xfs"), growing("raw", 8 * MIB)
    other = folder / "other"
    other.mkdir()
    add(nacre, path, info(ext4.node)).ok()
    add(nacre, other, info(xfs.node, fstype="xfs")).ok()
    bundle = bundle_with(nacre, path, "trap 'exit 0' TERM; sleep 100000 & wait")
    bundle.spec["mounts"].append({"destination": "/xfs", "type": "bind", "source": str(other), "options": ["rbind", "rw"]})
    bundle.spec["linux"]["devices"] = [{"path": "/dev/raw", "type": "b", "major": raw.loop.major, "minor": raw.loop.minor}]
    bundle.spec["linux"]["resources"]["devices"] = [
        {"allow": True, "type": "b", "major": raw.loop.major, "minor": raw.loop.minor, "access": "rwm"}]
    container = nacre.create(bundle.write()).start()
    container.exec("for place in /data /xfs; do seq 200000 > $place/before; done; sync").ok()

    refused = resize(nacre, path, 128 * MIB)
    assert refused.code == 1 and f'its disk "{ext4.node}" has only {64 * MIB} bytes on the host' in refused.err
    for disk, size in ((ext4, 128), (xfs, 400), (raw, 24)):
        disk.grow(size * MIB)
    resize(nacre, path, "128m").ok()
    resize(nacre, other, 400 * MIB).ok()
    resize(nacre, raw.node, 24 * MIB).ok()
    assert size_inside(container, "/data") > 100 * MIB and size_inside(container, "/xfs") > 330 * MIB
    assert container.exec("blockdev --getsize64 /dev/raw").ok().out == f"{24 * MIB}\n"
    container.exec("for place in /data /xfs; do seq 200000 | cmp - $place/before; done").ok()
    container.exec(f"head -c {90 * MIB} /dev/zero > /data/more; sync; rm /data/more").ok()  # what was not there before

    resize(nacre, path, "128m").ok()  # a CSI driver may ask twice
    smaller = resize(nacre, path, "64m")
    assert smaller.code == 1 and f"it has {128 * MIB} bytes and would shrink to {64 * MIB} bytes; name a size" in smaller.err
    assert size_inside(container, "/data") > 100 * MIB

    container.delete(force=True).ok()
    gone = resize(nacre, path, "128m")
    assert gone.code == 1 and "no container of nacre's has it" in gone.err
    run("e2fsck", "-fn", ext4.node)
    run("xfs_repair", "-n", xfs.node)


def test_a_disk_that_the_guest_has_read_only_does_not_grow(nacre, growing, path):
    nacre.configure({"runtime.storage": ["block", "9p"]})
    disk = growing("fixed", 64 * MIB, "ext4")
    add(nacre, path, info(disk.node, options=["ro"])).ok()
    container = nacre.create(bundle_with(nacre, path, "trap 'exit 0' TERM; sleep 100000 & wait")).start()
    disk.grow(128 * MIB)
    refused = resize(nacre, path, "128m")
    container.delete(force=True).ok()
    assert refused.code == 1 and f'grow the volume "{path}": the guest has its disk "{disk.node}" read-only' in refused.err


def look(pod, device, path, script, **changes):
    """What a container of a pod prints that has the direct volume."""
    pod.nacre("volume", "remove", "--volume-path", path)
    add(pod.nacre, path, info(device, **changes)).ok()
    container = pod.create(script, edit=lambda bundle: mounting(bundle, path)).start()
    assert container.wait() == 0, container.err
    container.delete().ok()
    pod.others.remove(container)
    return container.out


def test_the_group_of_a_pod_gets_the_files_of_its_volume(nacre, device, path):
    nacre.configure({"runtime.storage": ["block", "9p"]})
    pod = Pod(nacre)
    show = "cd /data; stat -c '%n %a %g' . deep/private deep; stat -c '%n %g' link; "
    make = "cd /data; mkdir deep; echo x > deep/private; ln -s /etc/passwd link; chmod 600 deep/private; chmod 4711 deep; "
    assert look(pod, device, path, make + show) == ". 755 0\ndeep/private 600 0\ndeep 4711 0\nlink 0\n"
    # On a mismatch only, and there is one; then there is none, though a file is another group's.
    metadata = {"fsGroup": "2000", "fsGroupChangePolicy": "OnRootMismatch"}
    after = ". 2775 2000\ndeep/private 660 2000\ndeep 6771 2000\nlink 2000\n"
    use = "stat -c %g /etc/passwd; echo new > new; stat -c %g new; chgrp 0 deep/private"
    assert look(pod, device, path, show + use, metadata=metadata) == f"{after}0\n2000\n"
    assert "deep/private 660 0\n" in look(pod, device, path, show, metadata=metadata)
    metadata["fsGroupChangePolicy"] = "Always"
    assert "deep/private 660 2000\n" in look(pod, device, path, show, metadata=metadata)
    assert "deep/private 660 2000\n" in look(pod, device, path, show, metadata={"fsGroup": "3000"}, options=["ro"])
    pod.delete()
    nacre("volume", "remove", "--volume-path", path).ok()


def test_a_note_that_others_could_have_written_is_not_believed(nacre, path):
    add(nacre, path, info("/dev/null")).ok()
    for changed, mode in ((note_of(path), 0o777), (note_of(path) / "mountInfo.json", 0o666)):
        before = changed.stat().st_mode
        changed.chmod(mode)
        words = nacre.refuses(bundle_with(nacre, path, "true"))
        assert "trust the note of a direct volume" in words and f'"{changed}" is a link, or can be changed by others than root' in words
        changed.chmod(before)


def test_a_note_that_is_no_note_is_refused_where_it_is_used(nacre, path):
    add(nacre, path, info("/dev/null")).ok()
    (note_of(path) / "mountInfo.json").write_text("{}")
    assert '"volume-type" must be "block"' in nacre.refuses(bundle_with(nacre, path, "true"))


def test_a_disk_needs_a_plugin_for_disks(nacre, device, path):
    nacre.configure({"runtime.storage": ["9p"]})
    add(nacre, path, info(device)).ok()
    answer = nacre.run(bundle_with(nacre, path, "true"))
    assert answer.code == 1 and "a block device in the guest needs a storage plugin for disks" in answer.err


@pytest.mark.parametrize("text, words", [
    ("{", "read the note of a direct volume"),
    ("[]", "it is no JSON object"),
    (info("relative"), '"device" must be an absolute path'),
    (info("/dev/null", fstype=""), '"fstype" is missing'),
    (info(7), '"device" is no text'),
    (info("/dev/null", metadata={"fsGroup": "staff"}), '"fsGroup" is "staff", which is no number of a group'),
    (info("/dev/null", metadata={"fsGroupChangePolicy": "Never"}), '"fsGroupChangePolicy" is "Never", not "Always" or "OnRootMismatch"'),
    (info("/dev/null", **{"volume-type": "spdkvol"}), '"volume-type" must be "block"'),
])
def test_add_refuses_what_could_not_be_mounted(nacre, path, text, words):
    answer = add(nacre, path, text)
    assert answer.code == 1 and words in answer.err
    assert not note_of(path).exists()


@pytest.mark.parametrize("name", ["relative", "/a/../etc", "/a//b", "/a/", "/" + "x" * 190])
@pytest.mark.parametrize("action", ["add", "remove", "stats", "resize"])
def test_paths_that_leave_the_folder_of_notes_are_refused(nacre, action, name):
    more = {"add": ["--mount-info", info("/dev/null")], "resize": ["--size", "1m"]}.get(action, [])
    answer = nacre("volume", action, "--volume-path", name, *more)
    assert answer.code == 1 and "its path must be absolute" in answer.err
    assert not NOTES.exists() or not os.listdir(NOTES)


def test_add_twice_remove_twice_and_stats_of_nothing(nacre, path):
    add(nacre, path, info("/dev/null")).ok()
    again = add(nacre, path, info("/dev/zero"))
    assert again.code == 1 and "there is one of that path; remove it first" in again.err
    unused = nacre("volume", "stats", "--volume-path", path)
    assert unused.code == 1 and "no container of nacre's has it" in unused.err
    for unknown in (path, "/dev/loop-control"):
        unused = resize(nacre, unknown, "1m")
        assert unused.code == 1 and f'grow the volume "{unknown}": no container of nacre\'s has it' in unused.err
    assert "invalid size: 'much'" in resize(nacre, path, "much").err
    assert "name --volume-path and --size" in nacre("volume", "resize", "--volume-path", path).err
    nacre("volume", "remove", "--volume-path", path).ok()
    gone = nacre("volume", "remove", "--volume-path", path)
    assert gone.code == 1 and "there is none of that path" in gone.err
