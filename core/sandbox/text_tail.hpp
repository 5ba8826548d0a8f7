// The last bytes of an endless text: what a VMM or a guest console said before it failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::sandbox {

class TextTail {
public:
  explicit TextTail(std::size_t capacity) : capacity_(capacity) {}

  void append(std::string_view text);
  // Whole lines, cleaned of control characters, at most `limit` bytes from the end; lines are joined by " |
  // ", because it ends up in one sentence.
  std::string last_lines(std::size_t limit) const;
  // All that is kept, line by line, cleaned in the same way, without blank lines. The first may be half a
  // line.
  std::vector<std::string> lines() const;
  std::string text() const;             // as it came
  std::uint64_t total() const noexcept; // bytes ever appended: a sign of life

private:
  mutable std::mutex mutex_;
  std::size_t capacity_;
  std::string text_;
  std::uint64_t total_ = 0;
};

// The last of `lines` as one text: see TextTail::last_lines().
std::string join_last(const std::vector<std::string>& lines, std::size_t limit);

} // namespace nacre::sandbox
