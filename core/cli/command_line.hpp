// The grammar of one verb: Boost.Program_options with the habits of runc's command line.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

using Arguments = std::vector<std::string>;

class CommandLine {
public:
  // `usage` is what follows "nacre " in the first line of the help: "kill [options] <container-id> [signal]".
  CommandLine(std::string usage, std::string summary);

  // A flag without value; --name=true and --name=false are understood as well.
  void flag(const char* name, const char* help);
  void value(const char* name, const char* help);
  void list(const char* name, const char* help); // may be given several times

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

private:
  std::size_t take_flag(const Arguments& arguments, std::size_t at, Arguments& flags) const;
  [[noreturn]] void refuse(std::string_view why) const;

  std::string usage_;
  std::string summary_;
  boost::program_options::options_description options_;
  boost::program_options::variables_map values_;
  Arguments words_;
};

} // namespace nacre::cli
