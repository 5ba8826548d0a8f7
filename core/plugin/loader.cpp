#include "plugin/loader.hpp"

#include "plugin/crash_line.hpp"
#include "plugin/note_reader.hpp"

#include <nacre/plugin/host_api.h>
#include <nacre/plugin/hypervisor.h>
#include <nacre/plugin/network.h>
#include <nacre/plugin/security.h>
#include <nacre/plugin/storage.h>

// One package less to depend on; and this is the one file that sees Boost.DLL, whose headers take seconds to
// compile.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <cstring>

namespace nacre::plugin {
namespace {

// Which versions of a kind's table this host takes. A kind's version rises when a table's meaning changes in
// a way that struct_size cannot tell; then `lowest` stays at what still works:
//
//   plugin's version   lowest..current   below lowest    above current
//   result             ok                abi_too_old     abi_too_new
struct KindVersions {
  std::uint32_t lowest, current;
};
KindVersions versions_of(Kind kind) {
  switch (kind) {
  case Kind::hypervisor:
    return {1, NACRE_HYPERVISOR_VERSION};
  case Kind::network:
    return {1, NACRE_NETWORK_VERSION};
  case Kind::storage:
    return {1, NACRE_STORAGE_VERSION};
  case Kind::security:
    return {1, NACRE_SECURITY_VERSION};
  }
  return {1, 0};
}

class Checks {
public:
  Checks(Kind kind, const std::string& name) : kind_(kind), name_(name) {}

  [[noreturn]] void fail(LoadStatus status, const std::string& cause) const {
    throw LoadError(status, kind_, name_, cause);
  }

  TrustedFile trust(const std::string& path, const TrustRules& rules) const {
    TrustResult result = walk(path, rules);
    switch (result.status) {
    case TrustResult::Status::ok:
      break;
    case TrustResult::Status::not_found:
      fail(LoadStatus::not_found, result.sentence);
    case TrustResult::Status::unsafe_owner:
      fail(LoadStatus::unsafe_owner, result.sentence);
    case TrustResult::Status::unsafe_mode:
      fail(LoadStatus::unsafe_mode, result.sentence);
    }
    return std::move(result.file);
  }

  Identity note(const TrustedFile& file) const {
    const NoteResult note = read_note(file.fd.get());
    const std::string where = "\"" + file.path + "\": ";
    switch (note.status) {
    case NoteStatus::ok:
      break;
    case NoteStatus::not_elf:
      fail(LoadStatus::not_elf, where + note.detail);
    case NoteStatus::wrong_machine:
      fail(LoadStatus::wrong_machine, where + note.detail);
    case NoteStatus::not_a_plugin:
      fail(LoadStatus::not_a_plugin, where + note.detail);
    }
    try {
      return parse_identity(note.json);
    } catch (const Error& error) {
      fail(LoadStatus::not_a_plugin, where + error.what());
    }
  }

  void rules(const Identity& identity) const {
    if (identity.magic != NACRE_PLUGIN_MAGIC) fail(LoadStatus::not_a_plugin, "its note has another magic");
    if (identity.abi_major != NACRE_ABI_MAJOR)
      fail(identity.abi_major < NACRE_ABI_MAJOR ? LoadStatus::abi_too_old : LoadStatus::abi_too_new,
           "it is built for plugin ABI " + std::to_string(identity.abi_major) + ", this is ABI " +
               std::to_string(NACRE_ABI_MAJOR));
    if (identity.min_host_minor > NACRE_ABI_MINOR)
      fail(LoadStatus::needs_newer_host, "it needs plugin ABI " + std::to_string(identity.abi_major) + "." +
                                             std::to_string(identity.min_host_minor) + ", this is " +
                                             std::to_string(NACRE_ABI_MAJOR) + "." +
                                             std::to_string(NACRE_ABI_MINOR));
    if (identity.kind != to_string(kind_))
      fail(LoadStatus::kind_mismatch, "it is a " + identity.kind + " plugin");
    if (identity.name != name_) fail(LoadStatus::name_mismatch, "it calls itself \"" + identity.name + "\"");
    const auto [lowest, current] = versions_of(kind_);
    if (identity.kind_version < lowest || identity.kind_version > current)
      fail(identity.kind_version < lowest ? LoadStatus::abi_too_old : LoadStatus::abi_too_new,
           "its " + identity.kind + " table has version " + std::to_string(identity.kind_version) +
               ", this host takes " + std::to_string(lowest) + " to " + std::to_string(current));
  }

