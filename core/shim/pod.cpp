#include "shim/pod.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "oci/namespace_owner.hpp"
#include "oci/spec.hpp"
#include "ttrpc/address.hpp"

#include <boost/json.hpp>

namespace nacre::shim {

std::string sandbox_id_of(std::string_view config_json, const std::string& container_id) {
  boost::system::error_code error;
  const auto config = boost::json::parse(config_json, error);
  if (error) throw Error(ErrorCode::invalid_argument, "read", "config.json").because(error.message());
  const auto* annotations = config.is_object() ? config.as_object().if_contains("annotations") : nullptr;
  if (!annotations || !annotations->is_object()) return container_id;
  for (const char* key :
       {"io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID", "io.containerd.runc.v2.group"})
    if (const auto* value = annotations->as_object().if_contains(key); value && value->is_string())
      if (!value->as_string().empty()) return std::string(value->as_string());
  return container_id;
}

std::optional<std::string> socket_by_namespace(std::string_view config_json, const std::string& root) {
  try {
    const auto owner = oci::namespace_owner(root, oci::parse_spec(config_json, "config.json", "/"));
    return owner ? std::optional(owner->socket) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string containerd_root(const std::string& namespace_name) {
  if (namespace_name.find('/') != std::string::npos || namespace_name == "." || namespace_name == "..")
    throw Error(ErrorCode::invalid_argument, "use namespace", namespace_name).because("it is no plain name");
  return std::string(paths::default_root) + "/containerd/" + namespace_name;
}

std::string containerd_socket(const std::string& containerd_address, const std::string& namespace_name,
                              const std::string& sandbox_id) {
  return ttrpc::socket_path(containerd_address, namespace_name, sandbox_id);
}

} // namespace nacre::shim
