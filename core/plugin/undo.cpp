#include "plugin/undo.hpp"

#include "plugin/operation.hpp"

#include <nacre/plugin/hypervisor.h>
#include <nacre/plugin/network.h>
#include <nacre/plugin/security.h>
#include <nacre/plugin/storage.h>

namespace nacre::plugin {
namespace {

template <typename Ops>
void undo_with(const Plugin& plugin, HostEnvironment& environment, const Limits& limits,
               const std::string& bytes) {
  const auto& ops = *static_cast<const Ops*>(plugin.ops());
  const HostServices host(environment, plugin);
  Operation operation(plugin, "undo a change of the host", limits, &host);
  operation.need(NACRE_HAS_FUNCTION(&ops, Ops, undo));
  operation.run([&](nacre_error* error) {
    return ops.undo(host.raw(), operation.call(), bytes.data(), bytes.size(), error);
  });
}

} // namespace

void undo(Registry& registry, HostEnvironment& environment, const Limits& limits,
          const journal::Record& record) {
  const auto kind = kind_of(record.kind);
  if (!kind)
    throw Error(ErrorCode::invalid_argument, "undo a change by plugin kind", record.kind).because("unknown");
  const Plugin& plugin = registry.load(*kind, record.name);
  switch (*kind) {
  case Kind::hypervisor:
    return undo_with<nacre_hypervisor_ops>(plugin, environment, limits, record.bytes);
  case Kind::network:
    return undo_with<nacre_network_ops>(plugin, environment, limits, record.bytes);
  case Kind::storage:
    return undo_with<nacre_storage_ops>(plugin, environment, limits, record.bytes);
  case Kind::security:
    return undo_with<nacre_security_ops>(plugin, environment, limits, record.bytes);
  }
}

} // namespace nacre::plugin