  void descriptor(const nacre_plugin_descriptor& d, const Identity& note) const {
    constexpr LoadStatus changed = LoadStatus::identity_changed;
    if (std::memcmp(d.magic, NACRE_PLUGIN_MAGIC, sizeof d.magic) != 0)
      fail(changed, "its descriptor has another magic");
    if (d.struct_size < offsetof(nacre_plugin_descriptor, reserved))
      fail(changed, "its descriptor is too short");
    const Identity own = identity_of(d);
    if (own.abi_major != note.abi_major || own.abi_minor != note.abi_minor ||
        own.min_host_minor != note.min_host_minor || own.kind != note.kind ||
        own.kind_version != note.kind_version || own.name != note.name || own.version != note.version ||
        own.licence != note.licence || !same_capabilities(d.capabilities, note))
      fail(changed, "its descriptor says other things than its note");
    // The first members are the same in every kind's table.
    const auto* ops = static_cast<const nacre_hypervisor_ops*>(d.ops);
    if (ops == nullptr) fail(changed, "it has no table of operations");
    if (!NACRE_HAS_FUNCTION(ops, nacre_hypervisor_ops, create) ||
        !NACRE_HAS_FUNCTION(ops, nacre_hypervisor_ops, destroy))
      fail(changed, "its table of operations has no create() or destroy()");
  }

private:
  // Names that this host does not know yet may stand for any of the bits that it does not know.
  bool same_capabilities(std::uint64_t bits, const Identity& note) const {
    const std::uint64_t named = capability_bits(kind_, note.capabilities);
    const bool all_known = capability_names(kind_, named).size() == note.capabilities.size();
    if (all_known) return bits == named;
    return (bits & named) == named;
  }

  Kind kind_;
  const std::string& name_;
};

// The handle is leaked on purpose: constants, exceptions and threads of a plugin may outlive every owner.
boost::dll::shared_library* open_for_ever(const Inspected& inspected, const Checks& checks) {
  const std::string label = inspected.identity.label();
  const CurrentOperation current(label.c_str(), "load"); // its constructors run
  using boost::dll::load_mode::rtld_local, boost::dll::load_mode::rtld_now;
  try { // the throwing overload has the dynamic loader's own words
    return new boost::dll::shared_library(inspected.file.path, rtld_now | rtld_local);
  } catch (const std::exception& error) {
    checks.fail(LoadStatus::link_failed, error.what());
  }
}

} // namespace

std::string Plugin::build() const {
  return {descriptor_->build, ::strnlen(descriptor_->build, sizeof descriptor_->build)};
}

Inspected inspect(const std::string& path, Kind kind, const std::string& name, const TrustRules& rules) {
  const Checks checks(kind, name);
  if (!is_plugin_name(name))
    checks.fail(LoadStatus::not_found, "a plugin's name has 1 to 31 of a-z, 0-9 and -");
  TrustedFile file = checks.trust(path, rules);
  Identity identity = checks.note(file);
  checks.rules(identity);
  return {std::move(identity), std::move(file)};
}

Plugin open(Inspected inspected, Kind kind, const std::string& name) {
  const Checks checks(kind, name);
  const auto* library = open_for_ever(inspected, checks);
  if (!library->has(NACRE_PLUGIN_SYMBOL_NAME))
    checks.fail(LoadStatus::not_a_plugin, "it does not export \"" NACRE_PLUGIN_SYMBOL_NAME "\"");
  const auto& descriptor = library->get<const nacre_plugin_descriptor>(NACRE_PLUGIN_SYMBOL_NAME);
  checks.descriptor(descriptor, inspected.identity);
  return Plugin(std::move(inspected.identity), std::move(inspected.file.path), descriptor);
}

Plugin load(const std::string& path, Kind kind, const std::string& name, const TrustRules& rules) {
  return open(inspect(path, kind, name, rules), kind, name);
}

} // namespace nacre::plugin
