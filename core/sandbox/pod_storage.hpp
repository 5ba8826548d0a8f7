// Root file systems and volumes of the pod's containers on their way into the guest: through the first
// storage plugin that claims each, and, where that wants a shared folder, through the pod's mount namespace.
#pragma once

#include "agent_client/agent_client.hpp"
#include "launch/pod_mounts.hpp"
#include "oci/spec.hpp"
#include "plugin/storage.hpp"
#include "sandbox/device_number.hpp"
#include "sandbox/guest_spec.hpp"
#include "sandbox/host_disk.hpp"
#include "sandbox/mount_offer.hpp"
#include "sandbox/pod_vm.hpp"
#include "sandbox/sandbox.hpp"

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nacre::sandbox {

inline constexpr const char* share_folder = "/share";                     // in the pod's mount namespace
inline constexpr const char* guest_share_folder = "/run/nacre/share/pod"; // in the guest

// For a pod that does not have the disk: a plugin takes it, and the host does not use it for what a guest's
// writes would destroy. Throws Error.
void require_free_disk(std::list<plugin::Storage>& storages, const HostDisk& disk,
                       const DeviceNumber& device);

class PodStorage {
public:
  PodStorage(std::list<plugin::Storage>& storages, launch::PodMounts& mounts, PodVm& vm);
  ~PodStorage();

  // Once, before the VM starts.
  void prepare(const std::string& sandbox_id);
  // For the VM's description: the devices that the pod as a whole needs, and those of what was attached
  // before.
  std::vector<plugin::Device> take_boot_devices();
  // For CreateSandbox: mounts of what prepare() said. The VM runs.
  std::vector<agent_client::v1::Storage> guest_mounts();

  struct Attached {
    GuestPaths paths;
    std::vector<agent_client::v1::Storage> storages; // for CreateContainer, after name_devices()
    std::vector<std::string> notices;                // what a mount asks for and does not get
    std::vector<agent_client::v1::CopiedFile> files; // for CreateContainer
  };
  // The VM may still be booting, or be started later. On failure the caller detaches what was done.
  Attached attach(const std::string& container_id, const oci::Spec& spec,
                  const std::vector<GuestMountChoice>& choices, Offers offers);
  // The guest has it as a disk already, for a container of the pod. Throws Error where it cannot have it as
  // the request says.
  bool has_volume(const plugin::MountRequest& request);
  // Puts guest addresses for the devices that are named as sources. The VM runs.
  void name_devices(std::vector<agent_client::v1::Storage>& storages);
  // Further sources, read-only; returns their guest paths. Undone with the container, or before by
  // detach_lent().
  std::vector<std::string> lend(const std::string& container_id, const std::vector<std::string>& sources,
                                Attached& attached);
  void detach_lent(const std::string& container_id) noexcept;

  // Disks that containers have as devices (pod_disks.cpp). One that several have is in the VM once, and goes
  // with the last of them. Throws Error, without a change, for one that cannot be attached: no plugin takes
  // it, it is in use on the host, or in the VM in another way.
  void require_attachable(const HostDisk& disk, const DeviceNumber& device, bool hot_add);
  // On failure the caller detaches what was done.
  void attach_disk(const std::string& container_id, const HostDisk& disk, const DeviceNumber& device);
  std::string disk_address(const DeviceNumber& device); // the guest's; the VM runs

  // A disk that a container has as a device or as a direct volume, and that the host has made larger
  // (disk_growth.cpp).
  struct GrownDisk {
    std::string address; // the guest's
    std::uint64_t bytes = 0;
    std::string mount_point; // in the guest; "": none
  };
  // The VMM has told the guest's kernel when this returns. `path`: of the volume, or the device's node on the
  // host. Throws Error; then nothing has changed.
  GrownDisk grow_disk(const std::string& container_id, const std::string& path, std::uint64_t bytes);

  // After the guest has unmounted it, or is gone. Never throws: what cannot be undone stays in the journal.
  void detach(const std::string& container_id) noexcept;
  // Disks are in the guest: what it has not written out yet is lost when it is ended.
  bool has_disks() const noexcept;
  // Detaches everything and ends what prepare() began, after the VM is gone.
  void release() noexcept;

private:
  // What makes two sources one folder in the share. Only within it do two containers have the same inodes in
  // the guest, so that their locks exclude each other.
  struct SharedSource {
    std::pair<dev_t, ino_t> file;
    std::uint64_t mount_id = 0; // where what is mounted on it matters
    unsigned long flags = 0;    // of the host's mount: ST_*
    bool read_only = false, recursive = false, follow_host = false;
    bool operator==(const SharedSource&) const = default;
  };
  // What is to be known of a disk when it grows.
  struct KnownDisk {
    std::string path; // that a container names
    DeviceNumber device;
    HostDisk host; // as the guest has it
    std::string mount_point = {};
  };
  struct Entry {
    std::string container_id;
    std::string share_target;            // below /share, maybe that of other entries too; "": nothing there
    std::vector<std::string> device_ids; // in the VM, in the order of their adding
    plugin::Attachment attachment;
    bool lent = false;
    SharedSource shared = {};              // what is at share_target
    std::optional<DeviceNumber> disk = {}; // a container has it as a device
    bool read_only = false;                // of `disk` and `volume`
    std::string volume = {};               // the host's name of what the guest has as a disk of its own
    std::vector<agent_client::v1::Storage> storages = {}; // of `volume`, for each container that has it
    std::set<std::string> users = {};                     // of `disk` and `volume`: the containers
    std::optional<KnownDisk> known = {};                  // of a disk that can grow while a container has it
    bool is_the_pod_s() const { return disk || !volume.empty(); }
  };
  std::string bring(const std::string& container_id, const std::string& name, Offer offered,
                    const oci::Mount* mount, Attached& attached);
  std::string bring_mount(const std::string& container_id, std::size_t index, const oci::Mount& mount,
                          const GuestMountChoice& choice, Offers& offers, Attached& attached);
  std::string bring_folder(const std::string& container_id, const std::string& name,
                           const VolumeFolder& folder, Attached& attached);
  Entry* find_volume(const std::string& source);
  void bring_volume(Entry& entry, const std::string& source, const VolumeFolder& root);
  std::string join_volume(Entry& entry, const std::string& container_id, Attached& attached);
  std::string bring_space(const std::string& container_id, const std::string& name,
                          const GuestMountChoice& choice, Attached& attached);
  void add_to_share(const MountSource& source, const SharedSource& shared, const std::string& place,
                    Entry& entry);
  std::string share_root(const MountSource& source, const std::string& place, Entry& entry);
  std::string share(const MountSource& source, const oci::Mount& mount, bool read_only, Entry& entry);
  std::string share_mount(const MountSource& source, const oci::Mount& mount, bool read_only, Entry& entry,
                          Attached& attached);
  std::string bring_memory(const std::string& container_id, const std::string& name,
                           const GuestMountChoice& choice, Attached& attached);
  // The guest's agent knows it as long as a container has it.
  void keep_in_share(const Entry& entry, Attached& attached);
  bool has_other_user(const Entry& entry) const;
  void add_devices(Entry& entry);
  std::string bring_into_guest(Entry& entry, const std::string& place, Attached& attached);
  Entry* find_disk(const DeviceNumber& device);
  void note_volume(Entry& entry, const std::string& path, const oci::DirectVolume& volume,
                   const std::string& mount_point);
  Entry& find_grown(const std::string& container_id, const std::string& path);
  std::string address_of(const std::string& device_id);
  bool is_last_user(Entry& entry, const std::string& container_id);
  bool detach_entry(Entry& entry, bool vm_gone = false) noexcept;
  void remove_device(const std::string& id);

  std::list<plugin::Storage>& storages_;
  launch::PodMounts& mounts_;
  PodVm& vm_;
  mutable std::mutex mutex_;                 // of the handles and of what follows
  std::vector<plugin::Device> boot_devices_; // until the VM's description has them
  std::vector<plugin::GuestMount> pod_mounts_;
  std::list<Entry> entries_;
  std::uint64_t next_mount_ = 0;
  bool prepared_ = false;
};

} // namespace nacre::sandbox
