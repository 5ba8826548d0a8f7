#include "sandbox/tail_reader.hpp"

#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/epoll.h>

namespace nacre::sandbox {

TailReader::TailReader(agent_client::IoLoop& loop, std::size_t capacity)
    : loop_(loop), tail_(std::make_unique<TextTail>(capacity)) {
  int fds[2];
  check_errno(::pipe2(fds, O_CLOEXEC), "make pipe");
  reader_ = UniqueFd(fds[0]);
  writer_ = UniqueFd(fds[1]);
  check_errno(::fcntl(reader_.get(), F_SETFL, O_NONBLOCK),
              "set up pipe"); // of this end only: a pipe has two files
  loop_.run([this] { watch_ = loop_.add(reader_.get(), EPOLLIN, [this](std::uint32_t) { read_all(); }); });
}

TailReader::~TailReader() {
  loop_.run([this] { loop_.remove(watch_); });
}

void TailReader::read_all() {
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t got = ::read(reader_.get(), bytes.data(), bytes.size());
    if (got > 0) {
      tail_->append({bytes.data(), static_cast<std::size_t>(got)});
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || errno != EAGAIN) {
      loop_.remove(watch_);
      watch_ = 0;
    }
    return;
  }
}

void TailReader::catch_up() {
  loop_.run([this] {
    if (watch_ != 0) read_all();
  });
}

} // namespace nacre::sandbox
