// What the four kinds' tables share: the object behind an opaque handle, and the entries that every kind has.
#ifndef NACRE_SDK_HANDLE_HPP
#define NACRE_SDK_HANDLE_HPP

#include <nacre/plugin/define.h>
#include <nacre/sdk/boundary.hpp>
#include <nacre/sdk/host.hpp>
#include <nacre/sdk/options.hpp>

#include <memory>

namespace nacre::sdk {

// `Plugin` is the author's class, `Raw` the C side's opaque type (nacre_vm and so on).
template <typename Plugin, typename Raw> struct Handle {
  Handle(Host host, const Call& call, const Options& options) : object(host, call, options) {}

  static Handle& of(Raw* raw) { return *reinterpret_cast<Handle*>(raw); }

  static std::int32_t probe(const nacre_host* host, const nacre_call* call, const char* options,
                            std::uint64_t length, nacre_probe_report* ret, nacre_error* error) noexcept {
    return guard(error, [&] {
      nacre_probe_report report{};
      if constexpr (requires { Plugin::probe(Host(host), Call(call), Options()); }) {
        const Probe probe = Plugin::probe(Host(host), Call(call), Options(std::string_view(options, length)));
        report.status = probe.status;
        copy_text(report.reason, sizeof report.reason, probe.reason);
      }
      deliver(ret, report);
    });
  }
  static std::int32_t create(const nacre_host* host, const nacre_call* call, const char* options,
                             std::uint64_t length, Raw** ret, nacre_error* error) noexcept {
    return guard(error, [&] {
      auto handle =
          std::make_unique<Handle>(Host(host), Call(call), Options(std::string_view(options, length)));
      *ret = reinterpret_cast<Raw*>(handle.release());
    });
  }
  static void destroy(Raw* raw) noexcept { delete &of(raw); }

  static std::int32_t undo(const nacre_host* host, const nacre_call* call, const void* record,
                           std::uint64_t length, nacre_error* error) noexcept {
    return guard(error, [&] {
      if constexpr (requires { Plugin::undo(Host(host), Call(call), std::string_view()); })
        Plugin::undo(Host(host), Call(call), std::string_view(static_cast<const char*>(record), length));
    });
  }

  Plugin object;
  Arena arena; // what the last call returned
};

} // namespace nacre::sdk

#endif
