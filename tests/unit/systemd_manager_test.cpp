// The manager's client beside a peer that answers as org.freedesktop.systemd1 does: signatures are checked by
// sd-bus itself, what is in them here. Real systemd: tests/lab/test_systemd.py.
#include "base/error.hpp"
#include "catch.hpp"
#include "systemd/manager.hpp"

#include <atomic>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <thread>

using namespace nacre;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* object = "/org/freedesktop/systemd1";
constexpr const char* interface = "org.freedesktop.systemd1.Manager";

class FakeManager {
public:
  FakeManager() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    client_ = UniqueFd(ends[0]);
    sd_id128_t id{};
    id.bytes[0] = 1;
    REQUIRE(sd_bus_new(&bus_) >= 0);
    REQUIRE(sd_bus_set_fd(bus_, ends[1], ends[1]) >= 0);
    REQUIRE(sd_bus_set_server(bus_, 1, id) >= 0);
    REQUIRE(sd_bus_add_object_vtable(bus_, nullptr, object, interface, methods, this) >= 0);
    thread_ = std::thread([this] { serve(); });
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;
  ~FakeManager() {
    ::eventfd_write(end_.get(), 1);
    thread_.join();
    sd_bus_flush_close_unref(bus_);
  }

  systemd::Manager client() { return systemd::Manager::over(std::move(client_)); }

  // Set before the call, read after its answer.
  std::string result = "done";
  std::atomic<int> exists = 0; // so many times
  std::string name, mode, properties;
  std::vector<std::uint32_t> pids;
  std::string calls;

private:
  void serve() {
    if (sd_bus_start(bus_) < 0) return;
    for (;;) {
      while (sd_bus_process(bus_, nullptr) > 0) {
      }
      pollfd polled[2] = {{sd_bus_get_fd(bus_), static_cast<short>(sd_bus_get_events(bus_)), 0},
                          {end_.get(), POLLIN, 0}};
      if (::poll(polled, 2, -1) < 0 || polled[1].revents) return;
    }
  }

  // A job's end is told before its beginning is answered: whoever waits must not miss it.
  int answer_with_job(sd_bus_message* call, const char* unit) {
    sd_bus_emit_signal(bus_, object, interface, "JobRemoved", "uoss", 6, "/org/freedesktop/systemd1/job/6",
                       "other.service", "failed");
    sd_bus_emit_signal(bus_, object, interface, "JobRemoved", "uoss", 7, "/org/freedesktop/systemd1/job/7",
                       unit, result.c_str());
    return sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/7");
  }

  int start_unit(sd_bus_message* call, sd_bus_error* error) {
    calls += "start ";
    if (exists > 0) {
      --exists;
      return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitExists", "Unit x already exists.");
    }
    const char *unit, *how;
    int r = sd_bus_message_read(call, "ss", &unit, &how);
    if (r < 0) return r;
    name = unit;
    mode = how;
    r = sd_bus_message_enter_container(call, 'a', "(sv)");
    while (r >= 0 && (r = sd_bus_message_enter_container(call, 'r', "sv")) > 0) {
      r = read_property(call);
      if (r >= 0) r = sd_bus_message_exit_container(call);
    }
    if (r < 0) return r;
    return answer_with_job(call, unit);
  }

  int read_property(sd_bus_message* call) {
    const char *key, *types, *text;
    int flag;
    std::uint32_t pid;
    int r = sd_bus_message_read(call, "s", &key);
    if (r < 0 || (r = sd_bus_message_peek_type(call, nullptr, &types)) < 0) return r;
    properties += std::string(key) + ":" + types + " ";
    if (std::string(types) == "s") return sd_bus_message_read(call, "v", "s", &text);
    if (std::string(types) == "b") return sd_bus_message_read(call, "v", "b", &flag);
    if (std::string(types) != "au") return sd_bus_message_skip(call, "v");
    r = sd_bus_message_enter_container(call, 'v', "au");
    if (r >= 0) r = sd_bus_message_enter_container(call, 'a', "u");
    while (r >= 0 && (r = sd_bus_message_read(call, "u", &pid)) > 0)
      pids.push_back(pid);
    if (r >= 0) r = sd_bus_message_exit_container(call);
    return r < 0 ? r : sd_bus_message_exit_container(call);
  }

