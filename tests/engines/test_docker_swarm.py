"""A swarm of one node: replicas of a service on an overlay network find each other by name, whether names lead to all of
them (dnsrr) or to one address before them (vip)."""

import subprocess
from pathlib import Path

import pytest
from harness.docker_network import NetworkedDocker
from harness.engines import IMAGE
from harness.place import fresh_name

SERVE = "echo 'from '$(hostname) > /tmp/index.html; httpd -p 80 -h /tmp; exec sleep 10000"


class SwarmDocker(NetworkedDocker):
    """Services cannot choose a runtime: nacre is the default one."""

    more_words = ["--default-runtime", "nacre"]


@pytest.fixture
def docker(nothing_left_by_test):
    with SwarmDocker() as engine:
        engine("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377", "--default-addr-pool",
               "198.19.224.0/20", "--default-addr-pool-mask-length", "24").ok()
        yield engine
        engine("swarm", "leave", "--force").ok()


def fetch(service, endpoint_mode):
    """A script that reads each replica by its own address, and then from the service: of several addresses a client may
    always take the same one, behind a virtual one both replicas answer in the end."""
    answers = 2 if endpoint_mode == "vip" else 1
    addresses = f"nslookup tasks.{service} 127.0.0.11 | sed -n 's/^Address.*: \\(198.19.2.*\\)/\\1/p'"
    return (f": > /tmp/all; until [ $({addresses} | wc -l) = 2 ]; do sleep 0.2; done;"
            f"for a in $({addresses}); do until wget -q -O - http://$a; do sleep 0.2; done; done;"
            f"until [ $(sort -u /tmp/all | wc -l) = {answers} ]; do timeout 10 wget -q -O - http://{service} >> /tmp/all || sleep 0.2; done;"
            "sort -u /tmp/all")


@pytest.mark.parametrize("endpoint_mode", ["dnsrr", "vip"])
def test_two_replicas_and_a_peer_on_runc(request, endpoint_mode):
    if endpoint_mode == "vip" and not Path("/proc/net/ip_vs").exists():
        pytest.skip("this kernel has no IPVS, of which dockerd makes the virtual address")
    docker = request.getfixturevalue("docker")
    network, service = fresh_name("w"), fresh_name("s")
    docker("network", "create", "--driver", "overlay", "--attachable", network).ok()
    docker("service", "create", "--detach", "--name", service, "--network", network, "--endpoint-mode", endpoint_mode,
           "--replicas", "2", "--hostname", "replica-{{.Task.Slot}}", "--no-resolve-image", IMAGE, "sh", "-c", SERVE).ok()
    with docker.spawn("events", "--format", "{{.Actor.Attributes.name}}", "--filter", "event=start", "--since", "2020-01-01",
                      stdout=subprocess.PIPE, text=True) as events:
        names = {events.stdout.readline().strip() for _ in range(2)}
        events.kill()
    assert len(names) == 2
    # Where virtual addresses are tested each virtual machine costs a minute: one of the replicas asks there.
    callers = [["run", "--rm", "--runtime", "runc", "--network", network, IMAGE],
               ["exec", min(names)] if endpoint_mode == "vip" else ["run", "--rm", "--network", network, IMAGE]]
    for caller in callers:
        answers = docker(*caller, "sh", "-c", fetch(service, endpoint_mode), timeout=240).ok().out.splitlines()
        replicas = ["from replica-1", "from replica-2"]
        assert sorted(answers[:2]) == replicas
        assert answers[2:] == replicas if endpoint_mode == "vip" else answers[2] in replicas
    for one in names:
        other, = names - {one}
        assert docker("exec", one, "ping", "-c1", "-W10", other).code == 0
    docker("service", "rm", service).ok()
    for name in names:
        docker("wait", name)
    docker("network", "rm", network).ok()
