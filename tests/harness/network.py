"""A network namespace as an engine makes it: one veth into it, addresses at both ends, routes through the host's."""

import ctypes
import ipaddress
import itertools
import json
import random
import re
import socket
import struct
import subprocess
import threading

from . import place

# Of the subnets; that with 0 has another spelling. Each run of the tests has a block of its own: several share the host.
_numbers = itertools.count(1)
_block = random.randrange(270) * 60


def _next_number():
    return _block + (next(_numbers) % 60 or 60)


def ip(*words, netns=None):
    command = ["ip", *(["-n", netns] if netns else []), *[str(word) for word in words]]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, f"{' '.join(command)}: {answer.stderr}"
    return answer.stdout


def within(netns, call):
    """What `call` returns when it runs in the namespace of that path: a socket stays where it was made. A thread is in
    the namespace of its own choice."""
    result = []

    def run():
        with open(netns, "rb") as namespace:
            assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) == 0, "setns failed"
        try:
            result.append((call(), None))
        except Exception as failure:  # the caller's
            result.append((None, failure))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, failure = result[0]
    if failure:
        raise failure
    return value


class Cable:
    """A veth into a namespace, with a /30 and a /64 of its own; unplugged at the end. `up` and addresses are given
    by connect(), so that a test can watch what lies between."""

    def __init__(self, netns, link, mtu=1500, mac=None):
        number = _next_number()
        self.netns, self.link, self.mtu = netns, link, mtu
        self.peer = f"{place.mark[-8:]}v{number}"
        # 198.18.0.0/15 is for test set-ups (RFC 2544), fd00::/8 for private ones.
        four = ipaddress.ip_network(("198.18.0.0", 16))
        self.gateway = str(four[number * 4 + 1])
        self.address = str(four[number * 4 + 2])
        self.gateway6, self.address6 = f"fd00:0:0:{number:x}::1", f"fd00:0:0:{number:x}::2"
        self._mac = ["address", mac] if mac else []

    def __enter__(self):
        ip("link", "add", self.peer, "mtu", self.mtu, "type", "veth",
           "peer", "name", self.link, "mtu", self.mtu, *self._mac, "netns", self.netns)
        ip("address", "add", f"{self.gateway}/30", "dev", self.peer)
        ip("address", "add", f"{self.gateway6}/64", "dev", self.peer, "nodad")
        ip("link", "set", self.peer, "up")
        return self

    def connect(self):
        """In the order in which Docker does it: addresses, then up."""
        ip("address", "add", f"{self.address}/30", "dev", self.link, netns=self.netns)
        ip("address", "add", f"{self.address6}/64", "dev", self.link, "nodad", netns=self.netns)
        ip("link", "set", self.link, "up", netns=self.netns)
        # The host asks no longer than 3 s who has an address, and a ping may wait longer.
        for address in (self.address, self.address6):
            ip("neighbor", "replace", address, "lladdr", self.mac, "dev", self.peer, "nud", "permanent")
        return self

    def unplug(self):
        ip("link", "delete", self.peer)

    def __exit__(self, *failure):
        subprocess.run(["ip", "link", "delete", self.peer], capture_output=True)

    @property
    def mac(self):
        return json.loads(ip("-j", "link", "show", self.link, netns=self.netns))[0]["address"]


SILENT = ("table inet silent { chain in { type filter hook input priority 0; icmp type echo-request drop; "
          "icmpv6 type echo-request drop; }; }")


class EmptyNetNs:
    """`with EmptyNetNs() as ns:` makes a named namespace with nothing but its loopback. Its own stack leaves pings
    without an answer, so that they wait until the guest has the link."""

    def __init__(self):
        self.name = place.fresh_name("n")
        self.path = f"/run/netns/{self.name}"

    def __enter__(self):
        ip("netns", "add", self.name)
        ip("link", "set", "lo", "up", netns=self.name)
        subprocess.run(["nsenter", f"--net={self.path}", "nft", SILENT], check=True)
        return self

    def __exit__(self, *failure):
        ip("netns", "delete", self.name)

    def links(self):
        return [link["ifname"] for link in json.loads(ip("-j", "link", netns=self.name))]


