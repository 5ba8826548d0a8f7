#!/usr/bin/python3
"""Inside a lab host with a slow disk at /mnt/disk: two containers read from it, with weights; then one alone, throttled.
Prints what it saw as JSON; test_block_io.py says what that must be."""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402

READ = "for i in 0 1 2 3; do while :; do cat /disk/$i > /dev/null; done & done; wait"
SECONDS = 12


def start(nacre, name, weight):
    bundle = nacre.bundle("read go; " + READ)
    bundle.spec["mounts"].append({"destination": "/disk", "type": "bind", "source": f"/mnt/disk/{name}", "options": ["rbind"]})
    bundle.spec["linux"]["resources"]["blockIO"] = {"weight": weight}
    bundle.spec["linux"]["cgroupsPath"] = f"/nacre-test/{name}"
    stdin, go = os.pipe()
    container = nacre.create(bundle.write(), stdin=stdin).start()
    os.close(stdin)
    return container, go


def cgroup(name):
    return Path(f"/sys/fs/cgroup/nacre-test/{name}")


def bytes_read(name):
    device = os.stat("/dev/vda").st_rdev
    for line in (cgroup(name) / "io.stat").read_text().splitlines():
        number, *words = line.split()
        if number == f"{os.major(device)}:{os.minor(device)}":
            return int(dict(word.split("=") for word in words)["rbytes"])
    return 0


def read_meanwhile(names):
    """Bytes of each in a while, and how long that was, counted from where all have begun to read."""
    for name in names:
        first = bytes_read(name)
        while bytes_read(name) == first:
            time.sleep(0.1)
    began, before = time.monotonic(), [bytes_read(name) for name in names]
    time.sleep(SECONDS)
    after = [bytes_read(name) for name in names]
    return [late - early for early, late in zip(before, after)], time.monotonic() - began


def main():
    seen = {}
    device = os.stat("/dev/vda").st_rdev
    with place.Folder() as folder:
        nacre = Nacre(folder)
        light, go_light = start(nacre, "light", 100)
        heavy, go_heavy = start(nacre, "heavy", 1000)
        for go in (go_light, go_heavy):
            os.write(go, b"\n")
        counts, _ = read_meanwhile(["light", "heavy"])
        for name, count in zip(("light", "heavy"), counts):
            seen[name] = {"bytes": count, "io.bfq.weight": (cgroup(name) / "io.bfq.weight").read_text().splitlines()[0]}
        light.delete(force=True).ok()
        limit = {"blockIO": {"throttleReadBpsDevice": [{"major": os.major(device), "minor": os.minor(device), "rate": 524288}]}}
        nacre("update", "-r", "-", heavy.id, input=json.dumps(limit).encode()).ok()
        [count], seconds = read_meanwhile(["heavy"])
        seen["throttled"] = {"rate": count / seconds, "io.max": (cgroup("heavy") / "io.max").read_text()}
        heavy.delete(force=True).ok()
        seen["left"] = nacre.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
