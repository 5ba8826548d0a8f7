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
  if (queue_.empty() && !write(bytes) && watch_ == 0)
    watch_ = loop_.add(fd_.get(), EPOLLOUT, [this](std::uint32_t) { writable(); });
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
  loop_.remove(watch_);
  watch_ = 0;
  fd_.reset();
  discards_ = true;
  reader_gone_ = true;
}

void StdioOutput::writable() {
  std::string_view rest = queue_.view();
  const std::size_t before = rest.size();
  const bool all = write(rest);
  queue_.consume(before - rest.size());
  if (all) {
    loop_.remove(watch_);
    watch_ = 0;
  }
  finish_if_done();
  if (rest.size() != before) progress_();
}

void StdioOutput::finish_if_done() {
  if (!done()) return;
  loop_.remove(watch_);
  watch_ = 0;
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
