"""emptyDir volumes that are disks of the guest's (emptydir_mode), kept in the folders that the host has for them."""

import os
import shutil
import subprocess

import pytest
from harness import place
from harness.pod import SLEEP, Pod

MIB = 1 << 20
DISKS = {"runtime.storage": ["block", "9p"], "runtime.emptydir_mode": "block-plain"}


def volume_of(folder, name="scratch"):
    """As kubelet makes it, for a pod whose fsGroup is 2000."""
    path = folder / "pods/uid/volumes/kubernetes.io~empty-dir" / name
    path.mkdir(parents=True)
    os.chown(path, 0, 2000)
    path.chmod(0o2777)
    return path


def bound(bundle, volume):
    bundle.spec["mounts"].append({"destination": "/scratch", "type": "bind", "source": str(volume), "options": ["rbind"]})
    bundle.process["capabilities"] = {kind: ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_MKNOD"]
                                      for kind in ("bounding", "effective", "permitted")}
    shutil.copy2(place.build / "tests/vm/file-user", bundle.rootfs / "bin")
    return bundle.write()


@pytest.fixture(scope="module")
def volume(module_nacre):
    return volume_of(module_nacre.folder)


@pytest.fixture(scope="module")
def pod(module_nacre):
    module_nacre.configure(DISKS)
    made = Pod(module_nacre)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def box(pod, volume):
    return pod.create(SLEEP, edit=lambda bundle: bound(bundle, volume)).start()


def test_it_has_owner_and_mode_of_the_host_s_folder(box):
    assert box.exec("stat -c '%a %u %g' /scratch; echo x > /scratch/new; stat -c %g /scratch/new").ok().out == "2777 0 2000\n2000\n"


def test_what_is_removed_takes_no_room_on_the_host(box, volume):
    def taken():
        return os.stat(volume / "disk.img").st_blocks * 512

    before = taken()
    box.exec("dd if=/dev/urandom of=/scratch/big bs=1M count=20 2> /dev/null; sync").ok()
    assert taken() >= before + 20 * MIB
    box.exec("rm /scratch/big; sync").ok()
    assert taken() < before + 4 * MIB


def test_it_takes_the_upper_layer_of_an_overlay(box):
    """As a container engine inside has it: whiteouts, opaque folders, attributes, files that are renamed."""
    script = """cd /scratch; mkdir -p lower/folder lower/other upper work merged; echo low | tee lower/word lower/folder/old > lower/gone
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged || exit
cd merged; echo up >> word; rm gone; rm -r folder; mkdir folder; mv other moved 2> /dev/null || { mkdir moved; rmdir other; }
file-user xattr word user.colour red; file-user xattr word trusted.colour blue
cat word; ls -a folder; ls; cd ..; umount merged
stat -c '%n %F %t %T' upper/gone; file-user xattrs upper/folder; cat lower/gone"""
    assert box.exec(script).ok().out.splitlines() == [
        "red", "blue", "low", "up", ".", "..", "folder", "moved", "word",
        "upper/gone character special file 0 0", f"trusted.overlay.opaque {b'y'.hex()}", "low"]


def test_no_other_virtual_machine_has_it_meanwhile(box, volume):
    answer = box.nacre.run(bound(box.nacre.bundle("true"), volume))
    assert answer.code == 1
    assert f'cannot use the volume\'s disk "{volume}/disk.img": another virtual machine has it; end that pod first' in answer.err


def test_a_container_that_is_started_anew_finds_what_was_written(pod, module_nacre):
    volume = volume_of(module_nacre.folder, "again")
    for answer in ("", "kept\n"):
        container = pod.create("cat /scratch/word; echo kept > /scratch/word", edit=lambda bundle: bound(bundle, volume)).start()
        container.wait()
        container.delete().ok()
        assert container.out == answer
        assert os.listdir(volume) == ["disk.img"]
        subprocess.run(["e2fsck", "-fn", volume / "disk.img"], check=True, capture_output=True)
        pod.others.remove(container)


def test_a_volume_that_holds_files_is_shared(pod, module_nacre):
    volume = volume_of(module_nacre.folder, "full")
    (volume / "word").write_text("of the host\n")
    container = pod.create("cat /scratch/word", edit=lambda bundle: bound(bundle, volume)).start()
    assert (container.wait(), container.out) == (0, "of the host\n")
    container.delete().ok()
    pod.others.remove(container)


def test_a_disk_that_others_could_change_is_not_believed(pod, module_nacre):
    volume = volume_of(module_nacre.folder, "foreign")
    (volume / "disk.img").symlink_to("/etc/passwd")
    with pytest.raises(AssertionError, match="Too many levels of symbolic links"):
        pod.create("true", edit=lambda bundle: bound(bundle, volume))
    (volume / "disk.img").unlink()
    (volume / "disk.img").write_bytes(b"")
    (volume / "disk.img").chmod(0o666)
    with pytest.raises(AssertionError, match="is not a file that only its owner, nacre's user, can change; remove it"):
        pod.create("true", edit=lambda bundle: bound(bundle, volume))


def test_a_disk_that_nobody_makes_is_refused_before_anything_is_started(nacre):
    volume = volume_of(nacre.folder)
    words = nacre.refuses(bound(nacre.bundle("true"), volume), {**DISKS, "runtime.storage": ["9p"]})
    assert f'bring into the VM "{volume}": no storage plugin takes it (9p: 9p shares files and folders only)' in words
    assert os.listdir(volume) == []
