"""Each backend swapped by one line of configuration.toml, without a rebuild of anything that is installed.

A second working plugin of each kind is built here, out of tree, against the installed headers, under another name.
It is installed into the plugin folder (as a package would), and the plugin that it replaces is taken away.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import place

PLUGINS = place.stage / "lib/nacre/plugins"

CMAKE = """cmake_minimum_required(VERSION 3.25)
project(variant LANGUAGES C CXX)
find_package(nacre REQUIRED)
set(BOOST_ROOT /usr)
find_package(Boost REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(NL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0)
file(GLOB sources *.cpp */*.cpp)
add_nacre_plugin({kind} {name} ${{sources}} LINKS Boost::headers PkgConfig::NL_ROUTE)
target_include_directories(nacre-plugin-{kind}-{name} PRIVATE ${{CMAKE_CURRENT_SOURCE_DIR}})
"""

GUARD = """#include <nacre/sdk/security.hpp>
class Variant : public nacre::sdk::Security {
 public:
  Variant(nacre::sdk::Host, const nacre::sdk::Call&, const nacre::sdk::Options&) {}
  nacre::sdk::ProcessRules confine(const nacre::sdk::Call&, const nacre::sdk::ProcessRequest&) override {
    nacre::sdk::ProcessRules rules;
    rules.no_new_privileges = true;
    return rules;
  }
};
NACRE_PLUGIN_DEFINE(security, "variant", "1.0", "Apache-2.0", 0, 0, "[]", &nacre::sdk::security_table<Variant>);
"""

# kind: (the installed plugin, keys of configuration.toml that name it)
REPLACED = {"hypervisor": "qemu", "network": "tcfilter", "storage": "9p", "security": "seccomp"}
SHARED = {"network": "links"}  # the library that plugins of the kind have in common


def build_variant(folder, kind):
    """The installed plugin's sources under another name, for security one of a page; returns the .so."""
    source = folder / f"source-{kind}"
    if kind == "security":
        source.mkdir()
        (source / "variant.cpp").write_text(GUARD)
    else:
        shutil.copytree(place.source / "plugins" / kind / REPLACED[kind], source)
        if kind in SHARED:
            shutil.copytree(place.source / "plugins" / kind / SHARED[kind], source / SHARED[kind])
        main = source / f"{REPLACED[kind]}.cpp"
        text = main.read_text()
        named = text.replace(f'NACRE_PLUGIN_DEFINE({kind}, "{REPLACED[kind]}"', f'NACRE_PLUGIN_DEFINE({kind}, "variant"')
        assert named != text
        main.write_text(named)
    (source / "CMakeLists.txt").write_text(CMAKE.format(kind=kind, name="variant"))
    build = folder / f"build-{kind}"
    for command in (["cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={place.stage}",
                     "-DCMAKE_BUILD_TYPE=Debug"], ["ninja", "-C", build]):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return build / f"plugins/{kind}/variant.so"


def hashes():
    """Of every installed file but the two that this test moves."""
    found = {}
    for path in sorted(place.stage.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def mapped_plugins(pid):
    """kind -> names of the plugins that a process has mapped."""
    mapped = {}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[5] if line.count(" ") >= 5 and "/" in line else ""
        if path.startswith(str(PLUGINS)):
            kind, name = Path(path.removesuffix(" (deleted)")).parts[-2:]
            mapped.setdefault(kind, set()).add(name.removesuffix(".so"))
    return mapped


@pytest.fixture(params=list(REPLACED))
def swapped(request, folder):
    """The kind, with its variant installed and the plugin that it replaces taken away."""
    kind = request.param
    library = build_variant(folder, kind)
    replaced, variant = PLUGINS / kind / f"{REPLACED[kind]}.so", PLUGINS / kind / "variant.so"
    aside = folder / "replaced.so"
    shutil.copy2(library, variant)
    shutil.copy2(replaced, aside)
    try:
        replaced.unlink()
        yield kind
    finally:
        variant.unlink()
        shutil.copy2(aside, replaced)


def test_one_line_swaps_a_backend(nacre, netns, swapped):
    kind = swapped
    before = hashes()
    value = "variant" if kind == "hypervisor" else ["variant"]
    edits = {f"runtime.{kind}": value}
    if kind == "hypervisor":
        edits |= {f"hypervisor.variant.{key}": str(place.stage / "share/nacre" / file)
                  for key, file in (("kernel", "vmlinux"), ("initrd", "nacre-initrd.img"))}
    nacre.configure(edits)
    bundle = nacre.bundle(f"ping -c 1 -W 30 {netns.gateway} && echo carried; sleep 1000").netns(netns.path)
    bundle.process["capabilities"] = {kind: ["CAP_NET_RAW"] for kind in ("bounding", "effective", "permitted")}  # ping's
    container = nacre.create(bundle.write()).start()
    mapped = mapped_plugins(container.state()["nacre"]["sandbox_pid"])
    assert mapped[kind] == {"variant"}
    assert {other: names for other, names in mapped.items() if other != kind} == {
        other: {name} for other, name in REPLACED.items() if other != kind}
    container.exec("echo works").ok()
    container.delete(force=True).ok()
    container.wait()
    assert "carried" in container.out
    assert hashes() == before
