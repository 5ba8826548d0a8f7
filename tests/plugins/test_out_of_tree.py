"""A plugin of another project: built against the installed headers only, found, tried and described by `nacre`."""

import shutil
import subprocess

import pytest

from harness import place

pytestmark = pytest.mark.no_leak_check

PLUGIN_CPP = """
#include <nacre/sdk/security.hpp>

namespace {
using namespace nacre::sdk;

class Strict : public Security {
 public:
  Strict(Host, const Call&, const Options& options) : level_(options.integer("level")) {}
  static Probe probe(Host, const Call&, const Options& options) {
    return Probe::ok("level " + std::to_string(options.integer("level")));
  }
  ProcessRules confine(const Call&, const ProcessRequest&) override { return {.no_new_privileges = level_ > 0}; }

 private:
  std::int64_t level_;
};
} // namespace

NACRE_PLUGIN_DEFINE(security, "strict", "2.1", "MIT", 0, NACRE_SEC_HOST_LABEL,
                    R"([{"key": "level", "type": "integer", "default": 3, "min": 0, "help": "how strict"}])",
                    &nacre::sdk::security_table<Strict>);
"""

PLUGIN_C = """
#include <nacre/plugin/define.h>

static int32_t create(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                      uint64_t options_len, nacre_net **ret, struct nacre_error *error) {
  (void)host, (void)call, (void)options, (void)options_len, (void)error;
  *ret = (nacre_net *)(uintptr_t)1;
  return 0;
}
static void destroy(nacre_net *net) { (void)net; }
static const struct nacre_network_ops ops = {.struct_size = sizeof ops, .create = create, .destroy = destroy};

NACRE_PLUGIN_DEFINE(network, "nothing", "1", "MIT", 0, 0, "[]", &ops);
"""

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(third_party LANGUAGES C CXX)
find_package(nacre REQUIRED)
add_nacre_plugin(security strict strict.cpp)
add_nacre_plugin(network nothing nothing.c)
"""


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def built():
    """The plugins' folder. Below the build tree: in /tmp, which everybody can write, no plugin is trusted."""
    folder = place.build / "tests" / place.fresh_name("out-of-tree")
    folder.mkdir(parents=True)
    try:
        (folder / "CMakeLists.txt").write_text(CMAKE)
        (folder / "strict.cpp").write_text(PLUGIN_CPP)
        (folder / "nothing.c").write_text(PLUGIN_C)
        for command in (["cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={place.stage}",
                         f"-DNACRE_PLUGIN_INSTALL_DIR={folder}/root/lib/nacre/plugins",
                         "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"],
                        ["cmake", "--build", folder / "build"], ["cmake", "--install", folder / "build"]):
            done = run(*command)
            assert done.returncode == 0, done.stdout + done.stderr
        yield folder / "root/lib/nacre/plugins"
    finally:
        shutil.rmtree(folder)


def nacre(plugins, *arguments):
    return run(place.nacre, "plugin", *arguments, "--plugin-dir", plugins)


def test_it_is_listed(built):
    lines = nacre(built, "list").stdout.splitlines()
    assert ["network", "nothing", "1", "1.0", "ok"] in [line.split() for line in lines]
    assert ["security", "strict", "2.1", "1.0", "ok"] in [line.split() for line in lines]


@pytest.mark.parametrize("name", ["security/strict", "network/nothing"])
def test_verify_has_no_complaint(built, name):
    done = nacre(built, "verify", name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "good" in done.stdout and "warning  " not in done.stdout, done.stdout


def test_probe_gets_the_defaults(built):
    assert "it can work on this host: level 3" in nacre(built, "verify", "security/strict").stdout


def test_show_describes_it(built):
    text = nacre(built, "show", "security/strict").stdout
    for part in ("2.1", "MIT", "NACRE_SEC_HOST_LABEL", "[security.strict]", "level", "how strict (integer, default 3"):
        assert part in text, text


def test_a_file_is_verified_by_its_path(built):
    done = run(place.nacre, "plugin", "verify", built / "network/nothing.so")
    assert done.returncode == 0 and "good" in done.stdout, done.stdout + done.stderr


def test_a_renamed_file_is_refused(built):
    other = built / "security/other.so"
    shutil.copy(built / "security/strict.so", other)
    done = nacre(built, "verify", "security/other")
    other.unlink()
    assert done.returncode == 1
    assert 'it calls itself "strict"' in done.stdout


def test_it_exports_one_symbol(built):
    for plugin in built.glob("*/*.so"):
        symbols = run("nm", "-D", "--defined-only", plugin).stdout.split()
        assert symbols[2:] == ["nacre_plugin_v1"], symbols


def test_pkg_config_knows_where_things_are():
    for key, value in {"plugindir": f"{place.stage}/lib/nacre/plugins", "abi_major": "1"}.items():
        done = run("pkg-config", f"--variable={key}", "nacre-plugin",
                   env={"PKG_CONFIG_PATH": f"{place.stage}/lib/pkgconfig", "PATH": "/usr/bin:/bin"})
        assert done.stdout.strip() == value, done.stderr


def test_names_that_are_no_plugins_are_refused_in_words(built):
    for word, reason in {"qemu": "write KIND/NAME", "disk/qemu": "write KIND/NAME",
                         "storage/../x": "a plugin's name has 1 to 31", "storage/none": "nacre plugin list"}.items():
        done = nacre(built, "verify", word)
        assert done.returncode == 1 and reason in done.stdout + done.stderr, done.stdout + done.stderr
