#include "sandbox/text_tail.hpp"

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

std::string TextTail::last_lines(std::size_t limit) const {
  const std::string all = text();
  std::string_view rest(all);
  std::string result;
  while (!rest.empty()) {
    while (!rest.empty() && (rest.back() == '\n' || rest.back() == '\r'))
      rest.remove_suffix(1);
    const auto start = rest.find_last_of("\n\r");
    const auto line = clean(start == std::string_view::npos ? rest : rest.substr(start + 1));
    rest = start == std::string_view::npos ? std::string_view() : rest.substr(0, start);
    if (is_blank(line)) continue;
    if (!result.empty() && result.size() + line.size() + 3 > limit) break;
    result = result.empty() ? line.substr(0, limit) : line + " | " + result;
  }
  return result;
}

} // namespace nacre::sandbox
