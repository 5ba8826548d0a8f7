// The OCI runtime in the guest: which command lines it gets and what its answers mean.
#pragma once

#include "error.hpp"
#include "reaper.hpp"
#include "unique_fd.hpp"

#include <array>
#include <string>
#include <sys/types.h>
#include <vector>

namespace nacre::agent {

class Crun {
public:
  static constexpr auto state_root = "/run/crun";

  explicit Crun(Reaper& reaper) : reaper_(reaper) {}

  struct Launch {
    std::array<int, 3> stdio = {-1, -1, -1}; // borrowed; -1 is /dev/null
    std::string console_socket;              // path; empty without a terminal
    std::vector<int> descriptors = {};       // 3 and up; borrowed
  };

  // Each throws Error with crun's own words. The pid is the container process's in the guest's first pid
  // namespace, a child of this process once crun has ended.
  pid_t create(const std::string& id, const std::string& bundle, const Launch& launch);
  pid_t exec(const std::string& id, const std::string& process_file, const std::string& pid_file,
             const Launch& launch);
  void start(const std::string& id);
  void update(const std::string& id, const std::string& resources_file);
  void remove(const std::string& id, bool force);

  // The folder that crun keeps the container's state in.
  static std::string state_folder(const std::string& id) { return std::string(state_root) + "/" + id; }

private:
  void run(const std::string& operation, std::vector<std::string> arguments, const Launch& launch);
  Reaper& reaper_;
};

// The status code that fits crun's (and runc's) words: what the host turns into exit statuses 126 and 127.
Code code_of_runtime_error(std::string_view text);

// Begins the message of an Error with crun's words about a process that it was to create (agent.proto,
// Errors).
inline constexpr const char* refusal_mark = "crun: ";

// The sentence in crun's log text: its last line without time stamp.
std::string runtime_error_text(std::string_view log);

} // namespace nacre::agent
