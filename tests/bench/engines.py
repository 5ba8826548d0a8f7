#!/usr/bin/python3
"""What an engine's user waits for: `docker run --rm` under nacre over runc's and the floor of `bench start` together,
since the virtual machine's own time is nobody's fault here; and an exec over crun's own in the guest. Pairs alternate.

usage: tools/dev bench engines [PAIRS]
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from floor import Floor, ninep  # noqa: E402
from harness.engines import IMAGE, Docker  # noqa: E402
from harness.runtime import Nacre  # noqa: E402
from start import nacre_start  # noqa: E402

EXECS = 10


def seconds(call, *args):
    began = time.monotonic()
    call(*args).ok()
    return time.monotonic() - began


def docker_run(docker, runtime):
    return seconds(docker, "run", "--rm", "--network", "none", "--runtime", runtime, IMAGE, "true")


def runs(pairs, folder):
    ratios = []
    with Docker() as docker:
        nacre = Nacre(folder)
        bundle = nacre.bundle("echo first; sleep 1000")
        _, words, _ = nacre_start(nacre, bundle)
        floor = Floor(folder / "floor", words, bundle, ninep())
        for runtime in ("runc", "nacre"):
            docker_run(docker, runtime)  # warms the page cache
        floor.seconds_to_first_byte()
        for number in range(pairs):
            ours, theirs, base = docker_run(docker, "nacre"), docker_run(docker, "runc"), floor.seconds_to_first_byte()
            ratios.append(ours / (theirs + base))
            print(f"pair {number + 1}: docker run {ours:.2f} s, runc's {theirs:.2f} s, floor {base:.2f} s, "
                  f"ratio {ratios[-1]:.2f}", flush=True)
    print(f"docker run --rm: ratio {statistics.median(ratios):.2f}")


def guest_exec(nacre, container):
    """Seconds of one exec of crun in the guest, by a shell there."""
    words = f"for i in $(seq {EXECS}); do crun --cgroup-manager=cgroupfs --root /run/crun exec {container.id} true; done; echo done\n"
    empty, full = seconds_of_console(nacre, container, "echo done\n"), seconds_of_console(nacre, container, words)
    return (full - empty) / EXECS


def seconds_of_console(nacre, container, words):
    began = time.monotonic()
    assert "done" in nacre("debug-console", container.id, input=words.encode(), timeout=120).ok().out
    return time.monotonic() - began


def execs(pairs, folder):
    nacre = Nacre(folder)
    nacre.configure({"agent.nacre.debug_console_enabled": True})
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    ratios = []
    for _ in range(pairs):
        ours = statistics.mean(seconds(container.exec, "true") for _ in range(EXECS))
        base = guest_exec(nacre, container)
        ratios.append(ours / base)
        print(f"exec {ours * 1000:.0f} ms, crun's in the guest {base * 1000:.0f} ms, ratio {ratios[-1]:.2f}", flush=True)
    container.delete(force=True).ok()
    container.wait()
    print(f"exec: ratio {statistics.median(ratios):.2f}")


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with place.Folder() as folder:
        runs(pairs, folder)
    with place.Folder() as folder:
        execs(pairs, folder)


if __name__ == "__main__":
    main()
