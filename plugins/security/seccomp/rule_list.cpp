#include "rule_list.hpp"

#include <nacre/sdk/error.hpp>

#include <cerrno>
#include <charconv>
#include <sstream>

namespace nacre::seccomp {
namespace {

class LineError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

int error_number(const std::string& name) {
  if (name == "EPERM") return EPERM;
  if (name == "ENOSYS") return ENOSYS;
  if (name == "EACCES") return EACCES;
  throw LineError("\"" + name + "\" is none of EPERM, ENOSYS, EACCES");
}

std::uint64_t number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) base = 16, text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size())
    throw LineError("\"" + std::string(text) + "\" is no number");
  return value;
}

// "arg0=1", "arg0&0x10000=0x10000"
Condition condition(std::string_view text) {
  Condition condition;
  const auto equals = text.find('=');
  if (!text.starts_with("arg") || text.size() < 6 || equals == text.npos || text[3] < '0' || text[3] > '5')
    throw LineError("\"" + std::string(text) + "\" is no condition");
  condition.argument = static_cast<unsigned>(text[3] - '0');
  condition.value = number(text.substr(equals + 1));
  if (text[4] == '&')
    condition.mask = number(text.substr(5, equals - 5));
  else if (equals != 4)
    throw LineError("\"" + std::string(text) + "\" is no condition");
  return condition;
}

void take(RuleList& list, const std::string& line) {
  std::istringstream words(line);
  std::string verb, first, second;
  if (!(words >> verb) || verb[0] == '#') return;
  if (verb == "default") {
    if (!(words >> first >> second) || first != "errno")
      throw LineError("a default is \"default errno NAME\"");
    list.default_error = error_number(second);
  } else if (verb == "allow") {
    Rule rule;
    if (!(words >> rule.call)) throw LineError("a call is missing");
    while (words >> first)
      rule.conditions.push_back(condition(first));
    list.rules.push_back(std::move(rule));
  } else if (verb == "errno") {
    if (!(words >> first >> second)) throw LineError("an error is \"errno NAME CALL\"");
    list.rules.push_back({second, error_number(first), {}});
  } else {
    throw LineError("\"" + verb + "\" is none of default, allow, errno");
  }
}

} // namespace

RuleList RuleList::parse(std::string_view text) {
  RuleList list;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    try {
      take(list, line);
    } catch (const LineError& failure) {
      throw sdk::Error(NACRE_E_INTERNAL,
                       "list of system calls, line " + std::to_string(number) + ": " + failure.what());
    }
  }
  if (list.default_error == 0) throw sdk::Error(NACRE_E_INTERNAL, "a list of system calls has no default");
  return list;
}

} // namespace nacre::seccomp
