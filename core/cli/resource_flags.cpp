#include "cli/resource_flags.hpp"

#include "base/error.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace nacre::cli {
namespace {

namespace json = boost::json;

enum class Value { integer, natural, size, text };

struct Flag {
  const char *name, *help;
  Value kind;
  const char *section, *member;
};

constexpr std::array flags = {
    Flag{"blkio-weight", "block I/O weight, 10 to 1000", Value::natural, "blockIO", "weight"},
    Flag{"cpu-period", "period of the CPU limit, microseconds", Value::natural, "cpu", "period"},
    Flag{"cpu-quota", "CPU time in a period, microseconds; -1: no limit", Value::integer, "cpu", "quota"},
    Flag{"cpu-share", "relative weight of its CPU time", Value::natural, "cpu", "shares"},
    Flag{"cpu-rt-period", "period of realtime CPU, microseconds", Value::natural, "cpu", "realtimePeriod"},
    Flag{"cpu-rt-runtime", "realtime CPU in a period, microseconds", Value::integer, "cpu",
         "realtimeRuntime"},
    Flag{"cpuset-cpus", "as many CPUs of the guest as this list has", Value::text, "cpu", "cpus"},
    Flag{"cpuset-mems", "without effect: the guest has one memory node", Value::text, "cpu", "mems"},
    Flag{"memory", "memory limit, bytes or as 100m", Value::size, "memory", "limit"},
    Flag{"memory-reservation", "memory that is kept for it, bytes or as 100m", Value::size, "memory",
         "reservation"},
    Flag{"memory-swap", "memory and swap together; -1: unlimited swap", Value::size, "memory", "swap"},
    Flag{"kernel-memory", "accepted and without effect, as in runc", Value::size, "memory", "kernel"},
    Flag{"kernel-memory-tcp", "accepted and without effect, as in runc", Value::size, "memory", "kernelTCP"},
    Flag{"pids-limit", "number of processes; -1: no limit", Value::integer, "pids", "limit"},
};

[[noreturn]] void invalid(const Flag& flag, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, std::string("invalid value for ") + flag.name + ": " + why);
}

template <typename Int>
Int parse_integer(const Flag& flag, const std::string& text, const char* go_function) {
  Int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  // Go's words, since engines show runc's.
  invalid(flag,
          std::string("strconv.") + go_function + ": parsing \"" + text +
              (failure == std::errc::result_out_of_range ? "\": value out of range" : "\": invalid syntax"));
}

json::value parse_value(const Flag& flag, const std::string& text) {
  switch (flag.kind) {
  case Value::text:
    return json::value(json::string(text));
  case Value::natural:
    return parse_integer<std::uint64_t>(flag, text, "ParseUint");
  case Value::integer:
    return parse_integer<std::int64_t>(flag, text, "ParseInt");
  default:
    try {
      return text == "-1" ? std::int64_t{-1} : parse_size(text);
    } catch (const Error& error) {
      invalid(flag, error.what());
    }
  }
}

const char* placeholder(Value kind) {
  switch (kind) {
  case Value::size:
    return "SIZE";
  case Value::text:
    return "LIST";
  default:
    return "N";
  }
}

} // namespace

void add_resource_flags(CommandLine& line) {
  for (const auto& flag : flags)
    line.value(flag.name, placeholder(flag.kind), flag.help);
  line.value("l3-cache-schema", "TEXT", "refused: a guest has no cache allocation");
  line.value("mem-bw-schema", "TEXT", "refused: a guest has no bandwidth allocation");
}

std::string resources_of_flags(const CommandLine& line) {
  // runc's words on a host without Intel RDT, and the guest is one.
  if (!line.get("l3-cache-schema").empty())
    throw Error(ErrorCode::unimplemented, "Intel RDT/CAT: l3 cache schema is not enabled");
  if (!line.get("mem-bw-schema").empty())
    throw Error(ErrorCode::unimplemented, "Intel RDT/MBA: memory bandwidth schema is not enabled");
  json::object resources;
  for (const auto& flag : flags) {
    const auto text = line.get(flag.name);
    if (text.empty()) continue;
    auto& section = resources[flag.section];
    if (!section.is_object()) section.emplace_object();
    section.get_object()[flag.member] = parse_value(flag, text);
  }
  return json::serialize(resources);
}

std::int64_t parse_size(const std::string& text) {
  const auto refuse = [&]() -> std::int64_t {
    throw Error(ErrorCode::invalid_argument, "invalid size: '" + text + "'");
  };
  double value = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failure != std::errc() || value < 0 || !std::isfinite(value)) return refuse();
  std::string unit(static_cast<const char*>(end), static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.erase(0, 1);
  for (auto& letter : unit)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  // "", "b", or one of k m g t p with "", "b" or "ib".
  constexpr std::string_view prefixes = "kmgtp";
  double factor = 1;
  if (!unit.empty() && unit != "b") {
    const auto power = prefixes.find(unit.front());
    const auto tail = unit.substr(1);
    if (power == std::string_view::npos || (!tail.empty() && tail != "b" && tail != "ib")) return refuse();
    factor = std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (value * factor >= 9.2e18) return refuse();
  return static_cast<std::int64_t>(value * factor);
}

} // namespace nacre::cli
