#!/usr/bin/python3
"""Inside a lab host: one container whose QEMU runs by KVM and whose agent is reached over vsock."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402


def main():
    with place.Folder() as folder:
        nacre = Nacre(folder)
        container = nacre.create(nacre.bundle("cat; sleep 1000")).start()
        vmm = next(pid for pid in reaper.children(container.sandbox_pid) if "qemu" in os.readlink(f"/proc/{pid}/exe"))
        words = Path(f"/proc/{vmm}/cmdline").read_bytes().decode().split("\0")
        print("accel:", words[words.index("-accel") + 1])
        print("vsock:", any("vhost-vsock-pci" in word for word in words))
        print("exec:", container.exec("cat; exit 3", input=b"through the guest").out)
        container.kill("KILL").ok()
        print("code:", container.wait())
        container.delete().ok()


if __name__ == "__main__":
    main()
