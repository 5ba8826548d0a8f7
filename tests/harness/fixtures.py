"""pytest fixtures; tests/conftest.py offers them to every test."""

import pytest

from . import place
from .console import ConsoleSocket
from .network import NetNs
from .runtime import Nacre

__all__ = ["folder", "nacre", "netns", "console_socket"]


@pytest.fixture
def folder():
    """An empty folder with a short path (sockets are made in it)."""
    with place.Folder() as path:
        yield path


@pytest.fixture
def nacre(folder):
    """The installed nacre with an empty state root; a test that leaves a container fails."""
    if not place.nacre.exists():
        pytest.fail(f"{place.nacre} is missing; run tools/dev build", pytrace=False)
    runtime = Nacre(folder)
    yield runtime
    left = runtime.close()
    if left:
        pytest.fail("\n".join(left), pytrace=False)


@pytest.fixture
def netns():
    """A network namespace with one veth."""
    with NetNs() as namespace:
        yield namespace


@pytest.fixture
def console_socket():
    with ConsoleSocket() as socket:
        yield socket
