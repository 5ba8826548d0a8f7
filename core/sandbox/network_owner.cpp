#include "sandbox/network_owner.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "oci/file_io.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

constexpr int most_links = 8;
constexpr std::size_t environment_limit = 1 << 20; // of a process that calls itself as a holder

bool same_file(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

std::optional<std::string> link_target(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  if (length <= 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(length));
}

// PID of "/proc/PID/...".
std::optional<pid_t> process_in(std::string_view path) {
  constexpr std::string_view proc = "/proc/";
  if (!path.starts_with(proc)) return std::nullopt;
  path.remove_prefix(proc.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), pid);
  if (error != std::errc() || end == path.data() + path.size() || *end != '/') return std::nullopt;
  return pid;
}

// The process whose namespace the path names, also by a link in /run/netns. A bind mount of such a file names
// none.
std::optional<pid_t> named_process(std::string path) {
  for (int i = 0; i < most_links; ++i) {
    if (const auto pid = process_in(path)) return pid;
    const auto target = link_target(path);
    if (!target || !target->starts_with('/')) return std::nullopt;
    path = *target;
  }
  return std::nullopt;
}

// A holder may be of another version, whose program was replaced since ("... (deleted)").
bool is_holder(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto program = link_target(folder + "/exe");
  if (!program || program->find("/nacre-launch") == program->npos) return false;
  const auto environment = oci::read_file(folder + "/environ", environment_limit, "read");
  return environment && ('\0' + *environment).find(std::string_view("\0NACRE_LAUNCH_MODE=holder\0", 26)) !=
                            environment->npos;
}

} // namespace

NetworkOwner network_owner(const oci::Spec& spec) {
  const auto* space = spec.linux.find("network");
  if (!space) return NetworkOwner::host;
  if (space->path.empty()) return NetworkOwner::own;
  if (same_file(space->path, "/proc/self/ns/net") || same_file(space->path, "/proc/1/ns/net"))
    return NetworkOwner::host;
  const auto pid = named_process(space->path);
  if (!pid || !ProcessIdentity::of(*pid)) return NetworkOwner::prepared;
  return is_holder(*pid) ? NetworkOwner::pod : NetworkOwner::other;
}

bool is_of_others(NetworkOwner owner) {
  return owner == NetworkOwner::host || owner == NetworkOwner::other;
}

void refuse_network_of_others(const oci::Spec& spec, NetworkOwner owner) {
  constexpr const char* not_allowed =
      "the configuration does not allow it: no plugin of network in [runtime] shares a namespace with others";
  if (owner == NetworkOwner::host)
    throw Error(ErrorCode::failed_precondition, "share the host's network with the virtual machine")
        .because(not_allowed)
        .hint("add \"passt\" to network, or give the container a network of its own (docker run "
              "--net=bridge, with -p "
              "for its ports; no hostNetwork), or run it with runc");
  throw Error(ErrorCode::failed_precondition, "share the network namespace", spec.linux.find("network")->path)
      .because(std::string("it is in use by a process that does not run under nacre, and ") + not_allowed)
      .hint("add \"passt\" to network, run both containers with nacre, connect them by a network, or give "
            "the path "
            "of a namespace that was made for this container (ip netns add)");
}

} // namespace nacre::sandbox
