"""Docker's networks: names, ports, links, and networks that come and go while a container runs."""

import json
import re
import subprocess

import pytest
from harness.docker_network import NetworkedDocker
from harness.name_server import NameServer
from harness.network import LinkMonitor

ASK = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 20 {} 80 | tail -n 1"
SERVE = "echo 'from %s' > /tmp/index.html; httpd -p 80 -h /tmp"


@pytest.fixture(scope="module")
def docker(nothing_left_by_module):
    with NetworkedDocker() as engine:
        # What Docker keeps from its first container on: a name for the host's namespace.
        engine("run", "--rm", "--network", "host", "localhost/busybox:test", "true").ok()
        yield engine


def fetch(docker, name, host):
    """What the web server at a name or address answers; the resolver of the container's C library is asked."""
    return docker("exec", name, "sh", "-c", ASK.format(host))


@pytest.mark.parametrize("peers", ["nacre", "runc"])
def test_containers_of_a_network_find_each_other_by_name(docker, peers):
    with docker.network() as network, \
            docker.ready(SERVE % "one", "--network", network, "--network-alias", "first") as one, \
            docker.ready(SERVE % "two", "--network", network, runtime=peers) as two:
        assert "nameserver 127.0.0.11" in docker("exec", one, "cat", "/etc/resolv.conf").ok().out
        assert fetch(docker, one, two).ok().out == "from two\n"
        assert fetch(docker, two, one).ok().out == "from one\n"
        assert fetch(docker, two, "first").ok().out == "from one\n"
        docker("exec", one, "ping", "-c", "1", "-W", "20", two).ok()
        found = docker("exec", one, "nslookup", two, "127.0.0.11").out
        assert docker.address(two, network) in found, found
        assert docker("exec", one, "nslookup", "no-such-name.invalid", "127.0.0.11").code != 0


def test_outside_names_come_from_a_server_on_the_network(docker):
    """Docker's resolver asks it from within the container's namespace, whose frames the guest gets."""
    server = "198.19.200.1"  # dockerd's own namespace on the default bridge
    with docker.network() as network, NameServer(docker.netns.path, server, "203.0.113.7") as names, \
            docker.ready("true", "--network", network, "--dns", server) as box:
        for name in ("one.example", "two.example"):
            found = docker("exec", box, "nslookup", name, "127.0.0.11").ok().out
            assert "203.0.113.7" in found, found
            assert name in names.asked


def test_networks_are_connected_and_disconnected_while_it_runs(docker):
    with docker.network() as network, \
            docker.ready(SERVE % "peer", "--network", network) as peer, \
            docker.ready(SERVE % "box") as box:
        assert docker("exec", box, "ls", "/sys/class/net").ok().out.split() == ["eth0", "lo"]
        docker.silence(box)
        with LinkMonitor(f"/proc/{docker.holder(box)}/ns/net") as monitor:
            for _ in range(2):
                docker("network", "connect", network, box).ok()
                address = docker.address(box, network)
                assert docker.inside("ping", "-c", "1", "-w", "60", address).returncode == 0
                assert f"inet {address}/" in docker("exec", box, "ip", "addr").ok().out
                # Names came with the first network that has them.
                assert fetch(docker, box, peer).ok().out == "from peer\n"
                assert fetch(docker, peer, box).ok().out == "from box\n"
                docker("exec", box, "ping", "-c", "1", "-W", "20", peer).ok()
                docker("network", "disconnect", network, box).ok()
                monitor.wait_deleted("tap")
                assert docker("exec", box, "ls", "/sys/class/net").ok().out.split() == ["eth0", "lo"]
        assert docker.inside("ping", "-c", "1", "-w", "60", docker.address(box)).returncode == 0


def test_a_port_is_published(docker):
    with docker.ready(SERVE % "box", "--publish", "8088:80") as name:
        got = docker.inside("socat", "-", "TCP:198.19.200.1:8088,connect-timeout=20", input="GET / HTTP/1.0\r\n\r\n")
        assert got.stdout.endswith("from box\n"), got
        assert docker("port", name).ok().out.startswith("80/tcp -> ")


def test_the_default_bridge_and_link(docker):
    with docker.ready(SERVE % "one") as one, docker.ready(SERVE % "two", "--link", f"{one}:uno") as two:
        docker("exec", two, "ping", "-c", "1", "-W", "20", docker.address(one)).ok()
        docker("exec", one, "ping", "-c", "1", "-W", "20", docker.address(two)).ok()
        assert fetch(docker, two, "uno").ok().out == "from one\n"


