"""Where things are, and the mark that everything carries that this run of the tests makes."""

import itertools
import os
import random
import shutil
import tempfile
from pathlib import Path

source = Path(__file__).resolve().parents[2]
stage = Path(os.environ.get("NACRE_STAGE") or source / "build/stage")
build = Path(os.environ.get("NACRE_BUILD_DIR") or source / "build/dev")

# In names of containers, links, namespaces, cgroups and folders; short, since a link's name has 15 characters.
# By chance and not by pid: tests in another pid namespace share folders, cgroups and links with these.
mark = "nt" + "".join(random.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=6))
_numbers = itertools.count(1)

nacre = stage / "bin/nacre"
shim = stage / "bin/containerd-shim-nacre-v2"


def fresh_name(what=""):
    return f"{mark}-{next(_numbers)}{what}"


class Folder:
    """A folder that goes with its `with` block; its path is short enough for sockets."""

    def __init__(self, what=""):
        self.path = Path(tempfile.mkdtemp(prefix=f"{mark}{what}-", dir="/tmp"))

    def __enter__(self):
        return self.path

    def __exit__(self, *failure):
        shutil.rmtree(self.path)
