#!/usr/bin/python3
"""`kill` and `exec` while another exec's reader sleeps on a full stream, over the same while nothing else runs. Pairs
alternate in one run; the median of the pairs' ratios counts.

usage: tools/dev bench sleeping_reader [PAIRS]
"""

import contextlib
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402


@contextlib.contextmanager
def sleeping_reader(container):
    process = container.nacre.spawn("exec", container.id, "cat", "/dev/zero", stdout=subprocess.PIPE)
    process.stdout.read(1 << 20)  # all that is between the two fills up from here on
    yield
    process.kill()
    process.wait()
    process.stdout.close()
    container.exec("pkill", "cat")


def seconds(call):
    began = time.monotonic()
    call().ok()
    return time.monotonic() - began


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    calls = {"kill": lambda: container.kill("USR1"), "exec": lambda: container.exec("true")}
    ratios = {name: [] for name in calls}
    with place.Folder() as folder:
        nacre = Nacre(folder)
        container = nacre.create(nacre.bundle("trap : USR1; while :; do sleep 1000 & wait; done")).start()
        container.exec("true").ok()
        for _ in range(pairs):
            idle = {name: seconds(call) for name, call in calls.items()}
            with sleeping_reader(container):
                busy = {name: seconds(call) for name, call in calls.items()}
            for name in calls:
                ratios[name].append(busy[name] / idle[name])
        container.delete(force=True).ok()
        container.wait()
    for name, values in ratios.items():
        print(f"{name} while a reader sleeps, over idle: ratio {statistics.median(values):.2f} "
              f"(of {len(values)} pairs, {min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
