"""What a test left behind: the machine before and after, compared.

The strict scope, the default of a test that is run alone, compares the whole machine. With NACRE_LEAK_SCOPE=own only
what this run has made counts (its descendants and whatever bears its mark): ctest runs several tests at a time, and the
whole machine is compared around all of them (whole_machine.py).
"""

import json
import os
import re
import select
import subprocess
import time
from pathlib import Path

from . import place

own_scope = os.environ.get("NACRE_LEAK_SCOPE") == "own"

# Programs that only our tests start; by the name of the executable.
OURS = re.compile(r"nacre|containerd-shim|qemu-system|virtiofsd|passt$|dockerd$|containerd$|conmon$")
# Entries of shared folders that belong to others: the compiler's, pytest's, the shells'.
FOREIGN = re.compile(r"^(cc[A-Za-z0-9]{6}\.|pytest-of-|bash_|hsperfdata_|\.X|systemd-private|apt)")


def snapshot():
    """A dict of kind -> set of readable lines."""
    processes = _processes()
    state = {
        "process": {line for line in processes.values()},
        "mount": _mounts(processes),
        "cgroup": _cgroups(),
        "loop device": _loop_devices(),
        "named network namespace": _names("/run/netns"),
        "entry of /dev/shm": _names("/dev/shm"),
        "entry of /tmp": _names("/tmp"),
        "entry of /run/nacre": _tree("/run/nacre") - {"/run/nacre/p", "/run/nacre/s"},  # stay, as /run/nacre itself
        "entry of /var/lib/nacre": _tree("/var/lib/nacre"),
        "unix socket": _unix_sockets(),
    }
    state.update(_network(processes))
    return state


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _processes():
    """pid -> "pid start-time program: command line" of each process that tests can have started."""
    table = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        stat = _read(f"/proc/{entry}/stat").decode(errors="replace")
        if not stat:
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        table[int(entry)] = (int(fields[1]), fields[0], fields[19], stat[stat.index("(") + 1 : stat.rindex(")")])
    me, reaper = os.getpid(), os.getppid()
    descendants, frontier = set(), {reaper}
    while frontier:
        frontier = {pid for pid, row in table.items() if row[0] in frontier and pid not in descendants}
        descendants |= frontier
    descendants -= {me}
    found = {}
    for pid, (parent, state, ticks, name) in table.items():
        if pid in (me, reaper):
            continue
        executable = _link(f"/proc/{pid}/exe")
        ours = bool(OURS.search(Path(executable.removesuffix(" (deleted)")).name or name))
        if pid in descendants or (ours and not own_scope):
            command = _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
            zombie = " (a zombie)" if state == "Z" else ""
            found[pid] = f"{pid} since {ticks}, child of {parent}, {name}{zombie}: {command[:200]}"
    return found


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _mounts(processes):
    """Mounts of our own namespace and pid 1's, and those of namespaces that only a process of the tests shows."""
    lines, seen = set(), set()
    for pid in ["self", "1", *processes]:
        namespace = _link(f"/proc/{pid}/ns/mnt")
        if not namespace or namespace in seen:
            continue
        seen.add(namespace)
        where = "" if pid in ("self", "1") else f" in {namespace} of process {pid}"
        for line in _read(f"/proc/{pid}/mountinfo").decode(errors="replace").splitlines():
            fields = line.split()
            if fields[4] == "/run/netns":  # `ip netns add` makes it once a boot, for good
                continue
            tail = fields[fields.index("-") + 1 :]
            lines.add(f"{fields[4]} ({tail[0]} from {tail[1]}, root {fields[3]}){where}")
    return _scoped(lines)


def _scoped(lines):
    return {line for line in lines if place.mark in line} if own_scope else lines


def _cgroups():
    lines = set()
    for folder, subfolders, _ in os.walk("/sys/fs/cgroup"):
        lines.update(os.path.join(folder, name) for name in subfolders)
    return _scoped(lines)


def _loop_devices():
    lines = set()
    for entry in Path("/sys/block").glob("loop*/loop/backing_file"):
        lines.add(f"{entry.parts[3]} on {_read(entry).decode(errors='replace').strip()}")
    return _scoped(lines)


def _names(folder):
    try:
        names = {name for name in os.listdir(folder) if not FOREIGN.match(name)}
    except OSError:
        names = set()
    return _scoped(names)


def _tree(folder):
    lines = set()
    for base, folders, files in os.walk(folder):
        lines.update(os.path.join(base, name) for name in folders + files)
    return _scoped(lines)


def _unix_sockets():
    """Those that somebody can connect to or send to. A connection's end bears its listener's name too, in the network
    namespace of the client: it goes with the process that has it."""
    accepts_connections, datagram = 0x10000, 2
    lines = set()
    for line in _read("/proc/net/unix").decode(errors="replace").splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) < 8 or not (int(fields[3], 16) & accepts_connections or int(fields[4], 16) == datagram):
            continue
        if re.search(r"nacre|/nt[0-9a-z]{6}", fields[7]):
            lines.add(fields[7])
    return _scoped(lines)


def _network(processes):
    """Links, qdiscs and filters of each network namespace that a process or a name keeps."""
    namespaces = {}
    for pid in ["self", *processes]:
        namespaces.setdefault(_link(f"/proc/{pid}/ns/net"), (f"/proc/{pid}/ns/net", f"process {pid}"))
    for path in Path("/run/netns").glob("*"):
        try:
            namespaces.setdefault(f"net:[{path.stat().st_ino}]", (str(path), str(path)))
        except OSError:
            pass
    namespaces.pop("", None)
    own = _link("/proc/self/ns/net")
    links, qdiscs = set(), set()
    for inode, (path, owner) in namespaces.items():
        where = "" if inode == own else f" in {owner}"
        enter = [] if inode == own else ["nsenter", f"--net={path}"]
        for link in _ip_json([*enter, "ip", "-j", "link"]):
            links.add(f"{link['ifname']}{where}")
        for qdisc in _ip_json([*enter, "tc", "-j", "qdisc"]):
            if qdisc["kind"] in ("ingress", "clsact"):
                qdiscs.add(f"{qdisc['kind']} on {qdisc['dev']}{where}")
    return {"network link": _scoped(links), "qdisc": _scoped(qdiscs)}


def _ip_json(command):
    answer = subprocess.run(command, capture_output=True, text=True)
    return json.loads(answer.stdout or "[]")


def difference(before, after):
    """Readable lines; empty when nothing is left and nothing is missing."""
    lines = []
    for kind in before:
        for thing in sorted(after[kind] - before[kind]):
            lines.append(f"left behind: {kind} {thing}")
        if kind in ("mount", "network link", "loop device"):
            for thing in sorted(before[kind] - after[kind]):
                lines.append(f"taken away: {kind} {thing}")
    return lines


def settle(before, timeout=5):
    """What still differs from `before`; gives what is on its way out `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        after = snapshot()
        lines = difference(before, after)
        rest = deadline - time.monotonic()
        if not lines or rest <= 0:
            return lines
        _wait_for_change(after["process"] - before["process"], min(rest, 0.2))


def _wait_for_change(processes, seconds):
    """Until one of the processes ends or a mount changes; links and cgroups tell nobody, so not for long."""
    poll = select.poll()
    descriptors = []
    for line in processes:
        try:
            descriptors.append(os.pidfd_open(int(line.split()[0])))
            poll.register(descriptors[-1], select.POLLIN)
        except OSError:
            pass
    with open("/proc/self/mountinfo") as mounts:
        poll.register(mounts, select.POLLPRI)
        poll.poll(seconds * 1000)
    for descriptor in descriptors:
        os.close(descriptor)
