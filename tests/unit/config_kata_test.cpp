// The table of Kata's keys itself: that it says something about each of them.
#include "catch.hpp"

#include "config/kata_verdict.hpp"
#include "config/loose_value.hpp"

#include <set>

using namespace nacre::config;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string verdict(const std::string& table, const std::string& key, Value value) {
  Problems problems;
  const Origin origin{"/etc/c.toml", 1, 1};
  if (!judge_kata_key(table, key, Setting{std::move(value), origin, origin}, problems)) return "unknown";
  std::string text(problems.empty() ? "" : "refused: ");
  if (!problems.empty()) return text.append(problems.list().front().text);
  return problems.notices().empty() ? text : text.append("notice: ").append(problems.notices().front().text);
}

Value some_value(OptionType type) {
  switch (type) {
  case OptionType::string:
    return "some words";
  case OptionType::integer:
    return std::int64_t{77777};
  case OptionType::floating:
    return 0.7;
  case OptionType::boolean:
    return true;
  case OptionType::string_list:
    return StringList{"x"};
  }
  return {};
}

} // namespace

TEST_CASE("each key of Kata's stands once in its table") {
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& table : kata_tables())
    for (const auto& key : table.keys) {
      INFO(table.name << " " << key.key);
      CHECK(seen.emplace(table.name, key.key).second);
    }
  CHECK(seen.size() > 200);
}

TEST_CASE("a value that asks for something is never taken in silence by the table itself") {
  for (const auto& table : kata_tables())
    for (const auto& key : table.keys) {
      INFO(table.name << " " << key.key);
      if (key.fate == KataFate::mapped || key.fate == KataFate::moved) CHECK_FALSE(key.words.empty());
      if (key.fate == KataFate::chosen || key.fate == KataFate::moved) continue; // told where it takes effect
      std::string name(table.name);
      if (const auto star = name.find('*'); star != name.npos) name[star] = 'x';
      const bool either = asks_for_nothing(key, true); // of a switch that is on anyway
      const Value value = key.type == OptionType::boolean && either ? Value(false) : some_value(key.type);
      CHECK(verdict(name, std::string(key.key), value) != "");
    }
}

TEST_CASE("the values that ask for nothing are of the key's type") {
  for (const auto& table : kata_tables())
    for (const auto& key : table.keys)
      for (auto rest = key.nothing; !rest.empty();) {
        const auto bar = rest.find('|');
        const std::string text(rest.substr(0, bar));
        INFO(table.name << " " << key.key << " " << text);
        const bool is_text = text.starts_with("\"");
        CHECK((is_text ? key.type == OptionType::string
                       : read_loosely(key.type, text).has_value() && key.type != OptionType::string));
        rest = bar == rest.npos ? std::string_view() : rest.substr(bar + 1);
      }
}

TEST_CASE("verdicts by value") {
  CHECK(verdict("hypervisor.vmm", "confidential_guest", false).empty());
  CHECK_THAT(verdict("hypervisor.vmm", "confidential_guest", true),
             ContainsSubstring("refused: \"confidential"));
  CHECK_THAT(verdict("hypervisor.vmm", "confidential_guest", "t"), ContainsSubstring("refused: "));
  CHECK(verdict("runtime", "sandbox_cgroup_only", true).empty());
  CHECK_THAT(verdict("runtime", "sandbox_cgroup_only", false),
             ContainsSubstring("notice: \"sandbox_cgroup_only\""));
  CHECK_THAT(verdict("runtime", "sandbox_cgroup_only", "often"),
             ContainsSubstring("must be a boolean, not a string"));
  CHECK_THAT(verdict("netmon", "path", "/x"), ContainsSubstring("notice: "));
  CHECK_THAT(verdict("hypervisor.vmm.factory", "enable_template", true), ContainsSubstring("refused: "));
  CHECK(verdict("hypervisor.vmm", "dial_timeout", std::int64_t{1}) == "unknown");
  CHECK(verdict("storage.x", "path", "/x") == "unknown");
}
