#include "agent_client/stdio_output.hpp"

#include "agent_client/hello.hpp"

#include <cerrno>
#include <sys/epoll.h>

namespace nacre::agent_client {

StdioOutput::StdioOutput(IoLoop& loop, UniqueFd fd, std::function<void()> progress)
    : loop_(loop), fd_(std::move(fd), ForeignFd::Direction::write), progress_(std::move(progress)),
      discards_(!fd_) {}

StdioOutput::~StdioOutput() {
  loop_.remove(watch_);
}

void StdioOutput::watch_reader() {
  if (!fd_ || watches_reader_) return;
  watches_reader_ = true;
  stop_waiting();
}

bool StdioOutput::accept(std::uint64_t offset, std::string_view bytes, bool eof) {
  const std::uint64_t received = delivered_ + queue_.size();
  if (offset > received) return false;
  const std::uint64_t known = received - offset;
  if (eof && known > bytes.size()) return false;
  bytes.remove_prefix(static_cast<std::size_t>(std::min<std::uint64_t>(known, bytes.size())));
  if (eof_ && !bytes.empty()) return false;
  if (queue_.size() + bytes.size() > stdio_window_bytes) return false;
  eof_ = eof_ || eof;
  const std::uint64_t before = delivered_;
  if (queue_.empty() && !write(bytes)) wait_for_room();
  queue_.append(bytes);
  finish_if_done();
  if (delivered_ != before || done()) progress_();
  return true;
}

bool StdioOutput::write(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (discards_) {
      delivered_ += bytes.size();
      bytes = {};
      return true;
    }
    const ssize_t written = fd_.write(bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return false;
    if (written < 0) {
      lose_reader();
      continue;
    }
    delivered_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// EPIPE of a pipe, EIO of a terminal, ENOSPC of a file: nothing more can be delivered there.
void StdioOutput::lose_reader() {
  unwatch();
  fd_.reset();
  discards_ = true;
  reader_gone_ = true;
}

void StdioOutput::wait_for_room() {
  if (watch_ != 0) return loop_.modify(watch_, EPOLLOUT);
  watch_ = loop_.add(fd_.get(), EPOLLOUT, [this](std::uint32_t events) { ready(events); });
}

// Errors and hang-ups are reported whatever is asked for (epoll_ctl(2)).
void StdioOutput::stop_waiting() {
  if (!watches_reader_) return unwatch();
  if (watch_ != 0) return loop_.modify(watch_, 0);
  watch_ = loop_.add(fd_.get(), 0, [this](std::uint32_t events) { ready(events); });
}

void StdioOutput::unwatch() {
  loop_.remove(watch_);
  watch_ = 0;
}

void StdioOutput::ready(std::uint32_t events) {
  if (!watches_reader_ || (events & (EPOLLERR | EPOLLHUP)) == 0) return writable();
  lose_reader();
  writable();
  progress_();
}

void StdioOutput::writable() {
  std::string_view rest = queue_.view();
  const std::size_t before = rest.size();
  const bool all = write(rest);
  queue_.consume(before - rest.size());
  if (all && fd_) stop_waiting();
  finish_if_done();
  if (rest.size() != before) progress_();
}

void StdioOutput::finish_if_done() {
  if (!done()) return;
  unwatch();
  if (shuts_down_) fd_.shut_down(ForeignFd::Direction::write);
  fd_.reset();
}

void StdioOutput::abandon() {
  delivered_ += queue_.size();
  queue_.clear();
  eof_ = true;
  discards_ = true;
  finish_if_done();
}

} // namespace nacre::agent_client
