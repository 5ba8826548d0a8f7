#!/usr/bin/python3
"""From `create` + `start` to the container's first byte on QEMU's microvm, over the same on its q35. Pairs alternate
in one run; the ratio of each pair counts, since the machine's speed drifts.

usage: tools/dev bench machines [PAIRS]
"""

import statistics
import sys

from start import Nacre, nacre_start, place

MACHINES = ("q35", "microvm")


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = {machine: [] for machine in MACHINES}
    with place.Folder() as folder:
        runtimes = {}
        for machine in MACHINES:
            (folder / machine).mkdir()
            runtimes[machine] = Nacre(folder / machine, {"hypervisor.qemu.machine_type": machine})
        bundle = runtimes["q35"].bundle("echo first; sleep 1000")
        nacre_start(runtimes["q35"], bundle)  # warms the page cache
        for number in range(pairs):
            for machine in MACHINES:
                seconds[machine].append(nacre_start(runtimes[machine], bundle)[0])
            q35, microvm = (seconds[machine][-1] for machine in MACHINES)
            print(f"pair {number + 1}: microvm {microvm:.2f} s, q35 {q35:.2f} s, ratio {microvm / q35:.2f}", flush=True)
    ratios = [microvm / q35 for q35, microvm in zip(*(seconds[machine] for machine in MACHINES))]
    print(f"median: {statistics.median(seconds['microvm']):.2f} s over {statistics.median(seconds['q35']):.2f} s")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
