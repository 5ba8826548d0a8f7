#include "container.hpp"

#include "error.hpp"

#include <algorithm>

namespace nacre::agent {

std::shared_ptr<Process> Container::process(const std::string& exec_id) {
  const std::lock_guard lock(mutex);
  const auto found = processes.find(exec_id);
  if (found == processes.end()) {
    throw Error(Code::not_found, exec_id.empty()
                                     ? "container " + quoted(id) + " has no process"
                                     : "container " + quoted(id) + " has no process " + quoted(exec_id));
  }
  return found->second;
}

Cgroup Container::own_cgroup() {
  const std::lock_guard lock(mutex);
  if (!cgroup) throw Error(Code::failed_precondition, "container " + quoted(id) + " is not created yet");
  return *cgroup;
}

void check_name(const std::string& kind, const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
  };
  if (name.empty() || name == "." || name == ".." || name.size() > 255 ||
      !std::ranges::all_of(name, allowed)) {
    throw Error(Code::invalid_argument,
                kind + " " + quoted(name) + " is not a name of letters, digits, `_`, `+`, `-` and `.`");
  }
}

} // namespace nacre::agent
