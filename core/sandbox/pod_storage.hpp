// Root file systems and volumes of the pod's containers on their way into the guest: through the first
// storage plugin that claims each, and, where that wants a shared folder, through the pod's mount namespace.
#pragma once

#include "agent_client/agent_client.hpp"
#include "launch/pod_mounts.hpp"
#include "oci/spec.hpp"
#include "plugin/storage.hpp"
#include "sandbox/guest_spec.hpp"
#include "sandbox/pod_vm.hpp"

#include <list>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::sandbox {

inline constexpr const char* share_folder = "/share";                     // in the pod's mount namespace
inline constexpr const char* guest_share_folder = "/run/nacre/share/pod"; // in the guest

class PodStorage {
public:
  PodStorage(std::list<plugin::Storage>& storages, launch::PodMounts& mounts, PodVm& vm);
  ~PodStorage();

  // Once, before the VM starts: the devices that the pod as a whole needs.
  std::vector<plugin::Device> prepare(const std::string& sandbox_id);
  // For CreateSandbox: mounts of what prepare() said. `addresses`: device id -> guest address.
  std::vector<agent_client::v1::Storage>
  guest_mounts(const std::map<std::string, std::string>& addresses) const;

  struct Attached {
    GuestPaths paths;
    std::vector<agent_client::v1::Storage> storages; // for CreateContainer
  };
  // The VM may still be booting. On failure what was done for this container is undone.
  Attached attach(const std::string& container_id, const oci::Spec& spec,
                  const std::vector<GuestMountChoice>& choices);
  // Further sources, read-only; returns their guest paths. Undone with the container, or before by
  // detach_lent().
  std::vector<std::string> lend(const std::string& container_id, const std::vector<std::string>& sources,
                                Attached& attached);
  void detach_lent(const std::string& container_id) noexcept;
  // After the guest has unmounted it, or is gone. Never throws: what cannot be undone stays in the journal.
  void detach(const std::string& container_id) noexcept;
  // Detaches everything and ends what prepare() began, after the VM is gone.
  void release() noexcept;

private:
  struct Entry {
    std::string container_id;
    std::string share_target; // below /share; "": nothing there
    std::string device_id;    // hot-added; "": none
    plugin::Attachment attachment;
    bool lent = false;
  };
  std::string bring(const std::string& container_id, const std::string& name, plugin::MountRequest request,
                    const oci::Mount* mount, Attached& attached);
  plugin::Storage& claim(const plugin::MountRequest& request);
  void detach_entry(Entry& entry) noexcept;

  std::list<plugin::Storage>& storages_;
  launch::PodMounts& mounts_;
  PodVm& vm_;
  std::mutex mutex_; // of the handles and of what follows
  std::vector<plugin::GuestMount> pod_mounts_;
  std::list<Entry> entries_;
  bool prepared_ = false;
};

} // namespace nacre::sandbox
