// A storage plugin with the SDK: what tests/plugins/good.c does without it.
#include <nacre/sdk/storage.hpp>

#include <sys/mman.h>

namespace {

using namespace nacre::sdk;

class Good : public Storage {
public:
  Good(Host host, const Call&, const Options& options) : host_(host) {
    const std::string fail = options.string_or("fail", "");
    if (fail == "text") throw std::runtime_error("key \"path\" is missing");
    if (fail == "errno") throw std::system_error(ENOENT, std::generic_category(), "open \"/dev/kvm\"");
    if (fail == "int") throw 42;
  }

  static Probe probe(Host, const Call&, const Options&) { return Probe::ok("always"); }
  static void undo(Host host, const Call&, std::string_view record) { host.warning(record); }

  DeviceNeeds needs() override { return {1u << NACRE_DEVICE_SHARE, 0}; }

  Claim claim(const MountRequest& request) override {
    return request.source.starts_with("/good") ? Claim::yes()
                                               : Claim::no("it takes what is below /good only");
  }

  StoragePlan prepare(const Call&, const StoragePod& pod) override {
    change_ = host_.change("made by prepare", [] {});
    host_.info("prepared");
    StoragePlan plan;
    plan.devices.push_back(disk());
    plan.mounts.push_back({"9p", "", "9p", pod.guest_share, {"ro", "nodev"}});
    return plan;
  }

  std::unique_ptr<Attachment> attach(const Call&, const MountRequest& request) override {
    AttachResult result;
    result.how = NACRE_ATTACH_GUEST;
    result.mount = GuestMount{"bind", "guest:" + request.source, "", "", {}};
    if (request.source == "/good/layers") {
      result.how = NACRE_ATTACH_DEVICE;
      result.devices.push_back(disk());
      result.mounts = {{"9p", "", "9p", "/run/nacre/share/pod", {"ro", "nodev"}}, *result.mount};
    }
    return std::make_unique<Attachment>(std::move(result));
  }

  void release(const Call&) override { change_.undo(); }

private:
  static Device disk() {
    Fd file(check_errno(::memfd_create("disk", MFD_CLOEXEC), "make a memory file"));
    check_errno(::write(file.get(), "disk", 4), "write a memory file");
    Device device;
    device.guest.kind = NACRE_DEVICE_BLOCK;
    device.guest.id = "disk0";
    device.guest.tag = "serial";
    device.guest.read_only = true;
    device.host.kind = NACRE_END_FDS;
    device.host.fds.push_back(std::move(file));
    return device;
  }

  Host host_;
  Change change_;
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, PLUGIN_NAME, "1.0", "Apache-2.0", 0,
                    NACRE_ST_SHARES_FOLDERS | NACRE_ST_SURVIVES_SAVE,
                    R"([{"key":"fail","type":"string","help":"how create() fails"}])",
                    &nacre::sdk::storage_table<Good>);
