"""Fixtures of the tests on a real virtual machine."""

import pytest
from harness import place
from harness.runtime import Nacre


@pytest.fixture(scope="module")
def module_nacre(nothing_left_by_module):
    with place.Folder() as folder:
        runtime = Nacre(folder)
        yield runtime
        left = runtime.close()
    if left:
        pytest.fail("\n".join(left), pytrace=False)


@pytest.fixture(scope="module")
def box(module_nacre):
    """One running container for the tests of a module that only look or exec: a start costs seconds."""
    container = module_nacre.create(module_nacre.bundle("trap 'exit 0' TERM; sleep 100000 & wait"))
    container.start()
    yield container
    container.delete(force=True).ok()


@pytest.fixture(scope="module", params=["9p", "virtio-fs"])
def storage(request, module_nacre):
    """Each plugin that shares folders."""
    module_nacre.configure({"runtime.storage": [request.param]})
    return request.param


@pytest.fixture(scope="module")
def data(module_nacre, storage):
    """A folder for the module's containers to mount."""
    folder = module_nacre.folder / f"data-{storage}"
    folder.mkdir()
    return folder
