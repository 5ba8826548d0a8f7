"""Devices of the host in a container: disks on loop devices, the guest's own character devices, and refusals."""

import contextlib
import json
import os
import stat
import subprocess

import pytest
from harness.loop import Loop, run
from harness.network import NetNs
from harness.pod import SLEEP, Pod

DENY = {"allow": False, "access": "rwm"}


@pytest.fixture
def loop(pod):
    with Loop(pod.nacre.folder) as disk:
        yield disk


@pytest.fixture(scope="module")
def pod(module_nacre):
    module_nacre.configure({"runtime.storage": ["block", "9p"]})
    with NetNs() as namespace:
        made = Pod(module_nacre, netns=namespace)
        yield made
        made.delete()


def asks(devices=(), rules=(), mounts=(), capabilities=()):
    def edit(bundle):
        bundle.spec["linux"].update(devices=list(devices), resources={"devices": [DENY, *rules]})
        bundle.spec["mounts"] += mounts
        for names in bundle.process["capabilities"].values():
            names += [name for name in capabilities if name not in names]
    return edit


def bind(source, destination, *options):
    return {"type": "bind", "source": str(source), "destination": destination, "options": ["rbind", *options]}


@pytest.fixture
def inside(pod):
    """Starts a container in the pod that has what is asked for; deleted after the test."""
    with contextlib.ExitStack() as undo:
        def start(**what):
            container = pod.create(edit=asks(**what))
            undo.callback(remove, pod, container)
            return container.start()
        yield start


def remove(pod, container):
    if container in pod.others:
        container.delete(force=True).ok()
        container.wait()
        pod.others.remove(container)


def disks(pod):
    return pod.sandbox.exec("ls /sys/block").ok().out.split()


def test_a_disk_has_the_path_mode_and_owner_asked_for_and_keeps_what_is_written(pod, loop, inside):
    container = inside(devices=[loop.device("/dev/xvda", fileMode=0o640, uid=0, gid=8)], rules=[loop.rule("rwm")])
    seen = container.exec("stat -c '%F %a %u %g' /dev/xvda; blockdev --getsize64 /dev/xvda").ok().out
    assert seen == f"block special file 640 0 8\n{Loop.size}\n"
    assert container.exec("test -d /sys/dev/block/$((0x$(stat -c %t /dev/xvda))):$((0x$(stat -c %T /dev/xvda)))").ok()
    container.exec("printf written | dd of=/dev/xvda bs=512 seek=3 conv=notrunc,fsync").ok()
    remove(pod, container)
    with open(loop.file, "rb") as file:
        file.seek(3 * 512)
        assert file.read(7) == b"written"


def test_a_disk_without_the_right_to_write_is_read_only(loop, inside):
    with open(loop.file, "r+b") as file:
        file.write(b"original")
    container = inside(devices=[loop.device("/dev/xvda")], rules=[loop.rule("r")])
    assert container.exec("head -c 8 /dev/xvda").ok().out == "original"
    written = container.exec("printf x | dd of=/dev/xvda conv=notrunc")
    assert written.code != 0 and "Operation not permitted" in written.err
    assert container.exec("cat /sys/dev/block/$((0x$(stat -c %t /dev/xvda))):*/ro | sort -u").ok().out == "1\n"


def test_the_rules_hold_for_nodes_that_a_container_makes_itself(pod, loop, inside):
    """Every container may make nodes, with runc too; opening them is another matter."""
    inside(devices=[loop.device("/dev/xvda")], rules=[loop.rule("rwm")])
    others = inside(capabilities=["CAP_MKNOD"])
    disk = disks(pod)[-1]
    opened = others.exec(f"mknod /dev/node b $(tr : ' ' < /sys/block/{disk}/dev) && dd if=/dev/node of=/dev/null count=1")
    assert opened.code != 0 and "can't open '/dev/node': Operation not permitted" in opened.err, repr(opened)


def test_a_disk_as_a_mount_is_where_it_was_asked_for(pod, loop, inside):
    os.chmod(loop.path, 0o646)
    container = inside(mounts=[bind(loop.path, "/data/disk")])
    assert container.exec("stat -c '%F %a' /data/disk").ok().out == "block special file 646\n"
    container.exec("printf mounted | dd of=/data/disk conv=notrunc,fsync").ok()
    remove(pod, container)
    assert loop.file.read_bytes().startswith(b"mounted")
    assert not (container.bundle.rootfs / "data/disk").is_block_device(), "the node is in the root file system"
    container = inside(mounts=[bind(loop.path, "/data/disk", "ro")])
    assert container.exec("head -c 7 /data/disk").ok().out == "mounted"
    assert container.exec("printf x | dd of=/data/disk conv=notrunc").code != 0


