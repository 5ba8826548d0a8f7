#!/usr/bin/python3
"""Inside a lab host: root file systems on device-mapper's thin pools, mounted by hand and by containerd's devmapper
snapshotter. Prints what it saw as JSON; test_thin_pool.py says what that must be."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.bundle import make_rootfs  # noqa: E402
from harness.engines import IMAGE, Containerd  # noqa: E402
from harness.runtime import Nacre, write_configuration  # noqa: E402

os.environ["DM_DISABLE_UDEV"] = "1"  # nobody here makes nodes but device-mapper's own tools
SECTORS = 64 * 2048
USE_BLOCK = {"runtime.storage": ["block", "9p"]}


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


def make_pool(folder, name, size=1 << 30):
    loops = []
    for part, length in (("meta", 32 << 20), ("data", size)):
        with open(folder / f"{name}.{part}", "wb") as file:
            file.truncate(length)
        loops.append(run("losetup", "--find", "--show", folder / f"{name}.{part}"))
    run("dmsetup", "create", name, "--table", f"0 {size // 512} thin-pool {loops[0]} {loops[1]} 128 0 1 skip_block_zeroing")
    return Path("/dev/mapper") / name


def used_blocks(name):
    """Of the pool's data, 64 KiB each: "0 2097152 thin-pool 2 37/8192 231/16384 ..."."""
    return int(run("dmsetup", "status", name).split()[5].split("/")[0])


def mounts_of(what):
    return [line for line in Path("/proc/mounts").read_text().splitlines() if what in line]


def thin_snapshot(folder):
    """A root file system on a snapshot of a thin disk, mounted at the bundle's rootfs."""
    seen = {}
    pool = make_pool(folder, "pool")
    run("dmsetup", "message", pool, "0", "create_thin 0")
    run("dmsetup", "create", "base", "--table", f"0 {SECTORS} thin {pool} 0")
    run("mkfs.ext4", "-q", "/dev/mapper/base")
    nacre = Nacre(folder, USE_BLOCK)
    bundle = nacre.bundle("grep ' / ' /proc/mounts; dd if=/dev/urandom of=/big bs=1M count=16 2> /dev/null; sync; touch /full; read word;"
                          " rm /big; sync; echo guest > /written; read word")
    rootfs = bundle.path / "rootfs"
    run("mount", "/dev/mapper/base", rootfs)
    make_rootfs(rootfs)
    run("umount", rootfs)
    run("dmsetup", "message", pool, "0", "create_snap 1 0")
    run("dmsetup", "create", "snap", "--table", f"0 {SECTORS} thin {pool} 1")
    run("mount", "-o", "discard", "/dev/mapper/snap", rootfs)
    before = mounts_of("/dev/mapper/snap")
    stdin, to_guest = os.pipe()
    container = nacre.create(bundle, stdin=stdin).start()
    seen["mounts meanwhile"] = mounts_of("/dev/mapper/snap")
    container.exec("until test -e /full; do sleep 1; done").ok()
    seen["full"] = used_blocks("pool")
    os.write(to_guest, b"go\n")
    container.exec("until test -e /written; do sleep 1; done; sync").ok()
    seen["emptied"] = used_blocks("pool")
    os.write(to_guest, b"go\n")
    seen["code"] = container.wait()
    seen["out"] = container.out
    container.delete().ok()
    seen["mounts are as before"] = mounts_of("/dev/mapper/snap") == before
    seen["written"] = (rootfs / "written").read_text()
    run("umount", rootfs)
    seen["fsck"] = subprocess.run(["e2fsck", "-fn", "/dev/mapper/snap"], capture_output=True).returncode
    run("mount", "/dev/mapper/base", rootfs)
    seen["the base has it"] = (rootfs / "written").exists()
    run("umount", rootfs)
    seen["left"] = nacre.close()
    for name in ("snap", "base", "pool"):
        run("dmsetup", "remove", name)
    return seen


class Devmapper(Containerd):
    snapshotter = "devmapper"
    daemon_environment = {"DM_DISABLE_UDEV": "1"}

    @property
    def tables(self):
        make_pool(self.folder, "containers")
        return (f'[plugins."io.containerd.snapshotter.v1.devmapper"]\nroot_path = "{self.folder}/snapshots"\n'
                'pool_name = "containers"\nbase_image_size = "64MB"\nfs_type = "ext4"\n')


def devmapper_snapshotter(folder):
    seen = {}
    path = write_configuration(folder / "containerd-nacre.toml", USE_BLOCK)
    with Devmapper() as ctr:
        words = ["--snapshotter", "devmapper", "--runtime", "io.containerd.nacre.v2", "--runtime-config-path", path]
        ctr("run", "--detach", *words, IMAGE, "box", "sh", "-c",
            "trap 'exit 0' TERM; echo guest > /written; sleep 100000 & wait").ok()
        seen["mounts meanwhile"] = mounts_of("containers-snap")
        show = "until test -e /written; do sleep 1; done; grep ' / ' /proc/mounts"
        seen["root"] = ctr("task", "exec", "--exec-id", "look", "box", "sh", "-c", show).ok().out
        ctr("task", "kill", "--signal", "TERM", "box").ok()
        seen["deleted"] = ctr("task", "delete", "--force", "box").code
        (folder / "look").mkdir()
        mount = ctr("snapshots", "--snapshotter", "devmapper", "mounts", folder / "look", "box").ok().out
        run("sh", "-c", mount.strip().removesuffix("-o"))  # which it writes without an option as well
        seen["written"] = (folder / "look/written").read_text()
        run("umount", folder / "look")
        ctr("container", "delete", "box").ok()
    return seen


def main():
    with place.Folder() as folder:
        print(json.dumps({"thin": thin_snapshot(folder), "containerd": devmapper_snapshotter(folder)}))


if __name__ == "__main__":
    main()
