"""Input that cannot work: one sentence that names the object and the remedy, exit code 1, nothing left."""

import json
import os
import subprocess

import pytest
from harness import place


def edit(change):
    """A case that changes the parsed config.json."""

    def apply(nacre, bundle):
        change(bundle.spec)
        bundle.write()

    return apply


def set_process(**fields):
    return edit(lambda spec: spec["process"].update(fields))


def raw(text):
    return lambda nacre, bundle: (bundle.path / "config.json").write_text(text)


def truncated(nacre, bundle):
    path = bundle.path / "config.json"
    path.write_text(path.read_text()[: path.stat().st_size // 2])


def no_config(nacre, bundle):
    (bundle.path / "config.json").unlink()


def config_is_folder(nacre, bundle):
    (bundle.path / "config.json").unlink()
    (bundle.path / "config.json").mkdir()


def no_rootfs(nacre, bundle):
    bundle.rootfs.rename(bundle.path / "elsewhere")


def rootfs_is_file(nacre, bundle):
    no_rootfs(nacre, bundle)
    bundle.rootfs.write_text("")


def configuration(**edits):
    def apply(nacre, bundle):
        nacre.configure({key.replace("__", "."): value for key, value in edits.items()})

    return apply


def configuration_text(text):
    def apply(nacre, bundle):
        nacre.config_path = nacre.folder / "configuration.toml"
        nacre.config_path.write_text(text)

    return apply


def no_configuration(nacre, bundle):
    nacre.config_path = nacre.folder / "missing.toml"


def netns_is_file(nacre, bundle):
    path = nacre.folder / "no-netns"
    path.write_text("")
    bundle.netns(path)


# Name -> (what is wrong, words of the message: the object, and what is needed to mend it).
CASES = {
    "config.json missing": (no_config, ["config.json"]),
    "config.json is a folder": (config_is_folder, ["config.json"]),
    "config.json empty": (raw(""), ["config.json"]),
    "config.json truncated": (truncated, ["config.json"]),
    "config.json no object": (raw("[1, 2]"), ["config.json"]),
    "config.json not UTF-8": (lambda nacre, bundle: (bundle.path / "config.json").write_bytes(b'{"ociVersion": "\xff\xfe"}'),
                              ["config.json"]),
    "config.json nested without end": (raw("[" * 100000), ["config.json"]),
    "ociVersion missing": (edit(lambda spec: spec.pop("ociVersion")), ["ociVersion"]),
    "ociVersion unknown": (edit(lambda spec: spec.update(ociVersion="9.0.0")), ["9.0.0"]),
    "ociVersion no version": (edit(lambda spec: spec.update(ociVersion="new")), ["new"]),
    "process missing": (edit(lambda spec: spec.pop("process")), ["process"]),
    "process of the wrong type": (edit(lambda spec: spec.update(process="sh")), ["process"]),
    "args missing": (edit(lambda spec: spec["process"].pop("args")), ["args"]),
    "args empty": (set_process(args=[]), ["args"]),
    "args of numbers": (set_process(args=[1]), ["args"]),
    "cwd missing": (edit(lambda spec: spec["process"].pop("cwd")), ["cwd"]),
    "cwd relative": (set_process(cwd="tmp"), ["cwd"]),
    "uid negative": (set_process(user={"uid": -1, "gid": 0}), ["uid"]),
    "uid beyond 32 bits": (set_process(user={"uid": 1 << 40, "gid": 0}), ["uid"]),
    "capability unknown": (set_process(capabilities={"effective": ["CAP_FLY"]}), ["CAP_FLY"]),
    "limit unknown": (set_process(rlimits=[{"type": "RLIMIT_LUCK", "soft": 1, "hard": 1}]), ["RLIMIT_LUCK"]),
    "limit soft above hard": (set_process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 1}]), ["RLIMIT_NOFILE"]),
    "root missing": (edit(lambda spec: spec.pop("root")), ["root"]),
    "root path empty": (edit(lambda spec: spec["root"].update(path="")), ["root"]),
    "rootfs missing": (no_rootfs, ["rootfs"]),
    "rootfs is a file": (rootfs_is_file, ["rootfs"]),
    "mount destination relative": (edit(lambda spec: spec["mounts"].append({"destination": "x", "type": "tmpfs"})),
                                   ["destination"]),
    "mount source missing": (edit(lambda spec: spec["mounts"].append(
        {"destination": "/data", "type": "bind", "source": "/no/such/source", "options": ["rbind"]})), ["/no/such/source"]),
    "mount destination escapes": (edit(lambda spec: spec["mounts"].append(
        {"destination": "/../../etc", "type": "bind", "source": "/etc", "options": ["bind"]})), ["/../../etc"]),
    "network namespace missing": (lambda nacre, bundle: bundle.netns("/run/netns/no-such-namespace"),
                                  ["/run/netns/no-such-namespace"]),
    "network namespace is a file": (netns_is_file, ["no-netns"]),
    "namespace of an unknown type": (edit(lambda spec: spec["linux"]["namespaces"].append({"type": "hyper"})), ["hyper"]),
    "cgroups path relative upwards": (edit(lambda spec: spec["linux"].update(cgroupsPath="/../../escape")),
                                      ["cgroupsPath"]),
    "program missing": (set_process(args=["/no/such/program"]), ["/no/such/program"]),
    "memory limit absurd": (edit(lambda spec: spec["linux"]["resources"].update(memory={"limit": 1 << 62})), ["memory"]),
    "configuration missing": (no_configuration, ["missing.toml"]),
    "configuration no TOML": (configuration_text("[runtime\n"), ["configuration.toml", "1"]),
    "configuration key unknown": (configuration(runtime__hypervizor="qemu"), ["hypervizor", "hypervisor"]),
    "configuration value of the wrong type": (configuration(runtime__network=7), ["network"]),
    "plugin missing": (configuration(runtime__hypervisor="no-such-vmm"), ["no-such-vmm"]),
    "kernel missing": (configuration(hypervisor__qemu__kernel="/no/such/vmlinux"), ["/no/such/vmlinux"]),
    "kernel is a folder": (configuration(hypervisor__qemu__kernel="/etc"), ["/etc"]),
    "initrd missing": (configuration(hypervisor__qemu__initrd="/no/such/initrd"), ["/no/such/initrd"]),
    "QEMU missing": (configuration(hypervisor__qemu__path="/no/such/qemu"), ["/no/such/qemu"]),
    "QEMU does not run": (configuration(hypervisor__qemu__path="/bin/false"), ["/bin/false"]),
    "memory size absurd": (configuration(hypervisor__qemu__default_memory=1 << 40), ["default_memory"]),
    "no CPU": (configuration(hypervisor__qemu__default_vcpus=100000), ["default_vcpus"]),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_in_words(nacre, case):
    spoil, words = CASES[case]
    bundle = nacre.bundle("true")
    spoil(nacre, bundle)
    done = nacre.run(bundle)
    assert done.code == 1, done
    check_sentence(done.err, words)
    assert not nacre.root.exists() or not list(nacre.root.iterdir())


