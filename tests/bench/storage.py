#!/usr/bin/python3
"""What programs do with files of a share, in a container of nacre's over the same in the same virtual machine without
nacre (floor.py), and over the host itself. The three take turns; the ratio of each turn counts, since the machine's
speed drifts. A ratio above 1 says that nacre is faster.

usage: tools/dev bench storage [TURNS [REGEX]]     REGEX chooses among lines like "9p, git status, 20,000 files"
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from floor import Floor, ninep, virtio_fs  # noqa: E402
from harness.runtime import Nacre  # noqa: E402

# Storage plugin -> how the virtual machine without nacre comes to the same files, given the words of the daemon.
COLUMNS = {"9p": ninep, "virtio-fs": virtio_fs}

FIO = ("fio --name=w --filename=/data/fio --size=64M --ioengine=psync --thread --disk_util=0 --time_based --runtime=4 "
       "--output-format=terse --terse-version=3 --rw={} --bs={} {} | cut -d';' -f{}")
NOW = "read now idle < /proc/uptime; echo $now"
READ_RATE, WRITE_RATE, READ_OPERATIONS, WRITE_OPERATIONS = 7, 48, 8, 49


def timed(script, before="true"):
    return f"{before}; {NOW}; {script}; {NOW}"


# Name -> a script that prints either a rate or two times.
WORKLOADS = {
    "sequential write, 1 MiB": FIO.format("write", "1M", "--end_fsync=1", WRITE_RATE),
    "sequential read, 1 MiB": FIO.format("read", "1M", "", READ_RATE),
    "random write, 4 KiB": FIO.format("randwrite", "4k", "", WRITE_OPERATIONS),
    "random read, 4 KiB": FIO.format("randread", "4k", "", READ_OPERATIONS),
    "git status, 20,000 files": timed("git -C /data/tree status --short"),
    "unpacking 5,000 files": timed("tar -x -f /data/small.tar -C /data/new", "rm -rf /data/new; mkdir /data/new"),
}
TREE, SMALL = 20000, 5000


class Shell:
    """A shell that is told what to do by a stream, and answers by another."""

    def __init__(self, to, answers):
        self.to, self.answers = to, answers

    def __call__(self, script):
        self.to.write(f"{script}; echo end of answer\n".encode())
        self.to.flush()
        lines = []
        while (line := self.answers.readline().decode().strip()) != "end of answer":
            lines.append(line)
        return lines

    def speed(self, script):
        lines = self(script)
        return float(lines[0]) if len(lines) == 1 else 1 / (float(lines[1]) - float(lines[0]))


def add_program(rootfs, program):
    """With its libraries, at their places."""
    path = shutil.which(program)
    found = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout.split()
    for file in [path, *(word for word in found if word.startswith("/"))]:
        target = rootfs / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def furnish(rootfs):
    for program in ("fio", "git"):
        add_program(rootfs, program)
    data = rootfs / "data"
    tree = data / "tree"
    for number in range(TREE):
        file = tree / f"folder{number // 100}" / f"file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}\n")
    git = ["git", "-C", tree, "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "init", "--quiet", tree], check=True)
    # The same file has another inode number and another time of change in the guest, which is no change.
    for key, value in {"core.checkStat": "minimal", "core.trustctime": "false", "gc.auto": "0"}.items():
        subprocess.run([*git, "config", key, value], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "x"], check=True)
    small = data / "small"
    small.mkdir()
    for number in range(SMALL):
        (small / f"file{number}").write_text("small\n" * 50)
    subprocess.run(["tar", "-C", small, "-cf", data / "small.tar", "."], check=True)
    (data / "fio").write_bytes(os.urandom(1 << 20) * 64)


def host_shell(rootfs):
    script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /bin/sh'
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, rootfs], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return process, Shell(process.stdin, process.stdout)


def words_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]


def in_nacre(nacre, bundle):
    """A container that is such a shell, and the words of its VMM and its daemon."""
    stdin, to = os.pipe()
    answers, out = os.pipe()
    container = nacre.create(bundle, stdin=stdin, stdout=out).start()
    os.close(stdin), os.close(out)
    children = {os.readlink(f"/proc/{pid}/exe"): words_of(pid) for pid in reaper.children(container.sandbox_pid)}
    vmm = next(words for path, words in children.items() if "qemu-system" in path)
    daemon = next((words for path, words in children.items() if "virtiofsd" in path), [])
    return container, Shell(os.fdopen(to, "wb"), os.fdopen(answers, "rb")), vmm, daemon


def measure(folder, storage, names, turns):
    """Of each of these workloads the speeds in nacre, in the bare virtual machine and on the host, by turns."""
    (folder / storage).mkdir()
    nacre = Nacre(folder / storage, {"runtime.storage": [storage]})
    bundle = nacre.bundle("sh")
    bundle.process["env"] += ["HOME=/root", "GIT_OPTIONAL_LOCKS=0"]
    furnish(bundle.rootfs)
    container, ours, vmm, daemon = in_nacre(nacre, bundle.write())
    floor = Floor(folder / f"floor-{storage}", vmm, bundle, COLUMNS[storage](daemon))
    floor.start()
    stream = floor.port.makefile("rwb")
    process, host = host_shell(bundle.rootfs)
    shells = [ours, Shell(stream, stream), host]
    speeds = {}
    for name in names:
        script = WORKLOADS[name]
        host.speed(script)  # warms its page cache
        speeds[name] = []
        for _ in range(turns):
            speeds[name].append([shell.speed(script) for shell in shells])
        print(f"{storage}, {name}: {show(speeds[name], 1)} of the bare machine, {show(speeds[name], 2)} of the host", flush=True)
    process.stdin.close()
    process.wait()
    floor.close()
    container.delete(force=True).ok()
    nacre.close()
    return speeds


def show(speeds, other):
    ratios = [turn[0] / turn[other] for turn in speeds]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main():
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    wanted = re.compile(sys.argv[2] if len(sys.argv) > 2 else "")
    chosen = {storage: [name for name in WORKLOADS if wanted.search(f"{storage}, {name}")] for storage in COLUMNS}
    with place.Folder() as folder:
        tables = {storage: measure(folder, storage, names, turns) for storage, names in chosen.items() if names}
    print("| | " + " | ".join(f"{storage}, over the bare machine | over the host" for storage in COLUMNS) + " |")
    print("|---|" + "---|---|" * len(COLUMNS))
    for name in WORKLOADS:
        speeds = [tables.get(storage, {}).get(name) for storage in COLUMNS]
        cells = [show(found, other) if found else "" for found in speeds for other in (1, 2)]
        if any(cells):
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
