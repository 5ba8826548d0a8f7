#!/usr/bin/python3
"""Inside a lab host: one container whose QEMU runs by KVM and whose agent is reached over vsock, on the machine type
that is named. Prints what it saw as JSON; test_nacre.py says what that must be."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402


def links_of(pid):
    """What the descriptors of a process are: kvm-vm and kvm-vcpu exist only where KVM made a machine."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(entry))
    return found


def main():
    seen = {}
    with place.Folder() as folder:
        nacre = Nacre(folder, {"hypervisor.qemu.machine_type": sys.argv[1]})
        bundle = nacre.bundle("echo out of the guest; cat /proc/cmdline; read word; echo $word; exit 7")
        stdin, to_guest = os.pipe()
        began = time.monotonic()
        container = nacre.create(bundle, stdin=stdin).start()
        seen["seconds"] = round(time.monotonic() - began, 1)
        vmm = next(pid for pid in reaper.children(container.sandbox_pid) if "qemu" in os.readlink(f"/proc/{pid}/exe"))
        words = Path(f"/proc/{vmm}/cmdline").read_bytes().decode().split("\0")
        links = links_of(vmm)
        seen["machine"] = words[words.index("-machine") + 1].split(",")[0]
        seen["accel"] = words[words.index("-accel") + 1]
        seen["machines of KVM"] = sorted(link for link in links if link.startswith("anon_inode:kvm-vm"))
        seen["vsock device"] = any('"vhost-vsock-' in word for word in words)
        seen["devices of the host"] = sorted(link for link in links if link.startswith("/dev/"))
        seen["serial port of the agent"] = any("nacre.agent.0" in word for word in words)
        seen["status"] = container.status
        execed = container.exec("cat; echo aside >&2; exit 3", input=b"through the guest")
        seen["exec"] = [execed.out, execed.err, execed.code]
        os.write(to_guest, b"word\n")
        seen["code"] = container.wait()
        seen["out"] = container.out.splitlines()
        seen["stopped"] = container.status
        container.delete().ok()
        seen["left"] = nacre.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
