"""podman with nacre as its runtime."""

import os
import subprocess

from harness.descriptors import Descriptors, Pipe, read_to_end
from harness.engines import IMAGE
from harness.loop import Loop
from harness.place import fresh_name
from harness.runtime import write_configuration


def test_run(podman):
    done = podman("--runtime", "nacre", "run", "--rm", "--network", "none", IMAGE, "sh", "-c",
                  "uname -r; echo err >&2; exit 7")
    assert done.code == 7, done
    assert done.out.strip() not in ("", os.uname().release)
    assert "err\n" in done.err


def test_run_on_its_bridge(podman):
    done = podman("--runtime", "nacre", "run", "--rm", "--cap-add", "NET_RAW", IMAGE, "sh", "-c",
                  "ip -4 addr show eth0; ping -c1 -W10 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') >&2")
    assert done.code == 0, done
    assert "inet 198.19.251." in done.out


def test_a_user_namespace(podman):
    done = podman("--runtime", "nacre", "run", "--rm", "--network", "none", "--uidmap", "0:100000:65536", "--gidmap",
                  "0:100000:65536", IMAGE, "sh", "-c", "cat /proc/self/uid_map; id -u; touch /tmp/b; chown 5:5 /tmp/b; stat -c %u:%g /tmp/b")
    assert done.ok().out.split() == ["0", "100000", "65536", "0", "5:5"]


def test_a_device_and_a_mount_of_one(podman):
    config = write_configuration(podman.folder / "disks.toml", {"runtime.storage": ["block", "9p"]})
    with Loop(podman.folder) as disk:
        done = podman("--runtime", "nacre", "--runtime-flag", f"config={config}", "run", "--rm", "--network", "none",
                      "--device", f"{disk.path}:/dev/xvda:rw", "--volume", "/dev/net/tun:/tun", IMAGE, "sh", "-c",
                      "echo podman > /dev/xvda; sync; stat -c '%F %t:%T' /tun; cat /tun")
        assert done.out == "character special file a:c8\n", done
        assert "File descriptor in bad state" in done.err  # tun has answered
        assert disk.file.read_bytes().startswith(b"podman\n")


def test_a_detached_container_execs_and_stops(podman):
    name = fresh_name()
    podman("--runtime", "nacre", "run", "--detach", "--name", name, "--network", "none", IMAGE, "sh", "-c",
           "trap 'exit 9' TERM; sleep 1000 & wait").ok()
    assert podman("exec", name, "sh", "-c", "echo in; exit 4").code == 4
    podman("stop", "--time", "60", name).ok()
    assert podman("inspect", "--format", "{{.State.ExitCode}}", name).ok().out == "9\n"
    podman("rm", name).ok()


def test_preserved_descriptors(podman):
    with Pipe() as into, Pipe() as out, Descriptors(into.reader, out.writer) as descriptors:
        command = podman.command("--runtime", "nacre", "run", "--rm", "--network", "none", "--preserve-fds", "2", IMAGE,
                                 "sh", "-c", "cat <&3 >&4")
        process = subprocess.Popen(descriptors.wrap(command), env=podman.environment(), stdin=subprocess.DEVNULL,
                                   **descriptors.options)
        descriptors.close()
        with into.writer:
            into.writer.write(b"through podman")
        assert process.wait(240) == 0
        assert read_to_end(out.reader) == b"through podman"
