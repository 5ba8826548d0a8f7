"""Configurations with one thing wrong: each is refused with its exact place and, for a slip, with what was meant."""

import re
from pathlib import Path

import pytest
from harness import place

KATA = (Path(__file__).parent / "kata/3.9-qemu.toml").read_text()
OURS = """\
[runtime]
hypervisor = "qemu"
network = ["tcfilter"]
storage = ["9p"]
security = ["seccomp"]
enable_debug = false
annotations_file = "/run/a.json"

[agent.nacre]
debug_console_enabled = false

[hypervisor.qemu]
default_memory = 512
default_vcpus = 1
cpu_features = "pmu=off"

[storage.9p]
msize_9p = 8192
cache = "mmap"
"""


def slip(word, kind):
    """The usual slips: a letter left out, two swapped, one doubled, one replaced."""
    middle = len(word) // 2
    return [word[:middle] + word[middle + 1:], word[:middle - 1] + word[middle] + word[middle - 1] + word[middle + 1:],
            word[:middle] + word[middle] + word[middle:], word[:middle] + "x" + word[middle + 1:]][kind % 4]


def slips_of_keys(text, name):
    """For each key of a file: the file with a slip in that key, the place, and what was meant."""
    for number, line in enumerate(text.splitlines()):
        found = re.match(r"([a-z0-9_]+) = ", line)
        if not found:
            continue
        wrong = slip(found[1], number)
        lines = text.splitlines()
        lines[number] = line.replace(found[1], wrong, 1)
        yield pytest.param("\n".join(lines) + "\n", f"{number + 1}:1", f'unknown key "{wrong}"', f'did you mean "{found[1]}"?',
                           id=f"{name}-{wrong}")


def changed(text, old, new, words, hint="", id=None):
    """`old` gives way to `new`, in which § is the place that the error names."""
    assert text.count(old) == 1, old
    marked = text.replace(old, new)
    before, after = marked.split("§")
    visible = before.removeprefix("\ufeff")
    at = f"{visible.count(chr(10)) + 1}:{len(visible) - visible.rfind(chr(10))}"
    return pytest.param(before + after, at, words, hint, id=id or new.split("\n")[0][:40])


