// Everything that is wrong with a configuration, collected so that the user sees all of it in one run, and
// what is done otherwise than it says.
#pragma once

#include "config/value.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace nacre::config {

struct Problem {
  Origin origin;    // empty file: concerns no single line
  std::string text; // one sentence without full stop, with the remedy where there is one
};

class Problems {
public:
  void add(Origin origin, std::string text);
  // A notice: nothing is wrong, but what is done is not what the line says.
  void note(Origin origin, std::string text);
  bool empty() const noexcept { return problems_.empty(); }
  const std::vector<Problem>& list() const noexcept { return problems_; }
  const std::vector<Problem>& notices() const noexcept { return notices_; }
  // One line per problem, in the order of file and line.
  std::string text() const;
  // Throws one Error that holds all problems, if there are any.
  void throw_if_any() const;

private:
  std::vector<Problem> problems_, notices_;
};

// One line each, in the order of file and line, without a last line feed.
std::string lines_of(std::vector<Problem> problems);

// The candidate nearest to `word`, or "" when none is near enough to be a typing mistake.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

} // namespace nacre::config
