// The same plugin in C and C++, by several compilers and standard libraries, through the host's wrappers.
#include "catch.hpp"
#include "quiet_host.hpp"

#include "plugin/registry.hpp"
#include "plugin/storage.hpp"
#include "plugin/undo.hpp"

#include <iterator>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace nacre::plugin;

namespace {

std::vector<std::string> good_plugins() {
  std::istringstream names(NACRE_TEST_GOOD);
  return {std::istream_iterator<std::string>(names), {}};
}

MountRequest mount(const std::string& source) {
  MountRequest request;
  request.container_id = "c1";
  request.source = source;
  return request;
}

} // namespace

TEST_CASE("a plugin behaves alike whatever it was written in and built by") {
  const std::string name = GENERATE(from_range(good_plugins()));
  INFO(name);
  Registry registry("", NACRE_TEST_VARIANTS);
  QuietHost host;
  const Plugin& plugin = registry.load(Kind::storage, name);
  CHECK(Storage::probe(plugin, host.environment, Limits::none(), "{}").reason == "always");

  Storage storage(plugin, host.environment, Limits::none(), R"({"unused":[]})");
  CHECK(storage.needs().cold_kinds == 1u << NACRE_DEVICE_SHARE);
  CHECK(storage.claim(mount("/good/data")).taken);
  CHECK(storage.claim(mount("/bad")).reason == "it takes what is below /good only");

  StoragePlan plan = storage.prepare(Limits::none(), {"pod", "/share", "/run/nacre/share/pod"});
  REQUIRE(plan.devices.size() == 1);
  CHECK(plan.devices[0].guest.id == "disk0");
  CHECK(plan.devices[0].guest.read_only);
  REQUIRE(plan.devices[0].host.fds.size() == 1);
  char content[8] = "";
  CHECK(::pread(plan.devices[0].host.fds[0].get(), content, 4, 0) == 4);
  CHECK(std::string(content) == "disk");
  REQUIRE(plan.mounts.size() == 1);
  CHECK(plan.mounts[0].mount_point == "/run/nacre/share/pod");
  CHECK(plan.mounts[0].options == std::vector<std::string>{"ro", "nodev"});
  CHECK(host.lines == std::vector<std::string>{"storage/" + name + ": prepared"});

  Attachment attachment = storage.attach(Limits::none(), mount("/good/data"));
  CHECK(attachment.result.how == NACRE_ATTACH_GUEST);
  CHECK(attachment.result.mounts.at(0).source == "guest:/good/data");
  attachment.detach(Limits::none());

  Attachment layers = storage.attach(Limits::none(), mount("/good/layers")); // lists count, where they are
  CHECK(layers.result.how == NACRE_ATTACH_DEVICE);
  REQUIRE(layers.result.devices.size() == 1);
  CHECK(layers.result.devices[0].guest.id == "disk0");
  CHECK(layers.result.devices[0].host.fds.size() == 1);
  REQUIRE(layers.result.mounts.size() == 2);
  CHECK(layers.result.mounts[0].driver == "9p");
  CHECK(layers.result.mounts[1].source == "guest:/good/layers");
  layers.detach(Limits::none());

  REQUIRE(host.journal->records().size() == 1);
  const auto record = host.journal->records().front();
  CHECK(record.kind == "storage");
  CHECK(record.name == name);
  CHECK(record.version == "1.0");
  storage.release(Limits::none());
  CHECK(host.journal->records().empty());

  undo(registry, host.environment, Limits::none(), record);
  CHECK(host.lines.back() == "storage/" + name + ": made by prepare");
}

TEST_CASE("a failure in a plugin arrives as an error that names the plugin and the operation") {
  const std::string name = GENERATE(from_range(good_plugins()));
  INFO(name);
  Registry registry("", NACRE_TEST_VARIANTS);
  QuietHost host;
  const Plugin& plugin = registry.load(Kind::storage, name);
  try {
    Storage(plugin, host.environment, Limits::none(), R"({"fail":"text"})");
    FAIL("create() succeeded");
  } catch (const nacre::Error& error) {
    CHECK(std::string(error.what()) ==
          "create a handle with plugin \"storage/" + name + "\": key \"path\" is missing");
    CHECK(error.code() == nacre::ErrorCode::unknown);
  }
  try {
    Storage(plugin, host.environment, Limits::none(), R"({"fail":"errno"})");
    FAIL("create() succeeded");
  } catch (const nacre::Error& error) {
    CHECK_THAT(error.what(),
               Catch::Matchers::ContainsSubstring("open \"/dev/kvm\": No such file or directory"));
    CHECK(error.code() == nacre::ErrorCode::not_found);
  }
}

TEST_CASE("an exception that is no std::exception does not get out of a plugin") {
  Registry registry("", NACRE_TEST_VARIANTS);
  QuietHost host;
  CHECK_THROWS_AS(
      Storage(registry.load(Kind::storage, "in-cpp"), host.environment, Limits::none(), R"({"fail":"int"})"),
      nacre::Error);
}

TEST_CASE("a thousand handles leave neither memory nor descriptors behind") {
  Registry registry("", NACRE_TEST_VARIANTS);
  QuietHost host;
  const Plugin& plugin = registry.load(Kind::storage, "in-cpp");
  const auto once = [&] {
    Storage storage(plugin, host.environment, Limits::none(), "{}");
    storage.prepare(Limits::none(), {"pod", "/share", "/guest"});
    Attachment attachment = storage.attach(Limits::none(), mount("/good/x"));
    attachment.detach(Limits::none());
    storage.release(Limits::none());
  };
  for (int i = 0; i < 100; ++i)
    once();
  host.lines.clear();
  const std::size_t descriptors = open_descriptors(), pages = resident_pages();
  for (int i = 0; i < 1000; ++i) {
    once();
    host.lines.clear();
  }
  CHECK(open_descriptors() == descriptors);
  CHECK(resident_pages() <= pages + 64);
}