def test_a_node_outside_of_dev_needs_a_rule(pod, loop, inside, tmp_path):
    """A container may have made it, in a volume that it shares with this one."""
    node = tmp_path / "node"
    os.mknod(node, stat.S_IFBLK | 0o600, os.stat(loop.path).st_rdev)
    bundle = pod.bundle()
    asks(mounts=[bind(node, "/disk")])(bundle)
    done = pod.nacre.run(bundle.write())
    assert done.code != 0 and f'"{node}": it is the node of a device (b 7:' in done.err, repr(done)
    container = inside(mounts=[bind(node, "/disk")], rules=[loop.rule("r")])
    assert container.exec("head -c 1 /disk > /tmp/byte").code == 0
    assert container.exec("printf x | dd of=/disk conv=notrunc").code != 0


def test_one_disk_of_two_containers_is_one_and_goes_with_the_last(pod, loop, inside):
    before = disks(pod)
    devices = [loop.device("/dev/one"), loop.device("/dev/two")]
    first = inside(devices=devices, rules=[loop.rule("rw")])
    second = inside(devices=devices[:1], rules=[loop.rule("r")])
    assert len(disks(pod)) == len(before) + 1
    first.exec("printf shared | dd of=/dev/two conv=notrunc,fsync").ok()
    assert second.exec("head -c 6 /dev/one").ok().out == "shared"
    assert second.exec("printf x | dd of=/dev/one conv=notrunc").code != 0  # its own rule has no w
    remove(pod, first)
    assert second.exec("dd if=/dev/one of=/dev/null bs=512 count=1 iflag=direct").code == 0
    remove(pod, second)
    assert disks(pod) == before


def test_a_disk_that_is_read_only_for_one_is_refused_to_another_for_writing(pod, loop, inside):
    first = inside(devices=[loop.device("/dev/xvda")], rules=[loop.rule("r")])
    bundle = pod.bundle()
    asks(devices=[loop.device("/dev/xvda")], rules=[loop.rule("rw")])(bundle)
    done = pod.nacre.run(bundle.write())
    assert f'"{loop.path}": its pod has it read-only already, for container {first.id}' in done.err


def test_while_it_is_writable_inside_nobody_on_the_host_can_mount_it(pod, loop, inside, tmp_path):
    run("mkfs.ext4", "-q", loop.path)
    inside(devices=[loop.device("/dev/xvda")], rules=[loop.rule("rw")])
    assert subprocess.run(["mount", loop.path, tmp_path], capture_output=True).returncode != 0


def test_a_mounted_disk_is_refused_for_writing_and_given_for_reading(pod, loop, inside, tmp_path):
    run("mkfs.ext4", "-q", loop.path)
    run("mount", loop.path, tmp_path)
    try:
        bundle = pod.bundle()
        asks(devices=[loop.device("/dev/xvda")], rules=[loop.rule("rw")])(bundle)
        done = pod.nacre.run(bundle.write())
        assert done.code != 0 and f'"{loop.path}": it is mounted on "{tmp_path}" on the host, and two kernels' in done.err
        container = inside(devices=[loop.device("/dev/xvda")], rules=[loop.rule("r")])
        assert container.exec("od -An -tx1 -j 1080 -N 2 /dev/xvda").ok().out.split() == ["53", "ef"]  # ext4's mark
        remove(pod, container)
    finally:
        run("umount", tmp_path)


def test_a_privileged_container_has_what_it_mounts_and_nothing_of_the_list_of_devices(pod, loop, inside):
    listed = [loop.device(loop.path), {"path": "/dev/ttyS0", "type": "c", "major": 4, "minor": 64}]
    before = disks(pod)
    container = inside(devices=listed, rules=[{"allow": True, "access": "rwm"}])
    assert disks(pod) == before
    remove(pod, container)
    container = inside(devices=listed, rules=[{"allow": True, "access": "rwm"}], mounts=[bind(loop.path, "/dev/mine")])
    container.exec("printf privileged | dd of=/dev/mine conv=notrunc,fsync").ok()
    remove(pod, container)
    assert loop.file.read_bytes().startswith(b"privileged")


OWN = {"/dev/null": (1, 3), "/dev/net/tun": (10, 200), "/dev/fuse": (10, 229), "/dev/loop-control": (10, 237),
       "/dev/hwrng": (10, 183), "/dev/kmsg": (1, 11)}


