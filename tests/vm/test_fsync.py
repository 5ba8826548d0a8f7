"""What a program in the guest syncs is flushed to the disk of the host by whoever serves the share: for each cache mode."""

import contextlib
import re
import subprocess

import pytest
from test_virtio_fs import daemons, vmm

MODES = [("9p", "cache", mode) for mode in ("none", "mmap", "loose", "fscache")] + [
    ("virtio-fs", "virtio_fs_cache", mode) for mode in ("never", "auto", "always")]


@pytest.fixture(scope="module", params=MODES, ids=lambda mode: f"{mode[0]}-{mode[2]}")
def served(request, module_nacre):
    """A running container with a shared folder, and the process that serves it."""
    storage, key, mode = request.param
    module_nacre.configure({"runtime.storage": [storage], f"storage.{storage}.{key}": mode})
    folder = module_nacre.folder / f"data-{storage}-{mode}"
    folder.mkdir()
    bundle = module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait")
    bundle.spec["mounts"].append({"destination": "/data", "type": "bind", "source": str(folder), "options": ["rbind"]})
    container = module_nacre.create(bundle.write()).start()
    yield container, vmm(container) if storage == "9p" else daemons(container)[-1]
    container.delete(force=True).ok()


@contextlib.contextmanager
def traced(pid, log):
    """strace writes what the process flushes; it says so once it has attached, and ends at a signal."""
    words = ["strace", "-f", "-y", "-o", log, "-e", "trace=fsync,fdatasync", "-p", str(pid)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert "attached" in process.stderr.readline()
        yield
        process.terminate()
        process.stderr.read()


def flushed(log, call, name):
    return re.findall(rf"{call}\(\d+<[^>]*/{name}>\)?", log.read_text())


def test_a_sync_of_the_guest_is_a_flush_on_the_host(served, folder):
    container, server = served
    log = folder / "strace"
    with traced(server, log):
        container.exec("echo 1 > /data/plain; echo 2 > /data/whole; sync /data/whole; echo 3 > /data/bytes; sync -d /data/bytes; "
                       "mkdir /data/folder; sync /data/folder").ok()
    print(log.read_text())
    assert flushed(log, "fsync", "whole")
    assert flushed(log, "f(?:data)?sync", "bytes")
    assert flushed(log, "fsync", "folder")
    assert not flushed(log, "f(?:data)?sync", "plain")  # nobody has asked for it
