"""Docker's networks: names, ports, links, and networks that come and go while a container runs."""

import json
import subprocess

import pytest
from harness.docker_network import NetworkedDocker
from harness.name_server import NameServer
from harness.network import LinkMonitor
from harness.network_state import changes, network_state, settled_state
from harness.waiting import wait_until

ASK = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 20 {} 80 | tail -n 1"
SERVE = "echo 'from %s' > /tmp/index.html; httpd -p 80 -h /tmp"


class SharingDocker(NetworkedDocker):
    configurations = {"nacre-shared": {"runtime.network": ["tcfilter", "passt"]}}


@pytest.fixture(scope="module")
def docker(nothing_left_by_module):
    with SharingDocker() as engine:
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


def test_the_host_s_network_and_that_of_other_runtimes_are_refused_untouched(docker):
    with docker.ready(SERVE % "other", runtime="runc") as other:
        pid = docker.holder(other)
        places = [docker.netns.path, f"/proc/{pid}/ns/net"]
        before = [settled_state(path) for path in places]
        for flag, words in (("host", "share the host's network"), (f"container:{other}", "share the network namespace")):
            done = docker("run", "--rm", "--runtime", "nacre", "--network", flag, "localhost/busybox:test", "true")
            assert done.code == 125, done
            assert words in done.err and 'add "passt" to network' in done.err, done
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


def test_the_host_s_network_and_that_of_a_runc_container_are_shared_by_passt(docker):
    with docker.ready(SERVE % "other", runtime="runc") as other:
        places = [docker.netns.path, f"/proc/{docker.holder(other)}/ns/net"]
        before = [settled_state(path) for path in places]
        serve = "echo 'from box' > /tmp/index.html; httpd -p 8080 -h /tmp"
        outside = docker.address(other)
        with docker.ready(serve, "--network", "host", runtime="nacre-shared") as box:
            wait_until(lambda: "from box" in docker.inside("curl", "-s", "http://127.0.0.1:8080/").stdout, "the box's server")
            assert docker("exec", box, "wget", "-q", "-O", "-", f"http://{outside}/").ok().out == "from other\n"
        with docker.ready(serve, "--network", f"container:{other}", runtime="nacre-shared") as box:
            wait_until(lambda: fetch(docker, box, "127.0.0.1").out == "from other\n", "the other's server")
            at_8080 = ASK.format("127.0.0.1").replace(" 80 ", " 8080 ")
            wait_until(lambda: docker("exec", other, "sh", "-c", at_8080).out == "from box\n", "the box's server")
            assert fetch(docker, other, "127.0.0.1").ok().out == "from other\n"
        for path, was in zip(places, before):
            assert changes(was, network_state(path)) == ""
