"""`nacre collect`: one archive without secrets and without files of the host."""

import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

SECRETS = {
    "environment": "s3cr3t-in-the-environment",
    "named": "s3cr3t-of-a-name-of-its-own",
    "annotation": "s3cr3t-annotation",
    "kubernetes": "s3cr3t-of-a-pod-annotation",
    "argument": "s3cr3t-argument",
    "hook": "s3cr3t-of-a-hook",
    "mount": "s3cr3t-of-a-share",
    "configuration": "s3cr3t-kernel-parameter",
    "log": "s3cr3t-in-a-log",
    "bearer": "s3cr3t-bearer",
    "url": "s3cr3t-url",
    "json": "s3cr3t-in-json",
    "host": "s3cr3t-of-the-host",
}

SPEC = {
    "ociVersion": "1.0.2",
    "process": {"args": ["server", "--listen", SECRETS["argument"]], "cwd": "/",
                "env": [f"PLAIN={SECRETS['environment']}", f"DB_PASSWORD={SECRETS['named']}", "PATH=/bin"]},
    "hooks": {"prestart": [{"path": "/bin/hook", "args": ["hook", SECRETS["hook"]], "env": [f"A={SECRETS['hook']}"]}]},
    "mounts": [{"destination": "/s", "type": "cifs", "source": "//server/share", "options": [f"password={SECRETS['mount']}"]}],
    "annotations": {"org.example/plain": SECRETS["annotation"], "io.kubernetes.cri.sandbox-id": "pod1"},
    "x-not-of-oci": SECRETS["host"],
}

LOG = f"""started
PLAIN is {SECRETS['environment']}
login password={SECRETS['log']} ok
Authorization: Bearer {SECRETS['bearer']}
curl https://user:{SECRETS['url']}@example.org/x
{{"api_token": "{SECRETS['json']}", "n": 1}}
ended
"""


def collect(nacre, folder, *words, **options):
    """What is in the archive: text by name."""
    file = folder / "out.tar.gz"
    nacre("collect", "--output", file, *words, **options).ok()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        assert all(member.isfile() or member.isdir() for member in archive.getmembers())
        return {member.name.removeprefix("nacre-collect/"): archive.extractfile(member).read().decode(errors="replace")
                for member in archive.getmembers() if member.isfile()}


def test_it_has_what_a_bug_report_wants(nacre, containers, folder):
    containers.add("c1", log="a line\n")
    files = collect(nacre, folder)
    assert {"README", "env.json", "check.txt", "configuration.toml", "containers/c1/state.json", "containers/c1/timeline.json",
            "containers/c1/sandbox.log", "containers/c1/bundle.json", "containers/c1/files.txt"} <= set(files)
    assert files["containers/c1/sandbox.log"] == "a line\n"
    assert json.loads(files["containers/c1/state.json"])["id"] == "c1"
    assert json.loads(files["env.json"])["nacre"]["version"]
    assert "plugin/hypervisor/qemu" in files["check.txt"] and "[runtime]" in files["configuration.toml"]


def test_no_planted_secret_is_in_it(nacre, containers, folder):
    nacre.configure({"hypervisor.qemu.kernel_params": f"x.token={SECRETS['configuration']}"})
    containers.add("c1", annotations={"org.example/plain": SECRETS["annotation"], "org.example/token": SECRETS["kubernetes"]},
                   spec=SPEC, log=LOG)
    containers.add("c2", log=f"another container's {SECRETS['environment']}\n")
    files = collect(nacre, folder)
    found = {(what, name) for what, secret in SECRETS.items() for name, text in files.items() if secret in text}
    assert found == set()
    bundle = json.loads(files["containers/c1/bundle.json"])
    assert bundle["process"]["env"] == ["PLAIN=(masked)", "DB_PASSWORD=(masked)", "PATH=(masked)"]
    assert bundle["process"]["args"] == ["server", "(2 more left out)"]
    assert bundle["annotations"] == {"org.example/plain": "(masked)", "io.kubernetes.cri.sandbox-id": "pod1"}
    log = files["containers/c1/sandbox.log"]
    assert "started\n" in log and "password=(masked) ok" in log and "ended\n" in log


