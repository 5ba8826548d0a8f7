#include "profile.hpp"

#include <nacre/sdk/error.hpp>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <seccomp.h>
#include <string_view>

namespace nacre::seccomp {
namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 9> actions = {
    "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",        "SCMP_ACT_LOG",         "SCMP_ACT_NOTIFY"};
constexpr std::array<std::string_view, 7> operators = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                                       "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                                       "SCMP_CMP_MASKED_EQ"};
constexpr std::array<std::string_view, 4> flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                                   "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                                   "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
constexpr std::uint64_t arguments_of_a_call = 6;
constexpr std::uint64_t highest_errno = 4095; // the kernel's MAX_ERRNO

[[noreturn]] void refuse(const std::string& where, const std::string& why,
                         std::int32_t code = NACRE_E_INVALID_ARGUMENT) {
  throw sdk::Error(code, "linux.seccomp" + where + " " + why);
}

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string quote(std::string_view text) {
  return "\"" + std::string(text.substr(0, 64)) + "\"";
}

std::string_view text_of(const json::value& value, const std::string& where) {
  if (!value.is_string()) refuse(where, "is not a string");
  return value.get_string();
}

const json::array& array_of(const json::value& value, const std::string& where) {
  if (!value.is_array()) refuse(where, "is not a list");
  return value.get_array();
}

const json::object& object_of(const json::value& value, const std::string& where) {
  if (!value.is_object()) refuse(where, "is not an object");
  return value.get_object();
}

std::uint64_t number_of(const json::value& value, const std::string& where) {
  if (value.is_uint64()) return value.get_uint64();
  if (!value.is_int64() || value.get_int64() < 0) refuse(where, "is not a number of 0 or more");
  return static_cast<std::uint64_t>(value.get_int64());
}

// The action and, beside it, the error that it may carry.
void check_action(const json::object& owner, const char* name, const char* error_name,
                  const std::string& where) {
  const auto* value = owner.if_contains(name);
  if (value == nullptr) refuse(where + "." + name, "is missing");
  const auto action = text_of(*value, where + "." + name);
  if (!contains(actions, action))
    refuse(where + "." + name, quote(action) + " is no action; SCMP_ACT_ALLOW is one");
  if (action == "SCMP_ACT_NOTIFY")
    refuse(where + "." + name,
           "SCMP_ACT_NOTIFY needs a listener on the host, which calls of a guest's kernel cannot reach; use "
           "another action",
           NACRE_E_UNSUPPORTED);
  const auto* error = owner.if_contains(error_name);
  if (error == nullptr || error->is_null()) return;
  if (number_of(*error, where + "." + error_name) > highest_errno)
    refuse(where + "." + error_name, "is above 4095");
  if (action != "SCMP_ACT_ERRNO" && action != "SCMP_ACT_TRACE")
    refuse(where + "." + error_name,
           "goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with " + std::string(action));
}

void check_argument(const json::object& argument, const std::string& where) {
  const auto* index = argument.if_contains("index");
  if (index == nullptr) refuse(where + ".index", "is missing");
  if (number_of(*index, where + ".index") >= arguments_of_a_call)
    refuse(where + ".index", "is above 5: a system call has 6 arguments");
  const auto* value = argument.if_contains("value");
  if (value == nullptr) refuse(where + ".value", "is missing");
  number_of(*value, where + ".value");
  if (const auto* second = argument.if_contains("valueTwo")) number_of(*second, where + ".valueTwo");
  const auto* op = argument.if_contains("op");
  if (op == nullptr) refuse(where + ".op", "is missing");
  if (const auto name = text_of(*op, where + ".op"); !contains(operators, name))
    refuse(where + ".op", quote(name) + " is no comparison; SCMP_CMP_EQ is one");
}

void check_rule(const json::object& rule, const std::string& where, ProfileCheck& check) {
  const auto* names = rule.if_contains("names");
  const std::string names_place = where + ".names";
  if (names == nullptr) refuse(names_place, "is missing");
  const auto& list = array_of(*names, names_place);
  if (list.empty()) refuse(names_place, "is empty");
  for (const auto& value : list) {
    const std::string name(text_of(value, names_place));
    if (seccomp_syscall_resolve_name(name.c_str()) == __NR_SCMP_ERROR) check.unknown_calls.push_back(name);
  }
  check_action(rule, "action", "errnoRet", where);
  const auto* arguments = rule.if_contains("args");
  if (arguments == nullptr || arguments->is_null()) return;
  std::size_t number = 0;
  const std::string arguments_place = where + ".args";
  for (const auto& argument : array_of(*arguments, arguments_place)) {
    const std::string place = arguments_place + "[" + std::to_string(number++) + "]";
    check_argument(object_of(argument, place), place);
  }
}

void check_names(const json::object& seccomp, const char* member, bool (*known)(std::string_view),
                 const char* kind) {
  const auto* value = seccomp.if_contains(member);
  if (value == nullptr || value->is_null()) return;
  const std::string where = std::string(".") + member;
  for (const auto& entry : array_of(*value, where))
    if (const auto name = text_of(entry, where); !known(name)) refuse(where, quote(name) + " is no " + kind);
}

// "SCMP_ARCH_X86_64" is libseccomp's "x86_64".
bool is_architecture(std::string_view name) {
  constexpr std::string_view prefix = "SCMP_ARCH_";
  if (!name.starts_with(prefix)) return false;
  std::string token(name.substr(prefix.size()));
  std::transform(token.begin(), token.end(), token.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return seccomp_arch_resolve_name(token.c_str()) != 0;
}

bool is_flag(std::string_view name) {
  return contains(flags, name);
}

} // namespace

ProfileCheck check_profile(const json::object& seccomp) {
  ProfileCheck check;
  if (const auto* path = seccomp.if_contains("listenerPath");
      path && path->is_string() && !path->get_string().empty())
    refuse(".listenerPath",
           quote(path->get_string()) + " is a listener on the host, which calls of a guest's kernel "
                                       "cannot reach; remove it",
           NACRE_E_UNSUPPORTED);
  check_action(seccomp, "defaultAction", "defaultErrnoRet", "");
  check_names(seccomp, "architectures", is_architecture, "architecture that libseccomp knows");
  check_names(seccomp, "flags", is_flag, "flag of a seccomp filter");
  if (const auto* rules = seccomp.if_contains("syscalls"); rules && !rules->is_null()) {
    std::size_t number = 0;
    const std::string rules_place = ".syscalls";
    for (const auto& rule : array_of(*rules, rules_place)) {
      const std::string where = rules_place + "[" + std::to_string(number++) + "]";
      check_rule(object_of(rule, where), where, check);
    }
  }
  return check;
}

} // namespace nacre::seccomp
