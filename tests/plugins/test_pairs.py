"""Which plugins fit each other: docs/plugin-pairs.md is what the installed plugins say themselves.

Renew it with `/usr/bin/python3 tests/plugins/test_pairs.py`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # when run as a program, to write the page

from harness import examples, place  # noqa: E402

pytestmark = pytest.mark.no_leak_check

PAGE = place.source / "docs/plugin-pairs.md"

HEAD = """# Which plugins fit each other

Before anything is started Nacre holds what the storage and network plugins of the configuration need against what its
hypervisor offers. A pair that cannot work is refused then, in the sentence below, with the line of the configuration to
change. `nacre plugin pairs` says the same of what is installed; options can make a difference, so this is how the plugins
are without any. (Written by `tests/plugins/test_pairs.py`.)
"""


def pairs(*flags):
    done = subprocess.run([place.nacre, "plugin", "pairs", "--json", *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def page():
    table = {}
    for pair in pairs():
        table.setdefault(f"{pair['kind']}/{pair['name']}", {})[pair["hypervisor"]] = pair
    hypervisors = sorted({name for row in table.values() for name in row})
    lines = [HEAD, "| | " + " | ".join(hypervisors) + " |", "|---" * (len(hypervisors) + 1) + "|"]
    refusals = []
    for name, row in table.items():
        cells = []
        for hypervisor in hypervisors:
            pair = row[hypervisor]
            if not pair["fits"]:
                refusals.append(f"{len(refusals) + 1}. {pair['refusal']}")
            cells.append("yes" if pair["fits"] else f"no ({len(refusals)})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n" + ("\n" + "\n".join(refusals) + "\n" if refusals else "")


def test_the_page_is_what_the_plugins_say():
    assert PAGE.read_text() == page(), "write it anew: python3 tests/plugins/test_pairs.py"


def test_every_pair_is_there_once():
    listed = json.loads(subprocess.run([place.nacre, "plugin", "list", "--json"], capture_output=True, text=True).stdout)
    names = {kind: [entry["name"] for entry in listed if entry["kind"] == kind] for kind in ("hypervisor", "storage",
                                                                                             "network")}
    wanted = sorted((hypervisor, kind, name) for hypervisor in names["hypervisor"] for kind in ("storage", "network")
                    for name in names[kind])
    assert sorted((pair["hypervisor"], pair["kind"], pair["name"]) for pair in pairs()) == wanted


DEMANDING = """
#include <nacre/sdk/storage.hpp>
class Demanding : public nacre::sdk::Storage {
 public:
  Demanding(nacre::sdk::Host, const nacre::sdk::Call&, const nacre::sdk::Options&) {}
  nacre::sdk::DeviceNeeds needs() override { return {0, 1u << NACRE_DEVICE_BLOCK}; }
  nacre::sdk::Claim claim(const nacre::sdk::MountRequest&) override { return nacre::sdk::Claim::yes(); }
  std::unique_ptr<nacre::sdk::Attachment> attach(const nacre::sdk::Call&, const nacre::sdk::MountRequest&) override {
    return std::make_unique<nacre::sdk::Attachment>();
  }
};
NACRE_PLUGIN_DEFINE(storage, "demanding", "1.0", "MIT", 0, 0, "[]", &nacre::sdk::storage_table<Demanding>);
"""

REFUSAL = ('storage plugin "demanding" needs a disk that is added while the VM runs, which hypervisor plugin "plain" does '
           'not offer; choose another one in [runtime] storage')


@pytest.fixture(scope="module")
def plugins():
    """The examples, and a storage plugin that asks for more than `plain` offers."""
    folder = examples.build_all()
    source = examples.BUILD / "demanding"
    source.mkdir(exist_ok=True)
    (source / "demanding.cpp").write_text(DEMANDING)
    (source / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.25)\nproject(demanding LANGUAGES CXX)\n"
                                           "find_package(nacre REQUIRED)\nadd_nacre_plugin(storage demanding demanding.cpp)\n")
    examples.build_by_cmake(source, source / "build", examples.BUILD / "demanding-plugins")
    for library in folder.glob("*/*.so"):
        link = examples.BUILD / "demanding-plugins" / library.relative_to(folder)
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(library)
    return examples.BUILD / "demanding-plugins"


def test_what_does_not_fit_has_its_sentence(plugins):
    refused = [pair for pair in pairs("--plugin-dir", plugins) if not pair["fits"]]
    assert [(pair["hypervisor"], pair["kind"], pair["name"]) for pair in refused] == [("plain", "storage", "demanding")]
    assert REFUSAL in refused[0]["refusal"]


def test_a_container_is_refused_with_the_lines_to_change_and_nothing_is_spawned(plugins, nacre, folder):
    spawned = folder / "spawned"
    program = folder / "vmm"
    program.write_text(f"#!/bin/sh\n: > {spawned}\n")
    program.chmod(0o755)
    nacre.configure({"runtime.extra_plugin_dir": str(plugins), "runtime.hypervisor": "plain",
                     "runtime.storage": ["demanding"], "hypervisor.plain.path": str(program),
                     "hypervisor.plain.kernel": str(place.stage / "share/nacre/vmlinux"),
                     "hypervisor.plain.initrd": str(place.stage / "share/nacre/nacre-initrd.img")})
    answer = nacre.run(nacre.bundle("true"))
    assert answer.code == 1 and REFUSAL in answer.err, answer
    lines = nacre.config_path.read_text().splitlines()
    for key in ('storage = ["demanding"]', 'hypervisor = "plain"'):
        assert f"({nacre.config_path}:{lines.index(key) + 1})" in answer.err, answer
    assert answer.err.count("\n") == 1, answer  # one sentence
    assert not spawned.exists()
    assert not any(nacre.root.iterdir())


if __name__ == "__main__":
    PAGE.write_text(page())
