"""Every key of Kata's that is honoured has an effect, seen in QEMU's arguments, in the guest, or in what `create` says;
and annotations change a pod's configuration as far as they are allowed to."""

import re
import shutil
from pathlib import Path

import pytest
from harness import place

QEMU = "hypervisor.qemu."
ANNOTATION = "io.katacontainers.config."

# Every honoured key with the test that sees its effect.
SEEN_IN = {
    "hypervisor.path": "test_options_of_the_machine",
    "hypervisor.machine_accelerators": "test_options_of_the_machine",
    "hypervisor.cpu_features": "test_options_of_the_machine",
    "hypervisor.seccompsandbox": "test_options_of_the_machine",
    "hypervisor.default_bridges": "test_options_of_the_machine",
    "hypervisor.pcie_root_port": "test_options_of_the_machine",
    "hypervisor.entropy_source": "test_options_of_the_machine",
    "hypervisor.kernel": "test_options_of_the_machine",
    "hypervisor.initrd": "test_options_of_the_machine",
    "hypervisor.kernel_params": "test_options_of_the_machine",
    "hypervisor.default_vcpus": "test_options_of_the_machine",
    "hypervisor.default_memory": "test_options_of_the_machine",
    "hypervisor.enable_debug": "test_options_of_the_machine",
    "hypervisor.enable_mem_prealloc": "test_preallocated_memory_is_the_guest_s_from_the_start",
    "hypervisor.default_maxvcpus": "test_the_most_that_limits_can_ask_for",
    "hypervisor.default_maxmemory": "test_the_most_that_limits_can_ask_for",
    "hypervisor.image": "test_an_image_is_the_hypervisor_plugin_s_to_take_or_refuse",
    "hypervisor.disable_selinux": "test_a_promised_label_is_not_left_off",
    "hypervisor.enable_annotations": "test_annotations_change_the_virtual_machine",
    "hypervisor.memory_offset": "vm/test_nvdimm.py",
    "hypervisor.disable_vhost_net": "backends/qemu_test.cpp",
    "hypervisor.machine_type": "unit/backends_qemu_test.cpp",
    "hypervisor.use_vsock": "backends/qemu_test.cpp",
    "agent.enable_debug": "test_debug_lines",
    "agent.debug_console_enabled": "vm/test_debug_console.py",
    "runtime.enable_debug": "test_debug_lines",
    "runtime.disable_guest_empty_dir": "vm/mount_rows.py",
    "runtime.emptydir_mode": "vm/test_empty_dirs.py",
    "runtime.disable_guest_seccomp": "test_annotations_change_the_virtual_machine",
}


def honoured_keys(nacre):
    """Those that a schema of the core or of the plugin really has."""
    document = nacre("config", "schema", "--json").json()
    described = {(table["name"].split(".")[0], key["key"]) for table in document["tables"] for key in table["keys"]}
    return {f"{group}.{entry['key']}" for entry in document["kata"] if entry["disposition"] == "honoured"
            for group in [entry["table"].split(".")[0]] if (group, entry["key"]) in described}


def test_every_honoured_key_is_seen_to_have_an_effect(nacre):
    honoured = honoured_keys(nacre)
    assert honoured <= set(SEEN_IN)
    here = Path(__file__).read_text()
    for key in sorted(honoured):
        where, name = SEEN_IN[key], key.split(".")[1]
        if where.startswith("test_"):
            body = here.partition(f"def {where}(")[2].partition("\ndef ")[0]
            assert name in body, f"{where} does not change {key}"
        else:
            assert name in (place.source / "tests" / where).read_text(), f"{where} does not change {key}"


def arguments_of(container):
    """QEMU's, with which the container's virtual machine runs."""
    sandbox = container.nacre("state", container.id).json()  # it lives
    assert sandbox["status"] in ("created", "running")
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(f"guest={container.id},") for word in words):
            return words
    raise AssertionError("no QEMU runs for the container")


@pytest.fixture
def created(nacre):
    """Makes a container, hands out QEMU's arguments, deletes it."""
    containers = []

    def make(bundle, edits):
        nacre.configure(edits)
        containers.append(nacre.create(bundle))
        return containers[-1], arguments_of(containers[-1])

    yield make
    for container in containers:
        container.delete(force=True).ok()
        container.wait()


def after(words, option):
    return words[words.index(option) + 1]


