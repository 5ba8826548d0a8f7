"""The other Debian release: commands in the root that `tools/dev on` makes of it."""

import re
import subprocess

from . import place


def own_release():
    with open("/etc/os-release") as file:
        return re.search(r"^VERSION_CODENAME=(\w+)", file.read(), re.M)[1]


OTHER = {"bookworm": "13", "trixie": "12"}[own_release()]


def run_on(*command, release=OTHER, offline=False, timeout=2400):
    """The command's exit code and its output, both streams in one. Other tests run here meanwhile."""
    words = [place.source / "tools/dev", "on", release, *(["--offline"] if offline else []), "--",
             "env", "NACRE_LEAK_SCOPE=own", *command]
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, text=True, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout[-8000:])
    return done.returncode, done.stdout


def on(*command, **how):
    code, out = run_on(*command, **how)
    assert code == 0, f"{' '.join(command)} on Debian {how.get('release', OTHER)}: exit code {code}"
    return out