def test_character_devices_are_the_guests_own(inside):
    devices = [{"path": f"/dev/other{i}", "type": "c", "major": number[0], "minor": number[1], "fileMode": 0o604,
                "uid": 1, "gid": 2} for i, number in enumerate(OWN.values())]
    rules = [{"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
             for major, minor in OWN.values()]
    mounts = [bind(path, f"/mounted{i}") for i, path in enumerate(OWN)]
    container = inside(devices=devices, rules=rules, mounts=mounts, capabilities=["CAP_SYS_ADMIN", "CAP_SYSLOG"])
    for i, (path, (major, minor)) in enumerate(OWN.items()):
        assert container.exec(f"stat -c '%F %a %u %g %t %T' /dev/other{i}").ok().out == \
            f"character special file 604 1 2 {major:x} {minor:x}\n", path
        assert container.exec(f"stat -c '%a %t %T' /mounted{i}").ok().out == \
            f"{stat.S_IMODE(os.stat(path).st_mode):o} {major:x} {minor:x}\n"
        for node in (f"/dev/other{i}", f"/mounted{i}"):
            assert container.exec(f": < {node}").code == 0, (path, node)
    # A driver answers: a descriptor of tun that has no interface yet.
    assert "File descriptor in bad state" in container.exec("cat /mounted1").err
    assert len(container.exec("head -c 16 /mounted4 | od -An -tx1").ok().out.split()) == 16


def test_a_loop_device_without_a_file_is_the_guests_own(inside):
    index = run("losetup", "--find").removeprefix("/dev/loop")
    number = {"type": "b", "major": 7, "minor": int(index)}
    container = inside(devices=[{"path": f"/dev/loop{index}", **number}],
                       rules=[{"allow": True, **number, "access": "rw"}], capabilities=["CAP_SYS_ADMIN"])
    container.exec(f"truncate -s 1M /tmp/file; losetup /dev/loop{index} /tmp/file").ok()
    assert container.exec(f"blockdev --getsize64 /dev/loop{index}").ok().out == f"{1 << 20}\n"
    container.exec(f"losetup -d /dev/loop{index}").ok()


def test_a_fifo_and_an_unbuffered_device_are_made(inside):
    container = inside(devices=[{"path": "/dev/queue", "type": "p", "fileMode": 0o622},
                                {"path": "/dev/nothing", "type": "u", "major": 1, "minor": 3}])
    assert container.exec("stat -c '%F %a' /dev/queue").ok().out == "fifo 622\n"
    assert container.exec("stat -c '%F %t:%T' /dev/nothing").ok().out == "character special file 1:3\n"


def test_devices_in_a_user_namespace(pod, loop):
    def edit(bundle):
        asks(devices=[loop.device("/dev/xvda", fileMode=0o666)], rules=[loop.rule("rw")])(bundle)
        bundle.spec["linux"]["namespaces"].append({"type": "user"})
        for side in ("uidMappings", "gidMappings"):
            bundle.spec["linux"][side] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    container = pod.create(edit=edit, kinds=("network",)).start()
    try:
        container.exec("printf mapped | dd of=/dev/xvda conv=notrunc,fsync").ok()
    finally:
        remove(pod, container)
    assert loop.file.read_bytes().startswith(b"mapped")


def test_rules_about_other_devices_of_the_host_are_told(pod, inside):
    inside(rules=[{"allow": True, "type": "b", "major": 8, "access": "r"},
                  {"allow": True, "type": "c", "major": 136, "access": "rwm"}])
    log = (pod.nacre.root / pod.sandbox.id / "sandbox.log").read_text()
    assert 'device rule "b 8:* r" is about devices of the host\'s' in log
    assert "136" not in log


def test_rules_of_an_update_are_told(pod, inside, tmp_path):
    container = inside()
    update = tmp_path / "update.json"
    update.write_text(json.dumps({"devices": [{"allow": True, "access": "rwm"}]}))
    pod.nacre("update", "--resources", update, container.id).ok()
    log = (pod.nacre.root / pod.sandbox.id / "sandbox.log").read_text()
    assert f"container {container.id}: device rules of an update have no effect" in log


REFUSED = {
    "a serial port": ({"type": "c", "major": 4, "minor": 64}, "a serial port belongs to the host's kernel (c 4:64)"),
    "KVM": ({"type": "c", "major": 10, "minor": 232}, "whose kernel runs none of its own (c 10:232)"),
    "a GPU": ({"type": "c", "major": 226, "minor": 0}, "a graphics card belongs to the host's kernel (c 226:0)"),
    "an unknown one": ({"type": "c", "major": 240, "minor": 9}, "its driver is in the host's kernel"),
    "no such disk": ({"type": "b", "major": 8, "minor": 255}, "the host has no block device 8:255"),
}


def refused(nacre, **what):
    """The words for a container whose start ends before anything is made or spawned for the pod."""
    bundle = nacre.bundle("true")
    asks(**what)(bundle)
    done = nacre.run(bundle.write(), failpoint="cgroup=kill")
    assert done.code != 0 and done.err.count("\n") == 1, repr(done)
    return done.err


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_guest_has_is_refused_before_anything_starts(nacre, name):
    number, words = REFUSED[name]
    assert words in refused(nacre, devices=[{"path": "/dev/wanted", **number}])


def test_a_disk_without_a_plugin_for_disks_is_refused(nacre):
    nacre.configure({"runtime.storage": ["9p"]})
    with Loop(nacre.folder) as loop:
        words = refused(nacre, devices=[loop.device("/dev/xvda")], rules=[loop.rule("rw")])
        assert words.endswith(f'"{loop.path}": no storage plugin of the configuration takes disks; '
                              'add "block" to `storage` in configuration.toml\n')
