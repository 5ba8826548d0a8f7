// What holds for every plugin, whoever wrote it: each file of the folder NACRE_CONFORMANCE_DIR goes through
// the host's wrappers of its kind. No machine is started and no link is touched.
#include "catch.hpp"
#include "quiet_host.hpp"

#include "config/option_schema.hpp"
#include "plugin/hypervisor.hpp"
#include "plugin/network.hpp"
#include "plugin/option_defaults.hpp"
#include "plugin/registry.hpp"
#include "plugin/security.hpp"
#include "plugin/storage.hpp"
#include "plugin/undo.hpp"

#include <net/if_arp.h>

#include <functional>

using namespace nacre::plugin;

namespace {

Registry& registry() {
  static Registry instance("", std::getenv("NACRE_CONFORMANCE_DIR"));
  return instance;
}

// Those of a kind; of all kinds when none is given.
std::vector<Registry::Entry> entries(std::optional<Kind> kind = {}) {
  auto list = registry().list();
  std::erase_if(list, [&](const auto& entry) { return kind && entry.kind != *kind; });
  return list;
}

std::string defaults_of(const Plugin& plugin) {
  return option_defaults(plugin.options_schema());
}

// An operation may refuse, in a sentence of its own; it may not do anything else.
void works_or_refuses(const std::function<void()>& operation) {
  try {
    operation();
  } catch (const nacre::Error& error) {
    INFO(error.what());
    CHECK_FALSE(error.cause().empty());
    CHECK(error.cause() != "it gave no reason");
  }
}

void make_and_drop(const Plugin& plugin, HostEnvironment& environment) {
  const std::string options = defaults_of(plugin);
  switch (plugin.kind()) {
  case Kind::hypervisor:
    Hypervisor(plugin).create(environment, Limits::none(), options);
    break;
  case Kind::network:
    Network(plugin, environment, Limits::none(), options);
    break;
  case Kind::storage:
    Storage(plugin, environment, Limits::none(), options);
    break;
  case Kind::security:
    Security(plugin, environment, Limits::none(), options);
    break;
  }
}

} // namespace

TEST_CASE("there is something to test") {
  REQUIRE(std::getenv("NACRE_CONFORMANCE_DIR") != nullptr);
  CHECK_FALSE(entries().empty());
}

TEST_CASE("every plugin loads and describes its options") {
  for (const auto& entry : entries()) {
    INFO(entry.path << " " << entry.sentence);
    REQUIRE(entry.status == LoadStatus::ok);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    CHECK(plugin.name() == entry.name);
    CHECK_NOTHROW(nacre::config::parse_schema(plugin.options_schema()));
  }
}

TEST_CASE("a thousand handles leave neither memory nor descriptors behind") {
  for (const auto& entry : entries()) {
    INFO(entry.path);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    QuietHost host;
    for (int i = 0; i < 100; ++i)
      make_and_drop(plugin, host.environment);
    const std::size_t descriptors = open_descriptors(), pages = resident_pages();
    for (int i = 0; i < 1000; ++i)
      make_and_drop(plugin, host.environment);
    CHECK(open_descriptors() == descriptors);
    CHECK(resident_pages() <= pages + 64);
    CHECK(host.journal->records().empty()); // a constructor changes nothing of the host
  }
}

TEST_CASE("a hypervisor says what it can do before anything is started") {
  for (const auto& entry : entries(Kind::hypervisor)) {
    INFO(entry.path);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    QuietHost host;
    Vm vm = Hypervisor(plugin).create(host.environment, Limits::none(), defaults_of(plugin));
    std::uint64_t any = 0;
    for (std::uint32_t kind = 1; kind < NACRE_DEVICE_KIND_LIMIT; ++kind)
      any |= vm.device_capabilities(kind);
    CHECK((any & NACRE_DEV_COLD_ADD) != 0);
    const AgentChannel channel = vm.channel();
    CHECK((channel.kind >= NACRE_CHANNEL_FD && channel.kind <= NACRE_CHANNEL_HYBRID_VSOCK));
    CHECK_FALSE(channel.fd);
    works_or_refuses([&] { vm.pause(Limits::none()); });
    works_or_refuses([&] { vm.add_device(Limits::none(), {}); });
    works_or_refuses([&] { vm.remove_device(Limits::none(), "none"); });
    works_or_refuses([&] { vm.connect(Limits::none()); });
    works_or_refuses([&] { vm.stop(Limits::none(), false); }); // never started: nothing to do
  }
}

TEST_CASE("a storage plugin answers for every kind of source") {
  for (const auto& entry : entries(Kind::storage)) {
    INFO(entry.path);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    QuietHost host;
    Storage storage(plugin, host.environment, Limits::none(), defaults_of(plugin));
    storage.needs();
    for (std::uint32_t kind = NACRE_SOURCE_FOLDER; kind <= NACRE_SOURCE_SPACE; ++kind) {
      MountRequest request;
      request.container_id = "c1";
      request.source = "/proc/self";
      request.destination = "/data";
      request.source_kind = kind;
      const Claim claim = storage.claim(request);
      CHECK((claim.taken || !claim.reason.empty()));
    }
    works_or_refuses([&] {
      storage.prepare(Limits::none(), {"pod", "/share", "/run/nacre/share/pod"});
      storage.release(Limits::none());
    });
  }
}

TEST_CASE("a network plugin leaves the loopback alone") {
  for (const auto& entry : entries(Kind::network)) {
    INFO(entry.path);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    QuietHost host;
    Network network(plugin, host.environment, Limits::none(), defaults_of(plugin));
    network.needs();
    Link link;
    link.index = 1;
    link.name = "lo";
    link.hardware_type = ARPHRD_LOOPBACK;
    CHECK_FALSE(network.claim(link));
  }
}

TEST_CASE("a security plugin answers for host and guest") {
  for (const auto& entry : entries(Kind::security)) {
    INFO(entry.path);
    const Plugin& plugin = registry().load(entry.kind, entry.name);
    QuietHost host;
    Security security(plugin, host.environment, Limits::none(), defaults_of(plugin));
    works_or_refuses([&] {
      security.confine(Limits::none(), {"vmm", "/usr/bin/qemu-system-x86_64", "pod", "", "hypervisor/qemu"});
    });
    for (const bool is_exec : {false, true})
      works_or_refuses([&] {
        security.guest_process(Limits::none(), {is_exec, R"({"args":["sh"]})", "{}"});
      });
  }
}

TEST_CASE("a record that it has not written is refused or ignored") {
  for (const auto& entry : entries()) {
    INFO(entry.path);
    QuietHost host;
    nacre::journal::Record record;
    record.kind = to_string(entry.kind);
    record.name = entry.name;
    record.version = "1.0";
    for (const std::string& bytes : {std::string(), std::string("?"), std::string(4096, '\xff')}) {
      record.bytes = bytes;
      works_or_refuses([&] { undo(registry(), host.environment, Limits::none(), record); });
    }
  }
}
