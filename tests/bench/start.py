#!/usr/bin/python3
"""From `create` + `start` to the container's first byte, over the floor: the same VM, kernel and initrd with an init
that does nothing but `crun run` of the same bundle (floor_init.c). Pairs alternate in one run; the ratio of each pair
counts, since the machine's speed drifts.

usage: tools/dev bench start [PAIRS]
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402

MODULE_LIST = "/lib/modules/list"
SHARE = "/run/nacre/share/pod"


def nacre_start(nacre, bundle):
    """Returns seconds, the VMM's command line and the timeline."""
    read_end, write_end = os.pipe()
    container = nacre.new(bundle)
    began = time.monotonic()
    subprocess.run(nacre.command(*nacre.create_words(container)), stdin=subprocess.DEVNULL, stdout=write_end,
                   env=nacre.environment(), check=True)
    nacre("start", container.id).ok()
    os.close(write_end)
    assert os.read(read_end, 1)
    seconds = time.monotonic() - began
    pids = reaper.children(container.state()["nacre"]["sandbox_pid"])
    vmm = next(pid for pid in pids if "qemu" in os.readlink(f"/proc/{pid}/exe"))
    words = Path(f"/proc/{vmm}/cmdline").read_bytes().decode().split("\0")[:-1]
    timeline = nacre("timeline", container.id, "--json").json()
    container.delete(force=True).ok()
    container.wait()
    os.close(read_end)
    return seconds, words, timeline


class Floor:
    """The VM of a nacre container without nacre."""

    def __init__(self, folder, words, bundle):
        self.words, self.folder = words, folder
        self.share = folder / "share"
        self.share.mkdir()
        subprocess.run(["cp", "-a", bundle.path, self.share / "bundle"], check=True)
        self.initrd = self._initrd()

    def _option(self, pattern):
        return next(match[1] for word in self.words if (match := re.search(pattern, word)))

    def _initrd(self):
        """The product's initrd followed by an archive whose /init replaces the agent's."""
        tree = self.folder / "tree"
        tree.mkdir()
        tag = self._option(r'mount_tag"?[=:]"?([^,"}]+)')
        options = "trans=virtio,version=9p2000.L,msize=524288,cache=mmap"
        subprocess.run(["gcc", "-O2", "-static", "-o", tree / "init", Path(__file__).with_name("floor_init.c"),
                        f'-DMODULE_LIST="{MODULE_LIST}"', f'-DSHARE_TAG="{tag}"', f'-DSHARE_OPTIONS="{options}"'],
                       check=True)
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"init\n", cwd=tree,
                                 capture_output=True, check=True).stdout
        product = self.words[self.words.index("-initrd") + 1]
        path = self.folder / "floor.img"
        path.write_bytes(Path(product).read_bytes() + archive)
        return path

    def run(self):
        """Seconds from QEMU's start to the first byte on the agent's port."""
        inherited, ours = [], None
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
                        ours = near
                    else:
                        inherited.append(near.detach())
                inherited.append(end)
                words[number] = word.replace(match[0], f"fd={end}")
            if words[number - 1] == "-fsdev":
                words[number] = re.sub(r"path=[^,]+", f"path={self.share}", word)
        began = time.monotonic()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   pass_fds=inherited)
        assert ours, "the command line has no agent channel"
        assert ours.recv(1)
        seconds = time.monotonic() - began
        process.kill()
        process.wait()
        ours.close()
        for end in inherited:
            os.close(end)
        return seconds


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ratios, ours, floors = [], [], []
    with place.Folder() as folder:
        nacre = Nacre(folder)
        bundle = nacre.bundle("echo first; sleep 1000")
        _, words, _ = nacre_start(nacre, bundle)  # warms the page cache
        floor = Floor(folder, words, bundle)
        floor.run()
        for number in range(pairs):
            seconds, _, timeline = nacre_start(nacre, bundle)
            base = floor.run()
            ratios.append(seconds / base)
            ours.append(seconds)
            floors.append(base)
            print(f"pair {number + 1}: create+start to first byte {seconds:.2f} s, floor {base:.2f} s, "
                  f"ratio {seconds / base:.2f}", flush=True)
    print("phases of the last start, ms:")
    for phase in timeline["phases"]:
        print(f"  {phase['name']:24} {phase['start_ms']:9.1f} {phase['duration_ms']:9.1f}")
    print(f"median: {statistics.median(ours):.2f} s over {statistics.median(floors):.2f} s")
    print(f"ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
