"""Waiting for what tells nobody when it happens."""

import time


def wait_until(condition, what, timeout=60):
    """What `condition` returns as soon as that is true."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {timeout} s for {what}"
        time.sleep(0.05)
    return value
