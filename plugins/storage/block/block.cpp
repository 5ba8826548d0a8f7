// Storage `block`: a root file system or volume that is a disk of the host (LVM, device-mapper snapshot, loop
// device, partition) becomes a disk of the guest, which mounts the file system itself. What is no disk, or
// cannot be had for the guest alone, is left to the other plugins of the list; when none of them takes it, a
// folder becomes an image.
#include "folder_images.hpp"
#include "guest_disk.hpp"
#include "handover.hpp"
#include "pmem.hpp"
#include "raw_disk.hpp"
#include "space.hpp"

#include <nacre/sdk/storage.hpp>

#include <filesystem>
#include <optional>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace {

using namespace nacre::sdk;
namespace block = nacre::block;

dev_t device_of(const MountRequest& request) {
  return makedev(request.device_major, request.device_minor);
}

bool is_node(const MountRequest& request) {
  struct stat status {};
  return request.source_kind == NACRE_SOURCE_BLOCK && ::stat(request.source.c_str(), &status) == 0 &&
         S_ISBLK(status.st_mode);
}

// Where the source is on a mounted disk.
struct Place {
  block::HostMount mount;
  std::string inner; // the folder of it that is meant, "": all of it
};

// An engine's devicemapper driver mounts a disk for one container, whose root is the folder "rootfs" beside a
// file "id".
bool is_made_by_an_engine(const std::filesystem::path& mount) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(mount, error)) {
    const auto name = entry.path().filename();
    if (name != "rootfs" && name != "id" && name != "lost+found") return false;
  }
  return !error && std::filesystem::exists(mount / "id", error);
}

std::optional<Place> find_place(const MountRequest& request) {
  const auto on_device = [&](std::optional<block::HostMount> mount,
                             std::string inner) -> std::optional<Place> {
    if (!mount || mount->device != device_of(request)) return std::nullopt;
    return Place{std::move(*mount), std::move(inner)};
  };
  if (auto place = on_device(block::find_mount(request.source), "")) return place;
  const std::filesystem::path source = request.source;
  if (!request.is_rootfs || source.filename() != "rootfs") return std::nullopt;
  auto place = on_device(block::find_mount(source.parent_path()), "/rootfs");
  return place && is_made_by_an_engine(source.parent_path()) ? place : std::nullopt;
}

// While it is in the guest; gives it back to the host afterwards.
class LentDisk : public Attachment {
public:
  LentDisk(AttachResult result, block::Handover handover)
      : Attachment(std::move(result)), handover_(std::move(handover)) {}
  void detach(const Call&) override { handover_.give_back(); }

private:
  block::Handover handover_;
};

class Block : public Storage {
public:
  Block(Host host, const Call&, const Options& options)
      : host_(host), settings_(block::Settings::of(options)), images_(host, block::ImageSettings(options)) {}

  // Added at boot or later, whichever the hypervisor can.
  DeviceNeeds needs() override {
    return {1u << NACRE_DEVICE_BLOCK | (settings_.pmem ? 1u << NACRE_DEVICE_PMEM : 0), 0};
  }

  Claim claim(const MountRequest& request) override {
    if (block::is_raw_disk(request)) return fitting(request, block::claim_raw_disk(request));
    if (request.source_kind == NACRE_SOURCE_SPACE) return block::claim_space(request);
    if (!request.last_resort) return fitting(request, claim_disk(request));
    auto image = images_.claim(request); // nobody shares it
    if (!image.taken) image.reason = claim_disk(request).reason + "; as an image: " + image.reason;
    return image;
  }

  std::unique_ptr<Attachment> attach(const Call& call, const MountRequest& request) override {
    call.check();
    if (block::is_raw_disk(request))
      return std::make_unique<Attachment>(block::attach_raw_disk(settings_, next_id(), request));
    if (request.source_kind == NACRE_SOURCE_SPACE) return attach_space(call, request);
    if (request.last_resort) return std::make_unique<Attachment>(images_.attach(call, request));
    if (is_node(request)) return attach_node(request);
    const auto place = find_place(request);
    const auto answer = place ? claim_mount(request, place->mount) : Claim::no("it is not mounted any more");
    if (!answer.taken)
      throw Error(NACRE_E_PRECONDITION, "cannot hand \"" + request.source + "\" over: " + answer.reason);
    return attach_mount(request, *place);
  }

  static void undo(Host, const Call&, std::string_view record) { block::undo_handover(record); }

private:
  Claim fitting(const MountRequest& request, Claim answer) const {
    if (!answer.taken || !settings_.pmem) return answer;
    auto hindrance = block::pmem_hindrance(device_of(request));
    return hindrance.empty() ? answer : Claim::no(std::move(hindrance));
  }

