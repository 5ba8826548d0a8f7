#include "program.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nacre::block {
namespace {

constexpr const char* folders[] = {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};

std::string how_it_ended(const sdk::Ended& ended) {
  const std::string words = ended.words.substr(0, ended.words.find_last_not_of('\n') + 1);
  if (WIFSIGNALED(ended.status)) return "was killed by signal " + std::to_string(WTERMSIG(ended.status));
  return "exited with status " + std::to_string(WEXITSTATUS(ended.status)) +
         (words.empty() ? "" : ", which wrote last: " + words);
}

} // namespace

std::string find_program(const std::string& name) {
  for (const std::string folder : folders)
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  return {};
}

std::string need_program(const std::string& name, const std::string& package) {
  auto program = find_program(name);
  if (program.empty())
    throw sdk::Error(NACRE_E_NOT_FOUND, "find " + name +
                                            ": it is in none of the system's folders; install the package " +
                                            package);
  return program;
}

void run_to_success(sdk::Host host, const sdk::Call& call, sdk::Spawn program, const std::string& what) {
  const std::string name = program.argv[0].substr(program.argv[0].rfind('/') + 1);
  const auto ended = host.run(call, std::move(program));
  if (ended.status == 0) return;
  const bool full = ended.words.find(::strerrordesc_np(ENOSPC)) != std::string::npos;
  throw sdk::Error(full ? NACRE_E_EXHAUSTED : NACRE_E_INTERNAL,
                   what + ": " + name + " " + how_it_ended(ended), full ? ENOSPC : 0);
}

sdk::Fd duplicate(int fd) {
  return sdk::Fd(sdk::check_errno(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicate a descriptor"));
}

} // namespace nacre::block
