"""Terminals: the far end of --console-socket, and a terminal of the test's own for `nacre run -t`."""

import array
import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import time

from . import place


class Terminal:
    """A pty master. Owns it."""

    def __init__(self, master):
        self.master = master
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def read_until(self, text, timeout=60):
        """All output up to and with `text`; what follows stays for the next call."""
        wanted = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + timeout
        while wanted not in self.seen:
            if not self._more(deadline):
                raise AssertionError(f"{wanted!r} has not come; seen: {self.seen!r}")
        end = self.seen.index(wanted) + len(wanted)
        output, self.seen = self.seen[:end], self.seen[end:]
        return output.decode(errors="replace")

    def read_to_end(self, timeout=60):
        """Output until the other side has closed the terminal."""
        deadline = time.monotonic() + timeout
        while self._more(deadline):
            pass
        if time.monotonic() >= deadline:
            raise AssertionError(f"the terminal was not closed; seen: {self.seen!r}")
        output, self.seen = self.seen, b""
        return output.decode(errors="replace")

    def _more(self, deadline):
        ready = select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]
        if not ready:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # EIO: the last slave was closed
            return False
        self.seen += piece
        return bool(piece)


class ConsoleSocket:
    """What an engine listens on for --console-socket."""

    def __enter__(self):
        self._folder = place.Folder("c")
        self.path = self._folder.__enter__() / "console"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        return self

    def __exit__(self, *failure):
        self._listener.close()
        self._folder.__exit__()

    def accept(self, timeout=120):
        """The Terminal that the runtime sent."""
        self._listener.settimeout(timeout)
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(timeout)
            room = array.array("i")
            _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(8 * room.itemsize), socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                room.frombytes(data[: len(data) - len(data) % room.itemsize])
        assert len(room) == 1, f"{len(room)} descriptors came over the console socket"
        return Terminal(room[0])


def start_on_terminal(command, rows=24, columns=80, **options):
    """Starts a command whose terminal the test holds. Returns (Popen, Terminal)."""
    master, slave = pty.openpty()
    terminal = Terminal(master)
    os.set_inheritable(master, False)
    terminal.resize(rows, columns)

    def take_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen([str(word) for word in command], stdin=slave, stdout=slave, stderr=slave,
                               preexec_fn=take_terminal, **options)
    os.close(slave)
    return process, terminal
