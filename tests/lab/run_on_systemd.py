#!/usr/bin/python3
"""Inside a lab host with systemd: containers in scopes of systemd's, by the command line or by Docker. Prints what it
saw as JSON; test_systemd.py says what that must be."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import place, reaper  # noqa: E402

reaper.become_child()

from harness import engines  # noqa: E402
from harness.runtime import Nacre, kill_now  # noqa: E402


def show(unit, *properties):
    """None where systemd does not know the unit."""
    words = ["systemctl", "show", unit, *(f"--property={name}" for name in ("LoadState", *properties))]
    found = dict(line.split("=", 1) for line in subprocess.run(words, check=True, capture_output=True,
                                                               text=True).stdout.splitlines())
    return None if found.pop("LoadState") == "not-found" else found


def members(cgroup):
    """Names of the programs in a cgroup; the kernel's threads that serve vhost and KVM are there too, and have none."""
    names = []
    for pid in Path(f"/sys/fs/cgroup{cgroup}/cgroup.procs").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            names.append(os.path.basename(os.readlink(f"/proc/{pid}/exe")))
    return sorted(names)


def look(unit):
    found = show(unit, "ActiveState", "Slice", "Delegate", "ControlGroup", "MemoryAccounting", "Description")
    return found and {**found, "members": members(found["ControlGroup"])}


def is_gone(unit, cgroup):
    return show(unit) is None and not Path(f"/sys/fs/cgroup{cgroup}").exists()


def bound(bundle, source, destination, propagation):
    bundle.spec["mounts"].append({"destination": destination, "type": "bind", "source": str(source),
                                  "options": ["rbind", propagation]})


def later_mount(container, folder):
    """What is seen of one that the host makes below a bound folder of its own `/`, which systemd has made shared."""
    subprocess.run(["mount", "-t", "tmpfs", "later", folder / "later"], check=True)
    (folder / "later/word").write_text("late\n")
    seen = container.exec("cat", "/followed/later/word").out, container.exec("ls", "/kept/later").out
    subprocess.run(["umount", "--lazy", folder / "later"], check=True)  # virtiofsd keeps what the guest knows of
    return seen + (container.exec("ls", "/followed/later").out,)


def by_the_command_line(seen):
    with place.Folder() as folder:
        nacre = Nacre(folder)
        bundle = nacre.bundle("sleep 1000")
        bundle.spec["linux"]["cgroupsPath"] = "/no/unit"
        refused = nacre.new(bundle.write() or bundle)
        words = nacre.create_words(refused)
        seen["refused"] = nacre(*words, globals=["--systemd-cgroup"]).err
        followed = Path("/srv/followed")
        (followed / "later").mkdir(parents=True)
        bound(bundle, followed, "/followed", "rslave")
        bound(bundle, followed, "/kept", "rprivate")
        for ending, storage in (("delete", "9p"), ("sandbox process killed", "virtio-fs")):
            nacre.configure({"runtime.storage": [storage]})
            name = place.fresh_name()
            bundle.spec["linux"]["cgroupsPath"] = f"user-{place.mark}.slice:test:{name}"
            bundle.write()
            container = nacre.create(bundle, name=name, globals=["--systemd-cgroup"]).start()
            unit = f"test-{name}.scope"
            saw = look(unit)
            saw["later mount"] = later_mount(container, followed)
            saw["notices"] = "does not show in it" in (nacre.root / name / "sandbox.log").read_text()
            if ending == "delete":
                again = nacre(*nacre.create_words(nacre.new(bundle)), globals=["--systemd-cgroup"])
                saw["again"] = again.err
                container.kill("KILL").ok()
                container.wait()
                container.delete().ok()
            else:
                kill_now(container.sandbox_pid)
                container.delete(force=True).ok()
            saw["gone"] = is_gone(unit, saw["ControlGroup"])
            seen[ending] = saw
        seen["left"] = nacre.close()


class Docker(engines.Docker):
    def cgroup_words(self):
        return []  # its own default


def by_docker(seen):
    with Docker() as docker:
        seen["driver"] = docker("info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}").ok().out.strip()
        name = docker("run", "--detach", "--runtime", "nacre", "--network", "none", engines.IMAGE, "sh", "-c",
                      "echo in the guest; trap 'exit 7' TERM; while :; do sleep 1; done").ok().out.strip()
        unit = f"docker-{name}.scope"
        assert show(unit) is not None, (seen, docker("ps", "--all"))
        pid = docker("inspect", "--format", "{{.State.Pid}}", name).ok().out.strip()
        saw = look(unit)
        saw["of the pid"] = Path(f"/proc/{pid}/cgroup").read_text().strip()
        saw["code"] = docker("stop", "--time", "60", name).ok() and docker("wait", name).ok().out.strip()
        saw["logs"] = docker("logs", name).ok().out
        docker("rm", name).ok()
        saw["gone"] = is_gone(unit, saw["ControlGroup"])
        seen["docker"] = saw


def main():
    seen = {}
    {"nacre": by_the_command_line, "docker": by_docker}[sys.argv[1]](seen)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
