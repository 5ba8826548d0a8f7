#include "cli/command_line.hpp"

#include "base/error.hpp"
#include "cli/help_text.hpp"
#include "cli/output.hpp"

#include <boost/program_options/parsers.hpp>

#include <charconv>

namespace nacre::cli {
namespace po = boost::program_options;

CommandLine::CommandLine(std::string usage, std::string summary)
    : usage_(std::move(usage)), summary_(std::move(summary)), help_(help_text) {
  flag("help,h", "show this help");
}

void CommandLine::flag(const char* name, const char* help) {
  options_.add_options()(name, help);
}

void CommandLine::value(const char* name, const char* placeholder, const char* help) {
  options_.add_options()(name, po::value<std::string>()->value_name(placeholder), help);
}

void CommandLine::list(const char* name, const char* placeholder, const char* help) {
  options_.add_options()(name, po::value<std::vector<std::string>>()->value_name(placeholder), help);
}

std::vector<OptionText> CommandLine::options() const {
  std::vector<OptionText> texts;
  for (const auto& option : options_.options()) {
    const auto short_form = option->canonical_display_name(po::command_line_style::allow_dash_for_short);
    texts.push_back({option->long_name(),
                     short_form.size() == 2 && short_form.front() == '-' ? short_form.back() : '\0',
                     option->semantic()->max_tokens() > 0 ? option->semantic()->name() : std::string(),
                     option->description()});
  }
  return texts;
}

void CommandLine::refuse(std::string_view why) const {
  throw Error(ErrorCode::invalid_argument, why).hint("usage: nacre " + usage_);
}

// Appends the flag at `at` and the value that belongs to it to `flags`; returns the index after them.
std::size_t CommandLine::take_flag(const Arguments& arguments, std::size_t at, Arguments& flags) const {
  const auto& word = arguments[at];
  const auto takes_value = [](const po::option_description& option) {
    return option.semantic()->max_tokens() > 0;
  };
  if (word.starts_with("--")) {
    const auto equals = word.find('=');
    const auto* option =
        options_.find_nothrow(word.substr(2, equals == std::string::npos ? equals : equals - 2), false);
    if (!option) refuse("unknown flag " + word.substr(0, equals));
    if (takes_value(*option)) {
      flags.push_back(word);
      if (equals != std::string::npos) return at + 1;
      if (at + 1 == arguments.size()) refuse("flag " + word + " needs a value");
      flags.back() += "=" + arguments[at + 1]; // one token: a value that starts with - stays a value
      return at + 2;
    }
    if (equals == std::string::npos || word.substr(equals + 1) == "true")
      flags.push_back(word.substr(0, equals));
    else if (word.substr(equals + 1) != "false")
      refuse("flag " + word.substr(0, equals) + " is true or false, not " + word.substr(equals + 1));
    return at + 1;
  }
  for (std::size_t i = 1; i < word.size(); ++i) { // -dt, -uVALUE, -u VALUE
    const std::string letter = {'-', word[i]};
    const auto* option = options_.find_nothrow(letter, false);
    if (!option) refuse("unknown flag " + letter);
    const auto name = "--" + option->long_name();
    if (!takes_value(*option)) {
      flags.push_back(name);
      continue;
    }
    if (i + 1 < word.size()) {
      flags.push_back(name + "=" + word.substr(i + 1 + (word[i + 1] == '=' ? 1 : 0)));
      return at + 1;
    }
    if (at + 1 == arguments.size()) refuse("flag " + letter + " needs a value");
    flags.push_back(name + "=" + arguments[at + 1]);
    return at + 2;
  }
  return at + 1;
}

bool CommandLine::parse(const Arguments& arguments, std::size_t least_words, std::size_t most_words,
                        bool in_order) {
  Arguments flags;
  std::size_t at = 0;
  while (at < arguments.size()) {
    const auto& word = arguments[at];
    if (word == "--") {
      words_.insert(words_.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1, arguments.end());
      break;
    }
    if (word.size() > 1 && word.front() == '-') {
      at = take_flag(arguments, at, flags);
      continue;
    }
    words_.push_back(word);
    ++at;
    if (!in_order) continue;
    words_.insert(words_.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
    break;
  }
  try {
    po::store(po::command_line_parser(flags)
                  .options(options_)
                  .style(po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent)
                  .run(),
              values_);
  } catch (const po::error& error) {
    refuse(error.what());
  }
  if (is_set("help")) {
    print(help_(*this));
    return false;
  }
  if (words_.size() < least_words) refuse("too few arguments");
  if (words_.size() > most_words)
    refuse("too many arguments, the first that is too much is \"" + words_[most_words] + "\"");
  return true;
}

bool CommandLine::is_set(const char* name) const {
  return has(name);
}

std::string CommandLine::get(const char* name) const {
  const auto& value = values_[name];
  return value.empty() ? std::string() : value.as<std::string>();
}

std::vector<std::string> CommandLine::all(const char* name) const {
  const auto& value = values_[name];
  return value.empty() ? std::vector<std::string>() : value.as<std::vector<std::string>>();
}

std::size_t CommandLine::number(const char* name, std::size_t most) const {
  const auto text = get(name);
  if (text.empty()) return 0;
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || number > most)
    refuse(std::string("flag --") + name + " is \"" + text + "\", not a number from 0 to " +
           std::to_string(most));
  return number;
}

} // namespace nacre::cli
