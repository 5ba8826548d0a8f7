#include "sandbox/text_tail.hpp"

#include <algorithm>

namespace nacre::sandbox {
namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(' ') == std::string_view::npos;
}

// Without terminal sequences (ESC [ ... letter) and other control characters.
std::string clean(std::string_view line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte == 0x1b) {
      if (i + 1 < line.size() && line[i + 1] == '[') {
        i += 2;
        while (i < line.size() && (line[i] < 0x40 || line[i] > 0x7e))
          ++i;
      }
    } else if (byte == '\t') {
      result += ' ';
    } else if (byte >= 0x20 && byte < 0x7f) {
      result += line[i];
    } else if (byte >= 0x80) {
      result += '?';
    }
  }
  return result;
}

} // namespace

void TextTail::append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  total_ += text.size();
  if (text.size() >= capacity_) {
    text_.assign(text.substr(text.size() - capacity_));
    return;
  }
  text_.append(text);
  if (text_.size() > 2 * capacity_) text_.erase(0, text_.size() - capacity_); // seldom, so cheap
}

std::string TextTail::text() const {
  const std::lock_guard lock(mutex_);
  return text_.size() > capacity_ ? text_.substr(text_.size() - capacity_) : text_;
}

std::uint64_t TextTail::total() const noexcept {
  const std::lock_guard lock(mutex_);
  return total_;
}

std::vector<std::string> TextTail::lines() const {
  const std::string all = text();
  std::vector<std::string> result;
  for (std::size_t start = 0; start < all.size();) {
    const auto end = std::min(all.find_first_of("\n\r", start), all.size());
    auto line = clean(std::string_view(all).substr(start, end - start));
    if (!is_blank(line)) result.push_back(std::move(line));
    start = end + 1;
  }
  return result;
}

std::string TextTail::last_lines(std::size_t limit) const {
  return join_last(lines(), limit);
}

std::string join_last(const std::vector<std::string>& lines, std::size_t limit) {
  std::string result;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!result.empty() && result.size() + line->size() + 3 > limit) break;
    result = result.empty() ? line->substr(0, limit) : *line + " | " + result;
  }
  return result;
}

} // namespace nacre::sandbox
