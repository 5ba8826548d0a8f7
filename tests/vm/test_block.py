"""Disks of the host in the guest: root file systems and volumes on loop devices."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness import place, reaper
from harness.bundle import make_rootfs
from harness.disk import LoopDevice
from harness.loop import run

MIB = 1 << 20
SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"


class Disk:
    """A file with a file system on a loop device, mounted on the host."""

    def __init__(self, folder, name, fstype="ext4", size=64 * MIB, root=None, options="defaults", make=()):
        self.file, self.mount, self.fstype = folder / f"{name}.img", folder / name, fstype
        with open(self.file, "wb") as file:
            file.truncate(size)
        run(f"mkfs.{fstype}", "-q", *make, self.file)
        self.loop = LoopDevice(self.file)
        self.device = self.loop.node
        self.mount.mkdir()
        run("mount", "-t", fstype, self.device, self.mount)
        if root is not None:
            make_rootfs(self.mount / root)
        (self.mount / "from-host").write_text("host\n")
        run("umount", self.mount)
        run("mount", "-t", fstype, "-o", options, self.device, self.mount)

    @property
    def line(self):
        """The mount as the host has it: root, place, flags, type, device, options; None: it has not."""
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            words = line.split()
            if words[4] == str(self.mount):
                return words[3:6] + words[words.index("-") + 1:]
        return None

    @property
    def blocks(self):
        """What the backing file takes on the host's disk."""
        return os.stat(self.file).st_blocks

    def close(self):
        while self.line:
            run("umount", self.mount)
        self.loop.close()

    def check(self):
        """What the file system's own tool says when nobody has it mounted."""
        run("umount", self.mount)
        tool = ["xfs_repair", "-n"] if self.fstype == "xfs" else ["e2fsck", "-fn"]
        done = subprocess.run([*tool, self.device], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def disk(tmp_path):
    made = []

    def make(name, **how):
        made.append(Disk(tmp_path, name, **how))
        return made[-1]

    yield make
    for each in reversed(made):
        each.close()


@pytest.fixture
def block(nacre):
    def configure(storage=("block", "9p"), **edits):
        nacre.configure({"runtime.storage": list(storage)} | {f"storage.block.{key}": value for key, value in edits.items()})

    configure()
    return configure


def root_on(bundle, disk, inner=""):
    bundle.spec["root"]["path"] = str(disk.mount / inner)
    return bundle.write()


def volume_on(bundle, disk, place_inside, *options):
    bundle.spec["mounts"].append({"destination": place_inside, "type": "bind", "source": str(disk.mount),
                                  "options": ["bind", *options]})
    return bundle.write()


def vmm(container):
    return next(pid for pid in reaper.children(container.sandbox_pid) if "qemu" in os.readlink(f"/proc/{pid}/exe"))


def end(container):
    container.kill("KILL").ok()
    container.wait()
    container.delete().ok()


def test_a_root_on_a_disk_is_the_guests_alone_and_comes_back(nacre, block, disk):
    root = disk("root", root="", options="nodiratime,commit=17")
    before = root.line
    bundle = root_on(nacre.bundle("trap 'exit 0' TERM; grep ' / ' /proc/mounts; echo guest > /written; seq 100000 > /many;"
                                  " touch /done; sleep 100000 & wait"), root)
    container = nacre.create(bundle)
    assert root.line is None  # two kernels never have it at once
    again = subprocess.run(["mount", root.device, root.mount], capture_output=True, text=True)
    assert again.returncode != 0 and "busy" in again.stderr, again
    container.start()
    container.exec("until test -e /done; do sleep 0.1; done").ok()
    container.kill().ok()
    assert container.wait() == 0
    container.delete().ok()
    assert re.match(r"/dev/vd[a-z] / ext4 rw,nodiratime,relatime,commit=17", container.out), container.out
    assert root.line == before
    assert (root.mount / "written").read_text() == "guest\n"
    assert (root.mount / "many").read_text() == "".join(f"{number}\n" for number in range(1, 100001))
    root.check()


@pytest.fixture(params=["virtio-blk", "virtio-scsi"])
def pod(request, nacre, block):
    """A virtual machine that runs, for containers that join it."""
    block(block_device_driver=request.param, mounted_volumes=True)
    name = place.fresh_name()
    bundle = nacre.bundle(SLEEP)
    bundle.spec["annotations"] = {"io.kubernetes.cri-o.ContainerType": "sandbox", "io.kubernetes.cri-o.SandboxID": name}
    sandbox = nacre.create(bundle.write(), name=name).start()
    sandbox.driver = request.param
    yield sandbox
    end(sandbox)


def joining(pod, script=SLEEP):
    bundle = pod.nacre.bundle(script)
    bundle.spec["annotations"] = {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.SandboxID": pod.id}
    for namespace in bundle.spec["linux"]["namespaces"]:
        if namespace["type"] in ("network", "ipc", "uts"):
            kind = {"network": "net"}.get(namespace["type"], namespace["type"])
            namespace["path"] = f"/proc/{pod.pid}/ns/{kind}"
    return bundle


def disks_of_guest(pod):
    return pod.exec("ls /sys/block").ok().out.split()


def test_disks_come_and_go_while_the_guest_runs(pod, disk):
    prefix, fstype, size = {"virtio-blk": ("vd", "ext4", 64), "virtio-scsi": ("sd", "xfs", 320)}[pod.driver]
    root = disk("root", root="", fstype=fstype, size=size * MIB)
    data = disk("data", options="discard")
    fixed = disk("fixed", options="ro")
    lines = [one.line for one in (root, data, fixed)]
    without = disks_of_guest(pod)
    bundle = root_on(joining(pod), root)
    volume_on(volume_on(bundle, data, "/data"), fixed, "/fixed")
    container = pod.nacre.create(bundle).start()

    came = sorted(set(disks_of_guest(pod)) - set(without))
    assert [name[:2] for name in came] == [prefix] * 3
    mounts = {line.split()[1]: line.split() for line in container.exec("cat", "/proc/mounts").ok().out.splitlines()}
    assert [mounts[place_inside][2] for place_inside in ("/", "/data", "/fixed")] == [fstype, "ext4", "ext4"]
    assert "nouuid" in mounts["/"][3] or fstype != "xfs"
    assert mounts["/fixed"][3].startswith("ro,")
    assert (root.line, data.line, fixed.line) == (None, None, lines[2])

    empty = data.blocks
    container.exec("dd if=/dev/urandom of=/data/big bs=1M count=20 2> /dev/null; sync").ok()
    full = data.blocks
    assert full >= empty + 20 * MIB // 512
    container.exec("rm /data/big; sync").ok()

    container.exec("cat /data/from-host /fixed/from-host; echo guest > /data/written; echo guest > /root/written").ok()
    assert container.exec("touch", "/fixed/new").code != 0
    end(container)
    assert data.blocks < full - 18 * MIB // 512  # it is mounted with "discard" on the host, and so was in the guest
    assert disks_of_guest(pod) == without  # gone from the guest that goes on
    assert [one.line for one in (root, data, fixed)] == lines
    assert (data.mount / "written").read_text() == (root.mount / "root/written").read_text() == "guest\n"

    second = pod.nacre.create(volume_on(joining(pod), fixed, "/fixed")).start()  # the freed places serve again
    assert len(disks_of_guest(pod)) == len(without) + 1
    end(second)
    for one in (root, data, fixed):
        one.check()


def test_keys_have_their_effect_on_a_disk_that_is_there_at_boot(nacre, block, disk):
    root = disk("root", root="", make=["-b", "4096"])
    nacre.configure({
        "runtime.storage": ["block", "9p"], "hypervisor.qemu.machine_type": "microvm", "hypervisor.qemu.default_vcpus": 2,
        "storage.block": {"block_device_aio": "native", "block_device_cache_set": True, "block_device_cache_direct": True,
                          "block_device_cache_noflush": True, "num_queues": 2, "queue_size": 64,
                          "block_device_logical_sector_size": 4096, "block_device_physical_sector_size": 8192}})
    container = nacre.create(root_on(nacre.bundle(
        "cd /sys/block/vda; cat queue/logical_block_size queue/physical_block_size; ls mq | wc -l; cat cache_type"), root))
    words = Path(f"/proc/{vmm(container)}/cmdline").read_text().split("\0")
    arguments = [json.loads(word) for word in words if word.startswith("{") and "block-1" in word]
    backend = next(one for one in arguments if one["driver"] == "raw")
    device = next(one for one in arguments if one["driver"] == "virtio-blk-device")
    cache = {"direct": True, "no-flush": True}
    assert (backend["file"]["driver"], backend["file"]["aio"], backend["file"]["cache"]) == ("host_device", "native", cache)
    assert (backend["cache"], backend["discard"], backend["read-only"]) == (cache, "unmap", False)
    assert (device["num-queues"], device["queue-size"], device["serial"]) == (2, 64, "block-1")
    container.start()
    assert container.wait() == 0, container.err
    assert container.out.split() == ["4096", "8192", "2", "write", "back"]
    container.delete().ok()
    root.check()


def test_after_a_kill_of_the_sandbox_process_delete_brings_the_mount_back(nacre, block, disk):
    root = disk("root", root="rootfs")
    (root.mount / "from-host").rename(root.mount / "id")  # as an engine's devicemapper driver has it
    before = root.line
    container = nacre.create(root_on(nacre.bundle("grep ' / ' /proc/mounts; " + SLEEP), root, "rootfs")).start()
    container.exec("test -x /bin/busybox && ! test -e /rootfs").ok()
    assert root.line is None and re.match(r"/dev/vd[a-z] / ext4 rw", container.out), container.out
    os.kill(container.sandbox_pid, signal.SIGKILL)
    container.wait()
    container.delete(force=True).ok()
    assert root.line == before
    assert (root.mount / "id").read_text() == "host\n"


def refusal(nacre, bundle):
    answer = nacre.run(bundle)
    assert answer.code == 1, answer
    return answer.err.splitlines()[0]


def test_what_the_host_uses_is_not_handed_over(nacre, block, disk):
    root = disk("root", root="")
    before = root.line
    block(storage=["block"])
    with subprocess.Popen(["sleep", "1000"], cwd=root.mount) as user:
        said = refusal(nacre, root_on(nacre.bundle("true"), root))
        user.kill()
    assert f'cannot hand "{root.mount}" over to the guest: a process of the host uses it' in said
    assert "fuser -m" in said and root.line == before
    # A mount in a namespace that no table of ours shows.
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep 1000"],
                          stdout=subprocess.PIPE) as user:
        user.stdout.readline()
        said = refusal(nacre, root_on(nacre.bundle("true"), root))
        user.kill()
    assert f'cannot open the disk "{root.device}" for the guest alone: it is mounted or in use elsewhere' in said
    assert root.line == before


def test_why_a_mount_is_not_taken_as_a_disk(nacre, block, disk, tmp_path):
    data = disk("data")
    before = data.line
    block(storage=["block"], image_folders=False)

    def said(source):
        bundle = nacre.bundle("true")
        bundle.spec["root"]["path"] = str(source)
        return refusal(nacre, bundle.write())

    (data.mount / "inner").mkdir()
    assert "this is a folder inside a file system" in said(data.mount / "inner")
    (tmp_path / "other").mkdir()
    run("mount", "--bind", data.mount, tmp_path / "other")
    try:
        assert f'it is mounted at "{tmp_path}/other" too' in said(data.mount)
        run("mount", "--bind", data.mount / "inner", tmp_path / "other")
        assert 'it is the folder "/inner" of a disk, not the disk' in said(tmp_path / "other")
    finally:
        while subprocess.run(["umount", tmp_path / "other"], capture_output=True).returncode == 0:
            pass
    (tmp_path / "memory").mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", tmp_path / "memory")
    try:
        assert "its file system (tmpfs) is on no block device of this host" in said(tmp_path / "memory")
    finally:
        run("umount", tmp_path / "memory")
    bundle = volume_on(nacre.bundle("true"), data, "/data")
    block(storage=["null", "block"], image_folders=False)
    assert "the host has it mounted for writing; with mounted_volumes = true in [storage.block]" in refusal(nacre, bundle)
    assert data.line == before


@pytest.mark.parametrize("key, value, words", [
    ("block_device_aio", "native", 'block_device_aio = "native" in [storage.block] works past the page cache only'),
    ("queue_size", 100, '"queue_size" in [storage.block] is 100, it must be a power of two from 2, or 0'),
    ("block_device_logical_sector_size", 256, "it must be a power of two from 512, or 0"),
    ("block_device_driver", "floppy", 'it must be one of "virtio-blk"'),
])
def test_a_bad_value_is_refused_before_anything_is_spawned(nacre, block, key, value, words):
    program = nacre.folder / "vmm"
    program.write_text(f"#!/bin/sh\n: > {nacre.folder}/spawned\n")
    program.chmod(0o755)
    nacre.configure({"runtime.storage": ["block", "9p"], f"storage.block.{key}": value, "hypervisor.qemu.path": str(program)})
    assert words in refusal(nacre, nacre.bundle("true"))
    assert not (nacre.folder / "spawned").exists()
