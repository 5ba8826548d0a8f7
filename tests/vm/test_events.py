"""nacre events: statistics and OOM kills of the guest's cgroup."""

import json
import os
import subprocess

MIB = 1 << 20


def stats(nacre, container):
    return nacre("events", "--stats", container.id).json()


def test_stats_have_runcs_members(nacre):
    container = nacre.create(nacre.bundle("sleep 1000 & sleep 1000 & wait")).start()
    while (event := stats(nacre, container))["data"]["pids"]["current"] < 3:  # the shell starts both after its own start
        pass
    assert (event["type"], event["id"]) == ("stats", container.id)
    data = event["data"]
    assert data["cpu"]["usage"]["total"] > 0
    assert {"kernel", "user"} < set(data["cpu"]["usage"])
    assert data["memory"]["usage"]["usage"] > 0
    assert data["memory"]["raw"]["anon"] > 0
    assert data["pids"]["current"] == 3
    assert isinstance(data["blkio"], dict)
    container.delete(force=True).ok()
    refused = nacre("events", "--stats", container.id)
    assert refused.code == 1


def test_memory_and_processor_are_those_of_the_container(nacre):
    bundle = nacre.bundle("echo up; sleep 1000")
    next(mount for mount in bundle.spec["mounts"] if mount["destination"] == "/dev/shm")["options"][-1] = "size=100m"
    container = nacre.create(bundle.write()).start()
    before = stats(nacre, container)["data"]
    container.exec("head -c 52428800 /dev/zero > /dev/shm/fill").ok()
    after = stats(nacre, container)["data"]
    grown = after["memory"]["usage"]["usage"] - before["memory"]["usage"]["usage"]
    assert 45 * MIB < grown < 60 * MIB
    assert after["cpu"]["usage"]["total"] > before["cpu"]["usage"]["total"]
    container.delete(force=True).ok()


def test_an_oom_kill_is_an_event_and_ends_with_137(nacre):
    bundle = nacre.bundle("read line; exec tail /dev/zero")  # tail keeps all of an endless line
    bundle.spec["linux"]["resources"]["memory"] = {"limit": 50 * MIB}
    bundle.write()
    read_end, write_end = pipe()
    container = nacre.create(bundle, stdin=read_end).start()
    read_end.close()
    events = nacre.spawn("events", "--interval", "1h", container.id, stdout=subprocess.PIPE)
    write_end.write(b"go\n")
    write_end.close()
    assert json.loads(events.stdout.readline()) == {"type": "oom", "id": container.id}
    assert container.wait() == 137
    assert events.stdout.read() == b""
    assert events.wait(60) == 0  # it ends with the container
    events.stdout.close()
    assert container.status == "stopped"
    container.delete().ok()


def pipe():
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb", buffering=0)


def test_interval(nacre):
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    refused = nacre("events", "--interval", "0", container.id)
    assert (refused.code, refused.err) == (1, "duration interval must be greater than 0\n")
    assert nacre("events", "--interval", "soon", container.id).code == 1
    events = nacre.spawn("events", "--interval", "100ms", container.id, stdout=subprocess.PIPE)
    for _ in range(2):
        assert json.loads(events.stdout.readline())["type"] == "stats"
    container.kill("KILL").ok()
    assert container.wait() == 137
    events.stdout.read()
    assert events.wait(60) == 0
    events.stdout.close()
    container.delete().ok()
