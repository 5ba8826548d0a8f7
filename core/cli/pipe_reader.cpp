#include "cli/pipe_reader.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace nacre::cli {

bool read_to_end(int fd, std::optional<std::chrono::milliseconds> patience, const std::string& speaker,
                 std::string& text) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + patience.value_or(std::chrono::milliseconds(0));
  std::array<char, 4096> chunk;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, patience ? static_cast<int>(std::max<std::int64_t>(0, left)) : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return false;
    const auto count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    check_errno(count, "read the output of", speaker);
    if (count == 0) return true;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

} // namespace nacre::cli
