// A storage plugin as C++ classes: one object a pod, one Attachment a rootfs or mount.
// <nacre/plugin/storage.h> says what each operation must do.
//
//   class Mine : public nacre::sdk::Storage {
//    public:
//     Mine(Host host, const Call& call, const Options& options);
//     Claim claim(const MountRequest& request) override;
//     std::unique_ptr<Attachment> attach(const Call& call, const MountRequest& request) override;
//     static void undo(Host host, const Call& call, std::string_view record);         // when change() is
//     used
//   };
//   NACRE_PLUGIN_DEFINE(storage, "mine", "1.0", "Apache-2.0", 0, 0, "[]", &nacre::sdk::storage_table<Mine>);
#ifndef NACRE_SDK_STORAGE_HPP
#define NACRE_SDK_STORAGE_HPP

#include <nacre/sdk/handle.hpp>
#include <nacre/sdk/mounts.hpp>

namespace nacre::sdk {

class Attachment {
public:
  Attachment() = default;
  // Enough where nothing is to be done at detach().
  explicit Attachment(AttachResult result) : result_(std::move(result)) {}
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;
  virtual ~Attachment() = default;

  // Asked once, right after attach().
  virtual AttachResult result() { return std::move(result_); }
  // The guest has unmounted it, the device is gone.
  virtual void detach(const Call&) {}

private:
  AttachResult result_;
};

class Storage {
public:
  Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  virtual ~Storage() = default;

  virtual DeviceNeeds needs() { return {}; }
  virtual Claim claim(const MountRequest& request) = 0;
  virtual StoragePlan prepare(const Call&, const StoragePod&) { return {}; }
  virtual std::unique_ptr<Attachment> attach(const Call& call, const MountRequest& request) = 0;
  virtual void release(const Call&) {}
};

struct AttachmentHandle {
  std::unique_ptr<Attachment> object;
  Arena arena;
  static AttachmentHandle& of(nacre_attachment* raw) { return *reinterpret_cast<AttachmentHandle*>(raw); }
};

template <typename Plugin> struct StorageTable : Handle<Plugin, nacre_store> {
  using H = Handle<Plugin, nacre_store>;
  using E = nacre_error;
  using C = nacre_call;

  static std::int32_t needs(nacre_store* store, std::uint64_t* cold, std::uint64_t* hot, E* error) noexcept {
    return guard(error, [&] {
      const DeviceNeeds needs = H::of(store).object.needs();
      *cold = needs.cold_kinds;
      *hot = needs.hot_kinds;
    });
  }
  static std::int32_t claim(nacre_store* store, const nacre_mount_request* request, std::uint32_t* ret,
                            char* reason, std::uint64_t capacity, E* error) noexcept {
    return guard(error, [&] {
      const Claim claim = H::of(store).object.claim(from_c(request));
      *ret = claim.taken ? 1 : 0;
      copy_text(reason, capacity, claim.reason);
    });
  }
  static std::int32_t prepare(nacre_store* store, const C* call, const nacre_storage_pod* pod,
                              nacre_storage_plan* ret, nacre_fds_out* out, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(store);
      StoragePlan plan = handle.object.prepare(Call(call), from_c(pod));
      handle.arena.clear();
      FdsToSend fds;
      const nacre_storage_plan raw = to_c(std::move(plan), handle.arena, fds);
      fds.hand_out(out);
      deliver(ret, raw);
    });
  }
  static std::int32_t attach(nacre_store* store, const C* call, const nacre_mount_request* request,
                             nacre_attachment** ret, nacre_attach_result* ret_result, nacre_fds_out* out,
                             E* error) noexcept {
    return guard(error, [&] {
      auto handle = std::make_unique<AttachmentHandle>();
      handle->object = H::of(store).object.attach(Call(call), from_c(request));
      AttachResult result = handle->object->result();
      const bool has_lists = !result.devices.empty() || !result.mounts.empty();
      if (has_lists && !NACRE_HAS(ret_result, nacre_attach_result, mounts))
        throw Error(NACRE_E_UNSUPPORTED,
                    "this version of Nacre takes one device and one mount an attachment only");
      FdsToSend fds;
      const nacre_attach_result raw = to_c(std::move(result), handle->arena, fds);
      fds.hand_out(out);
      deliver(ret_result, raw);
      *ret = reinterpret_cast<nacre_attachment*>(handle.release());
    });
  }
  static std::int32_t detach(nacre_attachment* attachment, const C* call, E* error) noexcept {
    return guard(error, [&] {
      const std::unique_ptr<AttachmentHandle> handle(&AttachmentHandle::of(attachment));
      handle->object->detach(Call(call));
    });
  }
  static std::int32_t release(nacre_store* store, const C* call, E* error) noexcept {
    return guard(error, [&] { H::of(store).object.release(Call(call)); });
  }
};

template <typename Plugin>
inline constexpr nacre_storage_ops storage_table = {
    sizeof(nacre_storage_ops),     0,
    StorageTable<Plugin>::probe,   StorageTable<Plugin>::create,
    StorageTable<Plugin>::destroy, StorageTable<Plugin>::needs,
    StorageTable<Plugin>::claim,   StorageTable<Plugin>::prepare,
    StorageTable<Plugin>::attach,  StorageTable<Plugin>::detach,
    StorageTable<Plugin>::release, StorageTable<Plugin>::undo,
};

} // namespace nacre::sdk

#endif
