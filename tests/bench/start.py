#!/usr/bin/python3
"""From `create` + `start` to the container's first byte, over the floor: the same VM, kernel and initrd with an init
that does nothing but `crun run` of the same bundle (floor_init.c). Pairs alternate in one run; the ratio of each pair
counts, since the machine's speed drifts.

usage: tools/dev bench start [PAIRS]
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from floor import Floor, ninep  # noqa: E402
from harness.runtime import Nacre  # noqa: E402


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


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ratios, ours, floors = [], [], []
    with place.Folder() as folder:
        nacre = Nacre(folder)
        bundle = nacre.bundle("echo first; sleep 1000")
        _, words, _ = nacre_start(nacre, bundle)  # warms the page cache
        floor = Floor(folder / "floor", words, bundle, ninep())
        floor.seconds_to_first_byte()
        for number in range(pairs):
            seconds, _, timeline = nacre_start(nacre, bundle)
            base = floor.seconds_to_first_byte()
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
