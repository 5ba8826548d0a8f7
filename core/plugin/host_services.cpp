#include "plugin/host_services.hpp"

#include "base/error.hpp"
#include "plugin/netns_call.hpp"

#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <new>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace nacre::plugin {
namespace {

constexpr std::uint32_t queues_max = 256; // MAX_TAP_QUEUES

// Everything that a plugin calls ends here: no exception of the core enters a plugin.
template <typename Body> std::int32_t guard(nacre_error* error, Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const Error& e) {
    return sdk::fill_error(error, static_cast<std::int32_t>(e.code()), e.error_number(), e.what());
  } catch (const sdk::Error& e) {
    return sdk::fill_error(error, e.code(), e.errno_value(), e.what());
  } catch (const std::bad_alloc&) {
    return sdk::fill_error(error, NACRE_E_EXHAUSTED, ENOMEM, "out of memory");
  } catch (const std::exception& e) {
    return sdk::fill_error(error, NACRE_E_INTERNAL, 0, e.what());
  } catch (...) {
    return sdk::fill_error(error, NACRE_E_INTERNAL, 0, "unknown failure of the host");
  }
}

[[noreturn]] void not_here(const char* what) {
  throw Error(ErrorCode::failed_precondition, what).because("not during probe() or undo()");
}

void require(bool condition, const char* what) {
  if (!condition) throw Error(ErrorCode::invalid_argument, what);
}

std::vector<std::string> strings(const char* const* first, std::uint32_t count) {
  require(count == 0 || first != nullptr, "a list of strings is missing");
  return {first, first + count};
}

std::vector<SpawnRequest::Mount> mounts_of(const nacre_spawn& raw, sdk::ReceivedFds& fds) {
  require(raw.mount_count == 0 || raw.mounts != nullptr, "a list of mounts is missing");
  std::vector<SpawnRequest::Mount> mounts;
  for (std::uint32_t i = 0; i < raw.mount_count; ++i) {
    const auto mount = sdk::received(raw.mounts[i], "a mount");
    mounts.push_back(
        {NACRE_SDK_GET(mount, target), {}, NACRE_SDK_GET(mount, fstype), NACRE_SDK_GET(mount, data)});
    require(mounts.back().target.starts_with('/'), "a mount's target must be an absolute path");
    if (mount.fd >= 0)
      mounts.back().tree = UniqueFd(fds.take(static_cast<std::uint32_t>(mount.fd)).release());
  }
  return mounts;
}

bool names_tree(const nacre_spawn& raw, std::uint32_t fd) {
  for (std::uint32_t i = 0; i < raw.mount_count; ++i)
    if (raw.mounts[i]->fd == static_cast<std::int32_t>(fd)) return true;
  return false;
}

SpawnRequest request_of(const nacre_spawn& raw, sdk::ReceivedFds& fds, std::uint32_t fd_count) {
  SpawnRequest request;
  request.role = NACRE_SDK_GET(raw, role);
  request.argv = strings(raw.argv, raw.argv_count);
  request.env = strings(raw.env, raw.env_count);
  require(!request.argv.empty() && request.argv[0].starts_with('/'),
          "argv[0] of a spawn must be an absolute path");
  require(!request.role.empty(), "a spawn needs a role");
  require(fd_count == 0 || raw.target_fds != nullptr, "a spawn needs a target for each descriptor");
  request.mounts = mounts_of(raw, fds);
  for (std::uint32_t i = 0; i < fd_count; ++i) {
    if (names_tree(raw, i)) continue;
    require(raw.target_fds[i] >= 3, "a spawn's descriptors start at 3");
    request.fds.push_back({UniqueFd(fds.take(i).release()), raw.target_fds[i]});
  }
  if (raw.netns_fd >= 0)
    request.netns =
        UniqueFd(check_errno(::fcntl(raw.netns_fd, F_DUPFD_CLOEXEC, 3), "keep a network namespace"));
  request.in_pod_mounts = raw.in_pod_mounts != 0;
  return request;
}

Limits limits_of(const nacre_call* call) {
  if (call == nullptr) return {};
  const auto raw = sdk::received(call, "the call");
  return {raw.deadline_ns, raw.cancel_fd};
}

