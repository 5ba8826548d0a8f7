#include "sandbox/device_rules.hpp"

#include "oci/spec.hpp"
#include "sandbox/guest_devices.hpp"

#include <algorithm>
#include <optional>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

struct Rule {
  bool allow = false;
  char type = 'a';                          // 'a': of both
  std::optional<std::int64_t> major, minor; // none: all
  std::string access;

  // One about a device of its own, or about some of them; the others mean the same in each kernel.
  bool names_numbers() const { return type != 'a' && (major || minor); }
  bool covers(const DeviceNumber& device) const {
    return (type == 'a' || type == device.type) && (!major || *major == device.major) &&
           (!minor || *minor == device.minor);
  }
  std::string text() const {
    const auto number = [](const auto& value) { return value ? std::to_string(*value) : std::string("*"); };
    return std::string(1, type) + " " + number(major) + ":" + number(minor) + " " + access;
  }
};

std::optional<std::int64_t> number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_number()) return std::nullopt;
  const auto number = value->to_number<std::int64_t>();
  return number < 0 ? std::nullopt : std::optional(number); // engines write -1 for all
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

Rule read_rule(const json::value& value) {
  Rule rule;
  const auto* object = value.if_object();
  if (!object) return rule;
  const auto* allow = object->if_contains("allow");
  rule.allow = allow && allow->is_bool() && allow->get_bool();
  const auto type = text_at(*object, "type");
  if (!type.empty()) rule.type = type.front();
  rule.major = number_at(*object, "major");
  rule.minor = number_at(*object, "minor");
  rule.access = text_at(*object, "access");
  if (rule.access.empty()) rule.access = "rwm";
  return rule;
}

json::object with_number(const Rule& rule, const DeviceNumber& device) {
  return {{"allow", rule.allow},
          {"type", std::string(1, device.type)},
          {"major", device.major},
          {"minor", device.minor},
          {"access", rule.access}};
}

// In the guest these are the same kind of device, made by a driver of the guest's.
bool means_the_same(const Rule& rule) {
  if (!rule.major) return rule.type == 'c';
  return has_same_numbers(rule.type, static_cast<std::uint32_t>(*rule.major), rule.minor);
}

} // namespace

json::array device_rules(const json::object& document) {
  const auto* resources = oci::linux_resources(document);
  const auto* rules = resources ? resources->if_contains("devices") : nullptr;
  return rules && rules->is_array() ? rules->get_array() : json::array();
}

bool allow_every_device(const json::array& rules) {
  return std::any_of(rules.begin(), rules.end(), [](const json::value& value) {
    const Rule rule = read_rule(value);
    return rule.allow && rule.type == 'a' && !rule.major && !rule.minor && rule.access == "rwm";
  });
}

DeviceAccess access_by_rules(const json::array& rules, const DeviceNumber& device) {
  DeviceAccess access;
  for (const auto& value : rules) {
    const Rule rule = read_rule(value);
    if (!rule.covers(device)) continue;
    if (rule.access.find('r') != std::string::npos) access.read = rule.allow;
    if (rule.access.find('w') != std::string::npos) access.write = rule.allow;
  }
  return access;
}

json::array guest_device_rules(const json::array& rules, const std::vector<NumberPair>& devices,
                               std::vector<std::string>& without_effect) {
  json::array translated;
  for (const auto& value : rules) {
    const Rule rule = read_rule(value);
    bool has_effect = !rule.names_numbers() || means_the_same(rule);
    if (has_effect) translated.push_back(value);
    for (const auto& [host, guest] : devices) {
      if (!rule.names_numbers() || !rule.covers(host)) continue;
      if (!has_effect || host != guest) translated.push_back(with_number(rule, guest));
      has_effect = true;
    }
    if (!has_effect && rule.allow) without_effect.push_back(rule.text());
  }
  return translated;
}

} // namespace nacre::sandbox
