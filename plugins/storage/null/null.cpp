// Storage `null`: brings nothing of the host into the VM. A container's root is the guest image's own `/`,
// read-only, whatever the bundle's rootfs holds; other mounts are left to the next plugin of the list.
#include <nacre/sdk/storage.hpp>

namespace {

using namespace nacre::sdk;

class Null : public Storage {
public:
  Null(Host, const Call&, const Options&) {}

  Claim claim(const MountRequest& request) override {
    return request.is_rootfs ? Claim::yes() : Claim::no("it brings nothing of the host into the VM");
  }

  std::unique_ptr<Attachment> attach(const Call&, const MountRequest& request) override {
    if (!request.is_rootfs) unsupported("attach a mount of the host");
    AttachResult result;
    result.how = NACRE_ATTACH_GUEST;
    // Where a root file system is mounted is the core's choice: an empty mount point.
    result.mount = GuestMount{
        .driver = "bind", .source = "/", .fstype = "bind", .mount_point = "", .options = {"rbind", "ro"}};
    return std::make_unique<Attachment>(std::move(result));
  }
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, "null", "0.1.0", "Apache-2.0", 0, NACRE_ST_SURVIVES_SAVE, "[]",
                    &nacre::sdk::storage_table<Null>);
