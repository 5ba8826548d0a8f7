// A list of system calls as written in <role>.txt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::seccomp {

struct Condition {
  unsigned argument = 0; // 0 to 5
  std::uint64_t mask = ~0ull;
  std::uint64_t value = 0;
};

struct Rule {
  std::string call;
  int error = 0;                     // 0: allow
  std::vector<Condition> conditions; // all must hold
};

struct RuleList {
  int default_error = 0;
  std::vector<Rule> rules;

  // Throws NACRE_E_INTERNAL with the line's number: the lists are part of the program.
  static RuleList parse(std::string_view text);
};

} // namespace nacre::seccomp