CGROUPS_PATHS = {"/no/unit": "expected cgroupsPath to be of format \"slice:prefix:name\"",
                 "a--b.slice:p:n": "invalid slice name"}
if not os.path.exists("/run/systemd/system"):
    CGROUPS_PATHS["system.slice:p:n"] = "systemd support for managing cgroups is not available"


@pytest.mark.parametrize("path", CGROUPS_PATHS)
def test_systemd_cgroup_refuses_what_systemd_cannot_make(nacre, path):
    bundle = nacre.bundle("true")
    edit(lambda spec: spec["linux"].update(cgroupsPath=path))(nacre, bundle)
    done = nacre.run(bundle, globals=["--systemd-cgroup"])
    assert done.code == 1, done
    check_sentence(done.err, [CGROUPS_PATHS[path]])
    assert not nacre.root.exists() or not list(nacre.root.iterdir())


def check_sentence(text, words):
    assert text.strip(), "nothing was said"
    assert len(text.strip().splitlines()) <= 12, f"a story instead of a sentence:\n{text}"
    for word in words:
        assert word in text, f"{word!r} is not named in: {text}"
    for word in ("std::", "terminate called", "what():", "Assertion", "Traceback"):
        assert word not in text, text


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".", "..", "with space", "x" * 2000, "ü"])
def test_a_bad_id_is_refused(nacre, name):
    done = nacre.run(nacre.bundle("true"), name=name) if name else nacre("run", "--bundle", nacre.bundle("true").path, "")
    assert done.code == 1, done
    check_sentence(done.err, ["id"])


def test_a_second_container_of_the_same_id_is_refused_and_the_first_lives(nacre):
    container = nacre.create(nacre.bundle("sleep 1000"))
    done = nacre.run(nacre.bundle("true"), name=container.id)
    assert done.code == 1
    check_sentence(done.err, [container.id, "exists"])
    assert container.status == "created"
    container.delete(force=True).ok()


@pytest.mark.parametrize("verb", ["start", "state", "kill", "delete", "exec"])
def test_a_container_that_does_not_exist(nacre, verb):
    done = nacre(verb, "nobody", *(["true"] if verb == "exec" else []))
    assert done.code == (255 if verb == "exec" else 1)  # as runc's
    check_sentence(done.err, ["nobody", "does not exist"])


def test_a_full_disk_is_named(nacre, folder):
    small = folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
    try:
        nacre.root = small / "root"
        nacre.root.mkdir()
        room = os.statvfs(small)
        (small / "fill").write_bytes(bytes(room.f_bavail * room.f_bsize))
        done = nacre.run(nacre.bundle("true"))
        assert done.code == 1, done
        check_sentence(done.err, ["No space left on device"])
    finally:
        subprocess.run(["umount", small], check=True)
        nacre.root = folder / "root"


def test_log_format_json_carries_the_error(nacre, folder):
    log = folder / "log.json"
    done = nacre.run(nacre.new(nacre.bundle(), "x").bundle, globals=["--log", log, "--log-format", "json"], name="../up")
    assert done.code == 1
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["level"] == "error" and "../up" in line["msg"] for line in lines), lines


def test_the_installed_configuration_is_accepted_as_it_is():
    assert (place.stage / "etc/nacre/configuration.toml").exists()
