#include "config/toml_lines.hpp"

#include <algorithm>

namespace nacre::config {
namespace {

constexpr std::string_view unread_table = "nacre-unread-";

// Dots and brackets that are not within quotes or a comment: each may open one more level.
int levels_of(std::string_view line) {
  int levels = 0;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote) {
      if (quote == '"' && c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      break;
    } else if (c == '.') {
      ++levels;
    }
  }
  return levels;
}

// How long the character is that starts here; 0 where none does (RFC 3629).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const auto second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : length;
}

// From 1; 0: all of it is UTF-8.
int column_that_is_no_character(std::string_view line) {
  int column = 1;
  for (; !line.empty(); ++column) {
    const auto length = character_length(line);
    if (length == 0) return column;
    line.remove_prefix(length);
  }
  return 0;
}

bool is_title(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\xef\xbb\xbf");
  return first != line.npos && line[first] == '[' && line.find('=') == line.npos;
}

} // namespace

TomlLines::TomlLines(std::string_view text) {
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    lines_.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
}

std::string TomlLines::text() const {
  std::string text;
  for (const auto& line : lines_)
    text += line + '\n';
  if (!text.empty()) text.pop_back(); // as it ended
  return text;
}

bool TomlLines::leave_out(int line) {
  if (line < 1 || static_cast<std::size_t>(line) > lines_.size()) return false;
  auto& words = lines_[static_cast<std::size_t>(line) - 1];
  if (words.empty() || words.starts_with("[" + std::string(unread_table))) return false;
  ++left_out_;
  words = is_title(words) ? "[" + std::string(unread_table) + std::to_string(left_out_) + "]" : "";
  return true;
}

void TomlLines::leave_out_deep_ones(const std::function<void(int line)>& tell) {
  for (int line = 1; static_cast<std::size_t>(line) <= lines_.size(); ++line)
    if (levels_of(lines_[static_cast<std::size_t>(line) - 1]) > max_nesting && leave_out(line)) tell(line);
}

void TomlLines::leave_out_undecodable_ones(const std::function<void(int line, int column)>& tell) {
  for (int line = 1; static_cast<std::size_t>(line) <= lines_.size(); ++line) {
    const int column = column_that_is_no_character(lines_[static_cast<std::size_t>(line) - 1]);
    if (column != 0 && leave_out(line)) tell(line, column);
  }
}

int TomlLines::first_column(int line) const {
  const auto first = lines_[static_cast<std::size_t>(line) - 1].find_first_not_of(" \t");
  return first == std::string::npos ? 1 : static_cast<int>(first) + 1;
}

bool is_unread_table(std::string_view name) {
  return name.starts_with(unread_table);
}

} // namespace nacre::config
