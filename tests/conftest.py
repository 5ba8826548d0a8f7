"""Fixtures of all tests in Python, and the leak check around each of them."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import reaper  # noqa: E402

reaper.become_child()

import pytest  # noqa: E402

from harness import leaks  # noqa: E402
from harness.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture(scope="module", autouse=True)
def nothing_left_by_module(request):
    """Around the fixtures that a module's tests share: an engine, a bundle."""
    yield from _checked(request)


@pytest.fixture(autouse=True)
def nothing_left_by_test(request, nothing_left_by_module):
    yield from _checked(request)


def _checked(request):
    if request.node.get_closest_marker("no_leak_check"):
        yield
        return
    before = leaks.snapshot()
    yield
    left = leaks.settle(before)
    if left:
        pytest.fail("the machine is not as it was before:\n  " + "\n  ".join(left), pytrace=False)


def pytest_configure(config):
    config.addinivalue_line("markers", "no_leak_check: starts nothing, so that nothing can be left")


def pytest_runtest_logreport(report):
    """Every skip goes with its reason into the list that `tools/dev test` prints before the summary."""
    skips = os.environ.get("NACRE_SKIPS")
    if report.skipped and skips and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        with open(skips, "a") as file:
            file.write(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}\n")


def pytest_sessionfinish(session, exitstatus):
    """All tests skipped: 77, which ctest counts as a skip."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    stats = terminal.stats if terminal else {}
    if exitstatus == 0 and stats.get("skipped") and not stats.get("passed"):
        session.exitstatus = 77
