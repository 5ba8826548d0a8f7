"""An OCI bundle: a busybox root and a config.json like that of `nacre spec`, with the edits of the test."""

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

SPEC = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "nacre",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
    ],
    "linux": {
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}

PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nuser:x:1000:\nextra:x:2000:user\n"


def make_rootfs(path):
    """busybox with a link for each of its programs; what an image's root minimally has."""
    busybox = Path("/bin/busybox")
    for folder in ("bin", "dev", "etc", "home/user", "proc", "root", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    os.chmod(path / "tmp", 0o1777)
    os.chown(path / "home/user", 1000, 1000)
    shutil.copy2(busybox, path / "bin/busybox")
    for program in subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split():
        link = path / program
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")
    (path / "etc/passwd").write_text(PASSWD)
    (path / "etc/group").write_text(GROUP)


class Bundle:
    def __init__(self, path, rootfs=True):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.rootfs = self.path / "rootfs"
        if rootfs:
            make_rootfs(self.rootfs)
        self.spec = copy.deepcopy(SPEC)
        self.write()

    @property
    def process(self):
        return self.spec["process"]

    def run(self, *args, **process):
        """Sets what the container runs; a single string is a shell script."""
        self.process["args"] = ["sh", "-c", args[0]] if len(args) == 1 else list(args)
        self.process.update(process)
        return self.write()

    def write(self):
        (self.path / "config.json").write_text(json.dumps(self.spec, indent=1))
        return self

    def add_program(self, name):
        """A program of the host's with its libraries, where both are here."""
        program = shutil.which(name)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for file in [program, *re.findall(r"/\S+", listed)]:
            target = self.rootfs / file.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(file, target)

    def netns(self, path):
        """Puts the container into a network namespace that exists."""
        for namespace in self.spec["linux"]["namespaces"]:
            if namespace["type"] == "network":
                namespace["path"] = str(path)
        return self.write()
