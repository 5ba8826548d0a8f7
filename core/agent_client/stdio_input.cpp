#include "agent_client/stdio_input.hpp"

#include "agent_client/hello.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>

namespace nacre::agent_client {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;

} // namespace

StdioInput::StdioInput(IoLoop& loop, UniqueFd fd, std::function<void()> more)
    : loop_(loop), fd_(std::move(fd), ForeignFd::Direction::read), more_(std::move(more)) {}

StdioInput::~StdioInput() {
  unwatch();
}

void StdioInput::start() {
  if (started_ || !fd_) return;
  started_ = true;
  watch();
}

bool StdioInput::has_credit() const noexcept {
  return kept_.size() < stdio_window_bytes;
}

void StdioInput::watch() {
  if (!fd_ || at_end_ || !started_ || !has_credit()) return;
  if (always_ready_) {
    if (read_posted_) return;
    read_posted_ = true;
    loop_.post([this, alive = std::weak_ptr<char>(alive_)] {
      if (alive.expired()) return;
      read_posted_ = false;
      readable();
    });
    return;
  }
  if (watch_ != 0) return;
  watch_ = loop_.add(fd_.get(), EPOLLIN, [this](std::uint32_t) { readable(); });
  if (watch_ != 0) return;
  always_ready_ = true;
  watch();
}

void StdioInput::unwatch() {
  loop_.remove(watch_);
  watch_ = 0;
}

void StdioInput::readable() {
  if (!fd_ || at_end_) return;
  read_some();
  if (!has_credit() || at_end_) unwatch();
  if (always_ready_) watch();
}

void StdioInput::read_some() {
  std::array<char, chunk_bytes> bytes;
  const std::size_t room = std::min(bytes.size(), stdio_window_bytes - kept_.size());
  const ssize_t got = fd_.read(bytes.data(), room);
  if (got > 0) {
    kept_.append({bytes.data(), static_cast<std::size_t>(got)});
    more_();
    return;
  }
  const bool nothing_now = got < 0 && (errno == EAGAIN || errno == EINTR);
  if (nothing_now && !finishing_) return;
  ended(); // end of file; EIO from a terminal whose master has gone; or all that waited when asked to finish
}

void StdioInput::ended() {
  at_end_ = true;
  unwatch();
  fd_.reset();
  more_();
}

void StdioInput::finish() {
  if (at_end_ || finishing_) return;
  finishing_ = true;
  started_ = true;
  if (!fd_) return ended();
  unwatch();
  always_ready_ = true; // no waiting any more: reads go on until one says "nothing now"
  watch();
}

void StdioInput::abandon() {
  unwatch();
  fd_.reset();
  at_end_ = true;
  eof_sent_ = true;
  kept_.clear();
  acknowledged_ = sent_;
  abandoned_ = true;
}

void StdioInput::refuse() {
  fd_.shut_down(ForeignFd::Direction::read);
  abandon();
}

bool StdioInput::acknowledged(std::uint64_t offset) {
  if (offset > sent_) return false;
  if (offset <= acknowledged_) return true;
  kept_.consume(std::min<std::size_t>(offset - acknowledged_, kept_.size()));
  acknowledged_ = offset;
  watch();
  return true;
}

bool StdioInput::rewind(std::uint64_t offset) {
  if (abandoned_) return offset <= sent_; // what the guest has not had, it does not want
  if (offset < acknowledged_ || offset > acknowledged_ + kept_.size()) return false;
  sent_ = std::max(sent_, offset);
  if (!acknowledged(offset)) return false;
  sent_ = offset;
  eof_sent_ = false;
  more_();
  return true;
}

bool StdioInput::next(Chunk& chunk) {
  const auto waiting = kept_.view().substr(static_cast<std::size_t>(sent_ - acknowledged_));
  if (waiting.empty() && (!at_end_ || eof_sent_)) return false;
  chunk.offset = sent_;
  chunk.bytes = waiting.substr(0, chunk_bytes);
  sent_ += chunk.bytes.size();
  chunk.eof = at_end_ && chunk.bytes.size() == waiting.size();
  eof_sent_ = eof_sent_ || chunk.eof;
  return true;
}

} // namespace nacre::agent_client
