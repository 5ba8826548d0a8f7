#include "oci/cgroup_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace nacre::oci {
namespace {

constexpr std::size_t most_lines = 1024; // memory.stat has some sixty, io.stat one a disk

std::optional<std::uint64_t> number_of(std::string_view text) {
  if (text == "max") return cgroup_unlimited;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Takes the text before `separator` and the separator itself off `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const auto part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

} // namespace

std::uint64_t cgroup_number(std::string_view text) {
  return number_of(take(text, '\n')).value_or(0);
}

std::map<std::string, std::uint64_t> flat_keyed(std::string_view text) {
  std::map<std::string, std::uint64_t> table;
  for (std::size_t lines = 0; !text.empty() && lines < most_lines; ++lines) {
    auto line = take(text, '\n');
    const auto name = take(line, ' ');
    if (const auto value = number_of(line)) table.emplace(name, *value);
  }
  return table;
}

std::vector<DeviceCounters> device_keyed(std::string_view text) {
  std::vector<DeviceCounters> devices;
  while (!text.empty() && devices.size() < most_lines) {
    auto line = take(text, '\n');
    auto device = take(line, ' ');
    const auto major = number_of(take(device, ':'));
    const auto minor = number_of(device);
    if (!major || !minor) continue;
    DeviceCounters counters{*major, *minor, {}};
    while (!line.empty() && counters.values.size() < most_lines) {
      auto pair = take(line, ' ');
      const auto name = take(pair, '=');
      if (const auto value = number_of(pair)) counters.values.emplace(name, *value);
    }
    devices.push_back(std::move(counters));
  }
  return devices;
}

} // namespace nacre::oci