class LinkMonitor:
    """`with LinkMonitor(path of a network namespace) as monitor:` hears of every link that goes from then on."""

    def __init__(self, netns):
        self._netns = netns

    def __enter__(self):
        self._socket = within(self._netns, self._open)
        self._socket.settimeout(120)
        return self

    @staticmethod
    def _open():
        monitor = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        monitor.bind((0, 1))  # RTMGRP_LINK
        return monitor

    def wait_deleted(self, word):
        """Until a link has gone whose name holds `word`."""
        while True:
            data = self._socket.recv(1 << 16)
            kind = struct.unpack_from("IH", data)[1]
            if kind == 17 and word.encode() in data:  # RTM_DELLINK
                return

    def __exit__(self, *failure):
        self._socket.close()


class NetNs:
    """`with NetNs() as ns:` makes a named namespace with one veth, and takes all of it away."""

    def __init__(self, mtu=1500, link="eth0", ipv6=True):
        number = _next_number()
        self.name = place.fresh_name("n")
        self.path = f"/run/netns/{self.name}"
        self.link, self.mtu, self.ipv6 = link, mtu, ipv6
        self.peer = f"{place.mark[-8:]}v{number}"
        # 198.18.0.0/15 is for test set-ups (RFC 2544), fd00::/8 for private ones.
        four = ipaddress.ip_network(("198.18.0.0", 16))
        self.gateway = str(four[number * 4 + 1])
        self.address = str(four[number * 4 + 2])
        self.gateway6, self.address6 = f"fd00:0:0:{number:x}::1", f"fd00:0:0:{number:x}::2"

    def __enter__(self):
        ip("netns", "add", self.name)
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        ip("link", "add", self.peer, "mtu", self.mtu, "type", "veth",
           "peer", "name", self.link, "mtu", self.mtu, "netns", self.name)
        ip("address", "add", f"{self.gateway}/30", "dev", self.peer)
        if self.ipv6:
            ip("address", "add", f"{self.gateway6}/64", "dev", self.peer, "nodad")
        ip("link", "set", self.peer, "up")
        ip("link", "set", "lo", "up", netns=self.name)
        ip("address", "add", f"{self.address}/30", "dev", self.link, netns=self.name)
        if self.ipv6:
            ip("address", "add", f"{self.address6}/64", "dev", self.link, "nodad", netns=self.name)
        ip("link", "set", self.link, "up", netns=self.name)
        ip("route", "add", "default", "via", self.gateway, netns=self.name)
        if self.ipv6:
            ip("route", "add", "default", "via", self.gateway6, netns=self.name)

    def __exit__(self, *failure):
        subprocess.run(["ip", "link", "delete", self.peer], capture_output=True)
        ip("netns", "delete", self.name)

    @property
    def mac(self):
        return json.loads(ip("-j", "link", "show", self.link, netns=self.name))[0]["address"]

    def links(self):
        return [link["ifname"] for link in json.loads(ip("-j", "link", netns=self.name))]

    def state(self):
        """All that a network plugin could have changed, a line each."""
        commands = ["ip -d -o link", "ip -o address", "ip route show table all", "ip -6 route show table all",
                    "ip neighbor show nud permanent", "tc qdisc", f"tc filter show dev {self.link} ingress",
                    f"sysctl -a --pattern conf.(all|{self.link})"]
        lines = []
        for command in commands:
            words = ["nsenter", f"--net={self.path}", *command.split()]
            lines += subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
        # The kernel's own addresses, and what it knows of the other end, come when the link has been up for a while.
        return [re.sub(r",LOWER_UP|NO-CARRIER,| state \w+", "", line) for line in lines if "fe80::" not in line]
