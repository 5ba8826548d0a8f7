"""Engines that a module's tests share: each takes seconds to start."""

import pytest
from harness.engines import Containerd, Docker, Podman


@pytest.fixture(scope="module")
def docker(nothing_left_by_module):
    with Docker() as engine:
        yield engine


@pytest.fixture(scope="module")
def ctr(nothing_left_by_module):
    with Containerd() as engine:
        yield engine


@pytest.fixture(scope="module")
def podman(nothing_left_by_module):
    with Podman() as engine:
        yield engine
