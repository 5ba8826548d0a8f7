#include "plugin/identity.hpp"

#include "base/error.hpp"

#include <nacre/plugin/descriptor.h>
#include <nacre/plugin/hypervisor.h>
#include <nacre/plugin/network.h>
#include <nacre/plugin/security.h>
#include <nacre/plugin/storage.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstring>
#include <limits>
#include <span>

namespace nacre::plugin {
namespace {

struct NamedBit {
  std::uint64_t bit;
  std::string_view name;
};

#define NAMED(bit)                                                                                           \
  NamedBit {                                                                                                 \
    bit, #bit                                                                                                \
  }

constexpr NamedBit hypervisor_bits[] = {
    NAMED(NACRE_HV_SHARE_FOLDERS),  NAMED(NACRE_HV_VHOST_USER_FS),   NAMED(NACRE_HV_MULTI_QUEUE),
    NAMED(NACRE_HV_RESIZE_VCPUS),   NAMED(NACRE_HV_RESIZE_MEMORY),   NAMED(NACRE_HV_PAUSE),
    NAMED(NACRE_HV_SAVE),           NAMED(NACRE_HV_INITRD),          NAMED(NACRE_HV_IMAGE),
    NAMED(NACRE_HV_RATE_LIMIT_NET), NAMED(NACRE_HV_RATE_LIMIT_DISK), NAMED(NACRE_HV_NO_GUEST),
};
constexpr NamedBit network_bits[] = {
    NAMED(NACRE_NET_MULTI_QUEUE), NAMED(NACRE_NET_RATE_LIMIT),      NAMED(NACRE_NET_LATE_BIND),
    NAMED(NACRE_NET_NO_LINKS),    NAMED(NACRE_NET_WHOLE_NAMESPACE),
};
constexpr NamedBit storage_bits[] = {
    NAMED(NACRE_ST_SHARES_FOLDERS),
    NAMED(NACRE_ST_BLOCK),
    NAMED(NACRE_ST_SHARED_RAM),
    NAMED(NACRE_ST_SURVIVES_SAVE),
};
constexpr NamedBit security_bits[] = {
    NAMED(NACRE_SEC_HOST_SECCOMP),
    NAMED(NACRE_SEC_GUEST_SECCOMP),
    NAMED(NACRE_SEC_HOST_LABEL),
    NAMED(NACRE_SEC_GUEST_LABEL),
};

#undef NAMED

std::span<const NamedBit> bits_of(Kind kind) {
  switch (kind) {
  case Kind::hypervisor:
    return hypervisor_bits;
  case Kind::network:
    return network_bits;
  case Kind::storage:
    return storage_bits;
  case Kind::security:
    return security_bits;
  }
  return {};
}

[[noreturn]] void bad_note(const std::string& why) {
  throw Error(ErrorCode::invalid_argument, "read the plugin's note").because(why);
}

const boost::json::value& member(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) bad_note(std::string("member \"") + key + "\" is missing");
  return *value;
}

std::string text(const boost::json::object& object, const char* key) {
  const auto& value = member(object, key);
  if (!value.is_string()) bad_note(std::string("member \"") + key + "\" is not a string");
  return std::string(value.get_string());
}

std::uint32_t number(const boost::json::object& object, const char* key) {
  const auto& value = member(object, key);
  const auto whole = value.is_int64() ? value.get_int64() : -1;
  if (whole < 0 || whole > std::numeric_limits<std::uint32_t>::max())
    bad_note(std::string("member \"") + key + "\" is not a number");
  return static_cast<std::uint32_t>(whole);
}

// "NACRE_HV_INITRD | NACRE_HV_SAVE", as the macro's caller wrote it; "0" is none.
std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = names.find('|');
    std::string part;
    for (const char c : names.substr(0, end))
      if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') part += c;
    if (!part.empty() && part != "0") parts.push_back(std::move(part));
    if (end == names.npos) return parts;
    names.remove_prefix(end + 1);
  }
}

std::string bounded(const char* text, std::size_t size) {
  return {text, ::strnlen(text, size)};
}

} // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
  case Kind::hypervisor:
    return "hypervisor";
  case Kind::network:
    return "network";
  case Kind::storage:
    return "storage";
  case Kind::security:
    return "security";
  }
  return "unknown";
}

std::optional<Kind> kind_of(std::string_view text) {
  for (const Kind kind : all_kinds)
    if (to_string(kind) == text) return kind;
  return std::nullopt;
}

bool is_plugin_name(std::string_view name) {
  return !name.empty() && name.size() <= 31 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
}

Identity parse_identity(std::string_view json) {
  boost::system::error_code error;
  const auto value = boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  if (error || !value.is_object()) bad_note("it is no JSON object");
  const auto& object = value.get_object();
  Identity identity;
  identity.magic = text(object, "magic");
  identity.abi_major = number(object, "abi_major");
  identity.abi_minor = number(object, "abi_minor");
  identity.min_host_minor = number(object, "min_host_minor");
  identity.kind = text(object, "kind");
  identity.kind_version = number(object, "kind_version");
  identity.name = text(object, "name");
  identity.version = text(object, "version");
  identity.licence = text(object, "licence");
  identity.capabilities = split_names(text(object, "capabilities"));
  return identity;
}

Identity identity_of(const nacre_plugin_descriptor& descriptor) {
  Identity identity;
  identity.magic.assign(descriptor.magic, sizeof descriptor.magic);
  identity.abi_major = descriptor.abi_major;
  identity.abi_minor = descriptor.abi_minor;
  identity.min_host_minor = descriptor.min_host_minor;
  const auto kind = static_cast<Kind>(descriptor.kind);
  identity.kind = to_string(kind);
  identity.kind_version = descriptor.kind_version;
  identity.name = bounded(descriptor.name, sizeof descriptor.name);
  identity.version = bounded(descriptor.version, sizeof descriptor.version);
  identity.licence = bounded(descriptor.licence, sizeof descriptor.licence);
  identity.capabilities = capability_names(kind, descriptor.capabilities);
  return identity;
}

std::vector<std::string> capability_names(Kind kind, std::uint64_t bits) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : bits_of(kind)) {
    if ((bits & bit) != 0) names.emplace_back(name);
    bits &= ~bit;
  }
  for (unsigned i = 0; i < 64; ++i)
    if ((bits >> i & 1) != 0) names.push_back("bit " + std::to_string(i));
  return names;
}

std::uint64_t capability_bits(Kind kind, const std::vector<std::string>& names) {
  std::uint64_t bits = 0;
  for (const auto& [bit, name] : bits_of(kind))
    if (std::find(names.begin(), names.end(), name) != names.end()) bits |= bit;
  return bits;
}

} // namespace nacre::plugin
