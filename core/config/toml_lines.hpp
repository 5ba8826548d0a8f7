// The lines of a TOML text, from which those can be left out that the parser does not take: it stops at the
// first error, and would overflow the stack on tables nested without end.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::config {

inline constexpr int max_nesting = 64;

class TomlLines {
public:
  explicit TomlLines(std::string_view text);

  // The text; every line is where it was.
  std::string text() const;
  // From 1. A title of a table gives way to one of a table that nobody reads, so that its keys do not fall
  // into the table before. False: that line was left out before, or there is none.
  bool leave_out(int line);
  void leave_out_deep_ones(const std::function<void(int line)>& tell);
  // Those that are not UTF-8; the column is that of the first byte which is not.
  void leave_out_undecodable_ones(const std::function<void(int line, int column)>& tell);
  // The column of the first word of a line, from 1.
  int first_column(int line) const;
  bool left_some_out() const noexcept { return left_out_ > 0; }

private:
  std::vector<std::string> lines_;
  int left_out_ = 0;
};

// Whether it stands for a title that was left out.
bool is_unread_table(std::string_view name);

} // namespace nacre::config
