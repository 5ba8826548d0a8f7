// One call into a plugin: limits in, error out, and the crash line's words while it lasts.
#pragma once

#include "base/error.hpp"
#include "plugin/crash_line.hpp"
#include "plugin/host_services.hpp"
#include "plugin/limits.hpp"
#include "plugin/loader.hpp"
#include "plugin/overdue_watch.hpp"

#include <nacre/plugin/host_api.h>
#include <nacre/sdk/boundary.hpp>
#include <nacre/sdk/host.hpp>

#include <array>
#include <string>

namespace nacre::plugin {

class Operation {
public:
  // `words`: what is asked for, as a message says it ("start the VM"); lives for ever. `host`: gets the
  // warning about an operation that overran its deadline; may be null.
  Operation(const Plugin& plugin, const char* words, const Limits& limits = {},
            const HostServices* host = nullptr);

  const nacre_call* call() const noexcept { return &call_; }

  // Throws the plugin's error. An exception that left the plugin, which the boundary forbids, becomes an
  // error too; one of our own (std::bad_alloc of a conversion) passes.
  template <typename Body> void run(Body&& body) {
    nacre_error error{};
    error.struct_size = sizeof error;
    std::int32_t result = 0;
    {
      const CurrentOperation current(plugin_.label().c_str(), words_);
      const OverdueWatch watch(host_ != nullptr ? call_.deadline_ns : 0, [this] { tell_overdue(); });
      try {
        result = body(&error);
      } catch (...) {
        rethrow();
      }
    }
    finish(result, error);
  }

  // Throws when the table of an older plugin ends before the function, or leaves it out.
  void need(bool present) const;

private:
  void finish(std::int32_t result, nacre_error& error) const;
  void tell_overdue() const;         // on the watch's thread
  [[noreturn]] void rethrow() const; // what is being caught

  const Plugin& plugin_;
  const char* words_;
  const HostServices* host_;
  nacre_call call_{};
};

// Room for the descriptors that a call hands out.
class FdRoom {
public:
  FdRoom() : raw_{sizeof raw_, static_cast<std::uint32_t>(numbers_.size()), numbers_.data(), 0, 0} {}
  FdRoom(const FdRoom&) = delete;
  FdRoom& operator=(const FdRoom&) = delete;
  nacre_fds_out* raw() noexcept { return &raw_; }
  sdk::ReceivedFds take() { return sdk::ReceivedFds(raw_); } // once, after the call has succeeded

private:
  std::array<std::int32_t, 64> numbers_{};
  nacre_fds_out raw_;
};

// A struct that a call fills.
template <typename T> T room() {
  T value{};
  value.struct_size = sizeof value;
  return value;
}

// Members that every kind's table begins with.
template <typename Ops>
sdk::Probe probe_with(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                      const std::string& options) {
  const auto& ops = *static_cast<const Ops*>(plugin.ops());
  if (!NACRE_HAS_FUNCTION(&ops, Ops, probe)) return sdk::Probe::ok();
  const HostServices host(environment, plugin);
  auto report = room<nacre_probe_report>();
  Operation operation(plugin, "probe", limits, &host);
  operation.run([&](nacre_error* error) {
    return ops.probe(host.raw(), operation.call(), options.data(), options.size(), &report, error);
  });
  report.reason[sizeof report.reason - 1] = '\0';
  return {report.status, report.reason};
}

template <typename Ops, typename Handle>
Handle* create_with(const Plugin& plugin, const HostServices& host, const Limits& limits,
                    const std::string& options) {
  const auto& ops = *static_cast<const Ops*>(plugin.ops());
  Handle* handle = nullptr;
  Operation operation(plugin, "create a handle", limits, &host);
  operation.run([&](nacre_error* error) {
    return ops.create(host.raw(), operation.call(), options.data(), options.size(), &handle, error);
  });
  if (handle == nullptr)
    throw Error(ErrorCode::internal, "create a handle with plugin", plugin.label()).because("it gave none");
  return handle;
}

} // namespace nacre::plugin
