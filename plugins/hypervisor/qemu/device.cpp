#include "device.hpp"

#include "disk.hpp"
#include "nic.hpp"
#include "nvdimm.hpp"

#include <nacre/sdk/options.hpp>

#include <algorithm>
#include <initializer_list>
#include <span>

namespace nacre::qemu {
namespace json = boost::json;

namespace {

constexpr std::string_view id_prefix = "dev-";
constexpr std::string_view share_options[] = {"security_model"}, fs_options[] = {"queue_size"};

[[noreturn]] void refuse(const sdk::GuestDevice& guest, std::int32_t code, const std::string& why) {
  throw sdk::Error(code, "device \"" + guest.id + "\": " + why);
}

void check_options(const sdk::GuestDevice& guest, std::span<const std::string_view> known) {
  const sdk::Options options(guest.options);
  for (const auto& [key, value] : options.values())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(guest, NACRE_E_INVALID_ARGUMENT, "QEMU has no option \"" + key + "\" for it");
}

void need_end(const sdk::GuestDevice& guest, const sdk::HostEnd& host,
              std::initializer_list<std::uint32_t> kinds) {
  if (std::find(kinds.begin(), kinds.end(), host.kind) == kinds.end())
    refuse(guest, NACRE_E_UNSUPPORTED,
           "its host end is of a kind (" + std::to_string(host.kind) + ") that does not fit it");
  if ((host.kind == NACRE_END_PATH || host.kind == NACRE_END_SOCKET) && !host.path.starts_with('/'))
    refuse(guest, NACRE_E_INVALID_ARGUMENT, "the path \"" + host.path + "\" of its host end is not absolute");
}

// "tag" of a 9p or virtio-fs share: what QEMU's virtio devices have room for.
void check_tag(const sdk::GuestDevice& guest, std::size_t longest) {
  if (guest.tag.empty() || guest.tag.size() > longest)
    refuse(guest, NACRE_E_INVALID_ARGUMENT, "its tag must have 1 to " + std::to_string(longest) + " bytes");
}

// What every kind needs twice: for the command line and for QMP.
json::object front_end_of(const sdk::GuestDevice& guest, const sdk::HostEnd& host, const Place& place) {
  const std::string id = qemu_id(guest.id);
  switch (guest.kind) {
  case NACRE_DEVICE_SHARE: {
    auto device = virtio_device("virtio-9p", id, place);
    device["fsdev"] = "fs-" + id;
    device["mount_tag"] = guest.tag;
    return device;
  }
  case NACRE_DEVICE_VHOST_USER_FS: {
    auto device = virtio_device("vhost-user-fs", id, place);
    device.erase("disable-legacy"); // it has no legacy interface
    device["chardev"] = "char-" + id;
    device["tag"] = guest.tag;
    device["queue-size"] = sdk::Options(guest.options).integer_or("queue_size", 1024);
    return device;
  }
  case NACRE_DEVICE_BLOCK:
    return disk::front_end(id, guest, place);
  case NACRE_DEVICE_PMEM:
    return nvdimm::front_end(id, guest, place);
  default: {
    auto device = virtio_device("virtio-net", id, place);
    nic::add_properties(device, guest, host, place.transport);
    return device;
  }
  }
}

QmpStep disk_removal(const sdk::GuestDevice& guest) {
  return {"blockdev-del", {{"node-name", disk::node_name(guest)}}, {}};
}

QmpStep nic_removal(const sdk::GuestDevice& guest) {
  return {"netdev_del", {{"id", nic::backend_id(guest)}}, {}};
}

QmpStep fdset_removal(std::uint32_t fdset) {
  return {"remove-fd", {{"fdset-id", fdset}}, {}};
}

} // namespace

std::string qemu_id(std::string_view device_id) {
  return std::string(id_prefix) + std::string(device_id);
}

std::string device_id_of(std::string_view qemu_id) {
  return qemu_id.starts_with(id_prefix) ? std::string(qemu_id.substr(id_prefix.size())) : std::string();
}

void check_device(const sdk::GuestDevice& guest, const sdk::HostEnd& host) {
  constexpr std::string_view id_characters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (guest.id.empty() || guest.id.size() > 31 || guest.id.find_first_not_of(id_characters) != guest.id.npos)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                     "device id \"" + guest.id + "\" is not 1 to 31 of a-z, 0-9 and -");
  switch (guest.kind) {
  case NACRE_DEVICE_SHARE:
    need_end(guest, host, {NACRE_END_PATH});
    check_tag(guest, 31); // hw/9pfs: MAX_TAG_LEN 32 with the NUL
    check_options(guest, share_options);
    return;
  case NACRE_DEVICE_VHOST_USER_FS:
    need_end(guest, host, {NACRE_END_SOCKET});
    check_tag(guest, 36); // struct virtio_fs_config
    check_options(guest, fs_options);
    return;
  case NACRE_DEVICE_BLOCK:
    need_end(guest, host, {NACRE_END_FDS, NACRE_END_PATH});
    if (host.kind == NACRE_END_FDS && host.fds.size() != 1)
      refuse(guest, NACRE_E_INVALID_ARGUMENT, "a disk has one descriptor");
    if (guest.tag.size() > 20) // VIRTIO_BLK_ID_BYTES
      refuse(guest, NACRE_E_INVALID_ARGUMENT, "its serial \"" + guest.tag + "\" is longer than 20 bytes");
    check_options(guest, disk::options);
    if (const auto driver = sdk::Options(guest.options).string_or("driver", "virtio-blk");
        driver != "virtio-blk" && driver != "virtio-scsi")
      refuse(guest, NACRE_E_UNSUPPORTED,
             "QEMU's disks are \"virtio-blk\" or \"virtio-scsi\", not \"" + driver + "\"");
    return;
  case NACRE_DEVICE_PMEM:
    need_end(guest, host, {NACRE_END_FDS});
    if (host.fds.size() != 1) refuse(guest, NACRE_E_INVALID_ARGUMENT, "an NVDIMM has one descriptor");
    check_options(guest, {});
    return;
  case NACRE_DEVICE_NET:
    need_end(guest, host, {NACRE_END_FDS, NACRE_END_STREAM});
    if (host.fds.empty() || (host.kind == NACRE_END_STREAM && host.fds.size() != 1))
      refuse(guest, NACRE_E_INVALID_ARGUMENT, "a NIC has one descriptor for each queue, over a stream one");
    if (!host.vhost_fds.empty() && host.vhost_fds.size() != host.fds.size())
      refuse(guest, NACRE_E_INVALID_ARGUMENT, "a NIC has as many vhost descriptors as queues, or none");
    check_options(guest, {});
    return;
  default:
    refuse(guest, NACRE_E_UNSUPPORTED, "this plugin has no devices of kind " + std::to_string(guest.kind));
  }
}

