"""For tests: one shell command on a lab host."""

import os
import threading

from harness.runtime import Answer
from lab import LabHost


def lab(script, argv=None, timeout=240, env=None, **options):
    """Runs a shell script (or argv) on a lab host made with `options`; returns its Answer."""
    command = argv or ["bash", "-c", script]
    outputs, threads, ends = {}, [], []
    for name in ("out", "err"):
        reader, writer = os.pipe()
        ends.append(writer)
        thread = threading.Thread(target=_read_all, args=(reader, name, outputs))
        thread.start()
        threads.append(thread)
    try:
        code = LabHost(timeout=timeout, **options).run(command, *ends, cwd="/", env=env)
    finally:
        for writer in ends:
            os.close(writer)
        for thread in threads:
            thread.join()
    return Answer(command, code, outputs["out"], outputs["err"])


def _read_all(reader, name, outputs):
    with open(reader, "rb") as stream:
        outputs[name] = stream.read().decode(errors="replace")
