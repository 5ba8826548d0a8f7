"""A virtual machine of nacre's without nacre: its command line, kernel and initrd, with an init that does nothing but
mount the share and `crun run` the same bundle (floor_init.c)."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import place, reaper

MODULE_LIST = "/lib/modules/list"


class CpuGroup:
    """A cgroup like the pod's: on a busy machine the scheduler divides the CPUs among groups first, so a virtual machine in
    one gets less than the same one whose threads compete each for itself."""

    def __init__(self, name):
        version_1 = Path("/sys/fs/cgroup/cpu")
        self.folder = (version_1 if version_1.exists() else Path("/sys/fs/cgroup")) / name
        self.folder.mkdir()

    def add(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def close(self):
        """With what is left in it: virtiofsd has made a child, which ends after it."""
        for pid in map(int, (self.folder / "cgroup.procs").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            reaper.wait_gone(pid)
        self.folder.rmdir()


class Share:
    """How the guest mounts the share, and who serves it: nobody but QEMU, or virtiofsd by the words of nacre's."""

    def __init__(self, fstype, modules, options="", daemon=()):
        self.fstype, self.modules, self.options, self.daemon = fstype, modules, options, daemon


def ninep(daemon=()):
    return Share("9p", ["9pnet_virtio", "9p"], "trans=virtio,version=9p2000.L,msize=524288,cache=mmap")


def virtio_fs(daemon):
    return Share("virtiofs", ["virtiofs"], daemon=daemon)


class Floor:
    def __init__(self, folder, words, bundle, share):
        folder.mkdir()
        self.folder, self.words, self.bundle, self.share = folder, words, bundle, share
        self.shared = bundle.path.parent
        self.socket = folder / "virtiofsd.sock"
        self.initrd = self._initrd()
        self.daemon = self.process = self.port = self.group = None
        self.held = []  # near ends of sockets that nobody uses

    def _option(self, pattern):
        return next(match[1] for word in self.words if (match := re.search(pattern, word)))

    def _initrd(self):
        """The product's initrd followed by an archive whose /init replaces the agent's."""
        tree = self.folder / "tree"
        tree.mkdir()
        tag = self._option(r'(?:mount_)?tag"?[=:]"?([^,"}]+)')
        modules = ", ".join(f'"{name}"' for name in self.share.modules)
        subprocess.run(["gcc", "-O2", "-static", "-o", tree / "init", Path(__file__).with_name("floor_init.c"),
                        f'-DMODULE_LIST="{MODULE_LIST}"', f'-DSHARE_TAG="{tag}"', f'-DSHARE_OPTIONS="{self.share.options}"',
                        f'-DSHARE_TYPE="{self.share.fstype}"', f"-DSHARE_MODULES={modules}",
                        f'-DSHARE_BUNDLE="{self.bundle.path.name}"'], check=True)
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"init\n", cwd=tree,
                                 capture_output=True, check=True).stdout
        product = self.words[self.words.index("-initrd") + 1]
        path = self.folder / "floor.img"
        path.write_bytes(Path(product).read_bytes() + archive)
        return path

    def _serve(self):
        """virtiofsd with the folder and a socket of ours in the place of nacre's."""
        if not self.share.daemon:
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.unlink(missing_ok=True)
        listener.bind(str(self.socket))
        listener.listen(1)
        words = [re.sub(r"(source=|--shared-dir=)[^,]+", rf"\g<1>{self.shared}", word) for word in self.share.daemon]
        words = [f"--fd={listener.fileno()}" if word.startswith("--fd=") else word for word in words]
        self.daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       pass_fds=[listener.fileno()])
        self.group.add(self.daemon.pid)
        listener.close()

    def start(self):
        """Spawns QEMU; `port` is the near end of the container's stdio then."""
        self.group = CpuGroup(place.fresh_name("floor"))
        self._serve()
        inherited = []
        words = list(self.words)
        words[words.index("-initrd") + 1] = str(self.initrd)
        for number, word in enumerate(words):
            if match := re.search(r"\bfd=(\d+)", word):
                if words[number - 1] == "-add-fd":  # the console, a file that is only written
                    end = os.open(os.devnull, os.O_WRONLY)
                else:
                    near, far = socket.socketpair()
                    end = far.detach()
                    if "id=agent," in word:
                        self.port = near
                    else:
                        self.held.append(near)
                inherited.append(end)
                words[number] = word.replace(match[0], f"fd={end}")
            if words[number - 1] == "-fsdev":
                words[number] = re.sub(r"path=[^,]+", f"path={self.shared}", word)
            if words[number - 1] == "-chardev" and "virtiofsd.sock" in word:
                words[number] = re.sub(r"path=[^,]+", f"path={self.socket}", word)
        assert self.port, "the command line has no agent channel"
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=inherited)
        self.group.add(self.process.pid)
        for end in inherited:
            os.close(end)

    def close(self):
        self.process.kill()
        self.process.wait()
        for end in (self.port, *self.held):
            end.close()
        self.held = []
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
        self.group.close()

    def seconds_to_first_byte(self):
        began = time.monotonic()
        self.start()
        assert self.port.recv(1)
        seconds = time.monotonic() - began
        self.close()
        return seconds
