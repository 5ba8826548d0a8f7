// Storage `scratch`: a volume below one folder of the host becomes memory of the guest, empty at the start
// and gone at the end. For data that need not survive (build folders, caches, sockets), at the speed of RAM;
// every other mount is left to the next plugin of the list: storage = ["scratch", "9p"].
#include <nacre/sdk/storage.hpp>

namespace {

using namespace nacre::sdk;

constexpr char options_schema[] = R"json([
{"key":"folder","type":"string","default":"/var/lib/scratch","help":"volumes below it are taken"},
{"key":"size_mib","type":"integer","default":64,"min":1,"help":"how much a volume may hold"}
])json";

class Scratch : public Storage {
public:
  Scratch(Host, const Call&, const Options& options)
      : folder_(options.string("folder")), size_mib_(options.integer("size_mib")) {
    if (!folder_.starts_with('/') || folder_.ends_with('/'))
      throw Error(NACRE_E_INVALID_ARGUMENT,
                  "folder \"" + folder_ + "\" must be an absolute path that does not end in a slash");
  }

  // The reason is read by a user whose mount no plugin of the list has taken.
  Claim claim(const MountRequest& request) override {
    if (request.is_rootfs) return Claim::no("a root file system is not to be empty");
    if (request.source_kind != NACRE_SOURCE_FOLDER) return Claim::no("it is no folder");
    if (!request.source.starts_with(folder_ + "/")) return Claim::no("it is not below \"" + folder_ + "\"");
    return Claim::yes();
  }

  // Nothing of the host is used, so there is neither a device to add nor anything to undo.
  std::unique_ptr<Attachment> attach(const Call&, const MountRequest& request) override {
    AttachResult result;
    result.how = NACRE_ATTACH_GUEST;
    result.mount =
        GuestMount{.driver = "tmpfs",
                   .source = "scratch",
                   .fstype = "tmpfs",
                   .mount_point = "", // the core chooses
                   .options = {"size=" + std::to_string(size_mib_) + "m", "mode=1777", "nosuid", "nodev"}};
    if (request.read_only) result.mount->options.push_back("ro");
    return std::make_unique<Attachment>(std::move(result));
  }

private:
  std::string folder_;
  std::int64_t size_mib_;
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, "scratch", "1.0", "Apache-2.0", 0, NACRE_ST_SURVIVES_SAVE, options_schema,
                    &nacre::sdk::storage_table<Scratch>);
