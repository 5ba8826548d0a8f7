// The command line of containerd-shim-nacre-v2. containerd writes its flags with one dash, as Go programs do;
// `nacre` writes two.
#pragma once

#include <string>

namespace nacre::shim {

struct Arguments {
  enum class Action { serve, start, remove, sandbox, info, version };
  Action action = Action::serve;

  std::string id;
  bool debug = false;

  // containerd's
  std::string namespace_name;
  std::string address;        // of containerd's own socket
  std::string publish_binary; // unused: events go over ttrpc
  std::string socket;         // descriptor number of the listening socket, given by our own `start`
  std::string bundle;         // empty: the working folder

  // nacre's
  std::string root;
  std::string state_dir;
  std::string config_file;
  bool systemd_cgroup = false;
  int listen_fd = -1;
  int descriptor_listen_fd = -1;
};

// Throws Error(invalid_argument).
Arguments parse_arguments(int argc, const char* const* argv);

} // namespace nacre::shim
