// What containerd tells the action `start`, and the form of the answer that it reads. Until 2.2 it tells by
// flags and environment, and takes a bare address or, where it sets MAX_SHIM_VERSION, JSON. From 2.3 on all
// is one message on standard input, and so is the answer on standard output; its flags say the same, but are
// on their way out.
#pragma once

#include "shim/arguments.hpp"

#include <string>

namespace nacre::shim {

struct Bootstrap {
  enum class Answer { address, json, message };

  Arguments arguments;        // those of the flags, with what the message says in their place
  std::string events_address; // containerd's ttrpc socket; empty: the message names none, or there is none
  Answer answer = Answer::address;
  int version = 2; // of the Task service, the newest that both ends know
};

// `input` is what stood on standard input: nothing, the runtime's options (a packed message of containerd up
// to 2.2) or the start message. They are told apart by what they name: only the start message names the
// container and namespace of the flags, or is there without flags. `max_version` is MAX_SHIM_VERSION and may
// be null. Throws Error(invalid_argument) where neither says for which container it is.
Bootstrap read_bootstrap(Arguments flags, const std::string& input, const char* max_version);

// The whole answer, of which nothing may be missing and to which nothing may be added.
std::string start_answer(const Bootstrap& bootstrap, const std::string& socket_path);

} // namespace nacre::shim
