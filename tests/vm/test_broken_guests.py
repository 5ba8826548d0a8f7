"""A guest that cannot come up: its user reads why, on which file, and what to do; soon, and nothing is left."""

import gzip
import os
import subprocess
import sys

import pytest
from harness import place
from test_bad_input import check_sentence

sys.path.insert(0, str(place.source / "agent/image"))

from archive import Archive  # noqa: E402

IMAGE = place.stage / "share/nacre"
FOLDERS = "bin dev etc lib proc root run sys tmp usr var".split()


def initrd(change=lambda archive: None):
    """An archive without agent, with what `change` adds."""
    archive = Archive(0)
    for name in FOLDERS:
        archive.folder(name, 0o755)
    archive.device("dev/console", 5, 1)
    change(archive)
    return archive.bytes()


def built_initrd():
    return (IMAGE / "nacre-initrd.img").read_bytes()


def from_built(path):
    return subprocess.run(["cpio", "--extract", "--to-stdout", "--quiet", path], input=built_initrd(), check=True,
                          capture_output=True).stdout


def with_init(name):
    """The built one with another /init: of archives one after the other, the last has a path."""
    program = (place.build / "tests/vm" / name).read_bytes()
    return built_initrd() + initrd(lambda archive: archive.file("init", program, 0o755))


def qemu(**options):
    return {f"hypervisor.qemu.{key}": value for key, value in options.items()}


def file(folder, content):
    path = folder / "spoilt"
    path.write_bytes(content)
    return str(path)


def link_to_nothing(folder):
    path = folder / "spoilt"
    path.symlink_to(folder / "gone")
    return str(path)


def elf_of_another_machine():
    arm64 = 183
    return b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + arm64.to_bytes(2, "little") + bytes(200)


# Name -> (the configuration, given an empty folder; words that the user reads).
CASES = {
    "no agent in the initrd": (
        lambda folder: qemu(initrd=file(folder, initrd())), ["spoilt", 'holds no program "/init"', "correct \"initrd\""]),
    "no agent in a compressed initrd": (
        lambda folder: qemu(initrd=file(folder, gzip.compress(initrd()))),
        ["finds no program /init", "spoilt", "set initrd", 'phase "agent"', "hypervisor/qemu"]),
    "an agent that is no program": (
        lambda folder: qemu(initrd=file(folder, initrd(lambda archive: archive.file("init", b"hello", 0o755)))),
        ['cannot run "/init"', "spoilt", "Exec format error"]),
    "an initrd cut off": (
        lambda folder: qemu(initrd=file(folder, built_initrd()[:9_000_000])), ["spoilt", "cut off", "correct \"initrd\""]),
    "a compressed initrd cut off": (
        lambda folder: qemu(initrd=file(folder, gzip.compress(built_initrd()[:4_000_000], 1)[:1_000_000])),
        ["cannot unpack initrd", "spoilt"]),
    "an empty initrd": (lambda folder: qemu(initrd=file(folder, b"")), ["spoilt", "empty"]),
    "a text for an initrd": (lambda folder: qemu(initrd=file(folder, b"hello\n")), ["spoilt", "neither a cpio archive"]),
    "a folder for an initrd": (lambda folder: qemu(initrd=str(folder)), ["not a regular file"]),
    "a link to nothing for an initrd": (lambda folder: qemu(initrd=link_to_nothing(folder)),
                                        ["spoilt", "No such file or directory"]),
    "an initrd without modules": (
        lambda folder: qemu(initrd=file(folder, initrd(lambda archive: archive.file("init", from_built("init"), 0o755)))),
        ["agent says", '"virtio_pci"', "neither in its initrd nor built into its kernel", "set initrd"]),
    "a text for a kernel": (lambda folder: qemu(kernel=file(folder, b"hello\n" * 1000)),
                            ["spoilt", "neither an ELF file nor a bzImage", "set kernel"]),
    "a kernel of another machine": (lambda folder: qemu(kernel=file(folder, elf_of_another_machine())),
                                    ["spoilt", "another machine", "set kernel"]),
    "a program for a kernel": (lambda folder: qemu(kernel="/bin/busybox"), ["/bin/busybox", "PVH", "set kernel"]),
    "a kernel cut off": (lambda folder: qemu(kernel=file(folder, (IMAGE / "vmlinux").read_bytes()[:10_000_000])),
                         ["spoilt", "cut off"]),
    "an impossible first process": (lambda folder: qemu(kernel_params="rdinit=/no/such/program"),
                                    ['"rdinit=/no/such/program" in kernel_params', "nacre-initrd.img"]),
    "too little memory for the initrd": (lambda folder: qemu(default_memory=96),
                                         ["ran out of memory", "raise default_memory, which is 96 MiB"]),
    "too little memory for the kernel": (lambda folder: qemu(default_memory=64),
                                         ["before its kernel said a word", "vmlinux", "default_memory", "64 MiB"]),
    "a machine that QEMU does not know": (lambda folder: qemu(machine_accelerators="flying=on"),
                                          [".flying' not found; correct what it names in [hypervisor.qemu]"]),
    "a CPU that QEMU does not know": (lambda folder: qemu(cpu_features="flying=on"),
                                      [".flying' not found; correct what it names in [hypervisor.qemu]"]),
    "an option that QEMU rejects": (lambda folder: qemu(seccompsandbox="flying=on"),
                                    ["-sandbox flying=on: Invalid parameter 'flying'; correct what it names"]),
    "a channel that has no device": (lambda folder: qemu(kernel_params="nacre.channel=vsock"),
                                     ["agent says", "vsock device"]),
    "an agent of another release": (
        lambda folder: qemu(initrd=file(folder, with_init("foreign-agent")), kernel_params="foreign=version"),
        ["protocol version", "the guest's agent 9.9 chose version 77, this release speaks 1 to 1", "set initrd"]),
    "a guest that does nothing": (
        lambda folder: qemu(initrd=file(folder, with_init("foreign-agent")), kernel_params="foreign=idle"),
        ["for 20 s the guest has neither said anything nor had work to do", "spoilt", "hold this release's agent?"]),
}


@pytest.mark.parametrize("case", CASES)
def test_its_user_reads_why(nacre, folder, case):
    configure, words = CASES[case]
    nacre.configure(configure(folder))
    done = nacre.run(nacre.bundle("true"), timeout=120)
    assert done.code == 1, done
    check_sentence(done.err, words)
    assert len(done.err.strip().splitlines()) == 1, done
    assert len(done.err) < 1600, done
    assert not os.path.exists(nacre.root) or not os.listdir(nacre.root)


def test_what_a_terminal_obeys_does_not_come_through_from_the_console(nacre, folder):
    nacre.configure(qemu(initrd=file(folder, with_init("foreign-agent")), kernel_params="foreign=noise"))
    done = nacre.run(nacre.bundle("true"), globals=["--log", folder / "log"])
    assert done.code == 1, done
    check_sentence(done.err, ["ended with status 7", "set initrd", "the last line"])
    for text in (done.err, (folder / "log").read_text()):
        assert all(character.isprintable() or character == "\n" for character in text), repr(text)
        assert len(text) < 4000
