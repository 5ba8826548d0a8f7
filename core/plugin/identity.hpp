// Who a plugin says that it is: from the ELF note of its file, or from its descriptor; both must say the
// same.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct nacre_plugin_descriptor;

namespace nacre::plugin {

enum class Kind : std::uint32_t { hypervisor = 1, network = 2, storage = 3, security = 4 }; // NACRE_KIND_*
inline constexpr std::array all_kinds = {Kind::hypervisor, Kind::network, Kind::storage, Kind::security};

std::string_view to_string(Kind kind); // "hypervisor", as in paths and configuration
std::optional<Kind> kind_of(std::string_view text);

// [a-z0-9-]{1,31}
bool is_plugin_name(std::string_view name);

struct Identity {
  std::string magic;
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  std::uint32_t min_host_minor = 0;
  std::string kind; // as written; may be none that we know
  std::uint32_t kind_version = 0;
  std::string name;
  std::string version;
  std::string licence;
  std::vector<std::string> capabilities; // names; of a descriptor in the order of their bits

  // "hypervisor/qemu"
  std::string label() const { return kind + "/" + name; }
};

// The JSON text of a note. Throws Error.
Identity parse_identity(std::string_view json);
Identity identity_of(const nacre_plugin_descriptor& descriptor);

// Names of a kind's capability bits; a bit that has no name here is "bit N".
std::vector<std::string> capability_names(Kind kind, std::uint64_t bits);
// Bits of names; names that these headers do not know (a newer plugin's) are left out.
std::uint64_t capability_bits(Kind kind, const std::vector<std::string>& names);

} // namespace nacre::plugin
