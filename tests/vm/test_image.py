"""Folders as images: containers of a virtual machine with which the host shares no folder."""

import os
import re
import shutil
import socket
import subprocess

import pytest
from harness import place
from harness.bundle import make_rootfs
from harness.failpoint import Failpoint
from harness.runtime import kill_now

SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"
# Of every file of a tree: kind, mode, owners, links of what is no folder, size, device, time.
LIST = ("cd {} && find tree -exec stat -c '%n %F %a %u %g %s %t:%T %Y' {{}} + | grep -v ' directory ' | sort; "
        "find tree -type d -exec stat -c '%n %a %u %g %Y' {{}} + | sort; "
        "find tree -type f -exec stat -c '%n %h' {{}} + | sort; "
        "find tree -type l -exec readlink {{}} \\; | sort; find tree -type f -exec md5sum {{}} + | sort")
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


class Overlay:
    """An overlay mount on the host, as an engine makes one for each container."""

    def __init__(self, folder, lower):
        self.folder, self.lower = folder, lower
        self.upper, self.merged = folder / "upper", folder / "merged"
        for path in (folder, self.upper, folder / "work", self.merged):
            path.mkdir()

    def __enter__(self):
        layers = ":".join(map(str, self.lower))
        options = f"lowerdir={layers},upperdir={self.upper},workdir={self.folder / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", self.merged], check=True)
        return self

    def __exit__(self, *failure):
        subprocess.run(["umount", self.merged], check=True)


def fill_base(base):
    make_rootfs(base)
    shutil.copy2(place.build / "tests/vm/file-user", base / "bin")
    tree = base / "tree"
    for folder in ("gone", "opaque/below", "both"):
        (tree / folder).mkdir(parents=True)
    for name in ("gone/file", "opaque/below/file", "opaque/file", "both/base", "removed", "replaced"):
        (tree / name).write_text(f"base {name}\n")


