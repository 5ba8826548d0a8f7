#include "sandbox/device_spec.hpp"

#include "sandbox/device_rules.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <set>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

json::array& array_at(json::object& parent, std::string_view key) {
  auto& value = parent[key];
  return value.is_array() ? value.get_array() : value.emplace_array();
}

json::object& object_at(json::object& parent, std::string_view key) {
  auto& value = parent[key];
  return value.is_object() ? value.get_object() : value.emplace_object();
}

bool any_is(const json::array& list, const json::object& wanted) {
  return std::any_of(list.begin(), list.end(), [&](const json::value& value) {
    const auto* object = value.if_object();
    return object && std::all_of(wanted.begin(), wanted.end(), [&](const auto& member) {
             const auto* own = object->if_contains(member.key());
             return own && *own == member.value();
           });
  });
}

// crun can make nodes in the container: it has a /dev of its own, and no user namespace.
bool has_own_dev(json::object& document) {
  return any_is(array_at(document, "mounts"), {{"destination", "/dev"}, {"type", "tmpfs"}}) &&
         !any_is(array_at(object_at(document, "linux"), "namespaces"), {{"type", "user"}});
}

agent_client::v1::DeviceNode node_of(const DeviceChoice& choice, const DeviceNumber& number,
                                     const std::string& path) {
  agent_client::v1::DeviceNode node;
  node.set_path(path);
  node.set_block(number.type == 'b');
  node.set_device_major(number.major);
  node.set_device_minor(number.minor);
  node.set_mode(choice.mode);
  node.set_uid(choice.uid);
  node.set_gid(choice.gid);
  return node;
}

json::object rule_for(const DeviceChoice& choice, const DeviceNumber& number) {
  return {{"allow", true},
          {"type", std::string(1, number.type)},
          {"major", number.major},
          {"minor", number.minor},
          {"access", choice.read_only ? "r" : "rw"}};
}

void erase_entries(json::array& list, const std::set<std::size_t>& indices) {
  for (auto index = indices.rbegin(); index != indices.rend(); ++index)
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(*index));
}

// A mount of a device is a wish to use it, and has been admitted, so that it needs no rule from the user.
// Without any rules crun has no restrictions either.
void set_rules(json::object& document, const std::vector<DeviceChoice>& choices,
               const std::vector<DeviceNumber>& numbers, std::vector<std::string>& without_effect) {
  const auto rules = device_rules(document);
  if (rules.empty()) return;
  std::vector<NumberPair> pairs;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto known = std::any_of(pairs.begin(), pairs.end(),
                                   [&](const auto& pair) { return pair.host == choices[i].host; });
    if (!known) pairs.push_back({choices[i].host, numbers.at(i)});
  }
  auto translated = guest_device_rules(rules, pairs, without_effect);
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (choices[i].mount) translated.emplace_back(rule_for(choices[i], numbers.at(i)));
  object_at(object_at(document, "linux"), "resources")["devices"] = std::move(translated);
}

} // namespace

GuestDevices set_guest_devices(json::object& document, const std::vector<DeviceChoice>& choices,
                               const std::vector<DeviceNumber>& numbers, const std::string& container_id) {
  GuestDevices result;
  const bool makes_nodes = has_own_dev(document);
  auto& mounts = array_at(document, "mounts");
  auto& linux_section = object_at(document, "linux");
  std::set<std::size_t> bound; // entries of linux.devices
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& choice = choices[i];
    const std::string path = "/run/nacre/devices/" + container_id + "/" + std::to_string(i);
    if (choice.mount) {
      auto& mount = mounts.at(*choice.mount).as_object();
      mount["source"] = path;
      mount["type"] = "bind";
    } else if (makes_nodes && choice.destination.starts_with("/dev/")) {
      auto& entry = array_at(linux_section, "devices").at(choice.entry).as_object();
      entry["major"] = numbers.at(i).major;
      entry["minor"] = numbers.at(i).minor;
      continue;
    } else {
      bound.insert(choice.entry);
      mounts.push_back(json::object{
          {"destination", choice.destination}, {"type", "bind"}, {"source", path}, {"options", {"bind"}}});
    }
    result.nodes.push_back(node_of(choice, numbers.at(i), path));
  }
  if (!bound.empty()) erase_entries(array_at(linux_section, "devices"), bound);
  set_rules(document, choices, numbers, result.rules_without_effect);
  return result;
}

} // namespace nacre::sandbox