@pytest.mark.parametrize("name", ["sandbox.log", "state.json", "timeline.json"])
@pytest.mark.parametrize("how", ["symlink", "hardlink", "fifo", "folder link"])
def test_nothing_but_own_files_is_packed(nacre, containers, folder, name, how):
    host = folder / "host"
    host.mkdir()
    (host / name).write_text(json.dumps({"phases": [], "x": SECRETS["host"]}))
    place = containers.add("c1")
    (place / name).unlink()
    if how == "symlink":
        (place / name).symlink_to(host / name)
    elif how == "hardlink":
        os.link(host / name, place / name)
    elif how == "fifo":
        os.mkfifo(place / name)
    else:
        (place / name).symlink_to(host)
        (place / "journal").symlink_to(host)
    files = collect(nacre, folder)
    assert f"containers/c1/{name}" not in files and not [text for text in files.values() if SECRETS["host"] in text]
    assert f"containers/c1/{name}: " in files["left-out.txt"]


def test_a_link_in_place_of_a_bundle_s_configuration_is_not_followed(nacre, containers, folder):
    containers.add("c1", spec=SPEC)
    config = folder / "bundle-c1/config.json"
    config.rename(folder / "elsewhere.json")
    config.symlink_to(folder / "elsewhere.json")
    files = collect(nacre, folder)
    assert "containers/c1/bundle.json" not in files and "containers/c1/bundle.json" in files["left-out.txt"]


def test_only_the_end_of_a_long_log_is_packed(nacre, containers, folder):
    line = "x" * 99 + "\n"
    containers.add("c1", log="the first line\n" + line * 50_000 + "the last line\n")
    files = collect(nacre, folder)
    log = files["containers/c1/sandbox.log"]
    assert len(log) <= 1 << 20 and log.startswith("xxx") and log.endswith("the last line\n")
    assert "sandbox.log: all but its last MiB" in files["left-out.txt"]


def test_the_archive_has_a_bound(nacre, containers, folder):
    for number in range(70):
        containers.add(f"c{number}", log=("x" * 999 + "\n") * 1040)
    files = collect(nacre, folder)
    assert 60 << 20 < sum(map(len, files.values())) <= (64 << 20) + (1 << 20)
    assert "sandbox.log: the archive would be larger than 64 MiB" in files["left-out.txt"]
    assert "containers/c9/state.json" in files, "small files are packed all the same"


def test_only_the_containers_that_are_named(nacre, containers, folder):
    for name in ("c1", "c2"):
        containers.add(name)
    files = collect(nacre, folder, "c2")
    assert "containers/c2/state.json" in files and not [name for name in files if "c1" in name]


def test_a_container_that_does_not_exist(nacre, folder):
    done = nacre("collect", "--output", folder / "out.tar.gz", "nope")
    assert done.code == 1 and '"nope"' in done.err and not (folder / "out.tar.gz").exists()


def test_an_existing_file_is_not_overwritten_and_nothing_is_left_behind(nacre, folder):
    (folder / "out.tar.gz").write_text("mine")
    done = nacre("collect", "--output", folder / "out.tar.gz")
    assert done.code == 1 and "--output" in done.err and (folder / "out.tar.gz").read_text() == "mine"


def test_a_damaged_state_and_no_configuration(nacre, containers, folder):
    (containers.add("c1", log="words\n") / "state.json").write_text("{ password=" + SECRETS["log"])
    nacre.config_path = folder / "nope.toml"
    files = collect(nacre, folder)
    assert files["containers/c1/sandbox.log"] == "words\n"
    assert "containers/c1/state.json" in files["left-out.txt"] and "nope.toml" in files["left-out.txt"]
    assert not [name for name, text in files.items() if SECRETS["log"] in text]


def test_containers_of_containerd_are_found_below_the_root(nacre, containers, folder):
    place = containers.add("c1")
    (nacre.root / "containerd/k8s.io").mkdir(parents=True)
    place.rename(nacre.root / "containerd/k8s.io/c1")
    assert "containerd/k8s.io/c1/state.json" in collect(nacre, folder)


def test_a_signal_leaves_nothing_behind(nacre, folder):
    (folder / "bin").mkdir()
    engine = folder / "bin/docker"  # is asked for its version
    engine.write_text("#!/bin/sh\nkill -TERM $PPID\n")
    engine.chmod(0o755)
    before = set(Path("/tmp").glob("nacre-collect-*"))
    done = nacre("collect", "--output", folder / "out.tar.gz", env={"PATH": f"{folder}/bin:{os.environ['PATH']}"})
    assert done.code == -15 and not (folder / "out.tar.gz").exists()
    assert set(Path("/tmp").glob("nacre-collect-*")) <= before
