// The null plugins of each kind, through the host's wrappers.
#include "catch.hpp"

#include "plugin/hypervisor.hpp"
#include "plugin/network.hpp"
#include "plugin/plan.hpp"
#include "plugin/registry.hpp"
#include "plugin/security.hpp"
#include "plugin/storage.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

using namespace nacre::plugin;

namespace {

Registry& registry() {
  static Registry instance("", NACRE_TEST_PLUGINS);
  return instance;
}

Vm make_vm(HostEnvironment& environment, const std::string& options = "{}") {
  return Hypervisor(registry().load(Kind::hypervisor, "null")).create(environment, Limits::none(), options);
}

VmDescription description() {
  VmDescription vm;
  vm.id = "pod";
  vm.memory_bytes = vm.memory_max_bytes = 64 << 20;
  vm.devices.push_back({{.kind = NACRE_DEVICE_SHARE, .id = "share", .tag = "pod"}, {}});
  return vm;
}

nacre::ErrorCode code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const nacre::Error& error) {
    return error.code();
  }
  return {};
}

} // namespace

TEST_CASE("the null hypervisor goes through a VM's whole life") {
  HostEnvironment environment;
  Vm vm = make_vm(environment);
  CHECK((vm.device_capabilities(NACRE_DEVICE_NET) & NACRE_DEV_HOT_ADD) != 0);
  CHECK(vm.channel().kind == NACRE_CHANNEL_FD);
  vm.start(Limits::none(), description());
  CHECK(vm.describe(Limits::none()).at(0).address == "00/01");

  const AgentChannel channel = vm.connect(Limits::none());
  CHECK(channel.fd);
  GuestDevice nic{.kind = NACRE_DEVICE_NET, .id = "eth0"};
  nic.mac = {2, 0, 0, 0, 0, 1};
  HostEnd end;
  end.kind = NACRE_END_FDS;
  end.fds.push_back(nacre::sdk::Fd(::eventfd(0, EFD_CLOEXEC)));
  CHECK(vm.add_device(Limits::none(), {nic, std::move(end)}).address == "00/02");
  CHECK(vm.describe(Limits::none()).at(1).mac == nic.mac);

  const std::uint64_t removal = vm.remove_device(Limits::none(), "eth0");
  const Events events = vm.take_events();
  REQUIRE(events.list.size() == 2);
  CHECK(events.list[0].kind == NACRE_EVENT_DEVICE_REMOVED);
  CHECK(events.list[0].device == "eth0");
  CHECK(events.list[1].kind == NACRE_EVENT_OPERATION_DONE);
  CHECK(events.list[1].operation == removal);
  CHECK(vm.take_events().list.empty());

  vm.pause(Limits::none());
  vm.resume(Limits::none());
  vm.stop(Limits::none(), false);
  vm.stop(Limits::none(), false);
  CHECK(vm.take_events().list.at(0).kind == NACRE_EVENT_VM_EXITED);
}

TEST_CASE("an operation in the wrong state is refused in words") {
  HostEnvironment environment;
  Vm vm = make_vm(environment);
  CHECK_THROWS_WITH(vm.pause(Limits::none()),
                    "pause the VM with plugin \"hypervisor/null\": cannot pause a VM that is not started");
  CHECK(code_of([&] { vm.pause(Limits::none()); }) == nacre::ErrorCode::failed_precondition);
}

TEST_CASE("a call ends at its deadline, and when it is cancelled") {
  HostEnvironment environment;
  Vm vm = make_vm(environment, R"({"never_starts":true})");
  CHECK(code_of([&] { vm.start(Limits::within(std::chrono::milliseconds(20)), description()); }) ==
        nacre::ErrorCode::deadline_exceeded);
  nacre::UniqueFd cancel(::eventfd(1, EFD_CLOEXEC));
  CHECK(code_of([&] { vm.start({0, cancel.get()}, description()); }) == nacre::ErrorCode::aborted);
}

TEST_CASE("the descriptors of a call are closed when the call fails") {
  HostEnvironment environment;
  Vm vm = make_vm(environment);
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  VmDescription first = description(), second = description();
  vm.start(Limits::none(), std::move(first));
  second.console = nacre::sdk::Fd(pipe[1]);
  CHECK_THROWS(vm.start(Limits::none(), std::move(second)));
  char byte;
  CHECK(::read(pipe[0], &byte, 1) == 0); // end of file: nobody holds the other end
  ::close(pipe[0]);
}

TEST_CASE("the null storage takes root file systems only, and uses nothing of the host for them") {
  HostEnvironment environment;
  Storage storage(registry().load(Kind::storage, "null"), environment, Limits::none(), "{}");
  MountRequest request;
  request.source = "/bundle/rootfs";
  CHECK_FALSE(storage.claim(request).taken);
  CHECK_FALSE(storage.claim(request).reason.empty());
  request.is_rootfs = true;
  CHECK(storage.claim(request).taken);
  CHECK(storage.prepare(Limits::none(), {}).devices.empty());
  Attachment attachment = storage.attach(Limits::none(), request);
  CHECK(attachment.result.how == NACRE_ATTACH_GUEST);
  CHECK(attachment.result.devices.empty());
  REQUIRE(attachment.result.mounts.size() == 1);
  CHECK(attachment.result.mounts[0].source == "/");
  storage.release(Limits::none());
}

TEST_CASE("the null network takes no link and needs no device") {
  HostEnvironment environment;
  Network network(registry().load(Kind::network, "null"), environment, Limits::none(), "{}");
  CHECK_FALSE(network.claim({.index = 2, .name = "eth0", .kind = "veth"}));
  CHECK(network.needs().cold_kinds == 0);
  CHECK(code_of([&] { network.open_endpoint(Limits::none(), {}); }) == nacre::ErrorCode::unimplemented);
}

TEST_CASE("the null security says nothing") {
  HostEnvironment environment;
  Security security(registry().load(Kind::security, "null"), environment, Limits::none(), "{}");
  const ProcessRules rules = security.confine(Limits::none(), {.role = "vmm", .program = "/usr/bin/qemu"});
  CHECK(rules.filter.empty());
  CHECK_FALSE(rules.no_new_privileges);
  CHECK(security.guest_process(Limits::none(), {false, "{}", "{}"}).process.empty());
}

TEST_CASE("the null plugins fit each other in the plan") {
  HostEnvironment environment;
  Vm vm = make_vm(environment);
  Storage storage(registry().load(Kind::storage, "null"), environment, Limits::none(), "{}");
  const Plan plan = make_plan(offer_of(vm, ""), {need_of(storage, "")});
  CHECK_FALSE(plan.runs_guest);
  CHECK(plan.nics_hot_add);
}
