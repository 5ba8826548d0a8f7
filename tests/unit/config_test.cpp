// The configuration as the operator meets it: what is accepted, what is refused and in which words.
#include "catch.hpp"

#include "base/error.hpp"
#include "config/config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace nacre::config;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

const std::string runtime =
    "[runtime]\nhypervisor = \"vmm\"\nnetwork = \"net\"\nstorage = [\"one\", \"two\"]\n";

std::string problems_of(const std::string& text) {
  Problems problems;
  parse_text(text, "/etc/c.toml", problems);
  return problems.text();
}

Config good(const std::string& text) {
  Problems problems;
  auto config = parse_text(text, "/etc/c.toml", problems);
  REQUIRE(problems.text() == "");
  return config;
}

struct Folder {
  fs::path path;
  Folder() {
    char name[] = "/tmp/nacre-config-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    const auto file = path / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }
};

const Schema schema = {
    {"path", OptionType::string, "/usr/bin/vmm", {}, {}, "Program"},
    {"cache", OptionType::string, "none", {}, {}, "Cache", {"none", "loose"}},
    {"queues", OptionType::integer, std::int64_t{1}, 1.0, 16.0, "Queues"},
    {"weight", OptionType::floating, {}, 0.0, {}, "Weight"},
    {"trace", OptionType::boolean, false, {}, {}, "Trace"},
    {"extra_args", OptionType::string_list, StringList{}, {}, 4.0, "Arguments"},
};

} // namespace

TEST_CASE("the core's keys are read") {
  const auto config =
      good(runtime + "enable_debug = true\nsecurity = [\"filter\"]\n[agent.nacre]\n"
                     "debug_console_enabled = true\n[hypervisor.vmm]\nkernel = \"/k\"\ninitrd = \"/i\"\n"
                     "default_vcpus = 1.5\ndefault_memory = 512\nkernel_params = \"quiet\"\n");
  CHECK(config.runtime().hypervisor == "vmm");
  CHECK(config.runtime().network == StringList{"net"});
  CHECK(config.runtime().storage == StringList{"one", "two"});
  CHECK(config.runtime().security == StringList{"filter"});
  CHECK(config.runtime().enable_debug);
  CHECK(config.agent().debug_console_enabled);
  CHECK(config.guest().kernel == "/k");
  CHECK(config.guest().vcpus == 2);
  CHECK(config.guest().memory_mib == 512);
  CHECK(config.guest().kernel_params == "quiet");
}

TEST_CASE("Kata's agent table and a lone hypervisor table count") {
  const auto config = good("[hypervisor.vmm]\n[runtime]\nnetwork=\"n\"\nstorage=\"s\"\n[agent.kata]\n"
                           "debug_console_enabled = true\n");
  CHECK(config.runtime().hypervisor == "vmm");
  CHECK(config.agent().debug_console_enabled);
  CHECK_THAT(problems_of("[runtime]\nnetwork=\"n\"\nstorage=\"s\"\n[hypervisor.a]\n[hypervisor.b]\n"),
             ContainsSubstring(
                 "/etc/c.toml:1:1: several [hypervisor.*] tables but no choice; write hypervisor = \"a\""));
}

TEST_CASE("the absence of a vCPU number has Kata's meanings") {
  CHECK(good(runtime + "[hypervisor.vmm]\ndefault_vcpus = 0\n").guest().vcpus == 1);
  CHECK(good(runtime + "[hypervisor.vmm]\ndefault_vcpus = -1\n").guest().vcpus >= 1);
}

TEST_CASE("every problem of a file is reported in one run, with its place") {
  const auto text =
      problems_of("[runtime]\nhypervisr = \"vmm\"\nnetwork = 3\nstorage = [\"a\", \"a\"]\n"
                  "internetworking_model = \"none\"\n[hypervisor.vmm]\ndefault_memory = 7\n[netwrk.x]\n");
  CHECK_THAT(text,
             ContainsSubstring(
                 "/etc/c.toml:2:1: unknown key \"hypervisr\" in [runtime]; did you mean \"hypervisor\"?"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "/etc/c.toml:3:11: \"network\" in [runtime] must be a list of strings, not an integer"));
  CHECK_THAT(text, ContainsSubstring("/etc/c.toml:4:11: [runtime] storage names \"a\" twice"));
  CHECK_THAT(text,
             !ContainsSubstring("internetworking_model")); // a notice: network decides
  CHECK_THAT(text, ContainsSubstring("/etc/c.toml:7:18: \"default_memory\" in [hypervisor.vmm] is 7, it must "
                                     "be between 64 and 16777216"));
  CHECK_THAT(text, ContainsSubstring("/etc/c.toml:8:1: unknown table [netwrk.x]; did you mean [network.x]?"));
}

