#include "systemd/manager.hpp"

#include "base/error.hpp"
#include "systemd/sd_bus_library.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <unistd.h>

namespace nacre::systemd {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr const char* destination = "org.freedesktop.systemd1";
constexpr const char* object = "/org/freedesktop/systemd1";
constexpr const char* interface = "org.freedesktop.systemd1.Manager";
constexpr const char* private_socket = "unix:path=/run/systemd/private";
constexpr auto job_deadline = 30s; // as runc's

struct BusError {
  explicit BusError(const SdBusLibrary& bus_library) : library(bus_library) {}
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { library.error_free(&error); }

  bool is(const char* name) const { return error.name && std::string_view(error.name) == name; }
  std::string text(int result) const { return error.message ? error.message : errno_text(-result); }

  const SdBusLibrary& library;
  sd_bus_error error{};
};

struct MessageUnref {
  void operator()(sd_bus_message* message) const { SdBusLibrary::load().unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

void check(int result, const char* what) {
  if (result < 0) throw Error::from_errno(-result, what);
}

} // namespace

bool booted() {
  return ::access("/run/systemd/system", F_OK) == 0;
}

struct Manager::Impl {
  Impl() : library(SdBusLibrary::load()) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { library.close_unref(bus); }

  void open();
  void open_peer(const char* address, UniqueFd socket);
  void watch_jobs();
  int call_start(const TransientUnit& unit, BusError& error, std::string& job);
  void append_properties(sd_bus_message* message, const TransientUnit& unit) const;
  void forget_failed(const std::string& unit);
  std::string await_job(const std::string& job, const std::string& unit);

  static int on_job_removed(sd_bus_message* message, void* self, sd_bus_error*);

  const SdBusLibrary& library;
  sd_bus* bus = nullptr;
  std::string awaited_unit;                   // jobs of other units are none of ours
  std::map<std::string, std::string> results; // of ended jobs, by object path
};

void Manager::Impl::open() {
  const int result = library.open_system(&bus);
  if (result < 0) open_peer(private_socket, UniqueFd());
  watch_jobs();
}

void Manager::Impl::open_peer(const char* address, UniqueFd socket) {
  int result = library.bus_new(&bus);
  if (result >= 0 && address) result = library.set_address(bus, address);
  if (result >= 0 && socket) {
    result = library.set_fd(bus, socket.get(), socket.get());
    if (result >= 0) socket.release();
  }
  if (result >= 0) result = library.start(bus);
  if (result < 0)
    throw Error::from_errno(-result, "connect to systemd over D-Bus")
        .hint("start the system bus (dbus.socket), or let the engine use the cgroupfs driver");
}

// The manager tells of a job's end whoever started the job; on its own socket everybody.
void Manager::Impl::watch_jobs() {
  check(library.match_signal(bus, nullptr, nullptr, object, interface, "JobRemoved", on_job_removed, this),
        "wait for jobs of systemd");
}

int Manager::Impl::on_job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
  auto& impl = *static_cast<Impl*>(self);
  std::uint32_t id;
  const char *path, *unit, *result;
  if (impl.library.read(message, "uoss", &id, &path, &unit, &result) < 0) return 0;
  if (impl.awaited_unit == unit) impl.results[path] = result;
  return 0;
}

void Manager::Impl::append_properties(sd_bus_message* message, const TransientUnit& unit) const {
  const auto append = [&](const char* types, auto... values) {
    check(library.append(message, types, values...), "describe a unit to systemd");
  };
  const bool slice = unit.name.ends_with(".slice");
  append("(sv)", "Description", "s", unit.description.c_str());
  // Not stopped with the engine's targets before the engine itself can do it.
  append("(sv)", "DefaultDependencies", "b", 0);
  // What engines read of the cgroup: memory, CPU, block I/O, processes.
  for (const char* name : {"MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"})
    append("(sv)", name, "b", 1);
  if (slice) {
    append("(sv)", "Wants", "as", 1, unit.slice.c_str());
    return;
  }
  append("(sv)", "Slice", "s", unit.slice.c_str());
  append("(sv)", "Delegate", "b", 1); // the cgroup's content is ours
  append("(sv)", "CollectMode", "s", "inactive-or-failed");
  check(library.open_container(message, 'r', "sv"), "describe a unit to systemd");
  append("s", "PIDs");
  check(library.open_container(message, 'v', "au"), "describe a unit to systemd");
  check(library.open_container(message, 'a', "u"), "describe a unit to systemd");
  for (const int pid : unit.pids)
    append("u", static_cast<std::uint32_t>(pid));
  for (int level = 0; level < 3; ++level)
    check(library.close_container(message), "describe a unit to systemd");
}

int Manager::Impl::call_start(const TransientUnit& unit, BusError& error, std::string& job) {
  sd_bus_message* raw = nullptr;
  check(library.new_method_call(bus, &raw, destination, object, interface, "StartTransientUnit"),
        "describe a unit to systemd");
  const Message message(raw);
  check(library.append(raw, "ss", unit.name.c_str(), "fail"), "describe a unit to systemd");
  check(library.open_container(raw, 'a', "(sv)"), "describe a unit to systemd");
  append_properties(raw, unit);
  check(library.close_container(raw), "describe a unit to systemd");
  check(library.append(raw, "a(sa(sv))", 0), "describe a unit to systemd"); // no auxiliary units
  sd_bus_message* raw_reply = nullptr;
  const int result = library.call(bus, raw, 0, &error.error, &raw_reply);
  const Message reply(raw_reply);
  if (result < 0) return result;
  const char* path = nullptr;
  check(library.read(raw_reply, "o", &path), "understand systemd's answer");
  job = path;
  return 0;
}

void Manager::Impl::forget_failed(const std::string& unit) {
  BusError ignored(library); // there is none, most of the time
  library.call_method(bus, destination, object, interface, "ResetFailedUnit", &ignored.error, nullptr, "s",
                      unit.c_str());
}

std::string Manager::Impl::await_job(const std::string& job, const std::string& unit) {
  const auto deadline = Clock::now() + job_deadline;
  for (;;) {
    if (const auto found = results.find(job); found != results.end()) {
      std::string result = found->second;
      results.clear();
      return result;
    }
    const int done = library.process(bus, nullptr);
    check(done, "wait for a job of systemd");
    if (done > 0) continue;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now()).count();
    if (left <= 0)
      throw Error(ErrorCode::deadline_exceeded, "wait for systemd's job on", unit)
          .because("it did not end within " + std::to_string(job_deadline.count()) + " seconds");
    check(library.wait(bus, static_cast<std::uint64_t>(left)), "wait for a job of systemd");
  }
}

