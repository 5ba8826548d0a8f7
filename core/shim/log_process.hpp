// A logging program named by binary:// (containerd's logging protocol): it reads stdout on its descriptor 3,
// stderr on 4, and closes 5 when it is ready.
#pragma once

#include "base/unique_fd.hpp"

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace nacre::shim {

class LogProcess {
public:
  struct Owner {
    std::string container_id;   // CONTAINER_ID of its environment
    std::string namespace_name; // CONTAINER_NAMESPACE
  };

  // Starts the program and waits until it is ready. `arguments` are URL query pairs: key and value become one
  // argument each. Throws Error when it cannot be started or is not ready within ten seconds.
  LogProcess(const std::string& path, const std::vector<std::pair<std::string, std::string>>& arguments,
             const Owner& owner);
  // The writing ends must be closed by now: asks the program to end, and kills it after ten seconds.
  ~LogProcess();
  LogProcess(const LogProcess&) = delete;
  LogProcess& operator=(const LogProcess&) = delete;

  UniqueFd take_stdout() { return std::move(out_); } // writing ends
  UniqueFd take_stderr() { return std::move(err_); }

private:
  void wait_until_ready(const UniqueFd& ready, const std::string& path);

  UniqueFd out_, err_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
};

} // namespace nacre::shim