TEST_CASE("refusals of single values") {
  CHECK_THAT(problems_of("[runtime\n"), ContainsSubstring("/etc/c.toml:1:9: not valid TOML"));
  CHECK_THAT(problems_of("[\n]\n"), ContainsSubstring("/etc/c.toml:1:2: not valid TOML"));
  CHECK_THAT(problems_of(""), ContainsSubstring("[runtime] hypervisor is not set"));
  CHECK_THAT(problems_of("[runtime]\nhypervisor = \"../x\"\nnetwork=\"n\"\nstorage=\"s\"\n"),
             ContainsSubstring("cannot be a plugin's name"));
  CHECK_THAT(problems_of("x = 1\n" + runtime),
             ContainsSubstring("/etc/c.toml:1:1: key \"x\" stands outside any table"));
  CHECK_THAT(problems_of(runtime + "[hypervisor]\npath = \"/x\"\n"),
             ContainsSubstring("put it below [hypervisor.NAME]"));
  CHECK_THAT(problems_of(runtime + "[hypervisor.vmm]\nkernel = \"k\"\n"),
             ContainsSubstring("must be an absolute path"));
  CHECK_THAT(problems_of(runtime + "[hypervisor.vmm]\nimage = \"/a\"\ninitrd = \"/b\"\n"),
             ContainsSubstring("/etc/c.toml:6:9: [hypervisor.vmm] has both initrd and image"));
  CHECK_THAT(problems_of(runtime + "[factory]\nenable_template = true\n"),
             ContainsSubstring("[factory] is not supported yet"));
  CHECK_THAT(problems_of("[runtime]\nhypervisor = \"v\"\nnetwork = []\nstorage = \"s\"\n"),
             ContainsSubstring("/etc/c.toml:3:11: [runtime] network names no plugin"));
}

TEST_CASE("a plugin gets its own keys with defaults, and where they come from") {
  const auto config =
      good(runtime + "[hypervisor.vmm]\nkernel = \"/k\"\nqueues = 4\nweight = 2\nextra_args = [\"-x\"]\n");
  const auto options = config.check("hypervisor", "vmm", schema);
  CHECK(
      options.json ==
      R"({"cache":"none","extra_args":["-x"],"path":"/usr/bin/vmm","queues":4,"trace":false,"weight":2E0})");
  CHECK(options.origins.at("queues").text() == "/etc/c.toml:7:10");
  CHECK(options.origins.at("path").text() == "default");
  CHECK(config.check("network", "net", {}).json == "{}");
}

TEST_CASE("a plugin's table is checked against its own schema") {
  const auto config =
      good(runtime + "[hypervisor.vmm]\nqueues = 17\ncache = \"lose\"\ntrace = 1\nkernel_parms = \"x\"\n"
                     "machine_type = \"pc\"\nextra_args = [\"1\", \"2\", \"3\", \"4\", \"5\"]\n");
  Problems problems;
  config.check("hypervisor", "vmm", schema, problems);
  const auto text = problems.text();
  CHECK_THAT(text,
             ContainsSubstring(":6:10: \"queues\" in [hypervisor.vmm] is 17, it must be between 1 and 16"));
  CHECK_THAT(text, ContainsSubstring(":7:9: \"cache\" in [hypervisor.vmm] is \"lose\", it must be one of "
                                     "\"none\", \"loose\"; did you mean \"loose\"?"));
  CHECK_THAT(text,
             ContainsSubstring(":8:9: \"trace\" in [hypervisor.vmm] must be a boolean, not an integer"));
  CHECK_THAT(text,
             ContainsSubstring(
                 ":9:1: unknown key \"kernel_parms\" in [hypervisor.vmm]; did you mean \"kernel_params\"?"));
  CHECK_THAT(text,
             ContainsSubstring(":10:1: \"machine_type\" in [hypervisor.vmm] is not supported: the plugin"));
  CHECK_THAT(text, ContainsSubstring(
                       ":11:14: \"extra_args\" in [hypervisor.vmm] is 5 items long, it must be at most 4"));
  CHECK_THROWS_WITH(config.check("hypervisor", "vmm", schema), ContainsSubstring("configuration: 6 errors"));
}

