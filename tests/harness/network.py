"""A network namespace as an engine makes it: one veth into it, addresses at both ends, routes through the host's."""

import ipaddress
import itertools
import json
import subprocess

from . import place

_numbers = itertools.count(1)  # the subnet with 0 has another spelling


def ip(*words, netns=None):
    command = ["ip", *(["-n", netns] if netns else []), *[str(word) for word in words]]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, f"{' '.join(command)}: {answer.stderr}"
    return answer.stdout


class NetNs:
    """`with NetNs() as ns:` makes a named namespace with one veth, and takes all of it away."""

    def __init__(self, mtu=1500, link="eth0", ipv6=True):
        number = next(_numbers) % 60 or 60
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
