// Reads a pipe to its end on the loop's thread and keeps the tail.
#pragma once

#include "agent_client/io_loop.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/text_tail.hpp"

#include <memory>

namespace nacre::sandbox {

class TailReader {
public:
  // The reading end stays here; the writing end is for whoever speaks.
  TailReader(agent_client::IoLoop& loop, std::size_t capacity);
  ~TailReader(); // from any thread
  TailReader(const TailReader&) = delete;
  TailReader& operator=(const TailReader&) = delete;

  UniqueFd take_writer() noexcept { return std::move(writer_); }
  const TextTail& tail() const noexcept { return *tail_; }
  // Takes what is in the pipe now, so that last words are not missed. From any thread.
  void catch_up();

private:
  void read_all();
  agent_client::IoLoop& loop_;
  UniqueFd reader_, writer_;
  std::unique_ptr<TextTail> tail_;
  agent_client::IoLoop::Id watch_ = 0;
};

} // namespace nacre::sandbox
