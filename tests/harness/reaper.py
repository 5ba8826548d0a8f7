"""A parent for everything that the tests orphan.

The holder of a container outlives the `nacre create` that made it, as does the sandbox process; an engine would be
their subreaper. `become_child()` forks: the parent turns subreaper, reaps at once and reports every exit; the child
goes on as the test process. The machine's own pid 1 plays no part (in a container it may not reap at all).
"""

import ctypes
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)
_record = struct.Struct("=ii")


class ExitRecords:
    """The exit codes of orphans, as the kernel tells them: 0 to 255, or 128 + n for signal n."""

    def __init__(self, channel):
        self._codes = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._receive, args=(channel,), daemon=True).start()

    def _receive(self, channel):
        while True:
            packet = channel.recv(_record.size)
            if not packet:
                return
            pid, code = _record.unpack(packet)
            with self._changed:
                self._codes[pid] = code
                self._changed.notify_all()

    def wait(self, pid, timeout=60):
        """The exit code of an orphan; waits until it has ended. Each can be asked for once."""
        with self._changed:
            if not self._changed.wait_for(lambda: pid in self._codes, timeout):
                raise TimeoutError(f"process {pid} has not ended after {timeout} s")
            return self._codes.pop(pid)

    def forget(self, pid):
        """Before a pid can be taken anew."""
        with self._changed:
            self._codes.pop(pid, None)


exits = None  # ExitRecords, once become_child() has run


def code_of(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def become_child():
    """Puts a subreaper above this process. Call once, before threads exist."""
    global exits
    if exits is not None:
        return
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "become a subreaper")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        ours.close()
        theirs.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: os.kill(child, number))
        os._exit(_reap_until(child, theirs))
    theirs.close()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    exits = ExitRecords(ours)


def _reap_until(child, channel):
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            channel.close()
            _kill_the_rest()
            return code_of(status)
        try:
            channel.send(_record.pack(pid, code_of(status)))
        except BlockingIOError:
            pass  # nobody has asked for a very long time


def _kill_the_rest():
    """What a failed test left running would disturb the next one."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for pid in children(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children(pid):
    """Of all its threads: the kernel lists them apart, and a sandbox process spawns from a thread of its own."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:
            pass  # the thread has ended meanwhile
    return found


def wait_gone(pid, timeout=5):
    """Waits for the end of any process; true when it has gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)
