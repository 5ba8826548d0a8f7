// Storage `9p`: one folder of the pod is shared with the guest by the VMM itself, over virtio-9p. Rootfs and
// mounts are put into that folder, so containers can come and go while the guest runs, though the share
// itself is there from boot.
#include <nacre/sdk/shares.hpp>

namespace {

using namespace nacre::sdk;

// The guest kernel's virtio transport carries at most 500 KiB in a message and takes the smaller of both;
// fewer and larger messages are what makes 9p fast, and a guest kernel from 6.1 on allocates large buffers
// only for large data.
constexpr std::int64_t default_message_bytes = 512 * 1024;

// Which cache (Documentation/filesystems/9p.rst of the guest's kernel):
//   none    reads and writes go to the host; a shared writable mmap fails, so databases and many builds do
//   mmap    the same, but mapped files have pages in the guest: every program runs, and what the host
//           changes is seen
//   loose   pages and names stay in the guest: fast, but what the host changes meanwhile is not seen
//   fscache as loose: that it could keep pages on a disk, no cachefilesd of the guest's makes use of
// `mmap` is the one under which a container behaves as on the host itself, so it is the default.
constexpr char options_schema[] = R"json([
{"key":"msize_9p","type":"integer","default":524288,"min":4096,"max":16777216,"help":"largest 9p message in bytes; the guest's kernel uses at most 512000"},
{"key":"cache","type":"string","default":"mmap","values":["none","mmap","loose","fscache"],"help":"what the guest caches: loose is faster but does not see files that the host changes; fscache is the same"},
{"key":"security_model","type":"string","default":"passthrough","values":["passthrough","none","mapped-xattr","mapped-file"],"help":"how owners and modes are kept on the host: passthrough as they are, mapped in attributes or files of QEMU's"}
])json";

constexpr char share_tag[] = "nacre-share";

class NineP : public Storage {
public:
  NineP(Host, const Call&, const Options& options)
      : message_bytes_(options.integer_or("msize_9p", default_message_bytes)),
        cache_(options.string_or("cache", "mmap")),
        security_model_(options.string_or("security_model", "passthrough")) {}

  DeviceNeeds needs() override { return {1u << NACRE_DEVICE_SHARE, 0}; }

  Claim claim(const MountRequest& request) override { return claim_for_share(request, "9p"); }

  StoragePlan prepare(const Call&, const StoragePod& pod) override {
    StoragePlan plan;
    Device share;
    share.guest.kind = NACRE_DEVICE_SHARE;
    share.guest.id = "share";
    share.guest.tag = share_tag;
    share.guest.options = R"({"security_model":")" + security_model_ + R"("})";
    share.host.kind = NACRE_END_PATH;
    share.host.path = pod.share;
    plan.devices.push_back(std::move(share));
    plan.mounts.push_back({"9p", share_tag, "9p", pod.guest_share, mount_options()});
    return plan;
  }

  std::unique_ptr<Attachment> attach(const Call&, const MountRequest& request) override {
    return attach_to_share(request, "9p");
  }

private:
  std::vector<std::string> mount_options() const {
    std::vector<std::string> options = {"trans=virtio", "version=9p2000.L",
                                        "msize=" + std::to_string(message_bytes_), "cache=" + cache_};
    // From Linux 6.4 on cache=mmap reads through pages as well, and those go stale when the host writes into
    // the file. Older kernels pass over the word.
    if (cache_ == "mmap") options.emplace_back("directio");
    return options;
  }

  std::int64_t message_bytes_;
  std::string cache_;
  std::string security_model_;
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, "9p", "0.1.0", "Apache-2.0", 0, NACRE_ST_SHARES_FOLDERS, options_schema,
                    &nacre::sdk::storage_table<NineP>);
