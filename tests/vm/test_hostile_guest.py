"""A guest that its user owns, down to the kernel: it speaks to the server of its share in messages of its own making
(tests/vm/hostile), and gets at nothing outside of the share."""

import os
import re
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import place
from harness.disk import LoopDevice
from harness.failpoint import Failpoint
from test_broken_guests import qemu, with_init
from test_virtio_fs import daemons, vmm

INSIDE = "inside: of the container\n"
SECRET = "secret: of the host\n"
PROCESS_ROOT = f"/proc/{os.getpid()}/root"


class Outside:
    """A folder of the host with canaries in it, and a block device that begins with one."""

    def __init__(self, folder):
        self.folder = folder / "outside"
        self.folder.mkdir()
        for name in ("outside", "inside"):
            (self.folder / name).write_text(SECRET)
            (self.folder / name).chmod(0o640)
        disk = folder / "disk"
        disk.write_bytes(SECRET.encode().ljust(1 << 20, b"\0"))
        self.disk = LoopDevice(disk)

    def state(self):
        """What changes when somebody writes, makes, removes or renames something here."""
        paths = [self.folder, *sorted(self.folder.iterdir())]
        return [(path.name, os.stat(path).st_ino, os.stat(path).st_mode, os.stat(path).st_ctime_ns,
                 path.read_text() if path.is_file() else "") for path in paths]


def furnish(folder, device):
    """What the attacks find inside the share."""
    (folder / "folder").mkdir(parents=True)
    for name in ("inside", "folder/inside", "file", "spare"):
        (folder / name).write_text(INSIDE)
    (folder / "report").write_text("")
    os.mknod(folder / "placed", stat.S_IFBLK | 0o666, device)
    os.mkfifo(folder / "placed-pipe")


def tree_seen_by(pid, outside):
    """Of a process of the host: its root's entries, where its mount namespace has mounts, and by which of the ways that
    the attacks take the folder outside is there."""
    ways = {way: os.path.exists(f"/proc/{pid}/root{way}{outside}/outside") for way in ("", PROCESS_ROOT)}
    return SimpleNamespace(names=sorted(os.listdir(f"/proc/{pid}/root")), namespace=os.readlink(f"/proc/{pid}/ns/mnt"), ways=ways,
                           mounts={line.split()[4] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()})


@pytest.fixture(scope="module")
def attacked(module_nacre, storage):
    """One guest of each plugin; the tests look at what it has left."""
    nacre, name = module_nacre, place.fresh_name()
    work = nacre.folder / storage
    work.mkdir()
    (work / "initrd").write_bytes(with_init("hostile-guest"))
    outside = Outside(work)
    before = outside.state()
    bundle = nacre.bundle("true")
    furnish(bundle.rootfs / "attacks", outside.disk.number)
    words = {"protocol": {"9p": "9p", "virtio-fs": "fuse"}[storage], "folder": f"{name}/rootfs/attacks", "outside": outside.folder,
             "root": PROCESS_ROOT, "device": f"{outside.disk.major}:{outside.disk.minor}"}
    nacre.configure({"runtime.storage": [storage]} | qemu(
        initrd=str(work / "initrd"), kernel_params=" ".join(f"hostile.{key}={value}" for key, value in words.items())))
    container = nacre.new(bundle, name)
    with Failpoint("agent") as failpoint:
        creating = nacre.start_create(container, failpoint=failpoint)
        paused = failpoint.wait()
        pod = SimpleNamespace(sandbox_pid=paused.pid)
        trees = {"qemu": tree_seen_by(vmm(pod), outside.folder),
                 "daemons": [tree_seen_by(pid, outside.folder) for pid in daemons(pod)]}
        failpoint.release()
        code = creating.wait(200)
    text = (bundle.rootfs / "attacks/report").read_text(errors="replace")
    print(text)
    yield SimpleNamespace(storage=storage, id=name, code=code, err=container.err, before=before, after=outside.state(), trees=trees,
                          report=dict(line.split("\t") for line in text.splitlines()), outside=outside,
                          folder=bundle.rootfs / "attacks")
    outside.disk.close()


def test_the_guest_has_made_its_attacks(attacked):
    assert attacked.code == 1 and "hostile guest: done" in attacked.err, attacked.err
    assert len(attacked.report) > 100


def test_what_is_inside_is_found_by_the_same_means(attacked):
    for attack in ("read inside", "read inside at the end"):
        assert attacked.report[attack] == f"read {len(INSIDE)} {INSIDE.strip()}"
    assert (attacked.folder / "inside").read_text() == INSIDE


def test_nothing_outside_is_read(attacked):
    assert not [line for line in attacked.report.items() if "secret" in line[1]]


def test_nothing_outside_is_changed(attacked):
    assert attacked.after == attacked.before
    assert Path(attacked.outside.disk.node).read_bytes()[:len(SECRET)] == SECRET.encode()


def test_no_way_up_leads_out(attacked):
    ways = {attack: outcome for attack, outcome in attacked.report.items() if "times .." in attack}
    assert ways and all(outcome.startswith("error") for outcome in ways.values()), ways


def test_a_path_outside_is_no_name(attacked):
    """One inside may be: virtiofsd in Rust takes "folder/inside" for a name, and has nothing but the share to find it in."""
    ways = {attack: outcome for attack, outcome in attacked.report.items() if str(attacked.outside.folder) in attack
            and " link " not in attack and "times .." not in attack}
    assert len(ways) == 24 and all(outcome.startswith("error") for outcome in ways.values()), ways


def test_the_server_follows_no_link(attacked):
    ways = {attack: outcome for attack, outcome in attacked.report.items() if " link " in attack}
    made = [outcome for attack, outcome in ways.items() if attack.startswith("make link")]
    assert made == ["done"] * 8, ways
    assert all(outcome.startswith("error") for attack, outcome in ways.items() if not attack.startswith(("make link", "chmod"))), ways


def test_no_device_and_no_pipe_of_the_host_is_opened(attacked):
    ways = {attack: outcome for attack, outcome in attacked.report.items() if attack.startswith("open") and " link " not in attack}
    assert len(ways) == 5 and all(outcome.startswith("error") for outcome in ways.values()), ways


@pytest.mark.parametrize("what", ["folders", "files"])
def test_no_race_is_won(attacked, what):
    seen = {word: int(number) for word, number in re.findall(r"(\w+) (\d+)", attacked.report[f"race of {what}"])}
    print(seen)
    assert seen["swaps"] >= 10000 and seen["outside"] == 0, seen
    # Both have been met, so the requests did run between the swaps.
    assert seen["inside"] > 10 and seen["refused"] > 10, seen


def test_virtiofsd_has_nothing_but_the_share(attacked):
    trees = attacked.trees["daemons"]
    assert bool(trees) == (attacked.storage == "virtio-fs")
    for tree in trees[-1:]:  # the one that serves
        assert tree.names == [attacked.id]
        assert tree.mounts == {"/", f"/{attacked.id}/rootfs"}
        assert not any(tree.ways.values()), tree


def test_qemu_has_the_tree_of_the_pod_and_not_that_of_the_host(attacked):
    tree = attacked.trees["qemu"]
    assert tree.namespace != os.readlink("/proc/self/ns/mnt")
    assert not {"root", "home", "boot", "var"} & set(tree.names), tree
    # What leads out of the share would find the canary by the second way, so the attacks can succeed.
    assert tree.ways == {"": False, PROCESS_ROOT: True}, tree
