#include "cli/help_text.hpp"

#include "cli/verb_table.hpp"

#include <algorithm>
#include <vector>

namespace nacre::cli {
namespace {

constexpr std::size_t columns = 80;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string option_lines(const CommandLine& line) {
  const auto options = line.options();
  std::size_t width = 0;
  for (const auto& option : options)
    if (!option.help.empty()) width = std::max(width, option_label(option).size());
  std::string out;
  for (const auto& option : options)
    if (!option.help.empty())
      out +=
          "  " + padded(option_label(option), width + 2) + wrapped(option.help, width + 4, width + 4) + "\n";
  return out;
}

// Down the first column, then down the second.
std::string in_two_columns(const std::vector<std::string>& cells) {
  const auto rows = (cells.size() + 1) / 2;
  std::string out;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto other = row + rows;
    out += other < cells.size() ? padded(cells[row], columns / 2) + cells[other] : cells[row];
    out += "\n";
  }
  return out;
}

} // namespace

std::string option_label(const OptionText& option) {
  std::string label = option.letter ? std::string("-") + option.letter + ", --" : "    --";
  label += option.name;
  return option.placeholder.empty() ? label : label + " " + option.placeholder;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t column) {
  std::string out;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > indent && column + 1 + word.size() > columns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string help_text(const CommandLine& line) {
  return wrapped("usage: nacre " + line.usage(), 13, 0) + "\n\n" + wrapped(line.summary(), 0, 0) + "\n\n" +
         option_lines(line);
}

std::string program_help_text(const CommandLine& line) {
  std::vector<std::string> cells;
  for (const auto& verb : all_verbs())
    cells.push_back(padded(std::string(verb.name), 14) + std::string(verb.brief));
  return "usage: nacre " + line.usage() + "    (nacre VERB --help says more)\n\n" + in_two_columns(cells) +
         "\n" + option_lines(line);
}

} // namespace nacre::cli
