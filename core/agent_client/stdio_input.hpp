// The host's end of a process's stdin: read as far as the guest gives credit, kept until the guest has
// delivered it. Only on the loop's thread.
#pragma once

#include "agent_client/byte_queue.hpp"
#include "agent_client/foreign_fd.hpp"
#include "agent_client/io_loop.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace nacre::agent_client {

class StdioInput {
public:
  // `more`: there is something new to send. The input must outlive its watch: destroy it on the loop's
  // thread.
  StdioInput(IoLoop& loop, UniqueFd fd, std::function<void()> more);
  ~StdioInput();
  StdioInput(const StdioInput&) = delete;
  StdioInput& operator=(const StdioInput&) = delete;

  void start();
  // No more than what is waiting now is read, then the end of file is sent.
  void finish();
  // Nobody wants it any more: the descriptor is closed, kept bytes are dropped.
  void abandon();
  // The same, and whoever writes to a socket is told (shutdown(2)).
  void refuse();

  // The guest has delivered all before `offset`. False: it cannot have.
  bool acknowledged(std::uint64_t offset);
  // After a reconnect the guest says with its first frame how much it has; the rest is sent again.
  bool rewind(std::uint64_t offset);

  struct Chunk {
    std::uint64_t offset = 0;
    std::string_view bytes; // valid until the next call
    bool eof = false;
  };
  // The next piece to send; false: nothing now.
  bool next(Chunk& chunk);

private:
  void readable();
  void read_some();
  void watch();
  void unwatch();
  bool has_credit() const noexcept;
  void ended();

  IoLoop& loop_;
  ForeignFd fd_;
  std::function<void()> more_;
  IoLoop::Id watch_ = 0;
  bool always_ready_ = false;
  bool read_posted_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>(); // posted reads look whether the input still lives
  ByteQueue kept_;                                         // from acknowledged_ on
  std::uint64_t acknowledged_ = 0;
  std::uint64_t sent_ = 0; // next offset to send
  bool started_ = false;
  bool finishing_ = false;
  bool at_end_ = false; // the end of the file was read
  bool eof_sent_ = false;
  bool abandoned_ = false;
};

} // namespace nacre::agent_client