def test_ipv6(docker):
    with docker.network("--ipv6", "--subnet", "fd00:5:6::/64") as network, \
            docker.ready(SERVE % "one", "--network", network) as one, \
            docker.ready(SERVE % "two", "--network", network) as two:
        address = docker.address(two, network, "GlobalIPv6Address")
        assert f"inet6 {address}/64" in docker("exec", two, "ip", "-6", "addr", "show", "eth0").ok().out
        docker("exec", one, "ping", "-6", "-c", "1", "-W", "20", address).ok()
        assert fetch(docker, one, address).ok().out == "from two\n"
        assert address in docker("exec", one, "nslookup", two, "127.0.0.11").ok().out
        assert docker.inside("ping", "-6", "-c", "1", "-W", "20", address).returncode == 0


def test_no_network(docker):
    with docker.ready("true", "--network", "none") as name:
        assert docker("exec", name, "ls", "/sys/class/net").ok().out.split() == ["lo"]
        docker("exec", name, "ping", "-c", "1", "-W", "20", "127.0.0.1").ok()


def test_network_sysctls_are_the_guest_s(docker):
    flags = ["--sysctl", "net.ipv4.ip_forward=0", "--sysctl", "net.core.somaxconn=777"]
    with docker.ready("true", *flags) as name:
        read = docker("exec", name, "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/core/somaxconn")
        assert read.ok().out.split() == ["0", "777"]


# What changes by itself: ages and counters.
UNSTEADY = re.compile(r'"(valid_life_time|preferred_life_time|used|confirmed|updated|refcnt|expires|bytes|packets|'
                      r'drops|overlimits|requeues|backlog|qlen|\w+_timer)":-?[\d.]+,?')


def network_state(path):
    """All that a runtime could change in a network namespace."""
    state = {}
    for what, command in {
        "links": "ip -j -d link", "addresses": "ip -j addr", "routes": "ip -j route show table all",
        "routes 6": "ip -6 -j route show table all", "rules": "ip -j rule", "neighbours": "ip -j neigh show nud permanent",
        "qdiscs": "tc -j qdisc", "nft": "nft -j list ruleset",
    }.items():
        done = subprocess.run(["nsenter", f"--net={path}", *command.split()], capture_output=True, text=True)
        assert done.returncode == 0, done
        state[what] = UNSTEADY.sub("", done.stdout)
    filters = "for link in $(ls /proc/self/net/dev_snmp6); do tc -j filter show dev $link ingress; done"
    state["filters"] = subprocess.run(["nsenter", f"--net={path}", "sh", "-c", filters], capture_output=True, text=True).stdout
    sysctls = subprocess.run(["nsenter", f"--net={path}", "sh", "-c", "grep -rs . /proc/sys/net --include=*"],
                             capture_output=True, text=True).stdout
    state["sysctls"] = {line for line in sysctls.splitlines()
                        if not re.search("nf_conntrack_count|/random|dirent|tcp_fastopen_key|stable_secret", line)}
    return state


def changes(before, after):
    return "\n".join(line for what in before if before[what] != after[what] for line in
                     [f"== {what}", f"before: {before[what]}", f"after: {after[what]}"])


def test_the_host_s_network_and_that_of_other_runtimes_are_refused_untouched(docker):
    with docker.ready(SERVE % "other", runtime="runc") as other:
        pid = docker.holder(other)
        places = [docker.netns.path, f"/proc/{pid}/ns/net"]
        before = [network_state(path) for path in places]
        for flag, words in (("host", "share the host's network"), (f"container:{other}", "share the network namespace")):
            done = docker("run", "--rm", "--runtime", "nacre", "--network", flag, "localhost/busybox:test", "true")
            assert done.code == 125, done
            assert words in done.err and "virtual machine" in done.err, done
            for path, was in zip(places, before):
                assert changes(was, network_state(path)) == ""
        # The check can fail: a container with a network of its own changes what is here.
        with docker.ready("true"):
            assert network_state(places[0]) != before[0]
        docker.inside("ping", "-c", "1", "-W", "20", docker.address(other)).check_returncode()


def test_compose(docker):
    folder = docker.folder / "compose"
    folder.mkdir()
    service = {"image": "localhost/busybox:test", "runtime": "nacre"}
    (folder / "docker-compose.yml").write_text(json.dumps({"version": "2.4", "services": {
        "web": {**service, "command": ["sh", "-c", f"{SERVE % 'web'}; exec sleep 10000"]},
        "client": {**service, "depends_on": ["web"], "command": ["sleep", "10000"]}}}))

    def compose(*words):
        command = ["/usr/bin/docker-compose", "--host", f"unix://{docker.docker_socket}", "--project-name", "nacretest",
                   "--project-directory", str(folder), "--file", str(folder / "docker-compose.yml"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=docker.environment())
        assert done.returncode == 0, done
        return done.stdout

    compose("up", "--detach")
    try:
        ready = compose("exec", "-T", "client", "sh", "-c", f"ping -c 1 -W 20 web >/dev/null; {ASK.format('web')}")
        assert ready == "from web\n"
        assert compose("exec", "-T", "web", "nslookup", "client", "127.0.0.11").count("Address") >= 2
    finally:
        compose("down")
