#include "cli/container_states.hpp"

#include "base/error.hpp"
#include "oci/container_id.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <memory>

namespace nacre::cli {
namespace {

struct DirCloser {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

} // namespace

ContainerStates container_states(const std::string& root) {
  const std::unique_ptr<DIR, DirCloser> dir(::opendir(root.c_str()));
  if (!dir) {
    if (errno == ENOENT) return {};
    throw_errno("list containers", root);
  }
  ContainerStates found;
  while (const auto* entry = ::readdir(dir.get())) {
    try {
      oci::check_id(entry->d_name);
      auto state = oci::read_state(root + "/" + entry->d_name);
      state.status = oci::current_status(state);
      found.states.push_back(std::move(state));
    } catch (const Error& error) {
      // A folder without state is no container (or not yet one); a damaged state is worth a word.
      if (error.code() == ErrorCode::internal) found.problems.emplace_back(error.what());
    }
  }
  std::sort(found.states.begin(), found.states.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return found;
}

} // namespace nacre::cli