  Claim claim_disk(const MountRequest& request) {
    if (is_node(request)) return claim_node(request);
    if (request.source_kind != NACRE_SOURCE_FOLDER && request.source_kind != NACRE_SOURCE_BLOCK)
      return Claim::no("it takes whole disks only");
    if (request.device_major == 0) // the kernel's number for what is on no device: saves a look at all mounts
      return Claim::no("its file system (" + request.fstype + ") is on no block device of this host");
    const auto place = find_place(request);
    if (!place) return Claim::no("it takes whole disks only, and this is a folder inside a file system");
    return claim_mount(request, place->mount);
  }

  static Claim claim_fstype(const std::string& fstype) {
    if (!block::guest_fstype(fstype).empty()) return Claim::yes();
    return Claim::no("the guest mounts ext2, ext3, ext4, xfs and erofs, and this is \"" + fstype + "\"");
  }

  // What an engine would have mounted, and has not.
  static Claim claim_node(const MountRequest& request) {
    if (request.fstype.empty()) return Claim::no("a device node as a volume is no mounted disk");
    return claim_fstype(request.fstype);
  }

  Claim claim_mount(const MountRequest& request, const block::HostMount& mount) const {
    if (block::node_of(mount.device, mount.source).empty())
      return Claim::no("its file system (" + mount.fstype + ") is on no block device of this host");
    if (mount.root != "/")
      return Claim::no("it is the folder \"" + mount.root + "\" of a disk, not the disk");
    if (auto answer = claim_fstype(mount.fstype); !answer.taken) return answer;
    if (mount.is_read_only()) return Claim::yes(); // two kernels that read do not harm each other
    if (!request.is_rootfs && !settings_.mounted_volumes)
      return Claim::no(
          "the host has it mounted for writing; with mounted_volumes = true in [storage.block] it "
          "would be taken off the host while a container has it");
    if (auto use = block::other_use(mount); !use.empty()) return Claim::no(std::move(use));
    return Claim::yes();
  }

  // crun makes mount points in a root, also in one that the container sees read-only.
  static bool wants_read_only(const MountRequest& request) { return request.read_only && !request.is_rootfs; }

  std::unique_ptr<Attachment> attach_mount(const MountRequest& request, const Place& place) {
    const auto& mount = place.mount;
    const bool read_only = wants_read_only(request) || (mount.flags & MS_RDONLY) != 0 || mount.is_read_only();
    const auto node = block::node_of(mount.device, mount.source);
    const auto fstype = block::guest_fstype(mount.fstype);
    auto options = block::guest_options(fstype, mount.words, read_only);
    if (mount.is_read_only())
      return std::make_unique<Attachment>(
          result_of(block::open_disk(node, mount.device, block::Use::shared_read_only), fstype,
                    std::move(options), true, place.inner));
    block::Handover handover(host_, mount, node, read_only);
    auto result = result_of(handover.take_disk(), fstype, std::move(options), read_only, place.inner);
    return std::make_unique<LentDisk>(std::move(result), std::move(handover));
  }

  std::unique_ptr<Attachment> attach_node(const MountRequest& request) {
    const auto fstype = block::guest_fstype(request.fstype);
    std::vector<std::string> options = request.options;
    if (fstype == "xfs" && !request.has_option("nouuid")) options.emplace_back("nouuid");
    const bool read_only = request.has_option("ro") || block::is_read_only_device(device_of(request));
    if (read_only && !request.has_option("ro")) options.emplace_back("ro");
    auto disk = block::open_disk(request.source, device_of(request),
                                 read_only ? block::Use::exclusive_read_only : block::Use::exclusive);
    return std::make_unique<Attachment>(result_of(std::move(disk), fstype, std::move(options), read_only));
  }

  std::unique_ptr<Attachment> attach_space(const Call& call, const MountRequest& request) {
    block::Disk disk{block::open_space(host_, call, request.source)};
    // What is removed inside takes no room on the host any more.
    return std::make_unique<Attachment>(result_of(std::move(disk), "ext4", {"discard"}, false));
  }

  std::string next_id() { return "block-" + std::to_string(++last_number_); }

  AttachResult result_of(block::Disk disk, const std::string& fstype, std::vector<std::string> options,
                         bool read_only, const std::string& inner = {}) {
    const std::string id = next_id();
    AttachResult result;
    result.how = NACRE_ATTACH_DEVICE;
    result.device = block::guest_device(settings_, id, std::move(disk), read_only);
    result.mounts.push_back(block::guest_mount(id, fstype, std::move(options)));
    if (inner.empty()) return result; // its place is the core's choice
    const std::string whole = "/run/nacre/disks/" + id;
    result.mounts.back().mount_point = whole;
    result.mounts.push_back(
        {.driver = "bind", .source = whole + inner, .fstype = "bind", .mount_point = "", .options = {}});
    return result;
  }

  Host host_;
  block::Settings settings_;
  block::FolderImages images_;
  unsigned last_number_ = 0;
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, "block", "0.1.0", "Apache-2.0", 0, NACRE_ST_BLOCK, nacre::block::options_schema,
                    &nacre::sdk::storage_table<Block>);
