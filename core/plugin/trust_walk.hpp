// May a file be loaded into a process that runs as root? Only when nobody less than root (or the caller) can
// change it or put another in its place: the file and every folder above it, as configured and as resolved,
// have a trusted owner and nobody else may write them.
#pragma once

#include "base/unique_fd.hpp"

#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>

namespace nacre::plugin {

// Whose files are trusted.
struct TrustRules {
  uid_t self = 0; // effective uid; its own files are trusted when it is not root
  bool identity_uid_map =
      true; // false: in a user namespace, where files of the real root belong to overflow_uid
  uid_t overflow_uid = 65534;

  static TrustRules of_this_process();
};

struct TrustProblem {
  enum class Kind { owner, mode } kind;
  std::string sentence; // which path, and what is wrong with it
};

// The rules for one inode; `path` is for the message. Empty: trusted.
std::optional<TrustProblem> check_trust(const struct stat& status, const std::string& path,
                                        const TrustRules& rules);

struct TrustedFile {
  UniqueFd fd;      // read-only
  std::string path; // the kernel's own name for it: absolute, without symlinks
};

struct TrustResult {
  enum class Status { ok, not_found, unsafe_owner, unsafe_mode } status = Status::not_found;
  TrustedFile file;     // ok
  std::string sentence; // else
};

// `path` is absolute. Symlinks may lead anywhere: both ways are walked.
TrustResult walk(const std::string& path, const TrustRules& rules = TrustRules::of_this_process());

} // namespace nacre::plugin
