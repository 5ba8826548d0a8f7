#!/usr/bin/python3
"""Inside a lab host with a disk at /mnt/disk: a container over each storage plugin that is named writes there, syncs,
and says so; the lab host then ends."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness.runtime import Nacre  # noqa: E402

SCRIPT = """read go
i=0; while [ $i -lt 1000 ]; do echo every byte; i=$((i + 1)); done > /disk/synced
sync /disk/synced /disk
echo synced
read go
echo late > /disk/later
echo written
sleep 1000"""


def main():
    word, *storages = sys.argv[1:]
    with place.Folder() as folder:
        nacre, waiting = Nacre(folder), []
        reader, out = os.pipe()
        for storage in storages:
            nacre.configure({"runtime.storage": [storage]})
            bundle = nacre.bundle(SCRIPT)
            os.mkdir(f"/mnt/disk/{storage}")
            bundle.spec["mounts"].append({"destination": "/disk", "type": "bind", "source": f"/mnt/disk/{storage}", "options": ["rbind"]})
            stdin, go = os.pipe()
            waiting.append(go)
            nacre.create(bundle.write(), stdin=stdin, stdout=out).start()
        with open(reader) as lines:
            for answer in ("synced", "written"):  # first all of them sync, since that may write what others have left
                for go in waiting:
                    os.write(go, b"\n")
                for _ in storages:
                    assert lines.readline().strip() == answer
        print(word, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
