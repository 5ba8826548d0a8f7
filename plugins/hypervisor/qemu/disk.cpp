#include "disk.hpp"

#include <nacre/sdk/options.hpp>

#include <fcntl.h>
#include <sys/stat.h>

namespace nacre::qemu::disk {
namespace json = boost::json;

namespace {

// QEMU has one driver for regular files and one for block devices, and each refuses the other's. A path is
// meant in the pod's mount namespace, where we cannot look: there the place below /dev says it.
bool is_block_device(const sdk::HostEnd& host) {
  if (host.kind == NACRE_END_PATH) return host.path.starts_with("/dev/");
  struct stat status {};
  sdk::check_errno(::fstat(host.fds[0].get(), &status), "look at a disk's descriptor");
  return S_ISBLK(status.st_mode);
}

} // namespace

bool is_scsi(const sdk::GuestDevice& guest) {
  return sdk::Options(guest.options).string_or("driver", "virtio-blk") == "virtio-scsi";
}

int access_mode(const sdk::GuestDevice& guest) {
  return guest.read_only ? O_RDONLY : O_RDWR;
}

// Node names have 31 characters at most, as our ids, and start with a letter. Ours have no capitals.
std::string node_name(const sdk::GuestDevice& guest) {
  std::string name = guest.id;
  if (name[0] == '-')
    name[0] = 'Z';
  else if (name[0] <= '9')
    name[0] = static_cast<char>('A' + (name[0] - '0'));
  return name;
}

json::object backend(const sdk::GuestDevice& guest, const sdk::HostEnd& host) {
  const sdk::Options options(guest.options);
  json::object file{{"driver", is_block_device(host) ? "host_device" : "file"},
                    {"filename", host.path},
                    {"aio", options.string_or("aio", "threads")}};
  // The format is named, never guessed: the guest writes the first sector.
  json::object disk{{"driver", "raw"}, {"node-name", node_name(guest)}, {"read-only", guest.read_only}};
  const json::object cache{{"direct", options.boolean_or("cache_direct", false)},
                           {"no-flush", options.boolean_or("cache_noflush", false)}};
  const std::string discard = options.string_or("discard", "unmap");
  file["cache"] = disk["cache"] = cache;
  file["discard"] = disk["discard"] = discard;
  file["read-only"] = guest.read_only;
  disk["file"] = std::move(file);
  return disk;
}

void set_file(json::object& backend, std::string path) {
  backend["file"].as_object()["filename"] = std::move(path);
}

json::object front_end(const std::string& id, const sdk::GuestDevice& guest, const Place& place) {
  const sdk::Options options(guest.options);
  json::object device;
  const auto copy = [&](const char* from, const char* to) {
    if (options.has(from)) device[to] = options.integer(from);
  };
  if (place.transport == Place::Transport::scsi) {
    device = {{"driver", "scsi-hd"}, {"id", id}, {"bus", place.bus}, {"scsi-id", place.slot}, {"lun", 0}};
  } else {
    device = virtio_device("virtio-blk", id, place);
    device["num-queues"] = guest.queues; // QEMU's own default is one for each CPU
    copy("queue_size", "queue-size");
  }
  device["drive"] = node_name(guest);
  if (!guest.tag.empty()) device["serial"] = guest.tag;
  copy("logical_sector_size", "logical_block_size");
  copy("physical_sector_size", "physical_block_size");
  return device;
}

} // namespace nacre::qemu::disk
