"""Programs with descriptors 3, 4, ... of the test's choice: what a caller of --preserve-fds passes."""

import contextlib
import fcntl
import os
import socket

_ABOVE = 40  # of all targets


class Descriptors:
    """The ends that a program is to have, from 3 on; closed here by close(), or with the block."""

    def __init__(self, *ends):
        self.numbers = []
        for end in ends:
            number = end if isinstance(end, int) else end.fileno()
            self.numbers.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _ABOVE))
            os.close(number) if isinstance(end, int) else end.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    def close(self):
        for number in self.numbers:
            os.close(number)
        self.numbers = []

    def wrap(self, command, variables=""):
        """The command under a shell that puts the descriptors in place and closes where they came from."""
        moves = " ".join(f"{3 + place}<&{number} {number}<&-" for place, number in enumerate(self.numbers))
        return ["bash", "-c", f'{variables} exec "$@" {moves}', "bash", *command]

    @property
    def options(self):
        return {"pass_fds": self.numbers}


class Pipe:
    def __init__(self):
        self.reader, self.writer = (os.fdopen(end, mode, buffering=0)
                                    for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        with contextlib.suppress(OSError):
            self.reader.close()
        with contextlib.suppress(OSError):
            self.writer.close()


def socket_pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def read_to_end(stream):
    """All that comes out of a raw file or a socket until its end."""
    read = stream.recv if isinstance(stream, socket.socket) else stream.read
    parts = []
    while part := read(1 << 20):
        parts.append(part)
    return b"".join(parts)
