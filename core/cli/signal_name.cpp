#include "cli/signal_name.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>

namespace nacre::cli {
namespace {

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "RTMIN", "RTMIN+3", "RTMAX-1": the kernel's numbers as glibc and every user count them, from 34 to 64.
std::optional<int> real_time_signal(std::string_view name) {
  const bool from_least = name.starts_with("RTMIN");
  if (!from_least && !name.starts_with("RTMAX")) return std::nullopt;
  const int base = from_least ? SIGRTMIN : SIGRTMAX;
  const auto rest = name.substr(5);
  if (rest.empty()) return base;
  if (rest.front() != (from_least ? '+' : '-')) return std::nullopt;
  const auto offset = whole_number(rest.substr(1));
  if (!offset || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
  return from_least ? base + *offset : base - *offset;
}

} // namespace

int parse_signal(std::string_view text) {
  if (const auto number = whole_number(text)) {
    if (*number >= 1 && *number <= 64) return *number;
  } else {
    std::string name(text);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (name.starts_with("SIG")) name.erase(0, 3);
    for (int signal = 1; signal < 32; ++signal)
      if (const char* known = ::sigabbrev_np(signal); known && name == known) return signal;
    if (const auto real_time = real_time_signal(name)) return *real_time;
    if (name == "IOT") return SIGABRT;
    if (name == "CLD") return SIGCHLD;
    if (name == "IO") return SIGPOLL;
  }
  throw Error(ErrorCode::invalid_argument, "unknown signal", text.substr(0, 64))
      .hint("use a name like TERM or a number from 1 to 64");
}

} // namespace nacre::cli
