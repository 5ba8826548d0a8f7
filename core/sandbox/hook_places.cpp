#include "sandbox/hook_places.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

// Programs, libraries, and what Debian's links in them point to.
constexpr std::array system_places = {
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache"};

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string link_at(const std::string& path) {
  std::array<char, 4096> target;
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

// `as_link`: a link stays one, as /bin where it is a part of /usr.
void add(std::vector<HookPlace>& places, const std::string& path, bool as_link) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0) return; // a hook that wants it says so itself
  if (std::any_of(places.begin(), places.end(),
                  [&](const auto& place) { return is_below(path, place.path); }))
    return;
  places.push_back({path, as_link && S_ISLNK(status.st_mode) ? link_at(path) : ""});
}

} // namespace

std::vector<HookPlace> hook_places(const std::vector<oci::Hook>& hooks, const std::string& bundle) {
  std::vector<HookPlace> places;
  for (const auto* path : system_places)
    add(places, path, true);
  add(places, bundle, false);
  for (const auto& hook : hooks)
    add(places, hook.path, false);
  return places;
}

agent_client::v1::CreateHooks describe_create_hooks(const std::vector<oci::Hook>& hooks,
                                                    const std::string& state_json) {
  agent_client::v1::CreateHooks out;
  for (const auto& hook : hooks) {
    auto& copy = *out.add_hooks();
    copy.set_path(hook.path);
    for (const auto& argument : hook.args)
      copy.add_args(argument);
    for (const auto& variable : hook.env)
      copy.add_env(variable);
    copy.set_has_env(hook.has_env);
    copy.set_timeout_s(hook.timeout_s);
  }
  auto state = json::parse(state_json).as_object();
  state.erase("pid");
  const auto rest = json::serialize(state);
  out.set_state_head("{\"pid\":");
  out.set_state_tail("," + rest.substr(1));
  return out;
}

} // namespace nacre::sandbox
