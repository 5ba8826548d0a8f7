// Which sandbox a bundle of containerd's belongs to, and where that sandbox listens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nacre::shim {

// The sandbox's id: that of the pod by the engine's annotations (containerd's CRI, CRI-O, containerd's own
// grouping), else the container's. `config_json` is the text of the bundle's config.json.
std::string sandbox_id_of(std::string_view config_json, const std::string& container_id);

// The socket of the sandbox whose container's namespaces this one names by path; nothing: it names none. A
// spec that cannot be read is for Task.Create to refuse.
std::optional<std::string> socket_by_namespace(std::string_view config_json, const std::string& root);

// <default root>/containerd/<namespace>
std::string containerd_root(const std::string& namespace_name);

// The ttrpc socket. Two containerds on one host may have containers of the same name: their own address is
// part of it.
std::string containerd_socket(const std::string& containerd_address, const std::string& namespace_name,
                              const std::string& sandbox_id);

} // namespace nacre::shim
