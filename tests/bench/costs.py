#!/usr/bin/python3
"""What our own processes cost: instructions of the short verbs (callgrind; they repeat exactly), CPU time before the
VMM is spawned, proportional memory of a running container, of each further exec and each further container of a pod.

usage: tools/dev bench costs
"""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402

EXECS = 10
FURTHER = 3


def instructions(nacre, folder, *words):
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out",
                           *nacre.command(*words)], capture_output=True, text=True, env=nacre.environment())
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert done.returncode == 0 and found, done.stderr
    return int(found[1])


def pss_kib(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def cpu_before_vmm(timeline):
    return timeline.get("cpu_ms_before_vmm")


def everything(container):
    """KiB of all that a container costs the host: its virtual machine, sandbox process, launcher and holder."""
    sandbox = container.state()["nacre"]["sandbox_pid"]
    return sum(map(pss_kib, [sandbox, container.pid, *reaper.children(sandbox)]))


def pods(nacre):
    """Of a pod of one container, and of each further one."""
    name = place.fresh_name()

    def member(kind, pid=None, **how):
        bundle = nacre.bundle("exec sleep 1000")
        bundle.spec["annotations"] = {"io.kubernetes.cri-o.ContainerType": kind, "io.kubernetes.cri-o.SandboxID": name}
        for namespace in bundle.spec["linux"]["namespaces"]:
            if pid and namespace["type"] == "network":
                namespace["path"] = f"/proc/{pid}/ns/net"
        return nacre.create(bundle.write(), **how).start()

    sandbox = member("sandbox", name=name)
    one = everything(sandbox)
    others = [member("container", sandbox.pid) for _ in range(FURTHER)]
    more = everything(sandbox) + sum(pss_kib(other.pid) for other in others) - one
    print(f"a container with its virtual machine: {one / 1024:.0f} MiB; each further one in a pod: {more / FURTHER / 1024:.1f} MiB")
    for container in (*others, sandbox):
        container.delete(force=True).ok()
        container.wait()


def main():
    with place.Folder() as folder:
        nacre = Nacre(folder)
        pods(nacre)
        container = nacre.create(nacre.bundle("trap : USR1; while :; do sleep 1000 & wait; done")).start()
        sandbox = container.state()["nacre"]["sandbox_pid"]
        timeline = nacre("timeline", container.id, "--json").json()
        print(f"nacre state: {instructions(nacre, folder, 'state', container.id):>12,} instructions (at most 4,000,000)")
        print(f"nacre kill:  {instructions(nacre, folder, 'kill', container.id, 'USR1'):>12,} instructions (at most 4,000,000)")
        if (cpu := cpu_before_vmm(timeline)) is not None:
            print(f"CPU before the VMM is spawned: {cpu:.1f} ms (at most 15)")
        one = pss_kib(sandbox) + pss_kib(container.pid)
        print(f"sandbox process {pss_kib(sandbox)} KiB + holder {pss_kib(container.pid)} KiB = {one / 1024:.1f} MiB (at most 16)")
        pids = []
        for number in range(EXECS):
            pid_file = folder / f"exec{number}"
            container.exec("exec sleep 1000", flags=("--detach", "--pid-file", pid_file), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL).ok()
            pids.append(int(pid_file.read_text()))
        more = pss_kib(sandbox) + pss_kib(container.pid) + sum(map(pss_kib, pids)) - one
        print(f"each further exec: {more / EXECS / 1024:.2f} MiB (at most 1)")
        container.delete(force=True).ok()
        container.wait()
        for pid in pids:
            reaper.exits.wait(pid)


if __name__ == "__main__":
    main()
