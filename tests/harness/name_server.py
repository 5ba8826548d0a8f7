"""A name server that knows every name, in a network namespace: `with NameServer(path, address, answer) as server`."""

import socket
import struct
import threading

from .network import within


class NameServer:
    """Answers questions for an IPv4 address (type A) with `answer`, others with no record; `asked` are the names."""

    def __init__(self, netns, address, answer):
        self._netns, self._address, self._answer = netns, address, answer
        self.asked = []

    def __enter__(self):
        self._socket = within(self._netns, self._open)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def _open(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((self._address, 53))
        return server

    def _serve(self):
        while True:
            question, peer = self._socket.recvfrom(4096)
            if not question:
                return
            end = question.index(b"\0", 12) + 5
            kind = struct.unpack_from("!H", question, end - 4)[0]
            self.asked.append(self._name(question[12:end - 5]))
            records = [self._answer] if kind == 1 else []
            header = question[:2] + struct.pack("!5H", 0x8180, 1, len(records), 0, 0)
            body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(record) for record in records)
            self._socket.sendto(header + question[12:end] + body, peer)

    @staticmethod
    def _name(labels):
        parts = []
        while labels:
            parts.append(labels[1:1 + labels[0]].decode())
            labels = labels[1 + labels[0]:]
        return ".".join(parts)

    def __exit__(self, *failure):
        def stop():  # an empty datagram, from the same namespace
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                own.sendto(b"", (self._address, 53))

        within(self._netns, stop)
        self._thread.join()
        self._socket.close()
