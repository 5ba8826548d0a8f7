// Storage `virtio-fs`: one folder of the pod is shared with the guest by virtiofsd, a process of the pod's
// own, over vhost-user. Rootfs and mounts are put into that folder, so containers can come and go while the
// guest runs, though the share itself is there from boot.
#include "daemon.hpp"

#include <nacre/sdk/shares.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using namespace nacre::sdk;
namespace virtio_fs = nacre::virtio_fs;

constexpr char options_schema[] = R"json([
{"key":"virtio_fs_daemon","type":"string","default":"","help":"virtiofsd, an absolute path; empty: where Debian has it"},
{"key":"virtio_fs_cache","type":"string","default":"never","values":["never","metadata","auto","always"],"help":"what the guest keeps: never sees at once what the host changes, auto within a second, always is fastest and does not see it"},
{"key":"virtio_fs_cache_size","type":"integer","default":0,"min":0,"max":0,"help":"MiB of the DAX window; 0 alone, since QEMU as it is released has none"},
{"key":"virtio_fs_queue_size","type":"integer","default":1024,"min":2,"max":1024,"help":"requests that the queue has room for, a power of two"},
{"key":"virtio_fs_inode_file_handles","type":"string","default":"never","values":["never","prefer","mandatory"],"help":"whether virtiofsd in Rust keeps a file handle instead of an open descriptor for each file that the guest knows; prefer: where the host's file system can"},
{"key":"virtio_fs_extra_args","type":"strings","default":[],"help":"further arguments of virtiofsd"}
])json";

constexpr char share_tag[] = "nacre-share";
constexpr int socket_of_daemon = 3;

// Listening before the daemon exists, so that nobody waits for it.
Fd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Error(NACRE_E_INVALID_ARGUMENT, "the socket's path \"" + path + "\" is too long");
  path.copy(address.sun_path, path.size());
  Fd socket(check_errno(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make virtiofsd's socket"));
  check_errno(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              "bind \"" + path + "\"");
  check_errno(::listen(socket.get(), 1), "listen at \"" + path + "\"");
  return socket;
}

class VirtioFs : public Storage {
public:
  VirtioFs(Host host, const Call&, const Options& options) : host_(host), settings_(options) {
    if (!settings_.daemon.empty() && settings_.daemon[0] != '/')
      throw Error(NACRE_E_INVALID_ARGUMENT,
                  "virtio_fs_daemon \"" + settings_.daemon + "\" is not an absolute path");
    if ((settings_.queue_size & (settings_.queue_size - 1)) != 0)
      throw Error(NACRE_E_INVALID_ARGUMENT,
                  "virtio_fs_queue_size " + std::to_string(settings_.queue_size) + " is not a power of two");
  }

  static Probe probe(Host, const Call&, const Options& options) {
    const virtio_fs::Settings settings(options);
    const auto program = virtio_fs::find_daemon(settings);
    if (program.empty()) return Probe::skip("there is no virtiofsd; install Debian's package virtiofsd");
    if (::access(program.c_str(), X_OK) != 0)
      return Probe::skip("virtio_fs_daemon \"" + program + "\" cannot be run: " + std::strerror(errno));
    return Probe::ok(program);
  }

  DeviceNeeds needs() override { return {1u << NACRE_DEVICE_VHOST_USER_FS, 0}; }

  Claim claim(const MountRequest& request) override { return claim_for_share(request, "virtio-fs"); }

  StoragePlan prepare(const Call& call, const StoragePod& pod) override {
    const auto program = virtio_fs::find_daemon(settings_);
    if (program.empty())
      throw Error(NACRE_E_NOT_FOUND,
                  "find virtiofsd: it is in none of Debian's places; install the package virtiofsd, "
                  "or set virtio_fs_daemon in [storage.virtio-fs]");
    const std::string path = host_.pod_folder().path + "/virtiofsd.sock";
    Spawn daemon;
    daemon.role = "virtiofsd";
    daemon.argv = virtio_fs::command_line(program, settings_, pod.share, socket_of_daemon);
    daemon.fds.push_back({listen_at(path), socket_of_daemon});
    daemon.in_pod_mounts = true;
    host_.spawn(call, std::move(daemon)); // it ends with the VMM's connection, and with the sandbox

    StoragePlan plan;
    Device share;
    share.guest.kind = NACRE_DEVICE_VHOST_USER_FS;
    share.guest.id = "share";
    share.guest.tag = share_tag;
    share.guest.options = R"({"queue_size":)" + std::to_string(settings_.queue_size) + "}";
    share.host.kind = NACRE_END_SOCKET;
    share.host.path = path;
    plan.devices.push_back(std::move(share));
    plan.mounts.push_back({"virtiofs", share_tag, "virtiofs", pod.guest_share, {}});
    return plan;
  }

  std::unique_ptr<Attachment> attach(const Call&, const MountRequest& request) override {
    return attach_to_share(request, "virtio-fs");
  }

private:
  Host host_;
  virtio_fs::Settings settings_;
};

} // namespace

NACRE_PLUGIN_DEFINE(storage, "virtio-fs", "0.1.0", "Apache-2.0", 0,
                    NACRE_ST_SHARES_FOLDERS | NACRE_ST_SHARED_RAM, options_schema,
                    &nacre::sdk::storage_table<VirtioFs>);
