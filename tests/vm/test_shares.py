"""Files that host and guest share: each side sees at once what the other one changes, also in place. Docker from 28 on
writes a container's /etc/hosts and /etc/resolv.conf anew between create and start."""

import shutil
import subprocess

import pytest
from harness import place


@pytest.fixture(scope="module")
def box(module_nacre, data):
    bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    bundle.spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(data), "options": ["rbind"]})
    shutil.copy2(place.build / "tests/vm/file-user", bundle.rootfs / "bin")
    container = module_nacre.create(bundle.write()).start()
    yield container
    container.delete(force=True).ok()


def in_place(path, text):
    """As an engine writes a file that is mounted already: the same inode gets other bytes and another length."""
    with open(path, "r+") as file:
        file.truncate(0)
        file.write(text)


def content(box, name):
    return box.exec("cat", f"/data/{name}").ok().out


LINES = "".join(f"198.19.0.{number} name{number}\n" for number in range(200))


def test_a_mounted_file_that_grows_between_create_and_start_is_whole(nacre, storage):
    nacre.configure({"runtime.storage": [storage]})
    hosts = nacre.folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    bundle = nacre.bundle("wc -c < /etc/hosts; cat /etc/hosts")
    bundle.spec["mounts"].append({"destination": "/etc/hosts", "type": "bind", "source": str(hosts), "options": ["bind"]})
    container = nacre.create(bundle.write())
    in_place(hosts, LINES)
    container.start()
    assert container.wait() == 0
    assert container.out == f"{len(LINES)}\n{LINES}"
    container.delete().ok()


def test_a_file_that_the_host_changes_in_place_is_seen_anew(box, data):
    (data / "file").write_text("short\n")
    assert content(box, "file") == "short\n"
    for text in (LINES, "other\n", LINES.upper(), ""):
        in_place(data / "file", text)
        assert content(box, "file") == text


def test_bytes_of_the_same_length_are_seen_anew(box, data):
    (data / "same").write_text("old\n")
    assert content(box, "same") == "old\n"
    in_place(data / "same", "new\n")
    assert content(box, "same") == "new\n"


def test_an_open_file_goes_on_where_the_host_appends(box, data):
    (data / "log").write_text("first\n")
    # Not by cat, which uses sendfile: that goes through pages of the guest even where read(2) does not.
    rest = "dd bs=64k 2> /dev/null <&3"
    command = box.nacre.command("exec", box.id, "sh", "-c", f"exec 3< /data/log; {rest}; echo; read go; {rest}")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "first\n"
        assert reader.stdout.readline() == "\n"
        with open(data / "log", "a") as log:
            log.write(LINES)
        assert reader.communicate("go\n", timeout=120)[0] == LINES


def test_what_the_guest_writes_is_on_the_host_at_once(box, data):
    box.exec("echo one > /data/written; seq 5000 >> /data/written").ok()
    assert (data / "written").read_text() == "one\n" + "".join(f"{number}\n" for number in range(1, 5001))
    box.exec("echo two > /data/written").ok()
    assert (data / "written").read_text() == "two\n"


def test_a_shared_mapping_reads_and_writes_the_file(box, data):
    (data / "mapped").write_text("AAAA and more\n")
    assert box.exec("file-user", "map", "/data/mapped", "BBBB").ok().out == "AAAA\nBBBB\n"
    assert (data / "mapped").read_text() == "BBBB and more\n"
    in_place(data / "mapped", "CCCC and more\n")
    assert box.exec("file-user", "map", "/data/mapped", "DDDD").ok().out == "CCCC\nDDDD\n"
    assert content(box, "mapped") == "DDDD and more\n"
