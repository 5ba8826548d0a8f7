// What a storage plugin is given and what it answers, as C++ values; see <nacre/plugin/storage.h> for each
// field's meaning.
#ifndef NACRE_SDK_MOUNTS_HPP
#define NACRE_SDK_MOUNTS_HPP

#include <nacre/plugin/storage.h>
#include <nacre/sdk/device.hpp>

#include <algorithm>
#include <optional>

namespace nacre::sdk {

// struct nacre_guest_mount
struct GuestMount {
  std::string driver{};
  std::string source{};
  std::string fstype{};
  std::string mount_point{};
  std::vector<std::string> options{};
};

// struct nacre_storage_plan
struct StoragePlan {
  std::vector<Device> devices{};
  std::vector<GuestMount> mounts{};
};

// struct nacre_storage_pod
struct StoragePod {
  std::string sandbox_id{};
  std::string share{};
  std::string guest_share{};
};

// struct nacre_mount_request
struct MountRequest {
  bool is_rootfs = false;
  std::string container_id{};
  std::string source{};
  std::string destination{};
  std::string fstype{};
  std::vector<std::string> options{};
  std::uint32_t source_kind = NACRE_SOURCE_FOLDER;
  bool read_only = false;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  bool last_resort = false;

  bool has_option(std::string_view option) const {
    return std::find(options.begin(), options.end(), option) != options.end();
  }
};

// struct nacre_attach_result. A plugin with one device and one mount may set `device` and `mount` instead of
// the lists; the core reads the lists only.
struct AttachResult {
  std::uint32_t how = NACRE_ATTACH_SHARED;
  std::optional<Device> device{};
  std::optional<GuestMount> mount{};
  std::vector<Device> devices{};
  std::vector<GuestMount> mounts{};
};

// claim()'s answer.
struct Claim {
  bool taken = false;
  std::string reason{}; // why not
  static Claim yes() { return {true, {}}; }
  static Claim no(std::string reason) { return {false, std::move(reason)}; }
};

inline const nacre_guest_mount* to_c(const GuestMount& mount, Arena& arena) {
  auto* raw = arena.make<nacre_guest_mount>();
  NACRE_SDK_SET(arena, raw, driver, mount.driver);
  NACRE_SDK_SET(arena, raw, source, mount.source);
  NACRE_SDK_SET(arena, raw, fstype, mount.fstype);
  NACRE_SDK_SET(arena, raw, mount_point, mount.mount_point);
  raw->option_count = static_cast<std::uint32_t>(mount.options.size());
  raw->options = arena.texts(mount.options);
  return raw;
}

inline GuestMount from_c(const nacre_guest_mount* pointer) {
  const auto raw = received(pointer, "a guest mount");
  GuestMount mount{NACRE_SDK_GET(raw, driver),
                   NACRE_SDK_GET(raw, source),
                   NACRE_SDK_GET(raw, fstype),
                   NACRE_SDK_GET(raw, mount_point),
                   {}};
  for (std::uint32_t i = 0; i < raw.option_count; ++i)
    mount.options.emplace_back(raw.options[i]);
  return mount;
}

// The lists of devices and mounts that nacre_storage_plan and nacre_attach_result have.
template <typename T>
void set_lists(T& raw, std::vector<Device> devices, const std::vector<GuestMount>& mounts, Arena& arena,
               FdsToSend& fds) {
  auto** guests = arena.array<const nacre_guest_device*>(devices.size());
  auto** ends = arena.array<const nacre_host_end*>(devices.size());
  for (std::size_t i = 0; i < devices.size(); ++i) {
    guests[i] = to_c(devices[i].guest, arena);
    ends[i] = to_c(std::move(devices[i].host), arena, fds);
  }
  auto** list = arena.array<const nacre_guest_mount*>(mounts.size());
  for (std::size_t i = 0; i < mounts.size(); ++i)
    list[i] = to_c(mounts[i], arena);
  raw.device_count = static_cast<std::uint32_t>(devices.size());
  raw.devices = guests;
  raw.host_ends = ends;
  raw.mount_count = static_cast<std::uint32_t>(mounts.size());
  raw.mounts = list;
}
template <typename T>
void get_lists(const T& raw, std::vector<Device>& devices, std::vector<GuestMount>& mounts,
               ReceivedFds& fds) {
  for (std::uint32_t i = 0; i < raw.device_count; ++i)
    devices.push_back({from_c(raw.devices[i]), from_c(raw.host_ends[i], fds)});
  for (std::uint32_t i = 0; i < raw.mount_count; ++i)
    mounts.push_back(from_c(raw.mounts[i]));
}

inline nacre_storage_plan to_c(StoragePlan plan, Arena& arena, FdsToSend& fds) {
  nacre_storage_plan raw{};
  raw.struct_size = sizeof raw;
  set_lists(raw, std::move(plan.devices), plan.mounts, arena, fds);
  return raw;
}

inline StoragePlan from_c(const nacre_storage_plan& raw, ReceivedFds& fds) {
  StoragePlan plan;
  get_lists(raw, plan.devices, plan.mounts, fds);
  return plan;
}

inline const nacre_storage_pod* to_c(const StoragePod& pod, Arena& arena) {
  auto* raw = arena.make<nacre_storage_pod>();
  NACRE_SDK_SET(arena, raw, sandbox_id, pod.sandbox_id);
  NACRE_SDK_SET(arena, raw, share, pod.share);
  NACRE_SDK_SET(arena, raw, guest_share, pod.guest_share);
  return raw;
}

inline StoragePod from_c(const nacre_storage_pod* pointer) {
  const auto raw = received(pointer, "the pod");
  return {NACRE_SDK_GET(raw, sandbox_id), NACRE_SDK_GET(raw, share), NACRE_SDK_GET(raw, guest_share)};
}

inline const nacre_mount_request* to_c(const MountRequest& request, Arena& arena) {
  auto* raw = arena.make<nacre_mount_request>();
  raw->is_rootfs = request.is_rootfs ? 1 : 0;
  NACRE_SDK_SET(arena, raw, container_id, request.container_id);
  NACRE_SDK_SET(arena, raw, source, request.source);
  NACRE_SDK_SET(arena, raw, destination, request.destination);
  NACRE_SDK_SET(arena, raw, fstype, request.fstype);
  raw->options = arena.texts(request.options);
  raw->option_count = static_cast<std::uint32_t>(request.options.size());
  raw->source_kind = request.source_kind;
  raw->read_only = request.read_only ? 1 : 0;
  raw->device_major = request.device_major;
  raw->device_minor = request.device_minor;
  raw->last_resort = request.last_resort ? 1 : 0;
  return raw;
}

inline MountRequest from_c(const nacre_mount_request* pointer) {
  const auto raw = received(pointer, "a mount request");
  MountRequest request;
  request.is_rootfs = raw.is_rootfs != 0;
  request.container_id = NACRE_SDK_GET(raw, container_id);
  request.source = NACRE_SDK_GET(raw, source);
  request.destination = NACRE_SDK_GET(raw, destination);
  request.fstype = NACRE_SDK_GET(raw, fstype);
  for (std::uint32_t i = 0; i < raw.option_count; ++i)
    request.options.emplace_back(raw.options[i]);
  request.source_kind = raw.source_kind;
  request.read_only = raw.read_only != 0;
  request.device_major = raw.device_major;
  request.device_minor = raw.device_minor;
  request.last_resort = raw.last_resort != 0;
  return request;
}

inline nacre_attach_result to_c(AttachResult result, Arena& arena, FdsToSend& fds) {
  nacre_attach_result raw{};
  raw.struct_size = sizeof raw;
  raw.how = result.how;
  if (result.device) {
    raw.device = to_c(result.device->guest, arena);
    raw.host_end = to_c(std::move(result.device->host), arena, fds);
  }
  if (result.mount) raw.mount = to_c(*result.mount, arena);
  set_lists(raw, std::move(result.devices), result.mounts, arena, fds);
  return raw;
}

// Whatever the plugin has set, the lists have it.
inline AttachResult from_c(const nacre_attach_result& raw, ReceivedFds& fds) {
  AttachResult result;
  result.how = raw.how;
  get_lists(raw, result.devices, result.mounts, fds);
  if (raw.device_count == 0 && raw.device != nullptr && raw.host_end != nullptr)
    result.devices.push_back({from_c(raw.device), from_c(raw.host_end, fds)});
  if (raw.mount_count == 0 && raw.mount != nullptr) result.mounts.push_back(from_c(raw.mount));
  return result;
}

} // namespace nacre::sdk

#endif