def test_options_of_the_machine(nacre, created, folder):
    copies = {name: shutil.copy(place.stage / "share/nacre" / name, folder / name) for name in ("vmlinux", "nacre-initrd.img")}
    container, words = created(nacre.bundle("nproc; grep MemTotal /proc/meminfo; cat /proc/cmdline"), {
        QEMU + "path": "/usr/bin/../bin/qemu-system-x86_64",
        QEMU + "machine_accelerators": "graphics=off",
        QEMU + "cpu_features": "pmu=off",
        QEMU + "seccompsandbox": "on,obsolete=deny",
        QEMU + "default_bridges": 2,
        QEMU + "pcie_root_port": 3,
        QEMU + "entropy_source": "/dev/random",
        QEMU + "kernel": str(copies["vmlinux"]),
        QEMU + "initrd": str(copies["nacre-initrd.img"]),
        QEMU + "kernel_params": "nacre_test=1",
        QEMU + "default_vcpus": 2,
        QEMU + "default_memory": 640,
        QEMU + "enable_debug": True,
    })
    assert words[0] == "/usr/bin/../bin/qemu-system-x86_64"
    assert after(words, "-machine").endswith(",graphics=off")
    assert after(words, "-cpu").endswith(",pmu=off")
    assert after(words, "-sandbox") == "on,obsolete=deny"
    devices = [word for word in words if word.startswith("{")]
    assert sum('"pci-bridge"' in device for device in devices) == 2
    assert sum('"pcie-root-port"' in device for device in devices) == 3
    assert any('"filename":"/dev/random"' in device for device in devices)
    assert after(words, "-kernel") == str(copies["vmlinux"]) and after(words, "-initrd") == str(copies["nacre-initrd.img"])
    assert after(words, "-smp").startswith("cpus=2,") and after(words, "-m") == "size=655360k"
    assert " debug " in after(words, "-append") and " quiet" not in after(words, "-append")
    container.start()
    assert container.wait() == 0
    cpus, memory, cmdline = container.out.splitlines()
    assert cpus == "2" and 500_000 < int(memory.split()[1]) < 655_360 and cmdline.endswith("nacre_test=1")


def test_the_most_that_limits_can_ask_for(nacre, created):
    bundle = nacre.bundle("true")
    bundle.spec["linux"]["resources"].update({"cpu": {"quota": 100000, "period": 100000}, "memory": {"limit": 512 << 20}})
    most = {QEMU + "default_maxvcpus": 1, QEMU + "default_maxmemory": 400}
    _, words = created(bundle.write(), {QEMU + "default_memory": 300, **most})
    assert after(words, "-smp").startswith("cpus=1,") and after(words, "-m") == "size=409600k"
    _, words = created(bundle, {QEMU + "default_memory": 300, **dict.fromkeys(most, 0)})
    assert after(words, "-smp").startswith("cpus=2,") and after(words, "-m") == f"size={812 << 10}k"


def test_preallocated_memory_is_the_guest_s_from_the_start(nacre, created):
    resident = {}
    for wanted in (False, True):
        container, words = created(nacre.bundle("true"), {QEMU + "default_memory": 400, QEMU + "enable_mem_prealloc": wanted})
        assert ("-mem-prealloc" in words) == wanted
        qemu = next(path for path in Path("/proc").glob("[0-9]*/cmdline") if path.read_bytes().decode(errors="replace").split("\0") == words)
        resident[wanted] = int(re.search(r"VmRSS:\s+(\d+) kB", (qemu.parent / "status").read_text())[1])
    assert resident[True] > 400 << 10 > resident[False], resident


def test_an_image_is_the_hypervisor_plugin_s_to_take_or_refuse(nacre, folder):
    (folder / "disk.img").write_bytes(b"\0" * 4096)
    nacre.configure({QEMU + "image": str(folder / "disk.img"), QEMU + "initrd": None})
    done = nacre.run(nacre.bundle("true"))
    assert done.code == 1 and "it boots from an initrd, not from a disk image; set initrd" in done.err


def test_a_promised_label_is_not_left_off(nacre):
    bundle = nacre.bundle("true", selinuxLabel="system_u:system_r:container_t:s0:c1,c2")
    nacre.configure({QEMU + "disable_selinux": False})
    done = nacre.run(bundle)
    assert done.code == 1 and "no plugin in [runtime] security applies SELinux labels" in done.err
    assert f'"disable_selinux" is false at {nacre.config_path}:' in done.err
    nacre.configure({QEMU + "disable_selinux": True})
    nacre.run(bundle).ok()