std::vector<QmpStep> add_at_boot(Arguments& arguments, const sdk::GuestDevice& guest, sdk::HostEnd host,
                                 const Place& place) {
  const std::string id = qemu_id(guest.id);
  std::vector<QmpStep> back;
  auto device = front_end_of(guest, host, place);
  switch (guest.kind) {
  case NACRE_DEVICE_SHARE:
    // remap: files of several file systems below one share must not show the same inode number.
    arguments.add("-fsdev", "local,id=fs-" + id + ",path=" + quoted(host.path) + ",security_model=" +
                                sdk::Options(guest.options).string_or("security_model", "passthrough") +
                                ",multidevs=remap" + (guest.read_only ? ",readonly=on" : ""));
    break;
  case NACRE_DEVICE_VHOST_USER_FS:
    arguments.add("-chardev", "socket,id=char-" + id + ",path=" + quoted(host.path));
    break;
  case NACRE_DEVICE_BLOCK: {
    auto backend = disk::backend(guest, host);
    back.push_back(disk_removal(guest));
    if (host.kind == NACRE_END_FDS) {
      const auto fdset = arguments.pass_as_fdset(std::move(host.fds[0]), disk::access_mode(guest));
      disk::set_file(backend, fdset_path(fdset));
      back.push_back(fdset_removal(fdset));
    }
    arguments.add("-blockdev", backend);
    break;
  }
  case NACRE_DEVICE_PMEM: {
    auto backend = nvdimm::backend(guest, nvdimm::bytes_of(guest, host));
    nvdimm::set_file(backend, arguments.pass(std::move(host.fds[0])));
    arguments.add("-object", backend);
    break;
  }
  default: {
    std::vector<std::string> names, vhost_names;
    for (auto& fd : host.fds)
      names.push_back(std::to_string(arguments.pass(std::move(fd))));
    for (auto& fd : host.vhost_fds)
      vhost_names.push_back(std::to_string(arguments.pass(std::move(fd))));
    arguments.add("-netdev", nic::backend(guest, host, names, vhost_names));
    back.push_back(nic_removal(guest));
  }
  }
  arguments.add("-device", device);
  return back;
}

std::vector<HotAdd> add_while_running(const sdk::GuestDevice& guest, sdk::HostEnd host, const Place& place,
                                      std::uint32_t fdset) {
  const std::string id = qemu_id(guest.id);
  auto device = front_end_of(guest, host, place);
  std::vector<HotAdd> steps;
  if (guest.kind == NACRE_DEVICE_BLOCK) {
    auto backend = disk::backend(guest, host);
    if (host.kind == NACRE_END_FDS) {
      disk::set_file(backend, fdset_path(fdset));
      auto fd = with_access_mode(std::move(host.fds[0]), disk::access_mode(guest));
      steps.push_back({{"add-fd", {{"fdset-id", fdset}}, std::move(fd)}, fdset_removal(fdset)});
    }
    steps.push_back({{"blockdev-add", std::move(backend), {}}, disk_removal(guest)});
  } else if (guest.kind == NACRE_DEVICE_PMEM) {
    auto backend = nvdimm::backend(guest, nvdimm::bytes_of(guest, host));
    // The fdset is never opened: it keeps the descriptor, and with it the disk from others.
    steps.push_back({{"add-fd", {{"fdset-id", fdset}}, std::move(host.fds[0])}, fdset_removal(fdset)});
    steps.push_back(
        {{"object-add", std::move(backend), {}}, {"object-del", {{"id", nvdimm::backend_id(guest)}}, {}}});
  } else if (guest.kind == NACRE_DEVICE_NET) {
    std::vector<std::string> names, vhost_names;
    const auto give = [&](std::vector<sdk::Fd>& fds, const std::string& what, std::vector<std::string>& to) {
      for (auto& fd : fds) {
        to.push_back(id + "-" + what + std::to_string(to.size()));
        steps.push_back(
            {{"getfd", {{"fdname", to.back()}}, std::move(fd)}, {"closefd", {{"fdname", to.back()}}, {}}});
      }
    };
    give(host.fds, "tap", names);
    give(host.vhost_fds, "vhost", vhost_names);
    // netdev_add takes the named descriptors over, so a later closefd finds nothing, which is fine.
    steps.push_back({{"netdev_add", nic::backend(guest, host, names, vhost_names), {}}, nic_removal(guest)});
  } else {
    refuse(guest, NACRE_E_UNSUPPORTED, "QEMU takes devices of its kind at boot only");
  }
  steps.push_back({{"device_add", std::move(device), {}}, {"device_del", {{"id", id}}, {}}});
  return steps;
}

} // namespace nacre::qemu
