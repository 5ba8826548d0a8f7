#!/usr/bin/python3
"""The leak check around everything that one ctest runs: `before FILE` notes how the machine is, `after FILE` compares.

With NACRE_LEAK_SCOPE=own in the environment of ctest nothing is compared: others work on the machine meanwhile."""

import pickle
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import leaks  # noqa: E402


def main():
    when, file = sys.argv[1], Path(sys.argv[2])
    if leaks.own_scope:
        return
    if when == "before":
        file.write_bytes(pickle.dumps(leaks.snapshot()))
        return
    left = leaks.settle(pickle.loads(file.read_bytes()))
    if left:
        sys.exit("the machine is not as it was before the tests (one test alone, by `tools/dev test -R`, shows whose it is):\n  "
                 + "\n  ".join(left))


if __name__ == "__main__":
    main()
