"""What programs do with files of the host works alike over every plugin that shares folders."""

import os
import re
import shutil
import stat
import subprocess

import pytest
from harness import place

SLEEP = "trap 'exit 0' TERM; sleep 100000 & wait"


@pytest.fixture(scope="module")
def box(module_nacre, data):
    bundle = module_nacre.bundle(SLEEP)
    bundle.process["capabilities"] = {kind: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD",
                                             "CAP_SETUID", "CAP_SETGID"] for kind in ("bounding", "effective", "permitted")}
    bundle.spec["mounts"] += [
        {"destination": "/data", "type": "bind", "source": str(data), "options": ["rbind"]},
        {"destination": "/fixed", "type": "bind", "source": str(data), "options": ["rbind", "ro"]}]
    shutil.copy2(place.build / "tests/vm/file-user", bundle.rootfs / "bin")
    container = module_nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


def test_owners_and_modes_are_those_of_the_host(box, data):
    box.exec("cd /data && echo x > owned && chown 1000:2000 owned && chmod 4751 owned && mkdir -m 1770 folder").ok()
    file, folder = os.stat(data / "owned"), os.stat(data / "folder")
    assert (file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode)) == (1000, 2000, 0o4751)
    assert stat.S_IMODE(folder.st_mode) == 0o1770
    os.chown(data / "owned", 7, 8)
    assert box.exec("stat -c '%u %g' /data/owned").ok().out == "7 8\n"


def test_links(box, data):
    box.exec("cd /data && echo one > first && ln first second && ln -s first pointer && ln -s /etc/passwd away").ok()
    assert os.stat(data / "first").st_ino == os.stat(data / "second").st_ino
    assert os.stat(data / "first").st_nlink == 2
    assert os.readlink(data / "pointer") == "first"
    assert box.exec("echo two >> /data/second; cat /data/first /data/pointer").ok().out == "one\ntwo\none\ntwo\n"
    # A link is followed by the guest, in the container's root.
    assert "user:x:1000" in box.exec("cat /data/away").ok().out


def test_names_of_any_bytes(box, data):
    names = [b"with space", b"line\nfeed", b"back\\slash", b"quote'\"", b"-dash", b"\xff\xfe not UTF-8", "größe".encode(),
             b"n" * 255]
    folder = os.fsencode(data) + b"/names"
    os.mkdir(folder)
    for number, name in enumerate(names):
        with open(folder + b"/" + name, "w") as file:
            file.write(f"{number}\n")
    assert sorted(box.exec("cd /data/names && cat ./*").ok().out.split()) == [str(number) for number in range(len(names))]
    box.exec("cd /data/names && for f in ./*; do mv \"$f\" \"${f%?}!\" || exit 1; done").ok()
    assert sorted(os.listdir(folder)) == sorted(name[:-1] + b"!" for name in names)


def test_a_sparse_file_stays_sparse(box, data):
    box.exec("cd /data && truncate -s 1G sparse && echo end | dd of=sparse bs=1M seek=512 conv=notrunc").ok()
    status = os.stat(data / "sparse")
    assert status.st_size == 1 << 30
    assert status.st_blocks * 512 < 1 << 20


def test_a_file_without_a_name_is_there_until_it_is_closed(box, data):
    script = "cd /data; exec 3<> gone; rm gone; echo still >&3; cat /proc/self/fd/3 | head -c 5; test ! -e gone"
    done = box.exec(script)
    assert "gone" not in os.listdir(data)
    assert done.code == 0, done


def test_a_read_only_mount_takes_no_write(box, data):
    (data / "seen").write_text("by both\n")
    assert box.exec("cat /fixed/seen").ok().out == "by both\n"
    for script in ("echo x > /fixed/seen", "rm /fixed/seen", "mkdir /fixed/new", "chmod 777 /fixed/seen",
                   "mount -o remount,rw /fixed"):
        refused = box.exec(script)
        assert refused.code != 0 and ("Read-only file system" in refused.err or "mount" in script), refused
    assert (data / "seen").read_text() == "by both\n"


def old_qemu():
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", version)[1]) < 8


def test_device_nodes_and_fifos(box, data, storage):
    os.mknod(data / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(data / "pipe")
    assert box.exec("test -c /data/null && test -p /data/pipe").code == 0
    made = box.exec("mknod /data/own p")
    if storage == "9p" and old_qemu():  # its fix of CVE-2023-2861 refuses the chmod of what it has just made
        assert "No such device or address" in made.err, made
        assert not (data / "own").exists()
    else:
        made.ok()
        assert stat.S_ISFIFO(os.stat(data / "own").st_mode)


def test_attributes(box, data):
    (data / "marked").write_text("")
    assert box.exec("file-user", "xattr", "/data/marked", "user.colour", "green").ok().out == "green\n"
    assert os.getxattr(data / "marked", "user.colour") == b"green"


def test_a_full_disk_is_an_error_and_not_a_hang(nacre, storage, folder):
    small = folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", small], check=True)
    try:
        nacre.configure({"runtime.storage": [storage]})
        bundle = nacre.bundle("dd if=/dev/zero of=/small/big bs=64k count=100 2>&1; rm /small/big; echo free > /small/word; cat /small/word")
        bundle.spec["mounts"].append({"destination": "/small", "type": "bind", "source": str(small), "options": ["rbind"]})
        done = nacre.run(bundle.write()).ok()
        assert "No space left on device" in done.out and done.out.endswith("free\n"), done
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_hundred_mounts(nacre, storage, folder):
    nacre.configure({"runtime.storage": [storage]})
    bundle = nacre.bundle("cat /m/*/word | sort -n | tr '\\n' ' '")
    for number in range(100):
        source = folder / f"source {number}"
        source.mkdir()
        (source / "word").write_text(f"{number}\n")
        bundle.spec["mounts"].append({"destination": f"/m/{number}", "type": "bind", "source": str(source), "options": ["rbind"]})
    assert nacre.run(bundle.write()).ok().out.split() == [str(number) for number in range(100)]