  int stop_unit(sd_bus_message* call, sd_bus_error* error) {
    calls += "stop ";
    if (exists < 0)
      return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit x not loaded.");
    const char *unit, *how;
    const int r = sd_bus_message_read(call, "ss", &unit, &how);
    return r < 0 ? r : answer_with_job(call, unit);
  }

  template <int (FakeManager::*method)(sd_bus_message*, sd_bus_error*)>
  static int handle(sd_bus_message* call, void* self, sd_bus_error* error) {
    return (static_cast<FakeManager*>(self)->*method)(call, error);
  }
  int reset_failed(sd_bus_message* call, sd_bus_error*) {
    calls += "reset ";
    return sd_bus_reply_method_return(call, "");
  }

  static constexpr sd_bus_vtable methods[] = {
      SD_BUS_VTABLE_START(0),
      SD_BUS_METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", handle<&FakeManager::start_unit>,
                    SD_BUS_VTABLE_UNPRIVILEGED),
      SD_BUS_METHOD("StopUnit", "ss", "o", handle<&FakeManager::stop_unit>, SD_BUS_VTABLE_UNPRIVILEGED),
      SD_BUS_METHOD("ResetFailedUnit", "s", "", handle<&FakeManager::reset_failed>,
                    SD_BUS_VTABLE_UNPRIVILEGED),
      SD_BUS_VTABLE_END};

  UniqueFd client_;
  UniqueFd end_{::eventfd(0, EFD_CLOEXEC)};
  sd_bus* bus_ = nullptr;
  std::thread thread_;
};

const systemd::TransientUnit scope{"docker-c1.scope", "a container", "system.slice", {41, 42}};

} // namespace

TEST_CASE("a scope is asked for with its processes, delegated, and its job is waited for") {
  FakeManager fake;
  auto manager = fake.client();
  CHECK(manager.start(scope));
  CHECK(fake.name == "docker-c1.scope");
  CHECK(fake.mode == "fail");
  CHECK(fake.pids == std::vector<std::uint32_t>{41, 42});
  for (const char* property :
       {"Slice:s ", "Delegate:b ", "PIDs:au ", "CollectMode:s ", "MemoryAccounting:b "})
    CHECK_THAT(fake.properties, ContainsSubstring(property));
  manager.stop(scope.name);
  CHECK(fake.calls == "start stop reset ");
}

TEST_CASE("what a failure has left of a unit is forgotten, a unit that lives is not touched") {
  FakeManager fake;
  auto manager = fake.client();
  fake.exists = 1;
  CHECK(manager.start(scope));
  CHECK(fake.calls == "start reset start ");
  fake.exists = 2;
  CHECK_FALSE(manager.start(scope));
}

TEST_CASE("a job that fails is an error that names the unit; a unit that is gone needs no stop") {
  FakeManager fake;
  auto manager = fake.client();
  fake.result = "failed";
  CHECK_THROWS_WITH(manager.start(scope),
                    ContainsSubstring("docker-c1.scope") && ContainsSubstring("got `failed`"));
  fake.exists = -1;
  CHECK_NOTHROW(manager.stop(scope.name));
}

TEST_CASE("a slice has no processes and wants the slice that it is in") {
  FakeManager fake;
  auto manager = fake.client();
  CHECK(manager.start({"a-b.slice", "pods", "a.slice", {}}));
  CHECK_THAT(fake.properties, ContainsSubstring("Wants:as ") && !ContainsSubstring("PIDs"));
}

TEST_CASE("without systemd at the other end there is one sentence, not a hang") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  ::close(ends[1]);
  CHECK_THROWS_AS(systemd::Manager::over(UniqueFd(ends[0])).start(scope), Error);
}
