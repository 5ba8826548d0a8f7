"""Disks that a CSI driver hands over without mounting them, by Kata's notes: `nacre volume`, and the container that mounts one."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

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


def info(device, **changes):
    return json.dumps({"volume-type": "block", "device": device, "fstype": "ext4", "metadata": {}, "options": ["noatime"], **changes})


def add(nacre, path, text):
    return nacre("volume", "add", "--volume-path", path, "--mount-info", text)


def bundle_with(nacre, path, script):
    bundle = nacre.bundle(script)
    bundle.spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(path), "options": ["rbind", "rw"]})
    return bundle.write()


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
    (info("/dev/null", **{"volume-type": "spdkvol"}), '"volume-type" must be "block"'),
])
def test_add_refuses_what_could_not_be_mounted(nacre, path, text, words):
    answer = add(nacre, path, text)
    assert answer.code == 1 and words in answer.err
    assert not note_of(path).exists()


@pytest.mark.parametrize("name", ["relative", "/a/../etc", "/a//b", "/a/", "/" + "x" * 190])
@pytest.mark.parametrize("action", ["add", "remove", "stats"])
def test_paths_that_leave_the_folder_of_notes_are_refused(nacre, action, name):
    answer = nacre("volume", action, "--volume-path", name, *(["--mount-info", info("/dev/null")] if action == "add" else []))
    assert answer.code == 1 and "its path must be absolute" in answer.err
    assert not NOTES.exists() or not os.listdir(NOTES)


def test_add_twice_remove_twice_and_stats_of_nothing(nacre, path):
    add(nacre, path, info("/dev/null")).ok()
    again = add(nacre, path, info("/dev/zero"))
    assert again.code == 1 and "there is one of that path; remove it first" in again.err
    unused = nacre("volume", "stats", "--volume-path", path)
    assert unused.code == 1 and "no container of nacre's has it" in unused.err
    nacre("volume", "remove", "--volume-path", path).ok()
    gone = nacre("volume", "remove", "--volume-path", path)
    assert gone.code == 1 and "there is none of that path" in gone.err