def change(tree):
    """What a second layer does to the first: removals and opaque folders are made by the kernel's own overlay."""
    (tree / "removed").unlink()
    shutil.rmtree(tree / "gone")
    shutil.rmtree(tree / "opaque")
    (tree / "opaque").mkdir(mode=0o750)
    (tree / "opaque/new").write_text("new\n")
    (tree / "replaced").write_text("replaced in the second layer\n")
    (tree / "both/second").write_text("second\n")
    (tree / "linked").write_text("one inode\n")
    os.link(tree / "linked", tree / "both/linked")
    os.symlink("both/second", tree / "symlink")
    os.symlink("/nowhere", tree / "dangling")
    os.symlink("circle", tree / "circle")
    os.mkfifo(tree / "fifo", 0o640)
    os.mknod(tree / "device", 0o20600, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
    owned = tree / "owned"
    owned.write_bytes(b"\0" * 200_000 + b"end")
    os.chown(owned, 1000, 2000)
    os.chmod(owned, 0o4755)
    os.utime(owned, (981173106, 981173106))
    os.setxattr(owned, "user.colour", b"blue")
    os.setxattr(owned, "security.capability", CAPABILITY)
    (tree / "sticky").mkdir()
    os.chmod(tree / "sticky", 0o1777)


@pytest.fixture(scope="module")
def layers(module_nacre):
    """Two layers of an image, the upper one with whiteouts."""
    folder = module_nacre.folder
    base = folder / "base"
    base.mkdir()
    fill_base(base)
    with Overlay(folder / "second", [base]) as second:
        change(second.merged / "tree")
    shutil.rmtree(second.folder / "work")
    return [second.upper, base]


def settings(folder, **more):
    return {"runtime.storage": ["block"], "storage.block.image_cache_dir": str(folder / "images"),
            **{f"storage.block.{key}": value for key, value in more.items()}}


def images(nacre):
    """The names of the cached images, with what tells whether they were made anew."""
    return {path.name: (path.stat().st_ino, path.stat().st_size)
            for path in (nacre.folder / "images").glob("*.erofs")}


def log_of(container):
    return (container.nacre.root / container.id / "sandbox.log").read_text()


def bundle_of(nacre, overlay, script=SLEEP, readonly=False):
    bundle = nacre.bundle(script)
    bundle.spec["root"] = {"path": str(overlay.merged), "readonly": readonly}
    return bundle.write()


def bind(bundle, source, destination, *options):
    bundle.spec["mounts"].append({"destination": destination, "type": "bind", "source": str(source),
                                  "options": list(options)})


@pytest.fixture(scope="module")
def overlay(module_nacre, layers):
    """That of the module's container, in whose upper folder the engine has put something already."""
    with Overlay(module_nacre.folder / "one", layers) as mounted:
        (mounted.merged / "tree/copied in").write_text("by the engine, before the start\n")
        (mounted.merged / "tree/both/base").unlink()
        os.chmod(mounted.upper, 0o751)
        os.chown(mounted.upper, 0, 4)
        yield mounted


@pytest.fixture(scope="module")
def box(module_nacre, overlay):
    folder = module_nacre.folder
    module_nacre.configure(settings(folder, writable_layer_size=64))
    bundle = bundle_of(module_nacre, overlay)
    (folder / "volume/below").mkdir(parents=True)
    (folder / "volume/below/file").write_text("of the volume\n")
    bind(bundle, folder / "volume", "/volume", "rbind", "ro")
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    os.chmod(hosts, 0o604)
    os.chown(hosts, 5, 6)
    bind(bundle, hosts, "/etc/hosts", "rbind", "rw")
    container = module_nacre.create(bundle.write())
    container.start()
    yield container
    container.delete(force=True).ok()


def test_the_guest_sees_what_the_overlay_shows(box, overlay):
    here = subprocess.run(["/bin/busybox", "sh", "-c", LIST.format(overlay.merged)], check=True, capture_output=True,
                          text=True, env={"PATH": "/nonexistent"})
    assert "removed" not in here.stdout and "opaque/new" in here.stdout and not here.stderr
    there = box.exec("sh", "-c", LIST.format("/")).ok()
    assert there.out.splitlines() == here.stdout.splitlines()


def test_attributes_of_files_are_kept(box):
    lines = box.exec("file-user", "xattrs", "/tree/owned").ok().out.splitlines()
    assert sorted(lines) == [f"security.capability {CAPABILITY.hex()}", f"user.colour {b'blue'.hex()}"]


def test_the_root_folder_has_the_mode_and_owner_of_the_overlays(box):
    assert box.exec("stat", "-c", "%a %u %g", "/").ok().out == "751 0 4\n"


def test_writes_stay_in_the_guest(box, overlay):
    before = sorted(str(path) for path in overlay.upper.rglob("*"))
    box.exec("echo changed >> /tree/replaced && rm -r /tree/opaque && mv /tree/both /tree/moved && mkdir /tree/opaque "
             "&& echo more > /new && chmod 4755 /tree/linked && ls /tree/opaque").ok()
    assert box.exec("cat /tree/replaced /tree/moved/second /new; ls -a /tree/opaque").ok().out.splitlines() == [
        "replaced in the second layer", "changed", "second", "more", ".", ".."]
    assert sorted(str(path) for path in overlay.upper.rglob("*")) == before
    assert (overlay.merged / "tree/opaque/new").exists()
    assert f"container {box.id}: what it writes ends with it" in log_of(box)


def test_the_writable_layer_has_the_size_that_is_set(box):
    answer = box.exec("dd if=/dev/zero of=/big bs=1M count=100; stat -c %s /big; rm /big")
    assert "No space left on device" in answer.err
    assert 40 << 20 < int(answer.out) <= 64 << 20
    box.exec("echo room again > /small").ok()


def test_a_read_only_volume_is_an_image_of_it(box):
    assert box.exec("cat /volume/below/file").ok().out == "of the volume\n"
    assert "Read-only file system" in box.exec("echo > /volume/new").err


def test_a_single_file_is_copied_with_owner_and_mode(box):
    assert box.exec("cat /etc/hosts; stat -c '%a %u %g' /etc/hosts").ok().out == "127.0.0.1 localhost\n604 5 6\n"
    assert (box.nacre.folder / "hosts").read_text() == "127.0.0.1 localhost\n"


def test_nothing_of_it_is_mounted_on_the_host(box):
    mounts = open("/proc/self/mountinfo").read()
    assert "erofs" not in mounts and str(box.nacre.folder / "images") not in mounts


def test_the_build_is_a_phase_of_the_start(box):
    phases = box.nacre("timeline", box.id, "--json").json()["phases"]
    built = [phase["object"] for phase in phases if phase["name"] == "helper"]
    assert built.count("image-builder") == 4  # two layers, the upper folder, the volume
    assert built.count("disk-formatter") == 1


def test_a_second_container_shares_the_images_of_the_layers(module_nacre, box, layers):
    before = images(module_nacre)
    assert len(before) == 2
    with Overlay(module_nacre.folder / "two", layers) as overlay:
        container = module_nacre.create(bundle_of(module_nacre, overlay, "ls /tree/opaque; echo > /tree/both/own"))
        container.start()
        assert container.wait() == 0
        assert container.out == "new\n"
        assert "making an image" not in log_of(container)
        assert "making an image" in log_of(box)
        assert images(module_nacre) == before
        container.delete().ok()


def test_an_image_that_was_removed_is_made_again_with_the_same_bytes(module_nacre, box, layers):
    folder = module_nacre.folder / "images"
    before = {path.name: path.read_bytes() for path in folder.glob("*.erofs")}
    for name in before:
        (folder / name).unlink()
    with Overlay(module_nacre.folder / "again", layers) as overlay:
        assert module_nacre.run(bundle_of(module_nacre, overlay, "cat /tree/opaque/new")).ok().out == "new\n"
    assert {path.name: path.read_bytes() for path in folder.glob("*.erofs")} == before
    assert box.exec("cat /tree/linked").ok().out == "one inode\n"  # it has its own


def test_a_machine_that_takes_no_disk_later_has_them_at_its_boot(nacre, layers):
    nacre.configure({**settings(nacre.folder), "hypervisor.qemu.machine_type": "microvm"})
    with Overlay(nacre.folder / "micro", layers) as overlay:
        script = "cat /tree/opaque/new; echo mine > /tree/opaque/new; cat /tree/opaque/new"
        done = nacre.run(bundle_of(nacre, overlay, script))
        assert done.ok().out == "new\nmine\n"


def test_a_start_that_is_killed_before_its_image_is_made_leaves_nothing(nacre):
    nacre.configure(settings(nacre.folder))
    container = nacre.new(nacre.bundle("true"))
    with Failpoint("helper") as failpoint:
        creating = nacre.start_create(container, failpoint=failpoint)
        kill_now(failpoint.wait().pid)
        assert creating.wait(60) == 1
    assert [path.name for path in (nacre.folder / "images").iterdir()] == []
    assert nacre.list() == []


def test_layers_beyond_the_number_of_disks_share_one_and_memory_takes_the_writes(nacre, layers):
    nacre.configure(settings(nacre.folder, image_disks=1, writable_layer="memory", writable_layer_size=8))
    with Overlay(nacre.folder / "three", layers) as overlay:
        script = ("cat /tree/replaced; ls /tree /tree/opaque /tree/both; ls -d /sys/block/vd* | wc -l; "
                  "dd if=/dev/zero of=/big bs=1M count=20 2>&1 | grep -o 'No space left on device'; rm /big; "
                  "echo fine > /small")
        container = nacre.create(bundle_of(nacre, overlay, script))
        container.start()
        assert container.wait() == 0
        there = subprocess.run(["/bin/busybox", "ls", "tree", "tree/opaque", "tree/both"], cwd=overlay.merged,
                               check=True, capture_output=True, text=True).stdout.replace("tree", "/tree")
        assert container.out == f"replaced in the second layer\n{there}1\nNo space left on device\n"
        assert len(images(nacre)) == 1
        container.delete().ok()


def test_a_plain_folder_is_never_cached_and_a_read_only_root_stays_so(nacre):
    nacre.configure(settings(nacre.folder))
    bundle = nacre.bundle("echo > /new; cat /etc/group | head -1; mkdir /proc/x; test -d /made")
    bundle.spec["root"]["readonly"] = True
    bind(bundle, nacre.folder / "b", "/made/by/crun", "bind", "ro")
    (nacre.folder / "b").mkdir()
    container = nacre.create(bundle.write())
    container.start()
    assert container.wait() == 0
    assert container.out == "root:x:0:\n"
    assert "Read-only file system" in container.err
    assert [path.name for path in (nacre.folder / "images").iterdir()] == []
    container.delete().ok()


def test_a_folder_that_the_container_may_write_to_is_refused_in_a_sentence(nacre):
    nacre.configure(settings(nacre.folder))
    bundle = nacre.bundle("true")
    (nacre.folder / "folder").mkdir()
    bind(bundle, nacre.folder / "folder", "/mounted", "rbind")
    answer = nacre.run(bundle.write())
    assert answer.code == 1
    assert (f'bring into the VM "{nacre.folder}/folder": no storage plugin takes it (block: it takes whole disks only, and '
            "this is a folder inside a file system; as an image: the container may write to this folder, and what it writes "
            "to an image is lost; mount it read-only, or set copy_folder_volumes)") in answer.err


def test_a_writable_folder_is_copied_where_that_is_allowed(nacre):
    nacre.configure(settings(nacre.folder, copy_folder_volumes=True))
    bundle = nacre.bundle("cat /mounted/file; echo there > /mounted/file; cat /mounted/file")
    (nacre.folder / "folder").mkdir()
    (nacre.folder / "folder/file").write_text("here\n")
    bind(bundle, nacre.folder / "folder", "/mounted", "rbind")
    container = nacre.create(bundle.write())
    container.start()
    assert container.wait() == 0
    assert container.out == "here\nthere\n"
    assert (nacre.folder / "folder/file").read_text() == "here\n"
    assert 'what it writes to "/mounted" is lost' in log_of(container)
    container.delete().ok()


def test_a_plugin_that_shares_folders_has_them_before_any_image(nacre):
    nacre.configure({**settings(nacre.folder), "runtime.storage": ["block", "9p"]})
    bundle = nacre.bundle("echo written > /file")
    assert nacre.run(bundle).code == 0
    assert (bundle.rootfs / "file").read_text() == "written\n"
    assert not (nacre.folder / "images").exists()


def test_a_full_disk_is_told_and_nothing_is_left(nacre):
    small = nacre.folder / "images"
    small.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=0700", "tmpfs", small], check=True)
    try:
        nacre.configure(settings(nacre.folder))
        answer = nacre.run(nacre.bundle("true"))
        assert answer.code == 1
        why = r'make an image of ".*/rootfs": mkfs.erofs exited with status 1, .*No space left on device'
        assert re.search(why, answer.err)
        assert f'the disk of image_cache_dir "{small}" is full: make room there' in answer.err
        assert list(small.iterdir()) == []
        assert os.statvfs(small).f_bfree > 60
    finally:
        subprocess.run(["umount", small], check=True)