TEST_CASE("an options description is read, and a wrong one is refused") {
  const auto read = parse_schema(R"([{"key":"a","type":"integer","default":3,"min":1,"max":9,"help":"A"},
                                    {"key":"b","type":"strings","default":["x"],"values":["x","y"]}])");
  REQUIRE(read.size() == 2);
  CHECK(read[0].maximum == 9.0);
  CHECK(read[1].values == StringList{"x", "y"});
  CHECK(parse_schema("").empty());
  CHECK_THROWS_WITH(parse_schema(R"([{"key":"a","type":"integer","default":0,"min":1}])"),
                    ContainsSubstring("it must be at least 1"));
  CHECK_THROWS_WITH(parse_schema(R"([{"key":"A","type":"integer"}])"), ContainsSubstring("small letters"));
  CHECK_THROWS_WITH(parse_schema(R"([{"key":"a","type":"int"}])"), ContainsSubstring("\"type\" is \"int\""));
  CHECK_THROWS_WITH(parse_schema("{}"), ContainsSubstring("not a list"));
}

TEST_CASE("a drop-in replaces one key and is found beside the resolved main file") {
  const Folder folder;
  const auto main = folder.write("real/c.toml", runtime + "enable_debug = true\n");
  folder.write("real/config.d/10.toml", "[runtime]\nnetwork = [\"other\"]\n");
  folder.write("real/config.d/20.toml", "[hypervisor.vmm]\ndefault_memory = 128\n");
  folder.write("real/config.d/notes.txt", "not TOML");
  fs::create_symlink(main, folder.path / "link.toml");
  const auto config = load({folder.path / "link.toml"});
  CHECK(config.runtime().network == StringList{"other"});
  CHECK(config.runtime().enable_debug);
  CHECK(config.guest().memory_mib == 128);
  CHECK(config.files().size() == 3);
  CHECK_THAT(config.show(true),
             ContainsSubstring("network = [\"other\"]  # " +
                               (folder.path / "real/config.d/10.toml").string() + ":2:11"));
  CHECK_THAT(config.show(false), ContainsSubstring("default_memory = 128\n"));
}

TEST_CASE("extra_plugin_dir is honoured only in root's own main file") {
  const Folder folder;
  const auto main = folder.write("c.toml", runtime + "extra_plugin_dir = \"/opt/p\"\n");
  if (::geteuid() == 0) {
    CHECK(load({main}).runtime().extra_plugin_dir == "/opt/p");
    ::chmod(main.c_str(), 0666);
    CHECK_THROWS_WITH(load({main}), ContainsSubstring("belongs to root"));
  }
  folder.write("c.toml", runtime);
  folder.write("config.d/1.toml", "[runtime]\nextra_plugin_dir = \"/opt/p\"\n");
  CHECK_THROWS_WITH(load({main}), ContainsSubstring("may only stand in the main file"));
}

TEST_CASE("a missing file or guest asset is named") {
  CHECK_THROWS_WITH(load({"/nonexistent/c.toml"}),
                    ContainsSubstring("open configuration \"/nonexistent/c.toml\""));
  const auto config = good(runtime + "[hypervisor.vmm]\nkernel = \"/nonexistent/k\"\ninitrd = \"/i\"\n");
  CHECK_THROWS_WITH(
      config.guest().require_files(),
      ContainsSubstring("open guest kernel \"/nonexistent/k\": No such file or directory; correct "
                        "\"kernel\" at /etc/c.toml:6:10"));
}
