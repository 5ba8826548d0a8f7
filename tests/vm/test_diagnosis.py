"""`nacre check`, `env`, `collect` and `timeline --svg` beside a container that runs, and one whose sandbox process died."""

import json
import os
import signal
import tarfile
import xml.etree.ElementTree as xml


def collect(nacre, folder, name):
    nacre("collect", "--output", folder / name).ok()
    with tarfile.open(folder / name) as archive:
        return {member.name.removeprefix("nacre-collect/"): archive.extractfile(member).read().decode(errors="replace")
                for member in archive.getmembers() if member.isfile()}


def test_a_container_that_runs_and_then_has_lost_its_sandbox_process(nacre, folder):
    bundle = nacre.bundle("sleep 100000")
    bundle.process["env"].append("API_TOKEN=a-token-nobody-may-see")
    bundle.write()
    container = nacre.create(bundle).start()
    assert nacre("check").code == 0
    assert nacre("env").json()["containers"]["states"] == {container.id: "running"}
    files = collect(nacre, folder, "running.tar.gz")
    base = f"containers/{container.id}/"
    assert json.loads(files[base + "timeline.json"])["phases"] and base + "sandbox.log" in files
    assert json.loads(files[base + "state.json"])["nacre"]["sandbox_pid"] == container.sandbox_pid
    assert not [name for name, text in files.items() if "a-token-nobody-may-see" in text]

    nacre("timeline", container.id, "--svg", folder / "start.svg").ok()
    words = ["".join(item.itertext()) for item in xml.parse(folder / "start.svg").getroot().iter()]
    assert {"nacre create", "sandbox process, on the host", "guest", "kernel", "vmm (qemu)"} <= set(words)

    os.kill(container.sandbox_pid, signal.SIGKILL)
    assert container.wait() == 137
    assert f"nacre delete {container.id}" in nacre("check").ok().out
    files = collect(nacre, folder, "dead.tar.gz")
    assert base + "sandbox.log" in files and f"nacre delete {container.id}" in files["check.txt"]
    container.delete().ok()
