import pytest
from fake_container import FakeContainers


@pytest.fixture
def containers(nacre):
    fakes = FakeContainers(nacre)
    yield fakes
    fakes.close()
