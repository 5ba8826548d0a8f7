#include "sandbox/resource_update.hpp"

#include "base/error.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

// The members that have a meaning in the guest, and those that go into the kernel's same file.
struct Section {
  const char* name;
  std::array<const char*, 3> members;
};
constexpr std::array<Section, 3> sections = {{{"cpu", {"shares", "quota", "period"}},
                                              {"memory", {"limit", "reservation", "swap"}},
                                              {"pids", {"limit"}}}};
constexpr std::array<std::array<const char*, 3>, 2> coupled = {
    {{"cpu", "quota", "period"}, {"memory", "limit", "swap"}}};

const json::object* object_at(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value ? value->if_object() : nullptr;
}

json::object& section_of(json::object& parent, std::string_view key) {
  auto& value = parent[key];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

bool is_wanted(const json::value* value, const char* section, const char* member) {
  if (!value || value->is_null()) return false;
  if (!value->is_number())
    throw Error(ErrorCode::invalid_argument, "update resources")
        .because(std::string(section) + "." + member + " is not a number");
  return value->to_number<double>() != 0;
}

// "0-2,4" as numbers. The kernel's words for what is no list, or names a CPU that is not there.
std::set<unsigned> parse_cpus(std::string_view list, unsigned host_cpus) {
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::invalid_argument,
                "failed to write \"" + std::string(list) + "\": write cpuset.cpus: " + why);
  };
  std::set<unsigned> cpus;
  for (auto rest = list; !rest.empty();) {
    const auto part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    unsigned first = 0;
    const auto* const stop = part.data() + part.size();
    auto [end, failure] = std::from_chars(part.data(), stop, first);
    unsigned last = first;
    if (failure == std::errc() && end != stop && *end == '-') {
      const auto range = std::from_chars(end + 1, stop, last);
      end = range.ptr;
      failure = range.ec;
    }
    if (failure != std::errc() || end != stop || last < first) refuse("invalid argument");
    if (last >= host_cpus) refuse("numerical result out of range");
    for (auto cpu = first; cpu <= last; ++cpu)
      cpus.insert(cpu);
  }
  return cpus;
}

} // namespace

std::string guest_cpus(std::string_view host_cpus, const CpuCounts& counts) {
  const auto wanted = parse_cpus(host_cpus, counts.host).size();
  const auto last = std::min<std::size_t>(wanted, std::max(counts.guest, 1u)) - 1;
  return "0-" + std::to_string(last);
}

json::object parse_resources(const std::string& text) {
  boost::system::error_code failure;
  auto document = json::parse(text, failure);
  if (failure || !document.is_object())
    throw Error(ErrorCode::invalid_argument, "update resources").because("they are no JSON object");
  return std::move(document.get_object());
}

json::object merge_resources(json::object& current, const std::string& update_json,
                             const std::function<CpuCounts()>& count_cpus) {
  const auto update = parse_resources(update_json);
  json::object merged = current, changes;
  for (const auto& section : sections) {
    const auto* wanted = object_at(update, section.name);
    if (!wanted) continue;
    for (const auto* member : section.members) {
      if (!member) continue;
      const auto* value = wanted->if_contains(member);
      if (!is_wanted(value, section.name, member)) continue;
      section_of(merged, section.name)[member] = *value;
      section_of(changes, section.name)[member] = *value;
    }
  }
  for (const auto& [section, one, other] : coupled) {
    const auto* changed = object_at(changes, section);
    if (!changed || (!changed->contains(one) && !changed->contains(other))) continue;
    for (const auto* member : {one, other})
      if (const auto* value = section_of(merged, section).if_contains(member))
        section_of(changes, section)[member] = *value;
  }
  if (const auto* cpu = object_at(update, "cpu")) {
    const auto* cpus = cpu->if_contains("cpus");
    if (cpus && cpus->is_string() && !cpus->get_string().empty())
      section_of(changes, "cpu")["cpus"] = guest_cpus(cpus->get_string(), count_cpus());
  }
  current = std::move(merged);
  return changes;
}

bool changes_device_rules(const std::string& update_json, const json::array& rules) {
  boost::system::error_code failure;
  const auto document = json::parse(update_json, failure);
  if (failure || !document.is_object()) return false;
  const auto* named = document.get_object().if_contains("devices");
  return named && named->is_array() && !named->get_array().empty() && named->get_array() != rules;
}

} // namespace nacre::sandbox