LONG = "x" * (1 << 20)
MUTATIONS = [
    *slips_of_keys(OURS, "ours"),
    *slips_of_keys(KATA, "kata"),
    # Titles of tables.
    changed(OURS, "[runtime]", "§[runtme]", "unknown table [runtme]", "did you mean [runtime]?"),
    changed(OURS, "[agent.nacre]", "§[agnet.nacre]", "unknown table [agnet.nacre]", "did you mean [agent.nacre]?"),
    changed(OURS, "[agent.nacre]", "§[agent.nacer]", "unknown table [agent.nacer]", "did you mean [agent.nacre]?"),
    changed(OURS, "[hypervisor.qemu]", "§[hypervsor.qemu]", "unknown table", "did you mean [hypervisor.qemu]?"),
    changed(OURS, "[storage.9p]", "§[storgae.9p]", "unknown table", "did you mean [storage.9p]?"),
    changed(OURS, "[hypervisor.qemu]", "[hypervisor.qemu]\n§[hypervisor.qeum]", "read by no plugin", "did you mean [hypervisor.qemu]?",
            id="hypervisor.qeum"),
    changed(KATA, "[factory]", "§[factroy]", "unknown table [factroy]", "did you mean [factory]?"),
    changed(OURS, "[runtime]", "§[Runtime]", "unknown table [Runtime]", "did you mean [runtime]?"),
    # In the wrong place.
    changed(OURS, "[runtime]", "§default_memory = 512\n[runtime]", 'key "default_memory" stands outside any table',
            "put it below [hypervisor.NAME]"),
    changed(OURS, "[runtime]", "§netwrok = 1\n[runtime]", 'key "netwrok" stands outside any table', 'did you mean "network"?'),
    changed(OURS, "default_vcpus", "§guest_sysctls = []\ndefault_vcpus", 'unknown key "guest_sysctls" in [hypervisor.qemu]',
            "it belongs into [runtime]"),
    changed(OURS, "enable_debug", "§default_memory = 1024\nenable_debug", 'unknown key "default_memory" in [runtime]',
            "it belongs into [hypervisor.NAME]"),
    changed(KATA, "dial_timeout", "§internetworking_model = \"none\"\ndial_timeout", 'unknown key "internetworking_model"',
            "it belongs into [runtime]"),
    changed(OURS, "[storage.9p]", "[storage]\n§msize_9p = 1\n[storage.9p]", 'stands in [storage]; put it below [storage.NAME]'),
    # Types and values.
    changed(OURS, "default_memory = 512", "default_memory = §\"lots\"", "must be an integer, not a string"),
    changed(OURS, "default_memory = 512", "default_memory = §true", "must be an integer, not a boolean"),
    changed(OURS, "default_memory = 512", "default_memory = §[512]", "must be an integer, not a list"),
    changed(OURS, "default_memory = 512", "default_memory = §1979-05-27", "must be an integer, not a date"),
    changed(OURS, "default_memory = 512", "default_memory = §{mib = 512}", "must be an integer, not an inline table"),
    changed(OURS, "default_memory = 512", "default_memory = §63", "it must be between 64 and"),
    changed(OURS, "default_memory = 512", "default_memory = §-1", "it must be between 64 and"),
    changed(OURS, "default_vcpus = 1", "default_vcpus = §nan", "must be between -1 and 240"),
    changed(OURS, "enable_debug = false", "enable_debug = §\"maybe\"", "must be a boolean, not a string"),
    changed(OURS, '"mmap"', '§"map"', 'it must be one of', 'did you mean "mmap"?'),
    changed(OURS, '["tcfilter"]', '§["tcfilter", "tcfilter"]', 'names "tcfilter" twice'),
    changed(OURS, '["tcfilter"]', "§[]", "names no plugin"),
    changed(OURS, '["tcfilter"]', '§["../x"]', "cannot be a plugin's name"),
    changed(OURS, '["tcfilter"]', '§["tcfiltre"]', 'load the network plugin "tcfiltre"'),
    changed(OURS, '"/run/a.json"', '§"a.json"', "must be an absolute path"),
    changed(KATA, 'internetworking_model = "tcfilter"', 'internetworking_model = §"tcfliter"', "it must be one of",
            'did you mean "tcfilter"?'),
    changed(KATA, 'shared_fs = "virtio-fs"', 'shared_fs = §"virtiofs"', "it must be one of", 'did you mean "virtio-fs"?'),
    changed(KATA, "disable_block_device_use = false", "disable_block_device_use = §1", "must be a boolean, not an integer"),
    changed(KATA, "shared_fs = \"virtio-fs\"", "shared_fs = §true", "must be a string, not a boolean"),
    changed(KATA, "internetworking_model = \"tcfilter\"", "internetworking_model = §[]", "must be a string, not a list of strings"),
    changed(KATA, "dial_timeout = 45", "dial_timeout = §[]", "must be an integer, not a list"),
    # No TOML.
    changed(OURS, "default_memory = 512", "default_memory = §", "not valid TOML"),
    changed(OURS, "default_memory = 512", "default_memory = §qemu", "not valid TOML"),
    changed(OURS, "default_vcpus = 1", "§default_memory = 1", "not valid TOML", id="duplicate-key"),
    changed(OURS, "[storage.9p]", "§[runtime]\nx = 1\n[storage.9p]", "not valid TOML", id="duplicate-table"),
    changed(OURS, '"pmu=off"', '"pmu=off§', "not valid TOML", id="open-string"),
    changed(OURS, "[agent.nacre]", "[agent.nacre§", "not valid TOML", id="open-title"),
    changed(OURS, "default_memory = 512", "default_memory = " + "[" * 256 + "§" + "[" * 5000, "not valid TOML", id="deep-list"),
    changed(OURS, "[storage.9p]", "§[" + "a." * 100000 + "a]\n[storage.9p]", "nested more than 64 deep", id="deep-title"),
    changed(OURS, "default_vcpus", "§" + "a." * 100000 + "a = 1\ndefault_vcpus", "nested more than 64 deep", id="deep-key"),
    changed(OURS, '"pmu=off"', f'§"{LONG}"', '"cpu_features" in [hypervisor.qemu] is longer than 64 KiB', id="long-value"),
    changed(OURS, "default_vcpus", f"§{LONG} = 1\ndefault_vcpus", 'unknown key "xxxx', id="long-key"),
    # Bytes before, between and after lines.
    changed(OURS, "[runtime]", "\ufeff§[runtme]", "unknown table [runtme]", "did you mean [runtime]?", id="byte-order-mark"),
    changed(OURS.replace("\n", "\r\n"), "default_vcpus", "§default_vcpsu", "unknown key", 'did you mean "default_vcpus"?', id="crlf"),
    changed(OURS, "enable_debug = false", "x = \"ü\"§; y = 1", "not valid TOML", id="two-in-one-line"),
    changed(OURS, "default_vcpus = 1", "\"ä\" = 1\n§default_vcpuss = 1", "unknown key", 'did you mean "default_vcpus"?', id="after-ä"),
    changed(OURS, "default_vcpus = 1", "§\"default_vcpus\\u001b[31m\" = 1", 'unknown key "default_vcpus?[31m"', id="escape-sequence"),
]


