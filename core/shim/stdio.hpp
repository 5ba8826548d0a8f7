// What a Task call's stdin, stdout and stderr name, opened.
//
// A bare path or fifo:// is a fifo that the engine made; file:// a file to append to; binary:// a program
// that takes the output; fd://TOKEN/N a descriptor of a bundle (core/ttrpc/descriptors.hpp). Empty: none.
#pragma once

#include "base/unique_fd.hpp"
#include "sandbox/sandbox.hpp"
#include "shim/descriptor_socket.hpp"
#include "shim/log_process.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::shim {

struct StdioUris {
  std::string in, out, err;
  bool terminal = false;
};

// A URI taken apart. Throws Error(invalid_argument).
struct StdioUri {
  std::string scheme;                                     // "fifo", "file", "binary", "fd"
  std::string path;                                       // percent-decoded; of fd: empty
  std::vector<std::pair<std::string, std::string>> query; // in the order given
  std::string token;                                      // fd only
  std::uint32_t slot = 0;
};
StdioUri parse_stdio_uri(std::string_view text);

// The token that the URIs name; empty when none is fd://. Throws Error when they name different ones.
std::string stdio_token(const StdioUris& uris);

struct OpenedStdio {
  sandbox::ProcessIo io; // goes to the process
  // Our own writing end of a stdin fifo. While it is open a client that leaves does not end the process's
  // stdin, so that another can attach; CloseIO closes it, and the end comes when the last client is gone too.
  UniqueFd stdin_keeper;
  // Our own reading ends of output fifos: with them a client that leaves is no broken pipe to the process. To
  // be kept until the process has ended.
  std::vector<UniqueFd> output_keepers;
  std::unique_ptr<LogProcess> log_process; // of binary://
};

// `owner` names the container to a binary://. Takes what it needs out of `bundle`. Opening an output fifo
// waits for its reader: what a short-lived process wrote before the reader came would be lost otherwise.
OpenedStdio open_stdio(const StdioUris& uris, DescriptorBundle& bundle, const LogProcess::Owner& owner);

// The descriptors of --preserve-fds, in order, out of `bundle`. Throws Error when one is missing.
std::vector<UniqueFd> take_descriptors(DescriptorBundle& bundle, std::uint32_t count);

} // namespace nacre::shim
