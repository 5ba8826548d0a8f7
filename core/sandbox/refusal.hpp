// A "no" that the virtual machine does not explain: a hook's, or that of the guest's runtime (agent.proto,
// Errors).
#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre::sandbox {

// The guest is well: what it or a hook said is all that there is to report.
class Refusal : public Error {
public:
  using Error::Error;
};

// What crun was asked for, to tell its words in those of who asked.
struct AskedProcess {
  std::string program; // argv[0]
  std::string cwd;
  std::vector<std::pair<std::string, std::string>> paths; // the guest's name of a file, the host's
};

// crun's words in runc's, by which engines' users know what is wrong and docker tells exit codes 126 and 127.
// The guest's paths become the host's.
std::string runc_words(std::string words, const AskedProcess& asked);

// Throws a Refusal if `error`, the agent's answer, is one: of a hook or a sysctl as it is, of crun after
// `operation`
// ("exec failed: unable to start container process").
void throw_if_refused(const Error& error, std::string_view operation, const AskedProcess& asked);

} // namespace nacre::sandbox
