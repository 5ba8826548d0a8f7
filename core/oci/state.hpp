// state.json: what is known of a container, on disk. `nacre` writes it until Task.Create, from then on only
// the sandbox process does (docs/architecture.md). Reading takes no lock, since writing is by rename.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nacre::oci {

// The version of the runtime specification that is written into state.json and by `nacre spec`.
inline constexpr std::string_view oci_version = "1.0.2";

enum class Status { creating, created, running, stopped, paused };
std::string_view to_string(Status status);

// Versions of what the parts of one sandbox say to each other; 0: not known yet.
struct Protocols {
  std::uint32_t task = 0;
  std::uint32_t fd = 0;
  std::uint32_t holder = 0;
  std::uint32_t agent = 0;
  std::uint32_t journal = 0;
};

struct State {
  std::string oci_version{oci::oci_version};
  std::string id;
  Status status = Status::creating;
  pid_t pid = 0;      // the holder's, in the host's pid namespace; 0: none yet
  std::string bundle; // absolute
  std::map<std::string, std::string> annotations;
  std::string rootfs;  // absolute
  std::string created; // RFC 3339, UTC
  std::string owner;   // user name of who created it; "" when it has none

  // The member `nacre`.
  std::string version; // of the program that wrote it
  Protocols protocols;
  std::string sandbox_id;
  pid_t sandbox_pid = 0; // 0: not spawned yet
  std::uint64_t sandbox_start_ticks = 0;
  std::uint64_t holder_start_ticks = 0;
  pid_t creator_pid = 0; // the `nacre create` or `run` that is at work while the status is creating
  std::uint64_t creator_start_ticks = 0;
  // Where the sandbox's journal is, once that is no container's folder any more ("": that of `sandbox_id`).
  std::string sandbox_dir;
  std::string socket; // ttrpc socket of the sandbox process; its descriptor socket is socket + ".fd"
};

// What is true now: stopped when the sandbox process or the holder does not live any more, whatever the file
// says. `creating` holds as long as its creator or its sandbox process lives.
Status current_status(const State& state);

// Reads `<state_dir>/state.json`. Throws Error: not_found "container does not exist" when the folder or the
// file is missing, internal when the file is damaged.
State read_state(const std::string& state_dir);
// Writes it by rename, mode 0600. Throws Error.
void write_state(const std::string& state_dir, const State& state);

// The file's text, and parsing it.
std::string to_json(const State& state);
State parse_state(std::string_view text, const std::string& name);

// What hooks get on stdin: OCI's members and runc's, `status` as given, pid 0 when stopped.
std::string to_oci_json(const State& state, Status status);
// What `nacre state` and `list` print: the same and the member `nacre`.
std::string to_printed_json(const State& state, Status status);

// Now, as `created` wants it.
std::string timestamp();

} // namespace nacre::oci