def test_debug_lines(nacre, created):
    """enable_debug in [runtime] and in [agent.nacre]."""
    container, words = created(nacre.bundle("true"), {"runtime.enable_debug": True})
    log = (nacre.root / container.id / "sandbox.log").read_text()
    assert " debug hypervisor/qemu: QEMU runs with" in log
    assert " debug " in after(words, "-append") and "nacre.debug" not in after(words, "-append")
    container, words = created(nacre.bundle("true"), {"agent.nacre.enable_debug": True})
    assert "QEMU runs with" not in (nacre.root / container.id / "sandbox.log").read_text()
    assert "nacre.debug" in after(words, "-append").split()


def test_annotations_change_the_virtual_machine(nacre, folder):
    nacre.configure({QEMU + "enable_annotations": ["default_memory", "default_vcpus", r"runtime\.disable_guest_seccomp"]})
    bundle = nacre.bundle("nproc; grep MemTotal /proc/meminfo; grep Seccomp: /proc/self/status")
    bundle.spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                                       "syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO"}]}
    assert nacre.run(bundle.write()).ok().out.split()[-1] == "2"
    bundle.spec["annotations"] = {ANNOTATION + "hypervisor.default_memory": "768", ANNOTATION + "hypervisor.default_vcpus": "2",
                                  "io.nacre.config.runtime.disable_guest_seccomp": "true"}
    cpus, memory, seccomp = nacre.run(bundle.write()).ok().out.splitlines()
    assert cpus == "2" and 650_000 < int(memory.split()[1]) < 786_432 and seccomp.split()[1] == "0"


@pytest.mark.parametrize("name, value, words", [
    ("hypervisor.kernel_params", "init=/bin/sh", "it is not enabled"),
    ("hypervisor.path", "/bin/sh", 'no annotation may set "path"'),
    ("hypervisor.no_such_key", "1", "there is no such setting"),
])
def test_an_annotation_that_is_not_allowed_fails_the_creation(nacre, name, value, words):
    nacre.configure({QEMU + "enable_annotations": ["default_.*", "path", "no_such_key"]})
    bundle = nacre.bundle("true")
    bundle.spec["annotations"] = {ANNOTATION + name: value}
    done = nacre.run(bundle.write())
    assert done.code == 1 and f'apply annotation "{ANNOTATION}{name}": {words}' in done.err
    assert len(done.err.splitlines()) == 1


def test_programs_of_opt(nacre):
    """Where Kata's own QEMU is. Debian's finds its modules from a link to it."""
    folder = Path(f"/opt/{place.fresh_name()}")
    folder.mkdir()
    try:
        (folder / "qemu").symlink_to("/usr/bin/qemu-system-x86_64")
        nacre.configure({QEMU + "path": str(folder / "qemu")})
        assert nacre.run(nacre.bundle("echo up")).ok().out == "up\n"
    finally:
        shutil.rmtree(folder)


def test_kata_s_guest_is_refused_or_replaced(nacre):
    text = (place.source / "tests/cli/kata/3.9-qemu.toml").read_text()
    path = nacre.folder / "kata.toml"
    text = re.sub(r'(?m)^path = .*$', 'path = "/usr/bin/qemu-system-x86_64"', text)
    path.write_text(re.sub(r'(?m)^virtio_fs_daemon = .*$', 'virtio_fs_daemon = ""', text))
    nacre.config_path = path
    done = nacre.run(nacre.bundle("echo up"))
    assert done.code == 1 and "it is Kata's, whose agent speaks another protocol" in done.err
    assert f'remove the line {path}:4:9, or write kata_assets = "replace" in [runtime]' in done.err
    path.write_text(path.read_text().replace("[runtime]", '[runtime]\nkata_assets = "replace"'))
    container = nacre.create(nacre.bundle("echo up")).start()
    assert container.wait() == 0 and container.out == "up\n"
    log = (nacre.root / container.id / "sandbox.log").read_text()
    assert log.count("\"sandbox_cgroup_only\" in [runtime]") == 1 and log.count("\"block_device_driver\" in") == 1
    container.delete().ok()

