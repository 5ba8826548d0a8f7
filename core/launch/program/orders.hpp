// What nacre-launch was told on descriptor 3, and how it answers.
#pragma once

#include "launch/program/wire.hpp"

#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace nacre::launch {

inline constexpr int descriptors_max = 253; // SCM_MAX_FD

struct Orders {
  int socket = 3;
  Message plan;
  void* memory = nullptr; // where the plan lies: mapped, so that the holder can give it back
  std::size_t memory_size = 0;
  int fds[descriptors_max];
  int fd_count = 0;
  pid_t parent = 0; // who gave the orders
};

// Exits when the other end is gone.
void receive_orders(Orders& orders);

// How failures are told: as LaunchReply, or inside a HolderReport.
enum class ReplyFormat { launch, holder };
void set_reply(int socket, ReplyFormat format);

// Sends one packet on the reply socket; a failure is ignored (nobody listens any more).
void send_packet(std::string_view bytes, const int* fds = nullptr, int fd_count = 0);
void send_reply(std::uint32_t kind, const int* fds = nullptr, int fd_count = 0);

// Tells the failure and exits 1.
[[noreturn]] void fail(const char* step, std::string_view object, int error, const char* message = "");

int received_fd(const Orders& orders, std::uint64_t index, const char* step);

// A NUL-terminated copy. Not freed: the process is about to exec.
char* c_string(std::string_view text);

} // namespace nacre::launch