Manager::Manager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;
Manager::~Manager() = default;

Manager Manager::connect() {
  auto impl = std::make_unique<Impl>();
  impl->open();
  return Manager(std::move(impl));
}

Manager Manager::over(UniqueFd socket) {
  auto impl = std::make_unique<Impl>();
  impl->open_peer(nullptr, std::move(socket));
  impl->watch_jobs();
  return Manager(std::move(impl));
}

bool Manager::start(const TransientUnit& unit) {
  constexpr const char* exists = "org.freedesktop.systemd1.UnitExists";
  impl_->awaited_unit = unit.name;
  std::string job;
  for (const bool again : {true, false}) {
    BusError error(impl_->library);
    const int result = impl_->call_start(unit, error, job);
    if (result >= 0) break;
    if (!error.is(exists))
      throw Error(ErrorCode::unavailable, "make systemd unit", unit.name).because(error.text(result));
    if (!again) return false;
    impl_->forget_failed(unit.name); // it may be what a failure has left
  }
  const std::string result = impl_->await_job(job, unit.name);
  if (result == "done") return true;
  impl_->forget_failed(unit.name);
  throw Error(ErrorCode::unavailable, "make systemd unit", unit.name)
      .because("error creating systemd unit `" + unit.name + "`: got `" + result + "`");
}

void Manager::stop(const std::string& unit) {
  constexpr const char* missing = "org.freedesktop.systemd1.NoSuchUnit";
  impl_->awaited_unit = unit;
  BusError error(impl_->library);
  sd_bus_message* raw_reply = nullptr;
  const int result = impl_->library.call_method(impl_->bus, destination, object, interface, "StopUnit",
                                                &error.error, &raw_reply, "ss", unit.c_str(), "replace");
  const Message reply(raw_reply);
  if (result < 0) {
    if (error.is(missing)) return;
    throw Error(ErrorCode::unavailable, "stop systemd unit", unit).because(error.text(result));
  }
  const char* job = nullptr;
  check(impl_->library.read(raw_reply, "o", &job), "understand systemd's answer");
  impl_->await_job(job, unit);
  impl_->forget_failed(unit);
}

} // namespace nacre::systemd
