#include "sandbox/block_io.hpp"

#include "base/error.hpp"

#include <boost/json/value.hpp>

#include <array>
#include <string_view>

namespace nacre::sandbox {
namespace {

namespace json = boost::json;

struct Throttle {
  const char* member;    // of blockIO
  const char* version_1; // file
  const char* version_2; // key in io.max
};
constexpr std::array<Throttle, 4> throttles = {
    {{"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
     {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"},
     {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"},
     {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"}}};

const Throttle* find_throttle(const std::string& member) {
  for (const auto& throttle : throttles)
    if (member == throttle.member) return &throttle;
  return nullptr;
}

[[noreturn]] void refuse(const std::string& object, const char* why) {
  throw Error(ErrorCode::invalid_argument, "limit block I/O by", object).because(why);
}

std::uint64_t number_of(const json::value* value, const std::string& object) {
  if (!value || value->is_null()) return 0;
  boost::system::error_code failure;
  const auto number = value->to_number<std::uint64_t>(failure);
  if (failure) refuse(object, "it is not a number of 0 or more");
  return number;
}

// io.weight is 1 to 10000 where blkio.weight is 10 to 1000.
std::uint64_t io_weight(std::uint64_t weight) {
  return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

CgroupSetting setting(std::string file, const std::string& device, const std::string& value) {
  return {std::move(file), device.empty() ? value : device + " " + value};
}

} // namespace

BlockIo::BlockIo(const json::object& resources) {
  if (const auto* found = resources.if_contains("blockIO"); found && !found->is_null()) {
    if (!found->is_object()) refuse("blockIO", "it is no JSON object");
    const auto& block_io = found->get_object();
    add("weight", "", block_io.if_contains("weight"));
    add("leafWeight", "", block_io.if_contains("leafWeight"));
    add_devices(block_io, "weightDevice", "weight", "weight");
    add_devices(block_io, "weightDevice", "leafWeight", "leafWeight");
    for (const auto& throttle : throttles)
      add_devices(block_io, throttle.member, throttle.member, "rate");
  }
  const auto* unified = resources.if_contains("unified");
  if (!unified || !unified->is_object()) return;
  for (const auto& [file, value] : unified->get_object()) {
    const std::string name(file);
    if (!std::string_view(name).starts_with("io.")) continue;
    if (name.find('/') != std::string::npos) refuse("unified." + name, "it is no file of a cgroup");
    if (!value.is_string()) refuse("unified." + name, "it is not a text");
    unified_.push_back({name, std::string(value.get_string())});
  }
}

void BlockIo::add(const char* kind, const std::string& device, const json::value* value) {
  if (const auto number = number_of(value, "blockIO." + std::string(kind)); number != 0)
    limits_.push_back({kind, device, number});
}

void BlockIo::add_devices(const json::object& block_io, const char* list, const char* kind,
                          const char* member) {
  const std::string object = "blockIO." + std::string(list);
  const auto* found = block_io.if_contains(list);
  if (!found || found->is_null()) return;
  if (!found->is_array()) refuse(object, "it is no list");
  for (const auto& entry : found->get_array()) {
    if (!entry.is_object()) refuse(object, "it is no list of JSON objects");
    const auto& device = entry.get_object();
    add(kind,
        std::to_string(number_of(device.if_contains("major"), object)) + ":" +
            std::to_string(number_of(device.if_contains("minor"), object)),
        device.if_contains(member));
  }
}

std::vector<CgroupSetting> BlockIo::version_1(const CgroupFileExists& exists) const {
  std::vector<CgroupSetting> settings;
  const std::string weight = exists("blkio.weight") ? "blkio.weight" : "blkio.bfq.weight";
  for (const auto& limit : limits_) {
    const auto* throttle = find_throttle(limit.kind);
    std::string file = throttle                     ? throttle->version_1
                       : limit.kind == "leafWeight" ? "blkio.leaf_weight"
                                                    : weight;
    if (!throttle && !limit.device.empty()) file += "_device";
    settings.push_back(setting(std::move(file), limit.device, std::to_string(limit.value)));
  }
  return settings;
}

std::vector<CgroupSetting> BlockIo::version_2(const CgroupFileExists& exists) const {
  std::vector<CgroupSetting> settings;
  const bool bfq = exists("io.bfq.weight");
  for (const auto& limit : limits_) {
    if (limit.kind == "leafWeight") continue; // version 2 has none
    if (const auto* throttle = find_throttle(limit.kind))
      settings.push_back(setting("io.max", limit.device,
                                 std::string(throttle->version_2) + "=" + std::to_string(limit.value)));
    else
      settings.push_back(setting(bfq ? "io.bfq.weight" : "io.weight", limit.device,
                                 std::to_string(bfq ? limit.value : io_weight(limit.value))));
  }
  return settings;
}

} // namespace nacre::sandbox
