#include "cli/state_folder.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"

#include <cerrno>
#include <filesystem>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

void make_parents(const std::string& path) {
  if (::mkdir(path.c_str(), 0711) == 0 || errno == EEXIST) return;
  const auto slash = path.rfind('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) throw_errno("make folder", path);
  make_parents(path.substr(0, slash));
  if (::mkdir(path.c_str(), 0711) < 0 && errno != EEXIST) throw_errno("make folder", path);
}

} // namespace

void make_state_folder(const std::string& root, const std::string& id) {
  make_parents(root);
  const auto path = root + "/" + id;
  if (path == paths::socket_dir || path == std::string(paths::default_root) + "/containerd")
    throw Error(ErrorCode::invalid_argument, "invalid container id", id)
        .because("this name is taken for folders of the runtime itself")
        .hint("use another");
  if (::mkdir(path.c_str(), 0700) == 0) return;
  if (errno == EEXIST)
    throw Error(ErrorCode::already_exists, "container with given ID already exists", id)
        .hint("use another id, or remove it with `nacre delete`");
  throw_errno("make state folder", path);
}

void remove_state_folder(const std::string& state_dir) {
  std::error_code failure;
  std::filesystem::remove_all(state_dir, failure);
  if (failure) throw Error::from_errno(failure.value(), "remove state folder", state_dir);
}

} // namespace nacre::cli