@pytest.fixture
def refusals(nacre, folder):
    """The lines of `nacre config check` for a file with this text, its own path cut off."""

    def call(text):
        file = folder / "c.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = nacre("config", "check", file, timeout=20)
        assert done.code == 1, done
        return [line.partition(f"{file}:")[2] for line in done.err.splitlines() if f"{file}:" in line]

    return call


def test_the_files_are_good_before():
    assert len(MUTATIONS) >= 50 and sum(bool(each.values[3]) for each in MUTATIONS) >= 45


@pytest.mark.parametrize("text, at, words, hint", MUTATIONS)
def test_one_thing_wrong(refusals, text, at, words, hint):
    lines = refusals(text)
    assert any(line.startswith(at + ": ") and words in line and hint in line for line in lines), (at, words, lines[:10])


@pytest.mark.parametrize("text", [OURS, KATA], ids=["ours", "kata"])
def test_the_unchanged_files_are_good(nacre, folder, text):
    (folder / "c.toml").write_text(text)
    nacre("config", "check", folder / "c.toml").ok()


def test_invalid_utf_8_has_its_place(refusals):
    lines = refusals(OURS.encode().replace(b"pmu=off", b"pmu\xff=off"))
    assert any(line.startswith("15:20: not valid TOML") for line in lines), lines


def test_all_of_it_is_told_in_one_run(refusals):
    text = OURS.replace("default_memory = 512", "default_memory = = 512").replace("enable_debug", "enable_debgu")
    text = text.replace('"mmap"', '"map"').replace("[agent.nacre]", "[agent.nacre").replace("default_vcpus = 1", "default_vcpus = -7")
    lines = refusals(text.replace("msize_9p", "msize_p"))
    assert [line.split(":")[0] for line in lines] == ["6", "9", "13", "14", "18", "19"], lines


def test_a_drop_in_is_named_by_its_own_path(nacre, folder):
    (folder / "c.toml").write_text(OURS)
    (folder / "config.d").mkdir()
    (folder / "config.d/1.toml").write_text("[hypervisor.qemu]\n\ndefault_memory = 1\n")
    assert f"{folder}/config.d/1.toml:3:18: " in nacre("config", "check", folder / "c.toml").err


def test_a_drop_in_that_kata_would_read_and_nacre_does_not_is_told(nacre, folder):
    (folder / "c.toml").write_text(OURS)
    (folder / "config.d").mkdir()
    for name in ("10-kata", "20.toml.bak", ".hidden", "30.toml~"):
        (folder / "config.d" / name).write_text("[runtime]\n")
    lines = nacre("config", "check", folder / "c.toml").ok().out.splitlines()
    assert lines == [f"{folder}/config.d/10-kata:1:1: notice: the file is not read: the name of a drop-in ends in .toml",
                     f"{folder}/c.toml: good"]


def test_a_file_that_cannot_be_read_is_named(nacre, folder):
    assert f'"{folder}"' in nacre("config", "check", folder).err
    assert "none.toml" in nacre("config", "check", folder / "none.toml").err
    (folder / "c.toml").write_bytes(b"#" * (17 << 20))
    assert "larger than 16 MiB" in nacre("config", "check", folder / "c.toml").err


def test_the_installed_file_is_good(nacre):
    assert nacre("config", "check").ok().out == f"{place.stage}/etc/nacre/configuration.toml: good\n"
