#include "sandbox/pod_folder.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "journal/core_undo.hpp"

#include <array>
#include <cerrno>
#include <sys/random.h>
#include <sys/stat.h>

namespace nacre::sandbox {
namespace {

void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) < 0) throw_errno("make folder", path);
}

std::string random_name() {
  std::array<unsigned char, 6> bytes;
  check_errno(::getrandom(bytes.data(), bytes.size(), 0), "get random bytes");
  constexpr const char* digits = "0123456789abcdef";
  std::string name;
  for (const unsigned char byte : bytes) {
    name += digits[byte >> 4];
    name += digits[byte & 15];
  }
  return name;
}

} // namespace

PodFolder::PodFolder(journal::Journal& journal) : journal_(journal) {
  const std::string parent = std::string(paths::default_root) + "/p";
  for (const std::string& folder : {std::string(paths::default_root), parent})
    if (::mkdir(folder.c_str(), 0711) < 0 && errno != EEXIST) throw_errno("make folder", folder);
  path_ = parent + "/" + random_name();
  record_ = journal_.append(journal::remove_folder(path_, true));
  make_folder(path_);
  make_folder(plugins());
  make_folder(staging());
}

void PodFolder::remove() {
  journal::undo_core(journal::remove_folder(path_, true));
  journal_.done(record_);
}

} // namespace nacre::sandbox
