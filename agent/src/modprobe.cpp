#include "modprobe.hpp"

#include "error.hpp"
#include "file.hpp"
#include "modules.hpp"
#include "timeline.hpp"

#include <cstring>

namespace nacre::agent {

namespace {

constexpr std::string_view file_system = "fs-"; // get_fs_type() of fs/filesystems.c

} // namespace

void answer_module_requests(const std::string& program) {
  try {
    write_value("/proc/sys/kernel/modprobe", program);
  } catch (const Error&) { // a kernel without modules asks for none
  }
}

bool is_module_request(int argc, char** argv) {
  return argc == 4 && std::strcmp(argv[1], "-q") == 0 && std::strcmp(argv[2], "--") == 0;
}

int run_modprobe(const std::string& name) {
  if (!name.starts_with(file_system)) return 1;
  try {
    Timeline timeline;
    Modules(timeline, "").need(name.substr(file_system.size()));
    return 0;
  } catch (const Error&) { // whoever asked is told by the kernel
    return 1;
  }
}

} // namespace nacre::agent
