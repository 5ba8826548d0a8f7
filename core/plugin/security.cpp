#include "plugin/security.hpp"

#include "plugin/operation.hpp"

namespace nacre::plugin {
namespace {

const nacre_security_ops& table(const Plugin& plugin) {
  return *static_cast<const nacre_security_ops*>(plugin.ops());
}

} // namespace

#define HAS(member) NACRE_HAS_FUNCTION(&table(*plugin_), nacre_security_ops, member)

Security::Security(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                   const std::string& options)
    : plugin_(&plugin), host_(std::make_unique<HostServices>(environment, plugin)) {
  if (plugin.kind() != Kind::security)
    throw Error(ErrorCode::invalid_argument, "use plugin", plugin.label())
        .because("it is no security plugin");
  handle_.reset(create_with<nacre_security_ops, nacre_guard>(plugin, *host_, limits, options));
}

Security& Security::operator=(Security&& other) noexcept {
  if (this != &other) {
    destroy();
    plugin_ = other.plugin_;
    host_ = std::move(other.host_);
    handle_ = std::move(other.handle_);
  }
  return *this;
}

Security::~Security() {
  destroy();
}

void Security::destroy() noexcept {
  if (!handle_) return;
  const CurrentOperation current(plugin_->label().c_str(), "destroy the handle");
  table(*plugin_).destroy(handle_.release());
}

Probe Security::probe(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
                      const std::string& options) {
  return probe_with<nacre_security_ops>(plugin, environment, limits, options);
}

// A security plugin without one of these two confines nothing there; that is its word, not an error.
ProcessRules Security::confine(const Limits& limits, const ProcessRequest& request) {
  Operation operation(*plugin_, "confine a process", limits, host_.get());
  if (!HAS(confine)) return {};
  sdk::Arena arena;
  auto raw = room<nacre_process_rules>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).confine(handle_.get(), operation.call(), sdk::to_c(request, arena), &raw, e);
  });
  if (raw.filter_bytes % 8 != 0)
    throw Error(ErrorCode::internal, "confine a process with plugin", plugin_->label())
        .because("its filter is no list of BPF instructions");
  return sdk::from_c(raw);
}

GuestRules Security::guest_process(const Limits& limits, const GuestRequest& request) {
  Operation operation(*plugin_, "admit a process of the guest", limits, host_.get());
  if (!HAS(guest_process)) return {};
  sdk::Arena arena;
  auto raw = room<nacre_guest_rules>();
  operation.run([&](nacre_error* e) {
    return table(*plugin_).guest_process(handle_.get(), operation.call(), sdk::to_c(request, arena), &raw, e);
  });
  return sdk::from_c(raw);
}

#undef HAS

} // namespace nacre::plugin
