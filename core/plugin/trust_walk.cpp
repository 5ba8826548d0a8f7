#include "plugin/trust_walk.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <climits>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <vector>

namespace nacre::plugin {
namespace {

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

std::deque<std::string> components(const std::string& path) {
  std::deque<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") parts.push_back(part);
    at = end + 1;
  }
  return parts;
}

TrustResult failed(TrustResult::Status status, std::string sentence) {
  return {status, {}, std::move(sentence)};
}

// One step of path resolution after the other, as the kernel does it, so that every folder and every symlink
// on the way is seen and held by descriptor while it is looked at.
class Walker {
public:
  explicit Walker(const TrustRules& rules) : rules_(rules) {}

  TrustResult run(const std::string& path) {
    todo_ = components(path);
    enter_root();
    if (auto problem = check("/")) return std::move(*problem);
    while (!todo_.empty())
      if (auto problem = step()) return std::move(*problem);
    return finish(path);
  }

private:
  struct Level {
    UniqueFd fd;
    std::string path;
  };

  void enter_root() {
    levels_.clear();
    levels_.push_back({UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), ""});
  }

  std::optional<TrustResult> check(const std::string& shown) {
    if (::fstat(levels_.back().fd.get(), &status_) != 0)
      return failed(TrustResult::Status::not_found, "\"" + shown + "\": " + errno_text(errno));
    if (const auto problem = check_trust(status_, shown, rules_))
      return failed(problem->kind == TrustProblem::Kind::owner ? TrustResult::Status::unsafe_owner
                                                               : TrustResult::Status::unsafe_mode,
                    problem->sentence);
    return std::nullopt;
  }

  std::optional<TrustResult> step() {
    const std::string name = todo_.front();
    todo_.pop_front();
    if (name == "..") {
      if (levels_.size() > 1) levels_.pop_back();
      return std::nullopt;
    }
    const std::string path = levels_.back().path + "/" + name;
    UniqueFd fd(::openat(levels_.back().fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return failed(TrustResult::Status::not_found, "\"" + path + "\": " + errno_text(errno));
    levels_.push_back({std::move(fd), path});
    if (auto problem = check(path)) return problem;
    return S_ISLNK(status_.st_mode) ? follow() : std::nullopt;
  }

  std::optional<TrustResult> follow() {
    const Level link = std::move(levels_.back());
    levels_.pop_back();
    char target[PATH_MAX];
    const auto length = ::readlinkat(link.fd.get(), "", target, sizeof target);
    if (length < 0 || ++links_ > 40) // the kernel's own limit
      return failed(TrustResult::Status::not_found,
                    "\"" + link.path + "\": " + errno_text(length < 0 ? errno : ELOOP));
    const std::string text(target, static_cast<std::size_t>(length));
    if (text.starts_with('/')) enter_root();
    auto parts = components(text);
    todo_.insert(todo_.begin(), parts.begin(), parts.end());
    return std::nullopt;
  }

  TrustResult finish(const std::string& path) {
    Level& last = levels_.back();
    if (!S_ISREG(status_.st_mode))
      return failed(TrustResult::Status::not_found, "\"" + path + "\" is no regular file");
    // An O_PATH descriptor cannot be read from; this reopens the same inode, not the name.
    const std::string self = "/proc/self/fd/" + std::to_string(last.fd.get());
    UniqueFd readable(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
    if (!readable) return failed(TrustResult::Status::not_found, "\"" + path + "\": " + errno_text(errno));
    return {TrustResult::Status::ok, {std::move(readable), std::move(last.path)}, {}};
  }

  const TrustRules& rules_;
  std::deque<std::string> todo_;
  std::vector<Level> levels_; // the last one is where we are
  struct stat status_ {};
  int links_ = 0;
};

} // namespace

TrustRules TrustRules::of_this_process() {
  TrustRules rules;
  rules.self = ::geteuid();
  std::ifstream map("/proc/self/uid_map");
  unsigned long inside = 0, outside = 0, count = 0;
  if (map >> inside >> outside >> count)
    rules.identity_uid_map = inside == 0 && outside == 0 && count == 4294967295UL;
  std::ifstream overflow("/proc/sys/kernel/overflowuid");
  uid_t uid = 0;
  if (overflow >> uid) rules.overflow_uid = uid;
  return rules;
}

std::optional<TrustProblem> check_trust(const struct stat& status, const std::string& path,
                                        const TrustRules& rules) {
  const bool link =
      S_ISLNK(status.st_mode); // its mode means nothing; who may replace it is its folder's matter
  const bool writable = !link && (status.st_mode & 022) != 0;
  const bool mapped_root = !rules.identity_uid_map && status.st_uid == rules.overflow_uid && !writable;
  if (status.st_uid != 0 && status.st_uid != rules.self && !mapped_root)
    return TrustProblem{TrustProblem::Kind::owner,
                        "\"" + path + "\" belongs to user " + std::to_string(status.st_uid)};
  if (!writable) return std::nullopt;
  // Nix's store is 1775 root:nixbld: in a sticky folder only an entry's owner can replace it, and entries are
  // checked.
  const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0 && status.st_uid == 0;
  if (sticky_folder && (status.st_mode & S_IWOTH) == 0) return std::nullopt;
  return TrustProblem{TrustProblem::Kind::mode, "\"" + path + "\" has mode " + octal(status.st_mode) +
                                                    ": others than its owner can write it"};
}

TrustResult walk(const std::string& path, const TrustRules& rules) {
  if (!path.starts_with('/'))
    return failed(TrustResult::Status::not_found, "\"" + path + "\" is no absolute path");
  return Walker(rules).run(path);
}

} // namespace nacre::plugin
