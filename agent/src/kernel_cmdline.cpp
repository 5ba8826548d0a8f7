#include "kernel_cmdline.hpp"

#include "file.hpp"

namespace nacre::agent {

KernelCmdline::KernelCmdline(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find_first_of(" \t\n");
    const auto word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto equals = word.find('=');
    if (!word.starts_with("nacre.")) continue;
    values_[std::string(word.substr(0, equals))] =
        equals == word.npos ? "1" : std::string(word.substr(equals + 1));
  }
}

KernelCmdline KernelCmdline::of_running_kernel() {
  return KernelCmdline(read_file("/proc/cmdline"));
}

std::string KernelCmdline::value(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

} // namespace nacre::agent