std::vector<UniqueFd> open_tap(const std::string& name, std::uint32_t flags, std::uint32_t queues) {
  std::vector<UniqueFd> taps;
  for (std::uint32_t i = 0; i < queues; ++i) {
    UniqueFd tap(check_errno(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open", "/dev/net/tun"));
    ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = static_cast<short>(flags | IFF_TAP | (queues > 1 ? IFF_MULTI_QUEUE : 0u));
    check_errno(::ioctl(tap.get(), TUNSETIFF, &request), "make the tap", name);
    taps.push_back(std::move(tap));
  }
  return taps;
}

} // namespace

struct HostServices::Entries {
  static HostServices& of(void* context) { return *static_cast<HostServices*>(context); }

  static void log(void* context, std::uint32_t level, const char* text, std::uint64_t length) noexcept {
    auto& self = of(context);
    try {
      const auto bounded = std::min(std::max(level, NACRE_LOG_DEBUG), NACRE_LOG_ERROR);
      if (self.environment_->log && text != nullptr)
        self.environment_->log(static_cast<LogLevel>(bounded), self.plugin_->label(), {text, length});
    } catch (...) { // a line that cannot be logged is nothing that the plugin can act on
    }
  }

  static std::int32_t spawn(void* context, const nacre_call* call, const nacre_spawn* plan,
                            const nacre_fds* fds, nacre_process* ret, nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      sdk::ReceivedFds received_fds(fds);
      if (!self.environment_->spawn) not_here("spawn a process");
      const SpawnedProcess process =
          self.environment_->spawn(limits_of(call), self.request(plan, received_fds, fds));
      nacre_process answer{sizeof answer, process.pid, -1, 0};
      if (process.pidfd >= 0) {
        UniqueFd kept(check_errno(::fcntl(process.pidfd, F_DUPFD_CLOEXEC, 3), "keep a process"));
        answer.pidfd = kept.get();
        const std::lock_guard lock(self.mutex_);
        self.pidfds_.push_back(std::move(kept));
      }
      sdk::deliver(ret, answer);
    });
  }

  static std::int32_t run(void* context, const nacre_call* call, const nacre_spawn* plan,
                          const nacre_fds* fds, std::int32_t* ret_status, char* ret_words,
                          std::uint64_t capacity, nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      sdk::ReceivedFds received_fds(fds);
      if (!self.environment_->run) not_here("run a process");
      require(ret_status != nullptr, "no place for the process's status");
      const EndedProcess ended =
          self.environment_->run(limits_of(call), self.request(plan, received_fds, fds));
      *ret_status = ended.status;
      if (ret_words != nullptr) sdk::copy_text(ret_words, capacity, ended.words);
    });
  }

  static std::int32_t signal_process(void* context, std::int32_t pid, std::int32_t signal,
                                     nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      if (!self.environment_->signal_process) not_here("signal a process");
      self.environment_->signal_process(pid, signal);
    });
  }

  static std::int32_t netns_socket(void*, std::int32_t netns_fd, std::int32_t domain, std::int32_t type,
                                   std::int32_t protocol, std::int32_t* ret, nacre_error* error) noexcept {
    return guard(error, [&] {
      require(ret != nullptr, "no place for the socket");
      in_network_namespace(netns_fd, [&] {
        *ret = check_errno(::socket(domain, type | SOCK_CLOEXEC, protocol),
                           "open a socket in the network namespace");
      });
    });
  }

  static std::int32_t tap_open(void*, std::int32_t netns_fd, const char* name, std::uint32_t flags,
                               std::uint32_t queues, std::int32_t* ret, nacre_error* error) noexcept {
    return guard(error, [&] {
      require(queues >= 1 && queues <= queues_max, "a tap has 1 to 256 queues");
      require(name != nullptr && ret != nullptr, "a tap needs a name and a place for its descriptors");
      require(std::strlen(name) < IFNAMSIZ, "a tap's name has at most 15 bytes");
      std::vector<UniqueFd> taps;
      in_network_namespace(netns_fd, [&] { taps = open_tap(name, flags, queues); });
      for (std::uint32_t i = 0; i < queues; ++i)
        ret[i] = taps[i].release();
    });
  }

  static std::int32_t pod_folder(void* context, std::int32_t* ret_fd, char* ret_path, std::uint64_t capacity,
                                 nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      if (self.environment_->pod_folder.empty()) not_here("use the pod's folder");
      const Identity& identity = self.plugin_->identity();
      const std::string path = self.environment_->pod_folder + "/" + identity.kind + "-" + identity.name;
      if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("make the plugin's folder", path);
      require(ret_path == nullptr || path.size() < capacity, "no room for the folder's path");
      if (ret_fd != nullptr)
        *ret_fd = check_errno(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                              "open the plugin's folder", path);
      if (ret_path != nullptr) std::memcpy(ret_path, path.c_str(), path.size() + 1);
    });
  }

  static std::int32_t journal_add(void* context, const void* record, std::uint64_t length, std::uint64_t* ret,
                                  nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      if (self.environment_->journal == nullptr) not_here("change the host");
      require(length <= journal::record_bytes_max, "an undo record has at most 64 KiB");
      require(ret != nullptr && (record != nullptr || length == 0), "an undo record is missing");
      const Identity& identity = self.plugin_->identity();
      *ret = self.environment_->journal->append(
          {0, identity.kind, identity.name, identity.version, {static_cast<const char*>(record), length}});
    });
  }

  static std::int32_t journal_done(void* context, std::uint64_t id, nacre_error* error) noexcept {
    return guard(error, [&] {
      auto& self = of(context);
      if (self.environment_->journal == nullptr) not_here("change the host");
      self.environment_->journal->done(id);
    });
  }

  static void metric(void* context, const char* name, double value) noexcept {
    auto& self = of(context);
    try {
      if (self.environment_->metric && name != nullptr)
        self.environment_->metric(self.plugin_->label(), name, value);
    } catch (...) { // as with log()
    }
  }
};

HostServices::HostServices(HostEnvironment& environment, const Plugin& plugin)
    : environment_(&environment), plugin_(&plugin) {
  raw_.struct_size = sizeof raw_;
  raw_.abi_minor = NACRE_ABI_MINOR;
  raw_.context = this;
  raw_.log = Entries::log;
  raw_.spawn = Entries::spawn;
  raw_.signal_process = Entries::signal_process;
  raw_.netns_socket = Entries::netns_socket;
  raw_.tap_open = Entries::tap_open;
  raw_.pod_folder = Entries::pod_folder;
  raw_.journal_add = Entries::journal_add;
  raw_.journal_done = Entries::journal_done;
  raw_.metric = Entries::metric;
  raw_.run = Entries::run;
}

SpawnRequest HostServices::request(const nacre_spawn* plan, sdk::ReceivedFds& received,
                                   const nacre_fds* fds) const {
  SpawnRequest request =
      request_of(sdk::received(plan, "the process"), received, fds == nullptr ? 0 : fds->count);
  request.plugin = plugin_->label();
  return request;
}

void HostServices::warn(std::string_view text) const noexcept {
  Entries::log(raw_.context, NACRE_LOG_WARNING, text.data(), text.size());
}

} // namespace nacre::plugin
