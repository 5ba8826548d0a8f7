"""virtiofsd beside a virtual machine: what it sees, what becomes of one when the other goes."""

import os
import signal
from pathlib import Path

import pytest
from harness import reaper

GONE = 128 + signal.SIGKILL


@pytest.fixture
def machine(nacre):
    """A running container over virtio-fs."""
    nacre.configure({"runtime.storage": ["virtio-fs"]})
    return nacre.create(nacre.bundle("sleep 1000")).start()


def daemons(container):
    """virtiofsd and, where it has made a pid namespace for it, the child that serves."""
    def below(pid):
        return [pid, *(deeper for child in reaper.children(pid) for deeper in below(child))]

    return [pid for child in reaper.children(container.sandbox_pid) for pid in below(child)
            if "virtiofsd" in os.readlink(f"/proc/{pid}/exe")]


def vmm(container):
    return next(pid for pid in reaper.children(container.sandbox_pid) if "qemu-system" in os.readlink(f"/proc/{pid}/exe"))


def log_of(container):
    return (container.nacre.root / container.id / "sandbox.log").read_text()


def test_the_daemon_has_the_share_and_nothing_else(machine):
    serving = daemons(machine)[-1]
    assert sorted(os.listdir(f"/proc/{serving}/root")) == [machine.id]
    assert (Path(f"/proc/{serving}/root") / machine.id / "rootfs/bin/busybox").exists()
    links = Path(f"/proc/{serving}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in links] == ["lo"]
    status = Path(f"/proc/{serving}/status").read_text()
    assert "Seccomp:\t2" in status
    assert Path(f"/proc/{serving}/cgroup").read_text() == Path(f"/proc/{vmm(machine)}/cgroup").read_text()
    machine.delete(force=True).ok()


def test_the_memory_of_the_machine_is_shared_with_it(machine):
    words = Path(f"/proc/{vmm(machine)}/cmdline").read_bytes().decode().split("\0")
    assert any("memory-backend-memfd" in word and "share=on" in word for word in words), words
    assert any("vhost-user-fs-pci" in word for word in words), words
    machine.delete(force=True).ok()


def test_a_killed_daemon_ends_the_container_and_says_so(machine):
    os.kill(daemons(machine)[0], signal.SIGKILL)
    assert machine.wait() == GONE
    assert machine.status == "stopped"
    assert "its helper virtiofsd was killed by signal 9" in log_of(machine)
    machine.delete().ok()


def test_it_goes_with_the_virtual_machine(machine):
    left = daemons(machine)
    os.kill(vmm(machine), signal.SIGKILL)
    assert machine.wait() == GONE
    for pid in left:
        reaper.wait_gone(pid)
    assert "helper" not in log_of(machine)
    machine.delete().ok()


def test_a_killed_sandbox_process_takes_both_along(machine):
    left = [*daemons(machine), vmm(machine)]
    os.kill(machine.sandbox_pid, signal.SIGKILL)
    assert machine.wait() == GONE
    for pid in left:
        reaper.wait_gone(pid)
    machine.delete(force=True).ok()


def test_its_own_words_say_why_it_did_not_start(nacre):
    nacre.configure({"runtime.storage": ["virtio-fs"], "storage.virtio-fs.virtio_fs_extra_args": ["--no-such-option"]})
    done = nacre.run(nacre.bundle("true"))
    assert done.code == 1
    assert "virtiofsd" in done.err and "no-such-option" in done.err, done


@pytest.mark.parametrize("settings, words", [
    ({"virtio_fs_daemon": "/no/such/virtiofsd"}, ["/no/such/virtiofsd", "No such file"]),
    ({"virtio_fs_cache_size": 1024}, ["virtio_fs_cache_size", "must be between 0 and 0"]),
    ({"virtio_fs_queue_size": 1000}, ["virtio_fs_queue_size 1000 is not a power of two"]),
])
def test_settings_that_cannot_work_are_refused(nacre, settings, words):
    nacre.configure({"runtime.storage": ["virtio-fs"]} | {f"storage.virtio-fs.{key}": value for key, value in settings.items()})
    done = nacre.run(nacre.bundle("true"))
    assert done.code == 1
    assert all(word in done.err for word in words), done


def test_cache_and_queue_size_reach_daemon_and_machine(nacre):
    nacre.configure({"runtime.storage": ["virtio-fs"], "storage.virtio-fs.virtio_fs_cache": "always",
                     "storage.virtio-fs.virtio_fs_queue_size": 512, "storage.virtio-fs.virtio_fs_extra_args": ["--thread-pool-size=3"]})
    machine = nacre.create(nacre.bundle("sleep 1000"))
    words = Path(f"/proc/{daemons(machine)[0]}/cmdline").read_bytes().decode().split("\0")
    assert "--thread-pool-size=3" in words
    assert any("cache=always" in word for word in words), words
    assert '"queue-size": 512' in Path(f"/proc/{vmm(machine)}/cmdline").read_text().replace('":', '": ')
    machine.delete(force=True).ok()
