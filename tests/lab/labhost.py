"""For tests: one shell command on a lab host."""

import os
import threading

from harness.runtime import Answer
from lab import LabError, LabHost


# QEMU's emulation of SVM now and then leaves a CPU of the lab host inside its guest, deaf to interrupts; more rarely it
# resets the lab host. Neither is an answer about what was run: the host is booted again.
BOOTS = 3


def lab(script, argv=None, **options):
    """Runs a shell script (or argv) on a lab host made with `options`; returns its Answer."""
    command = argv or ["bash", "-c", script]
    for boot in range(1, BOOTS + 1):
        try:
            return _run(command, **options)
        except LabError as error:
            if not options.get("kvm_nested") or boot == BOOTS:
                raise
            print(f"the emulated SVM failed; boot {boot + 1} of {BOOTS}\n{error}")


def _run(command, timeout=240, env=None, **options):
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
