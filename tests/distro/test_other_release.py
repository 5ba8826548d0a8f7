"""The other Debian release, from nothing: `tools/dev on` makes a root with mmdebstrap, where the user's two commands
then do what the README says. What the two releases differ in is compiler, libraries, QEMU, crun, kernel and engines, so
this runs one test of each of these and not every test again; `tools/dev on 13 -- tools/dev test` does."""

import re
import subprocess

import pytest
from harness import place
from harness.release import OTHER, on

# Output and exit codes, network, seccomp, sysctls, cgroups and attacks through this QEMU, virtiofsd, kernel and crun; and its engines, all but
# like_runc and docker_daemon, which take five minutes each.
TESTS = (r"^(vm\.(guest_settings|hostile_guest|life|microvm|network|seccomp|shares)"
         r"|engines\.(containerd|cri|ctr_protocol|ctr_verbs|docker|docker_life|docker_live|docker_network|docker_shim|docker_swarm|podman|podman_pods|runc))$")


def test_the_demo_shows_a_guest_with_the_kernel_of_that_release():
    out = on("tools/dev", "demo")
    greeting = re.search(r"^Hello from demo, kernel (\S+), as root", out, re.M)
    assert greeting, "the container said nothing"
    kernel = {"12": "6.1.", "13": "6.12."}[OTHER]
    assert greeting[1].startswith(kernel)


# Without the world, so that a test that fetches something fails, and links of ours meet nobody's.
def test_the_parts_and_the_plugins_hold():
    # What one compiler makes of the other's plugins is the same question on both releases, and takes minutes.
    on("tools/dev", "test", "-L", "^(unit|plugins)$", "-E", "^plugins.compilers$", offline=True)


def test_containers_run():
    on("tools/dev", "test", "-R", TESTS, offline=True)


@pytest.mark.parametrize("way_out", ["exit 7", "kill -9 $$"])
def test_what_a_command_changes_there_is_gone_and_nobody_is_left(way_out):
    """The root is as it was made at each start, and the exit code is the command's."""
    words = [str(place.source / "tools/dev"), "on", OTHER, "--", "sh", "-c",
             f"test ! -e /etc/seen || exit 9; touch /etc/seen; sleep 1000 & {way_out}"]
    for _ in range(2):
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == (7 if "7" in way_out else 137), done.stderr
