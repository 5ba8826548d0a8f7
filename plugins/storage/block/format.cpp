#include "format.hpp"

#include "program.hpp"

namespace nacre::block {
namespace {

constexpr int disk_fd = 3;

} // namespace

std::string find_format_program() {
  return find_program("mke2fs");
}

void make_ext4(sdk::Host host, const sdk::Call& call, int file, std::vector<std::string> options,
               const std::string& what) {
  sdk::Spawn program;
  program.role = "disk-formatter";
  program.in_pod_mounts = true;
  program.env = {"LC_ALL=C"};
  program.fds.push_back({duplicate(file), disk_fd});
  program.argv = {need_program("mke2fs", "e2fsprogs"), "-F", "-q", "-t", "ext4"};
  for (auto& option : options)
    program.argv.push_back(std::move(option));
  program.argv.push_back("/proc/self/fd/" + std::to_string(disk_fd));
  run_to_success(host, call, std::move(program), what);
}

} // namespace nacre::block
