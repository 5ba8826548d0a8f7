"""The engines of Debian's unstable suite (Docker 28, containerd 2.1, Podman 5.8 when this was written), put into a root
of Debian 13: what changes in them meets nacre here before it is in a release."""

import pytest
from harness.release import on, run_on

# Of each engine what differs between its versions: how the runtime is started and told of, mounts, networks.
TESTS = r"^engines\.(containerd|ctr_protocol|docker_network|podman)$"
CANNOT_BE_FETCHED = 3  # exit code of tools/dev.d/sid-engines


def test_the_engines_of_the_unstable_suite_run_containers():
    on("tools/dev", "build", release="13")
    code, out = run_on("tools/dev.d/sid-engines", "-R", TESTS, release="13")
    if code == CANNOT_BE_FETCHED:
        pytest.skip("Debian's unstable suite cannot be fetched: " + out.strip().rsplit("\n", 1)[-1])
    assert code == 0, f"exit code {code}"
