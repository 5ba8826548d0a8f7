#include "greeting.hpp"

#include "file.hpp"
#include "stdio_channel.hpp"
#include "transport.pb.h"
#include "version.hpp"

#include <algorithm>

namespace nacre::agent {

namespace {

constexpr std::size_t smallest_window = 4096;
constexpr std::size_t largest_window = 4U << 20U;

void append_little_endian(std::string& out, std::size_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    out += static_cast<char>(value >> shift & 0xffU);
}

} // namespace

Greeting answer_hello(const std::string& hello, bool resumed) {
  Greeting greeting;
  v1::HelloRequest request;
  if (!request.ParseFromString(hello) || request.nonce().size() != 16) return greeting;

  v1::HelloReply reply;
  reply.set_agent_version(agent_version);
  reply.set_boot_id(try_read_line("/proc/sys/kernel/random/boot_id").value_or(""));
  reply.set_resumed(resumed);
  if (request.next_key().size() != greeting.next_key.size()) {
    reply.set_message("the hello's next_key must have 16 bytes");
  } else if (request.lowest_version() > protocol_version || request.highest_version() < protocol_version) {
    reply.set_message("the guest's agent " + std::string(agent_version) + " speaks version " +
                      std::to_string(protocol_version) + " of its protocol, the host " +
                      std::to_string(request.lowest_version()) + " to " +
                      std::to_string(request.highest_version()));
  } else {
    greeting.accepted = true;
    std::ranges::copy(request.next_key(), greeting.next_key.begin());
    greeting.stdio_window =
        request.stdio_window() == 0
            ? default_stdio_window
            : std::clamp<std::size_t>(request.stdio_window(), smallest_window, largest_window);
    reply.set_version(protocol_version);
  }
  const auto message = reply.SerializeAsString();
  greeting.answer = request.nonce();
  append_little_endian(greeting.answer, message.size());
  greeting.answer += message;
  return greeting;
}

} // namespace nacre::agent
