// The grammar of one verb: Boost.Program_options with the habits of runc's command line. Parsed or not, it is
// also what help, manual pages and shell completion are made from.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

using Arguments = std::vector<std::string>;

// One option as its reader sees it.
struct OptionText {
  std::string name;        // without dashes
  char letter = 0;         // of the short form; 0: none
  std::string placeholder; // "FILE", "text|json"; "": a flag
  std::string help;        // "": accepted for others' sake, shown nowhere but in the manual
};

class CommandLine {
public:
  // `usage` is what follows "nacre " in the first line of the help: "kill [options] <container-id> [signal]".
  CommandLine(std::string usage, std::string summary);

  // A flag without value; --name=true and --name=false are understood as well.
  void flag(const char* name, const char* help);
  // `placeholder` stands for the value. Completion knows FILE, SOCKET, DIR and choices: "table|json".
  void value(const char* name, const char* placeholder, const char* help);
  void list(const char* name, const char* placeholder, const char* help); // may be given several times

  // Another text for --help than that of a verb.
  void help_with(std::string (*writer)(const CommandLine&)) { help_ = writer; }

  // Splits flags and words. With `in_order` everything after the first word is a word (a command to run).
  // Throws Error for unknown flags and for a number of words outside the bounds. False: the help was asked
  // for and printed.
  bool parse(const Arguments& arguments, std::size_t least_words, std::size_t most_words,
             bool in_order = false);

  bool has(const char* name) const { return values_.count(name) != 0; }
  bool is_set(const char* name) const;     // of a flag
  std::string get(const char* name) const; // "" when not given
  std::vector<std::string> all(const char* name) const;
  std::size_t number(const char* name, std::size_t most) const; // 0 when not given
  const Arguments& words() const noexcept { return words_; }

  const std::string& usage() const noexcept { return usage_; }
  const std::string& summary() const noexcept { return summary_; }
  std::vector<OptionText> options() const; // in the order of their definition

private:
  std::size_t take_flag(const Arguments& arguments, std::size_t at, Arguments& flags) const;
  [[noreturn]] void refuse(std::string_view why) const;

  std::string usage_;
  std::string summary_;
  std::string (*help_)(const CommandLine&); // what --help prints
  boost::program_options::options_description options_;
  boost::program_options::variables_map values_;
  Arguments words_;
};

} // namespace nacre::cli
