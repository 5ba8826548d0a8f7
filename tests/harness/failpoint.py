"""Stops a process at a named phase (core/base/failpoint.hpp): wait() returns its pid, release() lets it go on."""

import socket

from . import place


class Paused:
    def __init__(self, connection, name, pid):
        self.connection, self.name, self.pid = connection, name, pid

    def release(self):
        try:
            self.connection.send(b"\n", socket.MSG_NOSIGNAL)
        except OSError:
            pass  # it was killed meanwhile
        self.connection.close()


class Failpoint:
    def __init__(self, *names):
        self.names = names
        self._paused = []

    def __enter__(self):
        self._folder = place.Folder("f")
        self.path = self._folder.__enter__() / "s"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(16)
        return self

    def __exit__(self, *failure):
        for paused in self._paused:
            paused.connection.close()
        self._listener.close()
        self._folder.__exit__()

    @property
    def variable(self):
        """The value of NACRE_FAILPOINT for the process."""
        return ";".join(f"{name}=pause:{self.path}" for name in self.names)

    def wait(self, timeout=120):
        """The next process that stops at one of the names."""
        self._listener.settimeout(timeout)
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            raise TimeoutError(f"nothing has reached the failpoint {' or '.join(self.names)}") from None
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(256)
            if not piece:
                raise EOFError(f"the process at a failpoint ended in the middle of {line!r}")
            line += piece
        name, pid = line.split()
        paused = Paused(connection, name.decode(), int(pid))
        self._paused.append(paused)
        return paused

    def release(self):
        """Lets the process go that the last wait() returned."""
        self._paused.pop().release()
